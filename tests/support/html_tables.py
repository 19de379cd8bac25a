"""The tables of a page as rows of text, read by a parser of HTML that shares no code with ours."""

from html.parser import HTMLParser

Table = list[list[str]]


class _Tables(HTMLParser):
    """Cells need not be closed. What only a picture shows is its label."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, Table] = {}
        self._region = ""
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if found.get("role") == "region":
            self._region = found["aria-label"] or ""
            self.tables[self._region] = []
        elif tag == "tr" and self._region:
            self.tables[self._region].append([])
            self._cell = None
        elif tag in ("td", "th") and self._region:
            self._cell = []
            self.tables[self._region][-1].append("")
        elif tag == "svg" and found.get("role") == "img":
            self.handle_data(found["aria-label"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._region, self._cell = "", None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
            self.tables[self._region][-1][-1] = " ".join("".join(self._cell).split())


def tables_of(page: str) -> dict[str, Table]:
    """Return the rows of each table below its head, by the label of its region."""
    parser = _Tables()
    parser.feed(page)
    return {label: rows[1:] for label, rows in parser.tables.items()}
