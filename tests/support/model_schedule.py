"""When the next success of a connector is overdue, as the reference reckons it."""

import json
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from support.model_values import Item, minutes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
# Nobody knows the zone that a time of day is of: it may be any between these.
WESTERNMOST, EASTERNMOST = timedelta(hours=-12), timedelta(hours=14)
AT_MOST = timedelta(days=9 * 366)  # between two firings: the years around 2100 have no leap day

# The minute of the day, the day of the month, the month, the day of the week; each as a set.
Line = tuple[set[int], set[int], set[int], set[int]]


def due_at(
    item: Item,
    connector: dict[str, Any],
    succeeded: datetime | None,
    zones: list[timedelta] | None = None,
) -> datetime | None:
    """The second sync after a success, as its schedule has it, and an hour; None = nobody knows.

    `zones` are the offsets that the clock of its destination may have; None = nobody knows them.
    """
    schedule, by = connector["schedule"], (connector["schedule_type"] or "").lower()
    if succeeded is None or by == "manual":
        return None
    if schedule is None and item.get("schedule") is None and by == "auto":
        return after_intervals(succeeded, connector["sync_frequency"], ())
    if not isinstance(schedule, dict):
        return None
    kind, days = str(schedule.get("schedule_type")).upper(), schedule.get("days_of_week") or ()
    weekdays = {day[:3].upper() for day in days}
    if not weekdays <= {*WEEK}:
        return None
    if kind == "INTERVAL":
        idle = "".join("." if day in weekdays or not weekdays else "x" for day in WEEK) * 2
        return after_intervals(succeeded, schedule.get("interval"), idle.split("."))
    try:
        if kind == "TIME_OF_DAY":
            return after_firings(succeeded, [daily(schedule["time_of_day"], weekdays)], zones)
        if kind == "CRON":
            lines = schedule["cron"]
            lines = [lines] if isinstance(lines, str) else lines
            return after_firings(succeeded, [parsed(line) for line in lines], zones)
    except (KeyError, TypeError, ValueError, IndexError):
        pass  # there is no such schedule
    return None


def after_intervals(succeeded: datetime, interval: Any, idle: Any) -> datetime | None:
    """`idle` are the stretches of days left out, of two weeks: time may stand still that long."""
    length = minutes(interval)
    if length is None or not 1 <= length <= 525_600:
        return None
    longest = max(map(len, idle), default=0)
    return succeeded + timedelta(minutes=2 * length) + HOUR + longest * DAY


def daily(time_of_day: str, weekdays: set[str]) -> Line:
    hour, minute, *_ = map(int, time_of_day.split(":"))
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise ValueError(time_of_day)
    on = {WEEK.index(day) for day in weekdays} or {*range(7)}
    return {60 * hour + minute}, {*range(1, 32)}, {*range(1, 13)}, on


def parsed(line: str) -> Line:
    minute, hour, day, month, weekday = line.split()
    at = {60 * h + m for h in field(hour, 0, 23) for m in field(minute, 0, 59)}
    # A cron counts from Sunday.
    return at, field(day, 1, 31), field(month, 1, 12), {(n - 1) % 7 for n in field(weekday, 0, 7)}


def field(text: str, least: int, most: int) -> set[int]:
    """Read what a cron says in one place: `*`, 5, 1-5, `*/15`, 1,3."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = (f"{least}-{most}" if span == "*" else span).partition("-")
        found |= set(range(int(low), int(high or low) + 1, int(step or 1)))
    if min(found) < least or max(found) > most:
        raise ValueError(text)
    return found


def after_firings(
    succeeded: datetime, lines: list[Line], zones: list[timedelta] | None
) -> datetime | None:
    """The latest of these zones and UTC; without zones, of all.

    A clock may show any time between two at the success then.
    The wait for the second firing is the longest just when one firing is reached, or at the least
    time of all.
    """
    begin, end = succeeded + WESTERNMOST, succeeded + EASTERNMOST
    fires = firings(json.dumps([[*map(sorted, line)] for line in lines]), begin.date().toordinal())
    if zones is not None and fires:
        offsets = (timedelta(0), *zones)
        return HOUR + max(fires[bisect_right(fires, succeeded + z) + 1] - z for z in offsets)
    second = bisect_right(fires, begin) + 1
    if second >= len(fires):
        return None
    waits = [fires[n + 2] - at for n, at in enumerate(fires[:-2]) if begin < at <= end]
    return succeeded + HOUR + max([fires[second] - begin, *waits])


@cache
def firings(lines: str, first_day: int) -> list[datetime]:
    """The firings of three days, and at least two after these; there are none without."""
    fires: list[datetime] = []
    sets = [[set(places) for places in line] for line in json.loads(lines)]
    begin = datetime.fromordinal(first_day).replace(tzinfo=UTC)
    for number in range(AT_MOST.days):
        if number > 2 and len(fires) > 1 and fires[-2] >= begin + 3 * DAY:
            break
        day, minutes_of_day = begin + number * DAY, set()
        for at, days, months, weekdays in sets:
            if day.day in days and day.month in months and day.weekday() in weekdays:
                minutes_of_day |= at
        fires += [day + timedelta(minutes=minute) for minute in sorted(minutes_of_day)]
    return fires
