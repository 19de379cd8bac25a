"""Values as text for people: whole, or short where rows are fitted to a terminal."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from inventory import times
from inventory.output.rows import to_text
from inventory.output.screen import Screen
from inventory.text import escape_control_chars

# Columns with sentences of ours, in which times are in UTC.
_SENTENCES = ("reason", "detail", "error_message", "last_attempt_error")
# Columns with values of other columns.
_VALUES = ("old_value", "new_value")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC")


class CellFormat(NamedTuple):
    """Formats values for a screen, times in the user's zone.

    Where rows are fitted to the screen, times are short, as seen from `now`; None = never.
    """

    screen: Screen
    now: datetime | None = None

    def cell(self, name: str, value: Any, *, is_age: bool = False) -> str:
        """Return the text of a column's value: one line, safe to print."""
        if value is None:
            return "-"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return self._time_in_column(value, is_age)
        text = to_text(value)
        if name in _SENTENCES:
            text = self.sentence(text)
        elif name in _VALUES:
            text = self.value("", text)
        return self.printable(text)

    def time(self, at: datetime) -> str:
        return times.format_short(at, self._now) if self._now else times.format_local(at)

    def dated(self, at: datetime) -> str:
        """Format a time for a sentence that tells the zone of all others, too."""
        zone = f" {times.format_zone(at)}" if self._now else ""
        return self.time(at) + zone

    def minute(self, at: datetime) -> str:
        """Format a time as it stands in a sentence."""
        return self.sentence(times.format_utc(at, timespec="minutes"))

    def sentence(self, text: str) -> str:
        """Rewrite the times in a sentence of ours."""
        return times.shorten(text, self._now) if self._now else times.localize(text)

    def value(self, field: str, text: str) -> str:
        """Rewrite a value of a column that is nothing but a time.

        What is inside a setting is the user's own, whatever it looks like.
        """
        is_ours = not {".", "["} & set(field) and _TIME.fullmatch(text)
        return self.sentence(text) if is_ours else text

    def printable(self, text: str) -> str:
        return self.screen.encodable(escape_control_chars(text))

    @property
    def _now(self) -> datetime | None:
        return self.now if self.screen.fits_rows else None

    def _time_in_column(self, at: datetime, is_age: bool) -> str:
        if not at.tzinfo:
            return at.isoformat(sep=" ")
        if self._now and is_age:
            return times.format_age(at, self._now)
        month, _, rest = (text := self.time(at)).partition(" ")
        # The day is padded, so that short times below each other are aligned.
        return f"{month} {rest:>8}" if self._now and rest else text
