"""Times and durations are read and shown as the person at the keyboard means them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from inventory import moments

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
Zone = Callable[[str], None]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        (" 2 W ", timedelta(weeks=2)),
        ("0m", timedelta(0)),
        ("36500d", timedelta(days=36500)),
    ],
)
def test_durations_are_read(text: str, meant: timedelta) -> None:
    assert moments.duration(text) == meant
    assert moments.instant_or_ago(text) == meant


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "7days", "1y", "1s", "٣d", "1d1h"])
def test_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration: write 30m"):
        moments.duration(text)


@pytest.mark.parametrize("text", ["36501d", "9999999w"])
def test_duration_beyond_all_history_is_refused(text: str) -> None:
    for read in (moments.duration, moments.instant_or_ago):
        with pytest.raises(ValueError, match="more than a hundred years"):
            read(text)


@pytest.mark.parametrize(
    ("text", "zone_name", "meant"),
    [
        ("2026-11-20", "UTC", "2026-11-20 00:00"),
        ("2026-11-20", "Asia/Kathmandu", "2026-11-19 18:15"),
        ("2026-11-20", "America/New_York", "2026-11-20 05:00"),
        ("2026-07-20", "America/New_York", "2026-07-20 04:00"),
        ("2026-11-20T03:00", "Asia/Kathmandu", "2026-11-19 21:15"),
        ("2026-11-20 03:00:00", "Europe/Berlin", "2026-11-20 02:00"),
        ("2026-11-20T03:00Z", "Asia/Kathmandu", "2026-11-20 03:00"),
        ("2026-11-20t03:00z", "Asia/Kathmandu", "2026-11-20 03:00"),
        ("2026-11-20T03:00+05:45", "America/New_York", "2026-11-19 21:15"),
        ("2026-11-20 04:00:00+01:00", "Asia/Kathmandu", "2026-11-20 03:00"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25 00:30"),  # one that came twice
    ],
)
def test_times_are_read_in_the_users_zone(
    zone: Zone, text: str, zone_name: str, meant: str
) -> None:
    zone(zone_name)
    read = moments.instant(text)
    assert (read, read.tzinfo) == (datetime.fromisoformat(f"{meant}+00:00"), UTC)
    assert moments.instant_or_ago(text) == read


@pytest.mark.parametrize(
    ("text", "zone_name"),
    [
        ("", "UTC"),
        ("yesterday", "UTC"),
        ("2026-13-01", "UTC"),
        ("2026-11-20T25:00", "UTC"),
        ("03:00", "UTC"),
        ("0001-01-01", "Asia/Kathmandu"),
        ("9999-12-31T23:59", "America/New_York"),
        ("9999-12-31T23:59-05:00", "UTC"),
    ],
)
def test_time_that_is_none_is_refused(zone: Zone, text: str, zone_name: str) -> None:
    zone(zone_name)
    for read in (moments.instant, moments.instant_or_ago):
        with pytest.raises(ValueError, match="is no time: write 2026-11-20"):
            read(text)


@pytest.mark.parametrize(
    ("moment", "zone_name", "shown"),
    [
        (NOW, "UTC", "2026-11-20 03:00:00+00:00"),
        (NOW, "Europe/Berlin", "2026-11-20 04:00:00+01:00"),
        (NOW, "Asia/Kathmandu", "2026-11-20 08:45:00+05:45"),
        (datetime(2026, 7, 1, 0, 0, 59, 999999, UTC), "America/New_York",
         "2026-06-30 20:00:59-04:00"),
        (datetime.min.replace(tzinfo=UTC), "America/New_York", "0001-01-01 00:00:00+00:00"),
        (datetime.max.replace(tzinfo=UTC), "Asia/Kathmandu", "9999-12-31 23:59:59+00:00"),
    ],
)  # fmt: skip
def test_times_are_shown_in_the_users_zone(
    zone: Zone, moment: datetime, zone_name: str, shown: str
) -> None:
    zone(zone_name)
    assert moments.local(moment) == shown


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        (0, "0 min"),
        (45, "45 min"),
        (60, "1 h"),
        (95, "1 h 35 min"),
        (24 * 60, "1 d"),
        (24 * 60 + 59, "1 d"),
        (74 * 60 + 59, "3 d 2 h"),
        (400 * 24 * 60, "400 d"),
        (5000 * 24 * 60 + 60, "5,000 d 1 h"),
    ],
)
def test_durations_are_shown_by_their_two_largest_units(minutes: int, shown: str) -> None:
    assert moments.lasting(minutes) == shown
