"""Due times where the destination's time zone is known, beside a second way to compute them.

The second way asks for each minute whether it is one of the schedule, on the clock of the zone.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from inventory.normalize import schedules, time_zones

WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def due(success: datetime, schedule: dict[str, Any], offset: str | None, dst: bool = False) -> Any:
    """When it is due, with the time zone of its destination or without."""
    fields = {"schedule": schedule, "schedule_type": "auto", "group_id": "here"}
    connector = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    zones = time_zones.parse(offset, has_daylight_saving=dst)
    cell = success.isoformat(" ", "microseconds")
    known = {} if zones is None else {"here": zones}
    found, odd = schedules.due_at(connector, cell, dict, known)
    assert (odd, found is None) == ([], False)
    return datetime.fromisoformat(found or "")


def second_after(
    success: datetime, hour: int, minute: int, days: set[str], shift: timedelta
) -> Any:
    """The second time after a success at which a clock that is ahead by `shift` shows this."""
    at, times = success.replace(second=0, microsecond=0), 0
    while times < 2:
        at += MINUTE
        local = at + shift
        if (local.hour, local.minute) == (hour, minute) and WEEK[local.weekday()] in days:
            times += 1
    return at


TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


@given(
    success=TIMES.map(lambda at: at.replace(second=0, microsecond=0)),
    offset=st.integers(-11, 12),
    dst=st.booleans(),
    at=st.tuples(st.integers(0, 23), st.integers(0, 59)),
    days=st.sets(st.sampled_from(WEEK), min_size=1),
    signed=st.booleans(),
)
def test_due_at_is_the_later_of_utc_and_the_zone(
    success: datetime, offset: int, dst: bool, at: tuple[int, int], days: set[str], signed: bool
) -> None:
    schedule = {
        "schedule_type": "TIME_OF_DAY",
        "time_of_day": f"{at[0]:02}:{at[1]:02}",
        "days_of_week": sorted(days),
    }
    shifts = {0, offset, offset + dst}
    latest = max(second_after(success, *at, days, shift * HOUR) for shift in shifts)
    found = due(success, schedule, f"{offset:+d}" if signed else str(offset), dst)
    assert found == latest + HOUR
    assert found <= due(success, schedule, None)


def test_due_at_worked_out_by_hand() -> None:
    """A success on Friday at 06:10 UTC, which is 01:10 in the zone; daily at 06:00."""
    success = datetime(2026, 11, 20, 6, 10, tzinfo=UTC)
    schedule = {"schedule_type": "CRON", "cron": "0 6 * * *"}
    # In UTC on Saturday and Sunday at 6, in the zone on Friday and Saturday at 11.
    assert due(success, schedule, "-5") == datetime(2026, 11, 22, 7, tzinfo=UTC)
    late = success.replace(hour=5)  # in UTC on Friday and Saturday at 6
    assert due(late, schedule, "0") == datetime(2026, 11, 21, 7, tzinfo=UTC)
    assert due(late, schedule, "-5") == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert due(late, schedule, "-5", dst=True) == datetime(2026, 11, 21, 12, tzinfo=UTC)
    # With daylight saving time it is 06:30 there, else 05:30; in UTC it is Sunday at 6.
    between = success.replace(hour=10, minute=30)
    assert due(between, schedule, "-5") == datetime(2026, 11, 22, 7, tzinfo=UTC)
    assert due(between, schedule, "-5", dst=True) == datetime(2026, 11, 22, 11, tzinfo=UTC)
    # At +6 it is 11:10; on a clock that is one hour ahead, too: on Saturday and Sunday at 6.
    assert due(late, schedule, "6") == datetime(2026, 11, 22, 1, tzinfo=UTC)


@pytest.mark.parametrize("offset", ["+14", "14", "-12", "+5:30", "0530", "+00:00", " -5 "])
@pytest.mark.parametrize("line", ["* * * * *", "59 23 * * *", "0 0 * * MON"])
@pytest.mark.parametrize("dst", [False, True])
def test_zone_makes_it_never_later_nor_unknown(offset: str, line: str, dst: bool) -> None:
    schedule = {"schedule_type": "CRON", "cron": line}
    for hour in range(24):
        success = datetime(2026, 11, 20, hour, 59, 30, tzinfo=UTC)
        found = due(success, schedule, offset, dst)
        assert success + HOUR < found <= due(success, schedule, None)


@pytest.mark.parametrize(
    "offset", [None, "", "UTC", "America/New_York", "15", "-13", "+14:30", "5.5", "--5", "5:60"]
)
def test_offset_that_cannot_be_read_is_an_unknown_zone(offset: str | None) -> None:
    assert time_zones.parse(offset, has_daylight_saving=False) is None


def test_daily_frequency_is_late_enough_in_any_zone() -> None:
    fields = {"sync_frequency": 1440, "daily_sync_time": "03:00", "schedule_type": "auto"}
    connector = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    zones = {"here": (timedelta(hours=-5),)}
    connector["group_id"] = Raw(b'"here"')
    found, _ = schedules.due_at(connector, "2026-11-20 06:10:00.000000+00:00", dict, zones)
    assert found == "2026-11-22 07:10:00.000000+00:00"
