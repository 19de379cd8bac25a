"""Parses and formats timestamps and durations, in the user's time zone.

Nothing here reads a clock: "24h" is parsed to a duration and "today" to a day, and `resolve` takes
the current time from its caller.
"""

import re
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_DURATION = re.compile(r"\s*".join(rf"(?:(\d{{1,7}})\s*{unit})?" for unit in _UNITS), re.ASCII)
# A timestamp in a sentence, as views and errors write it.
_IN_TEXT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC\b", re.ASCII)
_LONGEST = timedelta(days=36_500)
# Not by strftime: no name of a month in the user's language, which may be of any width.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NEAR = timedelta(days=180)  # so that the month tells the year
_MINUTES = (("d", 24 * 60), ("h", 60), ("min", 1))


class Day(NamedTuple):
    """A day in the user's time zone, by how long ago it is. It stands for its first midnight."""

    days_ago: int


TimeOrAge = datetime | timedelta | Day
_DAYS = {"today": Day(0), "yesterday": Day(1)}


def parse_duration(text: str) -> timedelta:
    """Read 30m, 24h, 1h30m, 7d or 2w. Raises ValueError for anything else."""
    length = _parse_duration(text)
    if length is None:
        raise ValueError(f"{text!r} is not a duration: write 30m, 24h, 1h30m, 7d or 2w")
    if length > _LONGEST:
        raise ValueError(f"{text!r} is more than a hundred years")
    return length


def _parse_duration(text: str) -> timedelta | None:
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        return None
    parts = zip(_UNITS.values(), found.groups(), strict=True)
    return timedelta(**{unit: int(number) for unit, number in parts if number})


def parse_time(text: str) -> datetime:
    """Read a date or an ISO time, and return it in UTC. The default zone is the user's.

    A date stands for its first midnight. Raises ValueError for anything else.
    """
    try:
        return datetime.fromisoformat(text.strip().upper()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is not a time: write 2026-11-20, 2026-11-20T03:00 or 2026-11-20T03:00Z"
        ) from None


def parse_time_or_age(text: str) -> TimeOrAge:
    """Read a time, an age such as 24h, today or yesterday.

    Raises ValueError for anything else.
    """
    if (day := _DAYS.get(text.strip().lower())) is not None:
        return day
    if _parse_duration(text) is not None:
        return parse_duration(text)
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError(
            f"{error}, today or yesterday, or 24h, 1h30m or 7d for that long ago"
        ) from None


def resolve(value: TimeOrAge, now: datetime) -> datetime:
    """Return the time that a value stands for at the time `now`."""
    if isinstance(value, timedelta):
        return now - value
    if isinstance(value, Day):
        day = now.astimezone().date() - timedelta(days=value.days_ago)
        return datetime.combine(day, time()).astimezone(UTC)
    return value


def format_local(timestamp: datetime) -> str:
    """Format a timestamp in the user's time zone, to the second and with its offset."""
    return _local(timestamp).isoformat(sep=" ", timespec="seconds")


def format_short(timestamp: datetime, now: datetime) -> str:
    """Format a timestamp as Oct 27 03:00, in the user's time zone; as a date if it is not near."""
    local = _local(timestamp)
    if abs(now - timestamp) > _NEAR:
        return local.date().isoformat()
    return f"{_MONTHS[local.month - 1]} {local.day} {local:%H:%M}"


def format_zone(timestamp: datetime) -> str:
    """Name the user's time zone at a timestamp."""
    return _local(timestamp).tzname() or ""


def format_age(timestamp: datetime, now: datetime) -> str:
    """Format how long ago a timestamp was, in its largest unit: 12 min, 3 h, 40 d."""
    minutes = max(0, int((now - timestamp).total_seconds()) // 60)
    unit, size = next(((unit, size) for unit, size in _MINUTES if minutes >= size), _MINUTES[-1])
    return f"{minutes // size:,} {unit}"


def _local(timestamp: datetime) -> datetime:
    """Return a timestamp in the user's time zone, or in UTC if that would leave year 1 or 9999."""
    try:
        return timestamp.astimezone()
    except (OverflowError, ValueError, OSError):
        return timestamp.astimezone(UTC)


def localize(text: str) -> str:
    """Rewrite the UTC timestamps in a text in the user's time zone, each as precise as it is.

    If that zone's offset from UTC is zero at that time, the timestamp stays as it is.
    """
    return _IN_TEXT.sub(_localize_match, text)


def _localize_match(found: re.Match[str]) -> str:
    timestamp = _in_text(found)
    if timestamp is None or not (local := _local(timestamp)).utcoffset():
        return found[0]
    precision = "seconds" if found[1].count(":") > 1 else "minutes"
    return local.isoformat(sep=" ", timespec=precision)


def shorten(text: str, now: datetime) -> str:
    """Rewrite the UTC timestamps in a text as `format_short` does."""

    def short(found: re.Match[str]) -> str:
        timestamp = _in_text(found)
        return found[0] if timestamp is None else format_short(timestamp, now)

    return _IN_TEXT.sub(short, text)


def _in_text(found: re.Match[str]) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{found[1]}+00:00")
    except ValueError:  # there is no such time
        return None


def format_utc(timestamp: datetime, *, timespec: str = "seconds") -> str:
    """Format a timestamp in UTC, as the views do."""
    timestamp = timestamp.astimezone(UTC).replace(tzinfo=None)
    return f"{timestamp.isoformat(sep=' ', timespec=timespec)} UTC"


def format_duration(minutes: int) -> str:
    """Format a number of minutes in its two largest units: 45 min, 3 h, 3 d 2 h."""
    parts, left = [], minutes
    for unit, size in _MINUTES:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break  # 1 d 5 min would look more precise than it is
    return " ".join(parts[:2]) or "0 min"
