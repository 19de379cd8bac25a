"""Intervals: each is written exactly, by the reading of other programs, or refused."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from inventory.errors import ConfigurationError
from inventory.schedules import interval

EXPRESSIBLE = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 10080]
ANALYZE = shutil.which("systemd-analyze")
MINUTE = timedelta(minutes=1)


def gaps(fields: str, start: datetime, count: int) -> set[timedelta]:
    times = [each.astimezone(UTC) for each in islice(CronSim(fields, start), count)]
    return {later - earlier for earlier, later in pairwise(times)}


@pytest.mark.parametrize("minutes", EXPRESSIBLE)
def test_cron_starts_runs_at_exactly_this_interval(minutes: int) -> None:
    for spread in (0, 7, 4_000_000_007):
        fields = interval.cron(minutes, spread)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        assert gaps(fields, start, 200 if minutes < 60 else 40) == {minutes * MINUTE}


def test_every_other_interval_is_refused() -> None:
    for minutes in {*range(1, 3_000), 10_080, 20_160} - set(EXPRESSIBLE):
        with pytest.raises(ConfigurationError, match=f"every {interval.text(minutes)}: "):
            interval.cron(minutes, 7)
        assert interval.calendar(minutes) is None


@pytest.mark.parametrize(
    ("minutes", "nearest"),
    [(7, "6m or 10m"), (45, "30m or 1h"), (90, "1h or 2h"), (1500, "24h or 7d"), (11520, "7d")],
)
def test_refusal_names_the_nearest(minutes: int, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Pass --every {nearest}; "):
        interval.cron(minutes, 7)


def test_refusal_names_the_kind() -> None:
    with pytest.raises(ConfigurationError, match="kubernetes cannot start a run every 14m"):
        interval.cron(14, 7, "kubernetes")


def test_interval_below_a_minute_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 1m"):
        interval.whole_minutes(timedelta())


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28)),
        ("Europe/Berlin", datetime(2026, 10, 24)),
        ("America/New_York", datetime(2026, 3, 7)),
        ("America/New_York", datetime(2026, 10, 31)),
        ("Africa/Cairo", datetime(2026, 4, 23)),
        ("Europe/Athens", datetime(2026, 3, 28)),
    ],
)
def test_change_of_the_clock_loses_no_run(zone: str, day: datetime) -> None:
    """On the day after `day`. cronsim does what Debian's cron does then."""
    start = day.replace(tzinfo=ZoneInfo(zone))
    for minutes in (15, 60, 120, 360, 720, 1440):
        usual = minutes * MINUTE
        around = gaps(interval.cron(minutes, 7), start, 4 * 1440 // minutes)
        if minutes <= 60:
            assert around == {usual}
        else:
            assert len(around) > 1  # the clock was changed
            assert max(around) <= usual + timedelta(hours=1)
            assert min(around) >= usual - timedelta(minutes=67)


def test_installations_do_not_all_start_in_the_same_minute() -> None:
    assert len({interval.cron(15, spread) for spread in range(100)}) == 15
    assert len({interval.cron(1440, spread) for spread in range(100)}) == 60


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("minutes", EXPRESSIBLE)
def test_systemd_starts_runs_at_exactly_this_interval(minutes: int) -> None:
    calendar = interval.calendar(minutes)
    assert ANALYZE
    assert calendar
    command = [ANALYZE, "calendar", "--iterations=40", calendar]
    environment = {"TZ": "Europe/Berlin", "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    shown = re.findall(r"(?:\(in UTC\)|Next elapse): \w+ ([\d-]+ [\d:]+) UTC$", done.stdout, re.M)
    assert len(shown) == 40
    times = [datetime.fromisoformat(text) for text in shown]
    assert {b - a for a, b in pairwise(times)} == {minutes * MINUTE}


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(15, "15m"), (60, "1h"), (90, "1h30m"), (1440, "24h"), (1500, "25h"), (10080, "7d")],
)
def test_interval_is_written_as_it_is_passed(minutes: int, text: str) -> None:
    assert interval.text(minutes) == text
