"""Computes by its schedule when the next success of a connector is due. Pure.

It is due when two scheduled syncs have passed, plus the hour by which the vendor may start late. A
`schedule` object takes precedence over the frequency; a connector that is synced manually is never
due. Times of day are in the destination's time zone or in UTC: the later of both counts, and the
latest of all zones while the destination's is unknown, so no connector is called overdue too early.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice
from types import MappingProxyType
from typing import Any, NamedTuple

from cronsim import CronSim, CronSimError
from msgspec import Raw
from msgspec.json import encode

from inventory.json_codec import decode_in_any_way
from inventory.normalize.anomalies import IMPOSSIBLE, Anomaly
from inventory.normalize.coercions import INVALID_VALUE, as_integer, as_text
from inventory.normalize.time_zones import EAST, WEST, TimeZones


def _as_object(value: Any) -> Any:
    return value if isinstance(value, dict) else INVALID_VALUE


# The fields of a schedule, and their conversion.
_FIELDS = {"schedule": _as_object, "schedule_type": as_text, "sync_frequency": as_integer}
_ABSENT = b"null"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_BY_NAME = {day[:length]: day[:3] for day in _DAYS for length in (3, len(day))}
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
# Minute, hour, day, month and day of the week, without extensions that only some parsers know.
_MAX_LINES, _MAX_BYTES = 20, 2_000
_LINE = re.compile(r"\s*(?:\S{1,100}\s+){4}\S{1,100}\s*")
_MAX_MINUTES = 525_600  # a year; a longer interval makes no sense


class Schedule(NamedTuple):
    """When the next success is due: `wait` after the last one, or by cron lines, plus `offset`.

    With neither, nothing is ever due; `is_impossible` if the schedule makes no sense. `unreadable`
    are the fields with an invalid value, which is counted where its column is read.
    """

    wait: timedelta | None = None
    crons: tuple[str, ...] = ()
    offset: timedelta = timedelta(0)
    is_impossible: bool = False
    unreadable: tuple[str, ...] = ()


_NEVER, _IMPOSSIBLE = Schedule(), Schedule(is_impossible=True)


def due_at(
    connector: Mapping[str, Raw],
    succeeded_at: str | None,
    stored: Callable[[], Mapping[str, Any]] = dict,
    time_zones: Mapping[str, TimeZones] = MappingProxyType({}),
) -> tuple[str | None, list[Anomaly]]:
    """Return the cell of `due_at`, null if that is unknown, and the anomalies of the schedule.

    `connector` are undecoded fields of the API; `succeeded_at` is a cell. The `stored` cells stand
    in for fields that cannot be read; `time_zones` are those of destinations, by group.
    """
    values = [bytes(connector.get(name, _ABSENT)) for name in _FIELDS]
    schedule = _parse(*values) if len(max(values, key=len)) <= _MAX_BYTES else _IMPOSSIBLE
    if schedule.unreadable:
        return _due_at_by_stored(
            dict(connector), schedule.unreadable, succeeded_at, stored(), time_zones
        )
    if schedule.is_impossible:
        return None, [Anomaly("schedule", IMPOSSIBLE)]
    if succeeded_at is None or schedule == _NEVER:
        return None, []
    succeeded = datetime.fromisoformat(succeeded_at)
    try:
        if schedule.wait:
            due = succeeded + schedule.wait
        else:
            zones = _time_zones_of(connector, time_zones)
            due = (
                _due_by_crons(schedule.crons, succeeded - schedule.offset, zones) + schedule.offset
            )
    except (OverflowError, IndexError):  # beyond the years 1 to 9999, or the cron lines end
        return None, []
    return due.isoformat(" ", "microseconds"), []


def _due_at_by_stored(
    connector: dict[str, Raw],
    unreadable: tuple[str, ...],
    succeeded_at: str | None,
    stored: Mapping[str, Any],
    time_zones: Mapping[str, TimeZones],
) -> tuple[str | None, list[Anomaly]]:
    """Compute with the stored cells of the unreadable fields; null if no schedule is stored."""
    for name in unreadable:
        cell = stored.get(name)
        if name != "schedule":
            connector[name] = Raw(encode(cell))
        elif cell is None:
            return None, []
        else:
            connector[name] = Raw(cell.encode())
    return due_at(connector, succeeded_at, dict, time_zones)


# --- parsing a schedule -----------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _parse(*values: bytes) -> Schedule:
    cells: dict[str, Any] = {}
    for name, raw in zip(_FIELDS, values, strict=True):
        value = decode_in_any_way(raw)
        cells[name] = None if value is None else _FIELDS[name](value)
    unreadable = tuple(name for name, cell in cells.items() if cell is INVALID_VALUE)
    if unreadable:
        return Schedule(unreadable=unreadable)
    schedule_type = (cells["schedule_type"] or "").lower()
    if schedule_type == "manual":
        return _NEVER
    if cells["schedule"] is not None:
        return _by_object(cells["schedule"])
    # In any time zone of daily_sync_time, two days and an hour after a success are late enough:
    # its frequency of one day gives the same.
    return _every(cells["sync_frequency"]) if schedule_type == "auto" else _NEVER


def _every(minutes: Any) -> Schedule:
    if not isinstance(minutes, int) or not 1 <= minutes <= _MAX_MINUTES:
        return _NEVER
    return Schedule(wait=timedelta(minutes=2 * minutes) + _HOUR)


def _by_object(schedule: dict[str, Any]) -> Schedule:
    kind, days = str(schedule.get("schedule_type")).upper(), _days(schedule.get("days_of_week"))
    if kind == "MANUAL":
        return _NEVER
    if kind == "CRON":
        crons = schedule.get("cron")
        return _by_crons([crons] if isinstance(crons, str) else crons)
    if days is None:
        return _IMPOSSIBLE
    if kind == "TIME_OF_DAY":
        found = _TIME_OF_DAY.fullmatch(str(schedule.get("time_of_day")))
        if not found:
            return _IMPOSSIBLE
        hour, minute, second = (int(part or 0) for part in found.groups())
        crons = (f"{minute} {hour} * * {','.join(days)}",)
        return Schedule(crons=crons, offset=timedelta(seconds=second))
    if kind == "INTERVAL":
        minutes = as_integer(schedule.get("interval"))
        wait = _every(minutes).wait
        return Schedule(wait=wait + _longest_pause(days, 2 * minutes)) if wait else _IMPOSSIBLE
    return _IMPOSSIBLE


def _days(value: Any) -> list[str] | None:
    """Return the days of the week, three letters each; None if one of them is invalid."""
    if value is None or value == []:
        return [day[:3] for day in _DAYS]
    if not isinstance(value, list):
        return None
    days = {_BY_NAME.get(str(day).upper(), "") for day in value}
    return None if "" in days else [day[:3] for day in _DAYS if day[:3] in days]


def _longest_pause(days: list[str], minutes: int) -> timedelta:
    """Return the longest time without scheduled days in a wait of so many minutes on these days.

    It is the longest if the wait starts at the beginning of a pause, and ends just before one.
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


def _by_crons(lines: Any) -> Schedule:
    if not isinstance(lines, list) or not 1 <= len(lines) <= _MAX_LINES:
        return _IMPOSSIBLE
    try:
        for line in lines:
            if not isinstance(line, str) or not _LINE.fullmatch(line):
                return _IMPOSSIBLE
            next(CronSim(line, datetime(2024, 1, 1)))
    except (CronSimError, StopIteration, ValueError):
        return _IMPOSSIBLE
    return Schedule(crons=tuple(lines))


# --- computing the time -----------------------------------------------------------------------


def _time_zones_of(
    connector: Mapping[str, Raw], time_zones: Mapping[str, TimeZones]
) -> TimeZones | None:
    if not time_zones or (raw := connector.get("group_id")) is None:
        return None
    group_id = decode_in_any_way(bytes(raw))
    return time_zones.get(group_id) if isinstance(group_id, str) else None


def _due_by_crons(crons: tuple[str, ...], succeeded: datetime, zones: TimeZones | None) -> datetime:
    """Return one hour after the second firing after a success, the latest in these zones and UTC.

    Without zones, it is the latest in any zone.

    In a zone of the offset z this is F(s + z) - z, where F(x) is the second firing after x in UTC.
    It falls as z grows, but jumps up if s + z is a firing: so its maximum is at the west end, or at
    a firing within a day. To add the largest offset to F(s) would be too early for a weekly line
    that fires just after the success in UTC, and before it in the connector's time zone.
    """
    utc = succeeded.replace(tzinfo=None)
    firings = _firings(crons, datetime.combine(utc, time.min))
    if zones is not None:
        offsets = (timedelta(0), *zones)
        latest = max(firings[bisect_right(firings, utc + z) + 1] - z for z in offsets)
        return latest.replace(tzinfo=succeeded.tzinfo) + _HOUR
    first, last = bisect_right(firings, utc - WEST), bisect_right(firings, utc + EAST)
    waits = (firings[at + 2] - firings[at] for at in range(first, last))
    longest = max(waits, default=timedelta(0))
    return max(succeeded + longest, firings[first + 1].replace(tzinfo=succeeded.tzinfo) + WEST) + (
        _HOUR
    )


@lru_cache(maxsize=64)  # up to 3,000 times each
def _firings(crons: tuple[str, ...], day: datetime) -> list[datetime]:
    """Return the firings for all successes of a day, in all time zones, and two more."""
    of_lines = (CronSim(line, day - WEST - timedelta(microseconds=1)) for line in crons)
    firings = _without_repeats(merge(*of_lines))
    within: list[datetime] = []
    for firing in firings:
        within.append(firing)
        if firing > day + _DAY + EAST:
            break
    return [*within, *islice(firings, 2)]


def _without_repeats(times: Iterable[datetime]) -> Iterator[datetime]:
    return (time for time, _ in groupby(times))
