// Search, filters and sorting. Without it the page shows everything, in the order of the report.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const form = byId("filters");
  const search = byId("search");
  const matchCount = byId("match-count");
  const onlyMatches = byId("only-matches");
  const chosen = { service: byId("service"), group: byId("group"), owner: byId("owner"), health: byId("health") };
  const overview = byId("connectors");
  const places = Object.fromEntries(all("th[data-filter]", overview).map((head) => [head.dataset.filter, head.cellIndex]));

  // --- filters ------------------------------------------------------------------------------

  // "Zoe" finds "Zoë".
  function fold(text) {
    return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  }

  const connectors = all("tbody > tr", overview).filter((row) => row.querySelector("code")).map((row) => {
    const facts = { row, id: row.querySelector("code").textContent, text: fold(row.cells[0].textContent) };
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
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    const wanted = new Set();
    for (const facts of connectors) {
      const is = isWanted(facts, words);
      facts.row.hidden = !is;
      if (is) wanted.add(facts.id);
    }
    const isAll = wanted.size === connectors.length;
    for (const { row, id } of others) row.hidden = !isAll && !wanted.has(id);
    for (const destination of all("#outages tbody")) {
      destination.hidden = !isAll && !destination.querySelector("tr[data-c]:not([hidden])");
    }
    const count = `${wanted.size.toLocaleString("en")} of ${connectors.length.toLocaleString("en")}`;
    matchCount.value = `${count} connectors`;
    sayWhatMatches(wanted.size, count);
  }

  // Outside of the form, which is not printed.
  function sayWhatMatches(found, count) {
    const limits = Object.values(chosen).filter((select) => select.value)
      .map((select) => `${select.labels[0].firstChild.textContent.trim().toLowerCase()} ${select.value}`);
    if (search.value.trim()) limits.unshift(`search “${search.value.trim()}”`);
    onlyMatches.hidden = !limits.length;
    onlyMatches.textContent = `${found ? "Only connectors that match" : "No connector matches"}: `
      + `${limits.join(", ")} (${count}). Headings and the reliability of services count all.`;
  }

  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 80); // not after each key of a fast typist
  });
  form.addEventListener("reset", () => setTimeout(() => {
    filter();
    restoreOrder();
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = !connectors.length;
  filter();

  // --- sorting ------------------------------------------------------------------------------

  const worstFirst = all("#healths tbody th").map((cell) => cell.textContent.trim());
  const originals = new Map(all("table.sortable").map((each) => [each, [...each.tBodies[0].rows]]));

  function keyOf(cell, kind) {
    const time = cell.querySelector("time");
    if ("v" in cell.dataset) return cell.dataset.v === "" ? null : Number(cell.dataset.v);
    if (time) return time.dateTime;
    const text = cell.textContent.trim();
    if (text === "–") return null;
    if (kind === "health") return worstFirst.indexOf(text);
    return /^[\d.]+ %$/.test(text) ? parseFloat(text) : text;
  }

  function compare(one, other) {
    return typeof one === "number" ? one - other : collator.compare(one, other);
  }

  function sort(table, head, direction) {
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row.cells[head.cellIndex], head.dataset.sort) }));
    rows.sort((one, other) => {
      if (one.key === null || other.key === null) return (one.key === null) - (other.key === null);
      return direction * compare(one.key, other.key);
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
  }

  function restoreOrder() {
    for (const head of all("th[aria-sort]")) {
      head.removeAttribute("aria-sort");
      const sorted = head.closest("table");
      sorted.tBodies[0].append(...originals.get(sorted));
    }
  }

  for (const table of originals.keys()) {
    for (const head of all("th[data-sort]", table)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isAscending = head.getAttribute("aria-sort") !== "ascending";
        for (const each of all("th[aria-sort]", table)) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
        sort(table, head, isAscending ? 1 : -1);
      });
    }
  }

  // --- days of a strip, and print -----------------------------------------------------------

  const days = overview.querySelector(".days");
  const box = overview.parentNode;
  box.scrollLeft = days.offsetLeft + days.offsetWidth - box.clientWidth; // to the last day

  const strips = all("td > svg", overview);
  if (strips.length) {
    const { width, height } = getComputedStyle(strips[0]);
    for (const strip of strips) { // so that it can be squeezed in print
      strip.setAttribute("viewBox", `0 0 ${parseFloat(width)} ${parseFloat(height)}`);
      strip.setAttribute("preserveAspectRatio", "none");
    }
  }

  overview.addEventListener("mouseover", (event) => {
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
