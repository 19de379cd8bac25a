"""Instants and durations as people write and read them, in their own time zone.

Nothing here asks a clock: "24h" is a duration, and whoever knows what time it is takes it away.
"""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,7})\s*([mhdw])", re.ASCII)
_LONGEST = timedelta(days=36_500)
_MINUTES = (("d", 24 * 60), ("h", 60), ("min", 1))


def duration(text: str) -> timedelta:
    """Read 30m, 24h, 7d or 2w. Raises ValueError for anything else."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 30m, 24h, 7d or 2w")
    number, unit = found.groups()
    length = timedelta(**{_UNITS[unit]: int(number)})
    if length > _LONGEST:
        raise ValueError(f"{text!r} is more than a hundred years")
    return length


def instant(text: str) -> datetime:
    """Read a date or an ISO time, in UTC; without a zone, it is meant in the user's.

    A date is the midnight it begins with. Raises ValueError for anything else.
    """
    try:
        return datetime.fromisoformat(text.strip().upper()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is no time: write 2026-11-20, 2026-11-20T03:00 or 2026-11-20T03:00Z"
        ) from None


def instant_or_ago(text: str) -> datetime | timedelta:
    """Read a time, or a duration that ends now. Raises ValueError for what is neither."""
    if _DURATION.fullmatch(text.strip().lower()):
        return duration(text)
    try:
        return instant(text)
    except ValueError as error:
        raise ValueError(f"{error}, or 24h or 7d for that long ago") from None


def local(moment: datetime) -> str:
    """Show an instant in the user's zone, with its offset and to the second."""
    try:
        there = moment.astimezone()
    except (OverflowError, ValueError, OSError):  # the zone would leave year 1 or 9999
        there = moment.astimezone(UTC)
    return there.isoformat(sep=" ", timespec="seconds")


def in_utc(moment: datetime) -> str:
    """Show an instant in UTC and to the second."""
    moment = moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    return f"{moment.isoformat(sep=' ')}Z"


def lasting(minutes: int) -> str:
    """Show a number of minutes by its two largest units: 45 min, 3 h, 3 d 2 h."""
    parts, left = [], minutes
    for unit, size in _MINUTES:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break  # 1 d 5 min would say more than it seems to
    return " ".join(parts[:2]) or "0 min"
