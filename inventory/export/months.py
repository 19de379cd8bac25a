"""Parts of time that each lie within a month (UTC), and days as numbers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from inventory.db.export_bookmarks import time_at

_EPOCH = date(1970, 1, 1)
_TICK = timedelta(microseconds=1)


def months(
    first: datetime | None, after: int | None, until: int
) -> Iterator[tuple[datetime | None, datetime]]:
    """Yield (after, until], both in microseconds since 1970, in parts that do not cross a month.

    Without `after`, the first part has no beginning and ends with the month of `first`: what a
    prune has left may be older than all runs.
    """
    starts, ends = None if after is None else time_at(after), time_at(until)
    following = _month_after(starts or first or ends)
    bounds = [starts]
    while following <= ends:
        bounds.append(following - _TICK)
        following = _month_after(following)
    for begins, last in pairwise([*bounds, ends]):
        assert last is not None
        if begins is None or begins < last:
            yield begins, last


def last_of_month(day: int) -> int:
    """Return the number of the last day of a day's month."""
    at = datetime.combine(day_at(day), datetime.min.time(), UTC)
    return number_of_day(_month_after(at).date()) - 1


def day_at(number: int) -> date:
    """Return the day that is so many days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def number_of_day(day: date) -> int:
    return (day - _EPOCH).days


def _month_after(at: datetime) -> datetime:
    first = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=31)).replace(day=1)
