"""Times and durations are parsed and formatted in the user's time zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from inventory import times

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
        ("1h30m", timedelta(minutes=90)),
        ("1W 2d 3H 4 m", timedelta(days=9, minutes=184)),
    ],
)
def test_durations_are_read(text: str, meant: timedelta) -> None:
    assert times.parse_duration(text) == meant
    assert times.resolve(times.parse_time_or_age(text), NOW) == NOW - meant


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-1d", "1.5h", "7days", "1y", "1s", "٣d", "1m1h", "1h1h", "1h30"]
)
def test_invalid_duration_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write 30m"):
        times.parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "9999999w", "36500d1m"])
def test_duration_of_more_than_a_century_is_rejected(text: str) -> None:
    for read in (times.parse_duration, times.parse_time_or_age):
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
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25 00:30"),  # an hour that comes twice
    ],
)
def test_times_are_read_in_the_users_zone(
    zone: Zone, text: str, zone_name: str, meant: str
) -> None:
    zone(zone_name)
    read = times.parse_time(text)
    assert (read, read.tzinfo) == (datetime.fromisoformat(f"{meant}+00:00"), UTC)
    assert times.parse_time_or_age(text) == times.resolve(read, NOW) == read


@pytest.mark.parametrize(
    ("text", "zone_name"),
    [
        ("", "UTC"),
        ("tomorrow", "UTC"),
        ("2026-13-01", "UTC"),
        ("2026-11-20T25:00", "UTC"),
        ("03:00", "UTC"),
        ("0001-01-01", "Asia/Kathmandu"),
        ("9999-12-31T23:59", "America/New_York"),
        ("9999-12-31T23:59-05:00", "UTC"),
    ],
)
def test_invalid_time_is_rejected(zone: Zone, text: str, zone_name: str) -> None:
    zone(zone_name)
    for read in (times.parse_time, times.parse_time_or_age):
        with pytest.raises(ValueError, match="is not a time: write 2026-11-20"):
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
    assert times.format_local(moment) == shown


@pytest.mark.parametrize(
    ("zone_name", "today", "yesterday"),
    [
        ("UTC", "2026-11-20 00:00", "2026-11-19 00:00"),
        ("Asia/Kathmandu", "2026-11-19 18:15", "2026-11-18 18:15"),
        ("America/New_York", "2026-11-19 05:00", "2026-11-18 05:00"),  # it is the 19th there
    ],
)
def test_days_begin_at_the_users_midnight(
    zone: Zone, zone_name: str, today: str, yesterday: str
) -> None:
    zone(zone_name)
    for text, meant in (("today", today), (" Yesterday ", yesterday)):
        read = times.resolve(times.parse_time_or_age(text), NOW)
        assert read == datetime.fromisoformat(f"{meant}+00:00")


def test_longer_day_begins_at_its_own_midnight(zone: Zone) -> None:
    zone("Europe/Berlin")
    now = datetime(2026, 10, 25, 12, tzinfo=UTC)  # the offset has changed by then
    assert times.resolve(times.parse_time_or_age("today"), now) == datetime(
        2026, 10, 24, 22, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("failing since 2026-10-25 03:00 UTC: then", "failing since 2026-10-24 23:00-04:00: then"),
        ("2026-12-01 03:00:59 UTC", "2026-11-30 22:00:59-05:00"),
        ("of 2026-12-01 03:00:59Z, and", "of 2026-12-01 03:00:59Z, and"),
        ("2026-12-01, 03:00 UTC", "2026-12-01, 03:00 UTC"),
        ("2026-13-01 03:00 UTC", "2026-13-01 03:00 UTC"),
        ("0001-01-01 00:00 UTC", "0001-01-01 00:00 UTC"),
        ("12026-12-01 03:00 UTC", "12026-12-01 03:00 UTC"),
    ],
)
def test_times_within_a_text_are_shown_in_the_users_zone(zone: Zone, text: str, shown: str) -> None:
    zone("America/New_York")
    assert times.localize(text) == shown
    zone("UTC")
    assert times.localize(text) == text


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
    assert times.format_duration(minutes) == shown


@pytest.mark.parametrize(
    ("at", "short"),
    [
        (datetime(2026, 11, 3, 8, 5, tzinfo=UTC), "Nov 3 09:05"),
        (datetime(2026, 7, 1, 23, 59, tzinfo=UTC), "Jul 2 01:59"),  # in summer time
        (datetime(2027, 1, 1, 22, 30, tzinfo=UTC), "Jan 1 23:30"),  # of another year, and near
        (datetime(2026, 5, 1, 22, 30, tzinfo=UTC), "2026-05-02"),  # half a year ago
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01"),
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), "9999-12-31"),
    ],
)
def test_short_times_are_in_the_users_zone(at: datetime, short: str, zone: Zone) -> None:
    zone("Europe/Berlin")
    assert times.format_short(at, NOW) == short


@pytest.mark.parametrize(
    ("ago", "age"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(minutes=60), "1 h"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=1200), "1,200 d"),
    ],
)
def test_ages_are_in_their_largest_unit(ago: timedelta, age: str) -> None:
    assert times.format_age(NOW - ago, NOW) == age


def test_times_in_a_sentence_are_shortened(zone: Zone) -> None:
    zone("Asia/Kathmandu")
    text = "failed 2026-11-19 20:00 UTC, then 2025-01-02 03:04:05 UTC, not 2026-99-99 03:04 UTC"
    short = "failed Nov 20 01:45, then 2025-01-02, not 2026-99-99 03:04 UTC"
    assert times.shorten(text, NOW) == short
