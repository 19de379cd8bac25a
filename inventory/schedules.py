"""Works out until when the next success of a connector can wait, by its schedule. Pure.

Due is what has let two of its times to sync pass, and the hour that the vendor may start late. A
`schedule` object wins over the frequency; who syncs by hand is never due. As far as the API tells,
times of day are in the destination's zone, or in UTC, and the list names no zone: so the latest
of all readings counts, and nothing is called late too early.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice
from typing import Any, NamedTuple

from cronsim import CronSim, CronSimError
from msgspec import Raw

from inventory.fields import UNFIT_CELL, Oddity, as_integer, as_text, decode

_FIELDS = ("schedule", "schedule_type", "sync_frequency")
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Clocks are between twelve hours behind UTC and fourteen before it.
_WEST, _EAST = timedelta(hours=12), timedelta(hours=14)
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_BY_NAME = {day[:length]: day[:3] for day in _DAYS for length in (3, len(day))}
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
# Minute, hour, day, month, day of the week, and nothing that only some readers of cron lines know.
_MOST_LINES, _MOST_BYTES = 20, 2_000
_LINE = re.compile(r"\s*(?:\S{1,100}\s+){4}\S{1,100}\s*")
_MOST_MINUTES = 525_600  # a year; what is longer has no sense
IMPOSSIBLE = "cannot be reckoned with"

Odd = list[Oddity]


class Times(NamedTuple):
    """When a connector syncs: `wait` after a success, or `past` what the lines of a cron table say.

    Neither: nobody can tell, or it syncs by hand; `is_odd` if that is no sense.
    """

    wait: timedelta | None = None
    crons: tuple[str, ...] = ()
    past: timedelta = timedelta(0)
    is_odd: bool = False


_NEVER, _ODD = Times(), Times(is_odd=True)


def due_at(connector: Mapping[str, Raw], succeeded_at: str | None) -> tuple[str | None, Odd]:
    """Return when it is due, as a cell, and what is odd about its schedule.

    `connector` are fields of the API, not decoded; `succeeded_at` is a cell. Null: nobody can tell.
    """
    told = [connector.get(name) for name in _FIELDS]
    times = _ODD
    if all(raw is None or len(bytes(raw)) <= _MOST_BYTES for raw in told):
        times = _times(*(None if raw is None else bytes(raw) for raw in told))
    if times.is_odd:
        return None, [("schedule", IMPOSSIBLE)]
    if succeeded_at is None or times == _NEVER:
        return None, []
    succeeded = datetime.fromisoformat(succeeded_at)
    try:
        if times.wait:
            due = succeeded + times.wait
        else:
            due = _after(times.crons, succeeded - times.past) + times.past
    except (OverflowError, IndexError):  # a time without sense, or a table that ends
        return None, []
    return due.isoformat(" ", "microseconds"), []


# --- what is told of a schedule -------------------------------------------------------------


@lru_cache(maxsize=1024)
def _times(schedule: bytes | None, schedule_type: bytes | None, frequency: bytes | None) -> Times:
    by = _fitting(as_text, schedule_type)
    if by == "manual":
        return _NEVER
    told = None if schedule is None else decode(schedule)
    if told is not None:
        return _scheduled(told) if isinstance(told, dict) else _NEVER
    # By any reading of daily_sync_time, two days and an hour after a success are late enough: that
    # is what its frequency of a day comes to.
    return _every(_fitting(as_integer, frequency)) if by == "auto" else _NEVER


def _fitting(fit: Any, raw: bytes | None) -> Any:
    """Read a value as its column does; what does not fit that is counted there."""
    value = None if raw is None else decode(raw)
    cell = None if value is None else fit(value)
    return None if cell is UNFIT_CELL else cell


def _every(minutes: Any) -> Times:
    if not isinstance(minutes, int) or not 1 <= minutes <= _MOST_MINUTES:
        return _NEVER
    return Times(wait=timedelta(minutes=2 * minutes) + _HOUR)


def _scheduled(schedule: dict[str, Any]) -> Times:
    kind, days = str(schedule.get("schedule_type")).upper(), _days(schedule.get("days_of_week"))
    if kind == "MANUAL":
        return _NEVER
    if kind == "CRON":
        crons = schedule.get("cron")
        return _by_crons([crons] if isinstance(crons, str) else crons)
    if days is None:
        return _ODD
    if kind == "TIME_OF_DAY":
        told = _TIME_OF_DAY.fullmatch(str(schedule.get("time_of_day")))
        if not told:
            return _ODD
        hour, minute, second = (int(part or 0) for part in told.groups())
        crons = (f"{minute} {hour} * * {','.join(days)}",)
        return Times(crons=crons, past=timedelta(seconds=second))
    if kind == "INTERVAL":
        minutes = as_integer(schedule.get("interval"))
        wait = _every(minutes).wait
        return Times(wait=wait + _longest_pause(days, 2 * minutes)) if wait else _ODD
    return _ODD


def _days(told: Any) -> list[str] | None:
    """The days of the week by three letters; None where one of them is none."""
    if told is None or told == []:
        return [day[:3] for day in _DAYS]
    if not isinstance(told, list):
        return None
    days = {_BY_NAME.get(str(day).upper(), "") for day in told}
    return None if "" in days else [day[:3] for day in _DAYS if day[:3] in days]


def _longest_pause(days: list[str], minutes: int) -> timedelta:
    """How long time stands still, at the most, for one that counts so many minutes on these days.

    That is if it begins to count at the beginning of a pause, and ends just before one.
    """
    counts = [day[:3] in days for day in _DAYS]
    longest = 0
    for weekday in range(7):
        left, pause = minutes, 0
        while left > 0:
            if counts[weekday % 7]:
                left -= 24 * 60
            else:
                pause += 1
            weekday += 1
        longest = max(longest, pause)
    return longest * _DAY


def _by_crons(told: Any) -> Times:
    if not isinstance(told, list) or not 1 <= len(told) <= _MOST_LINES:
        return _ODD
    try:
        for line in told:
            if not isinstance(line, str) or not _LINE.fullmatch(line):
                return _ODD
            next(CronSim(line, datetime(2024, 1, 1)))
    except (CronSimError, StopIteration, ValueError):
        return _ODD
    return Times(crons=tuple(told))


# --- times of day ---------------------------------------------------------------------------


def _after(crons: tuple[str, ...], succeeded: datetime) -> datetime:
    """Return the hour after the second firing after a success, by the latest reading.

    Read in a zone of the offset z, that is F(s + z) - z, where F(x) is the second firing after x
    with the lines read in UTC. It falls with z, but jumps where s + z is a firing: so it is highest
    at the west end, or at a firing within a day. To take F(s) and add the hours that a zone may be
    off would be too early for a weekly one that fires just after the success in UTC, and before it
    where the connector is.
    """
    utc = succeeded.replace(tzinfo=None)
    firings = _firings(crons, datetime.combine(utc, time.min))
    first, last = bisect_right(firings, utc - _WEST), bisect_right(firings, utc + _EAST)
    waits = (firings[at + 2] - firings[at] for at in range(first, last))
    longest = max(waits, default=timedelta(0))
    return max(succeeded + longest, firings[first + 1].replace(tzinfo=succeeded.tzinfo) + _WEST) + (
        _HOUR
    )


@lru_cache(maxsize=64)  # up to 3,000 instants each
def _firings(crons: tuple[str, ...], day: datetime) -> list[datetime]:
    """All that matter to successes of a day: from the west end to the east, and two more."""
    each = (CronSim(line, day - _WEST - timedelta(microseconds=1)) for line in crons)
    firings = _once(merge(*each))
    within: list[datetime] = []
    for firing in firings:
        within.append(firing)
        if firing > day + _DAY + _EAST:
            break
    return [*within, *islice(firings, 2)]


def _once(instants: Iterable[datetime]) -> Iterator[datetime]:
    return (instant for instant, _ in groupby(instants))
