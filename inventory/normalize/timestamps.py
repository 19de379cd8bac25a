"""Converts timestamps of the API to the UTC text that is stored. Pure.

The API documents RFC 3339 with a zone. Every other unambiguous form is accepted too. A time without
a zone is ambiguous and is not: a guess could be hours off.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

# What `datetime.fromisoformat` does not accept: lower case, white space, second 60, hour 24, UTC.
_SPELLING = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T|\s+)(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s*"
    r"(?:Z|UTC|GMT|([+-])(\d\d):?(\d\d)?)",
    re.ASCII | re.IGNORECASE,
)
_EPOCH_TEXT = re.compile(r"\d{9,13}(?:\.\d{1,9})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds of the years 2000 to 2099. Milliseconds of these years are other numbers: no guess.
_FIRST, _LAST = 946_684_800, 4_102_444_799


def utc_text(value: Any) -> str | None:
    """Return a text that both databases accept and that sorts by time; None if it is ambiguous.

    The API sends fractions of 0, 3 and 6 digits, so its own text must never be compared.
    """
    try:
        if isinstance(value, str):
            timestamp = (
                _parse_iso(value)
                or _parse_spelling(value.strip())
                or _parse_epoch_text(value.strip())
            )
        else:
            timestamp = _parse_epoch(value)
        if timestamp is None:
            return None
        if timestamp.tzinfo is not UTC:
            timestamp = timestamp.astimezone(UTC)
        return timestamp.isoformat(" ", "microseconds")
    except (ValueError, OverflowError):
        return None


def _parse_iso(text: str) -> datetime | None:
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if timestamp.tzinfo is None else timestamp


def _parse_spelling(text: str) -> datetime | None:
    found = _SPELLING.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, east, east_minutes = found.groups()
    micros = int((fraction or "").ljust(6, "0")[:6])
    within = timedelta(
        hours=int(hour), minutes=int(minute), seconds=int(second), microseconds=micros
    )
    # A leap second is the next one; 24:00 is the next day.
    is_time = int(hour) < 24 or within == timedelta(days=1)
    if not is_time or max(int(minute), int(second) - 1, int(east_minutes or 0)) > 59:
        return None
    if int(east or 0) > 23:
        return None
    offset = timedelta(hours=int(east or 0), minutes=int(east_minutes or 0))
    timestamp = datetime(int(year), int(month), int(day), tzinfo=UTC) + within
    return timestamp + offset if sign == "-" else timestamp - offset


def _parse_epoch_text(text: str) -> datetime | None:
    return _parse_epoch(Decimal(text)) if _EPOCH_TEXT.fullmatch(text) else None


def _parse_epoch(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    for unit in (1, 1000):
        if _FIRST * unit <= value <= _LAST * unit:
            return _EPOCH + timedelta(microseconds=int(value * (1_000_000 // unit)))
    return None
