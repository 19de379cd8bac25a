"""Rows of `state_changes` in words."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from inventory.output import cells
from inventory.output.screen import Screen

Row = dict[str, Any]

_YES_NO = {"true": "yes", "false": "no"}
_ALERTS = {"warnings": "warning", "tasks": "task"}


class Happening(NamedTuple):
    """A change in words.

    `what` changed: a field, an alert or a setup test; "" = the connector itself. `details`: from
    what to what, a message or a reason; "" = the kind says it all.
    """

    what: str
    kind: str
    details: str

    @property
    def sentence(self) -> str:
        """Both in one text, for a reader who sees the kind elsewhere."""
        return ": ".join(filter(None, (self.what, self.details)))

    @property
    def how(self) -> str:
        """The details, with the kind where they do not tell it."""
        if self.details and self.what and self.kind in ("changed", "created"):
            return self.details
        return ": ".join(filter(None, (self.kind, self.details)))


def in_words(changes: Iterable[Row], screen: Screen, now: datetime) -> list[Row]:
    """Add `what` and `change` to each row, as the table of `inventory changes` shows them."""

    def value(text: str) -> str:
        return (
            cells.short("new_value", text, now)
            if screen.fits_rows
            else cells.whole("new_value", text)
        )

    lines = []
    for change in changes:
        happening = describe(change, screen.symbols.arrow, value)
        words = {"what": happening.what or "connector", "change": happening.how}
        lines.append(change | words)
    return lines


def describe(change: Row, arrow: str, value: Callable[[str], str] = str) -> Happening:
    """Describe a change; `value` formats the text of a value."""
    field, kind, old, new = (change[name] for name in ("field", "kind", "old_value", "new_value"))
    if change["table_name"] in _ALERTS:
        what = f"{_ALERTS[change['table_name']]} {field or 'without a code'}"
        return Happening(what, kind, new or "" if kind == "raised" else "")
    if field is None:
        return Happening("", kind, new or "")
    what = f"test {field}" if change["table_name"] == "setup_tests" else field
    if kind == "removed":
        return Happening(what, kind, "")
    before, after = (_shown(each, value) for each in (old, new))
    return Happening(what, kind, after if kind == "created" else f"{before} {arrow} {after}")


def _shown(text: str | None, value: Callable[[str], str]) -> str:
    return "none" if text is None else _YES_NO.get(text) or value(text)
