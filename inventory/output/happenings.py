"""Rows of `state_changes` in words."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from inventory import times
from inventory.output.cells import CellFormat

Row = dict[str, Any]

_YES_NO = {"true": "yes", "false": "no"}
_ALERTS = {"warnings": "warning", "tasks": "task"}


class Wording(NamedTuple):
    """How a time, and the text of a field's value, is written within a sentence."""

    arrow: str = "->"
    time: Callable[[datetime], str] = lambda at: times.format_utc(at, timespec="minutes")
    value: Callable[[str, str], str] = lambda field, text: text


PLAIN = Wording()


def wording_for(cells: CellFormat) -> Wording:
    return Wording(cells.screen.symbols.arrow, cells.minute, cells.value)


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

    @property
    def told(self) -> str:
        """All of it in one text."""
        return f"{self.what or 'connector'}  {self.how}"


def describe(change: Row, wording: Wording = PLAIN) -> Happening:
    """Describe a change."""
    field, kind, old, new = (change[name] for name in ("field", "kind", "old_value", "new_value"))
    if change["table_name"] in _ALERTS:
        what = f"{_ALERTS[change['table_name']]} {field or 'without a code'}"
        return Happening(what, kind, new or "" if kind == "raised" else "")
    if field is None:
        return Happening("", kind, new or "")
    what = f"test {field}" if change["table_name"] == "setup_tests" else field
    if kind == "removed":
        return Happening(what, kind, "")
    before, after = (_shown(field, each, wording) for each in (old, new))
    return Happening(
        what, kind, after if kind == "created" else f"{before} {wording.arrow} {after}"
    )


def _shown(field: str, text: str | None, wording: Wording) -> str:
    return "none" if text is None else _YES_NO.get(text) or wording.value(field, text)
