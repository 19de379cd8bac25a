// Search, filters and sorting. Without it the page shows everything, in the order of the report.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const form = byId("filters");
  const matchCount = byId("match-count");
  const chosen = { service: byId("service"), group: byId("group"), owner: byId("owner"), health: byId("health") };
  const places = { health: 1, service: 5, group: 6, owner: 7 }; // the cells of a row

  // --- filters ------------------------------------------------------------------------------

  const connectors = all("#connectors > tbody > tr").filter((row) => row.querySelector("code")).map((row) => {
    const facts = { row, id: row.querySelector("code").textContent, text: row.cells[0].textContent.toLowerCase() };
    for (const [name, place] of Object.entries(places)) {
      facts[name] = row.cells[place].textContent.trim();
    }
    return facts;
  });
  const others = all("tr[data-c]").map((row) => ({ row, id: row.dataset.c }));

  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  for (const [name, select] of Object.entries(chosen)) {
    for (const value of [...new Set(connectors.map((facts) => facts[name]))].sort(collator.compare)) {
      select.add(new Option(value, value));
    }
  }

  function isWanted(facts, words) {
    return words.every((word) => facts.text.includes(word))
      && Object.entries(chosen).every(([name, select]) => !select.value || facts[name] === select.value);
  }

  function filter() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set();
    for (const facts of connectors) {
      const is = isWanted(facts, words);
      facts.row.hidden = !is;
      if (is) wanted.add(facts.id);
    }
    const isAll = wanted.size === connectors.length;
    for (const { row, id } of others) row.hidden = !isAll && !wanted.has(id);
    matchCount.value = `${wanted.size.toLocaleString("en")} of ${connectors.length.toLocaleString("en")} connectors`;
  }

  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 80); // not after each key of a fast typist
  });
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();

  // --- sorting ------------------------------------------------------------------------------

  function keyOf(cell) {
    const time = cell.querySelector("time");
    if ("v" in cell.dataset) return cell.dataset.v === "" ? null : Number(cell.dataset.v);
    if (time) return time.dateTime;
    const text = cell.textContent.trim();
    if (text === "–") return null;
    return /^[\d.]+ %$/.test(text) ? parseFloat(text) : text;
  }

  function compare(one, other) {
    return typeof one === "number" ? one - other : collator.compare(one, other);
  }

  function sort(table, column, direction) {
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row.cells[column]) }));
    rows.sort((one, other) => {
      if (one.key === null || other.key === null) return (one.key === null) - (other.key === null);
      return direction * compare(one.key, other.key);
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
  }

  for (const table of all("table.sortable")) {
    for (const head of all("th[data-sort]", table)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isAscending = head.getAttribute("aria-sort") !== "ascending";
        for (const each of all("th[aria-sort]", table)) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
        sort(table, head.cellIndex, isAscending ? 1 : -1);
      });
    }
  }

  // --- days of a strip, and print -----------------------------------------------------------

  byId("connectors").addEventListener("mousemove", (event) => {
    const strip = event.target.closest("svg");
    if (strip) strip.parentNode.title = strip.getAttribute("aria-label");
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
