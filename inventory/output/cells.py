"""Values as text for people: whole, or short enough for a terminal."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from inventory import times
from inventory.output.rows import to_text
from inventory.text import escape_control_chars

# Columns with sentences of ours, in which times are in UTC.
_SENTENCES = ("reason", "detail", "what", "error_message", "last_attempt_error")
# Columns with values of other columns: only a value that is nothing but a time is converted.
_VALUES = ("old_value", "new_value")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC")


def whole(name: str, value: Any) -> str:
    """Return the text of a column's value; times are in the user's zone, to the second."""
    return _cell(name, value, times.format_local, times.localize)


def short(name: str, value: Any, now: datetime, *, is_age: bool = False) -> str:
    """Return the text with short times, in the user's zone: Oct 27 03:00, or an age (3 d)."""
    return _cell(
        name,
        value,
        lambda time: times.format_age(time, now) if is_age else _in_column(time, now),
        lambda text: times.shorten(text, now),
    )


def _in_column(time: datetime, now: datetime) -> str:
    """Pad the day of a short time, so that times below each other are aligned."""
    text = times.format_short(time, now)
    month, _, rest = text.partition(" ")
    return f"{month} {rest:>8}" if rest else text


def _cell(
    name: str, value: Any, time: Callable[[datetime], str], sentence: Callable[[str], str]
) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return time(value) if value.tzinfo else value.isoformat(sep=" ")
    text = to_text(value)
    has_our_times = name in _SENTENCES or (name in _VALUES and _TIME.fullmatch(text))
    return escape_control_chars(sentence(text) if has_our_times else text)
