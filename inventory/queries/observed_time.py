"""The time that runs observed, by days (UTC). Pure.

A run observes the instant at which it merges what it saw, and all of the interval until the next
run, unless that is a gap (see `observation_gaps.sql`).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)  # the resolution of both databases


class Interval(NamedTuple):
    """Half open: the end does not belong to it."""

    starts: datetime
    ends: datetime

    @property
    def seconds(self) -> int:
        return int((self.ends - self.starts).total_seconds())

    def overlap(self, other: "Interval") -> "Interval | None":
        """Return what both have in common; None if that is nothing."""
        starts, ends = max(self.starts, other.starts), min(self.ends, other.ends)
        return Interval(starts, ends) if starts < ends else None


class Period:
    """Whole days, of which only the time up to now has been."""

    def __init__(self, first_day: date, last_day: date, now: datetime) -> None:
        self.days = [
            first_day + number * _DAY for number in range(max(0, (last_day - first_day).days + 1))
        ]
        begin = datetime.combine(first_day, time(), UTC)
        # A run that has just ended has observed this instant, so it belongs to the period.
        self.span = Interval(begin, min(begin + len(self.days) * _DAY, now + _INSTANT))
        # What has been of each day; None = it is in the future.
        self.parts = [
            self.span.overlap(Interval(starts, starts + _DAY))
            for starts in (begin + number * _DAY for number in range(len(self.days)))
        ]

    def days_of(self, interval: Interval) -> range:
        """Return the numbers of the days that an interval within the period touches."""
        first = interval.starts - self.span.starts
        last = interval.ends - _INSTANT - self.span.starts
        return range(first.days, last.days + 1)


class ObservedTime:
    """What the runs of one account observed of a period."""

    def __init__(self, period: Period, gaps: Iterable[Interval]) -> None:
        self._period = period
        self._days: list[list[Interval]] = [[] for _ in period.days]
        for observed in _between(period.span, gaps):
            for number in period.days_of(observed):
                day = period.parts[number]
                if day and (part := observed.overlap(day)):
                    self._days[number].append(part)
        self._seconds = [_total(day) for day in self._days]

    def parts(self, interval: Interval) -> Iterator[tuple[int, int]]:
        """Yield each day on which some of an interval was observed, and how many seconds.

        A day is counted from 0. 0 seconds means that only an instant was observed.
        """
        touched = self._period.days_of(interval)
        for number in touched:
            if number in (touched[0], touched[-1]):
                found = [part for each in self._days[number] if (part := each.overlap(interval))]
                if found:
                    yield number, _total(found)
            elif self._days[number]:  # the interval covers this day
                yield number, self._seconds[number]


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Join intervals of which one begins where another one ends."""
    found: list[Interval] = []
    for each in sorted(intervals):
        if found and each.starts <= found[-1].ends:
            found[-1] = Interval(found[-1].starts, max(found[-1].ends, each.ends))
        else:
            found.append(each)
    return found


def _total(intervals: Iterable[Interval]) -> int:
    return sum(each.seconds for each in intervals)


def _between(span: Interval, gaps: Iterable[Interval]) -> Iterator[Interval]:
    """Yield the time between gaps. Each gap begins right after the instant of a run."""
    starts = span.starts
    for gap in sorted(gaps):
        if part := span.overlap(Interval(starts, gap.starts + _INSTANT)):
            yield part
        starts = max(starts, gap.ends)
    if part := span.overlap(Interval(starts, span.ends)):
        yield part
