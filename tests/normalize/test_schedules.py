"""Due times worked out by hand, and by a second computation that steps through minutes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import cronsim
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from inventory.normalize import schedules

HOUR, QUARTER, DAY = timedelta(hours=1), timedelta(minutes=15), timedelta(days=1)
WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FRIDAY = "2026-11-20 06:10"
ODD = [("schedule", "is not a schedule that can be computed")]


def cell(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat(" ", "microseconds")


def due_of(succeeded_at: str | None, **fields: Any) -> tuple[str | None, list[tuple[str, str]]]:
    connector = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return schedules.due_at(connector, succeeded_at and cell(succeeded_at))


def scheduled(succeeded_at: str | None, **schedule: Any) -> tuple[str | None, list[Any]]:
    return due_of(succeeded_at, schedule_type="auto", sync_frequency=360, schedule=schedule)


cron = partial(scheduled, schedule_type="CRON")
daily = partial(scheduled, schedule_type="TIME_OF_DAY")
interval = partial(scheduled, schedule_type="INTERVAL")


# --- by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"schedule_type": "auto", "sync_frequency": 360}, "2026-11-20 19:10"),
        ({"schedule_type": "auto", "sync_frequency": "60"}, "2026-11-20 09:10"),
        ({"schedule_type": "auto", "sync_frequency": 60.0}, "2026-11-20 09:10"),
        ({"schedule_type": "auto", "sync_frequency": 1}, "2026-11-20 07:12"),
        ({"schedule_type": "auto", "sync_frequency": 525600}, "2028-11-19 07:10"),
        # In some zone the success is at the time of a sync: 48 hours, and one.
        (
            {"schedule_type": "auto", "sync_frequency": 1440, "daily_sync_time": "03:00"},
            "2026-11-22 07:10",
        ),
        ({"schedule_type": "auto", "sync_frequency": 60, "schedule": None}, "2026-11-20 09:10"),
        ({"schedule_type": "auto", "sync_frequency": 0}, None),
        ({"schedule_type": "auto", "sync_frequency": 525601}, None),
        ({"schedule_type": "auto", "sync_frequency": True}, None),
        ({"schedule_type": "auto", "sync_frequency": "often"}, None),
        ({"schedule_type": "auto", "sync_frequency": None}, None),
        ({"schedule_type": "auto"}, None),
        ({"schedule_type": None, "sync_frequency": 60}, None),
        ({"schedule_type": "seldom", "sync_frequency": 60}, None),
        ({"schedule_type": 7, "sync_frequency": 60}, None),
        ({"sync_frequency": 60}, None),
        ({"schedule_type": "manual", "sync_frequency": 60}, None),
        # A schedule that is not an object is counted as invalid; the frequency is not used.
        ({"schedule_type": "auto", "sync_frequency": 60, "schedule": "CRON"}, None),
        ({"schedule_type": "auto", "sync_frequency": 60, "schedule": [1]}, None),
    ],
)
def test_due_after_twice_the_frequency_and_an_hour(fields: dict[str, Any], due: str | None) -> None:
    assert due_of(FRIDAY, **fields) == (due and cell(due), [])


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ({"interval": 90}, "2026-11-20 10:10"),
        ({"interval": "90", "days_of_week": []}, "2026-11-20 10:10"),
        ({"interval": 90, "days_of_week": [*WEEK]}, "2026-11-20 10:10"),
        ({"interval": 90, "days_of_week": [*WEEK[:5]]}, "2026-11-22 10:10"),  # not on two days
        ({"interval": 90, "days_of_week": ["monday"]}, "2026-11-26 10:10"),  # not on six
        ({"interval": 90, "days_of_week": ["TUE", "Sunday"]}, "2026-11-24 10:10"),  # Wed to Sat
        ({"interval": 90, "days_of_week": ["WED", "THU"]}, "2026-11-25 10:10"),  # Fri to Tue
    ],
)
def test_interval_does_not_count_days_without_schedule(schedule: dict[str, Any], due: str) -> None:
    assert interval(FRIDAY, **schedule) == (cell(due), [])


def test_interval_of_a_day_on_days_apart_waits_for_the_second_of_them() -> None:
    """Two scheduled days after Monday at ten end on the Mondays below."""
    due = partial(interval, "2026-11-16 10:00", interval=1440)
    assert due(days_of_week=["MON", "THU"]) == (cell("2026-11-23 11:00"), [])
    assert due(days_of_week=["MON"]) == (cell("2026-11-30 11:00"), [])


def test_too_many_lines_or_bytes_are_an_anomaly() -> None:
    odd = (None, ODD)
    assert cron("2026-11-20 06:10", cron=["0 6 * * *"] * 20)[0] == cell("2026-11-22 07:10")
    assert cron("2026-11-20 06:10", cron=["0 6 * * *"] * 21) == odd
    assert cron("2026-11-20 06:10", cron="0 6 * * *", note="x" * 2000) == odd


def test_weekday_connector_is_due_on_tuesday_and_not_at_the_weekend() -> None:
    due = (cell("2026-11-24 07:10"), [])
    assert cron(FRIDAY, cron="0 6 * * 1-5") == due
    assert daily(FRIDAY, time_of_day="06:00", days_of_week=[*WEEK[:5]]) == due


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        ("0 6 * * *", "2026-11-22 07:10"),  # 48 hours and one, whatever the zone
        (["0 6 * * *", "0 18 * * *"], "2026-11-21 07:10"),
        (["0 6 * * *", "0 6 * * *"], "2026-11-22 07:10"),  # once is once
        ("*/15 * * * *", "2026-11-20 07:40"),
        # No firing is near: the second one is 2027-01-01, 12 hours later west of UTC, and an hour.
        ("0 0 1 * *", "2027-01-01 13:00"),
        ("0 0 29 2 *", "2032-02-29 13:00"),
        ("0 6 * * mon", "2026-11-30 19:00"),
    ],
)
def test_due_after_the_second_firing_of_cron_lines(lines: Any, due: str) -> None:
    assert cron(FRIDAY, cron=lines) == (cell(due), [])


def test_weekly_cron_may_have_fired_east_of_utc() -> None:
    """It fires on Mondays at 06:00; at UTC+14 that was ten minutes before the success."""
    assert cron("2026-11-22 16:10", cron="0 6 * * MON") == (cell("2026-12-06 17:10"), [])


def test_schedule_takes_precedence_over_frequency_but_not_over_manual() -> None:
    schedule = {"schedule_type": "interval", "interval": 15}
    fields = {"sync_frequency": 360, "schedule": schedule}
    assert due_of(FRIDAY, **fields, schedule_type="auto") == (cell("2026-11-20 07:40"), [])
    assert due_of(FRIDAY, **fields) == (cell("2026-11-20 07:40"), [])
    assert due_of(FRIDAY, **fields, schedule_type="manual") == (None, [])


@pytest.mark.parametrize("kind", ["MANUAL", "manual"])
def test_manual_schedule_is_never_due(kind: str) -> None:
    assert scheduled(FRIDAY, schedule_type=kind) == (None, [])


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"schedule_type": None},
        {"schedule_type": "HOURLY"},
        {"schedule_type": 7},
        {"schedule_type": "INTERVAL"},
        *({"schedule_type": "INTERVAL", "interval": n} for n in (0, -60, 525601, "soon", [60])),
        {"schedule_type": "INTERVAL", "interval": 60, "days_of_week": ["MON", "NODAY"]},
        {"schedule_type": "INTERVAL", "interval": 60, "days_of_week": "MON"},
        {"schedule_type": "TIME_OF_DAY", "time_of_day": "06:00", "days_of_week": [1]},
        {"schedule_type": "TIME_OF_DAY"},
        *({"schedule_type": "TIME_OF_DAY", "time_of_day": t} for t in ("24:00", "6", "06:60", 6)),
        {"schedule_type": "CRON"},
        *({"schedule_type": "CRON", "cron": c} for c in ([], [None], 5, "", "@daily", "0 6 * *")),
        *({"schedule_type": "CRON", "cron": c} for c in ("60 6 * * *", "0 6 30 2 *", "? 6 * * *")),
        {"schedule_type": "CRON", "cron": ["0 6 * * *", "0 6 30 2 *"]},
        {"schedule_type": "CRON", "cron": "0 6 */31 * 1#5"},  # the first day is no fifth Monday
    ],
)
def test_impossible_schedule_is_an_anomaly_and_never_due(schedule: dict[str, Any]) -> None:
    assert scheduled(FRIDAY, **schedule) == (None, ODD)


def test_digits_that_python_refuses_are_an_anomaly() -> None:
    """Guards against a ValueError: int() takes 4,300 digits."""
    assert cron(FRIDAY, cron=f"{'1' * 5000} 6 * * *") == (None, ODD)


@given(st.text("0123456789*/,-#L?W ", max_size=30) | st.text(max_size=30))
def test_any_text_for_a_cron_line_raises_nothing(line: str) -> None:
    due, odd = cron(FRIDAY, cron=line)
    assert (due is None) == (odd == ODD)


@pytest.mark.parametrize("succeeded_at", ["0001-01-01 00:10", "9999-12-31 23:50"])
@pytest.mark.parametrize("line", ["0 6 * * *", "* * * * *", "0 0 29 2 *", "0 0 31 12 *"])
def test_success_at_the_ends_of_the_calendar_is_never_due(succeeded_at: str, line: str) -> None:
    assert cron(succeeded_at, cron=line) == (None, [])


def test_deadline_after_the_last_year_is_none() -> None:
    assert interval("9999-12-31 23:50", interval=60) == (None, [])
    assert due_of("9999-12-31 23:50", schedule_type="auto", sync_frequency=60) == (None, [])


def test_without_a_success_there_is_no_deadline() -> None:
    assert due_of(None, schedule_type="auto", sync_frequency=60) == (None, [])
    assert cron(None, cron="0 6 * * *") == (None, [])


# --- the cost, in steps -------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One element for each firing that cronsim computes."""
    taken: list[None] = []
    step = cronsim.CronSim.__next__

    def counted(self: cronsim.CronSim) -> datetime:
        taken.append(None)
        return step(self)

    monkeypatch.setattr(cronsim.CronSim, "__next__", counted)
    return taken


@pytest.mark.parametrize("line", ["* * * * *", "*/5 * * * *", "*/15 6-18 * * 1-5"])
def test_frequent_cron_takes_few_steps_a_connector(steps: list[None], line: str) -> None:
    cron(FRIDAY, cron=line)
    steps.clear()
    for hour in range(10, 20):
        assert cron(f"2026-11-20 {hour}:10", cron=line)[0]
    assert len(steps) <= 10 * 8


def test_cron_that_never_fires_is_tried_once(steps: list[None]) -> None:
    cron(FRIDAY, cron="1 6 */31 * 1#5")
    steps.clear()
    assert cron("2026-11-21 06:10", cron="1 6 */31 * 1#5") == (None, ODD)
    assert not steps


# --- a second computation -----------------------------------------------------------------------

# A field of a cron line, as a text and as the values it stands for.
Place = tuple[str, set[int]]


def place(least: int, most: int, named: int | None = None) -> st.SearchStrategy[Place]:
    """Any value, or up to four values, none greater than `named`."""
    some = st.sets(st.integers(least, named or most), min_size=1, max_size=4)
    listed = some.map(lambda values: (",".join(map(str, sorted(values))), values))
    return st.just(("*", {*range(least, most + 1)})) | listed


def steps_of(step: int) -> Place:
    return f"*/{step}", {*range(0, 60, step)}


QUARTERS = st.sets(st.sampled_from([0, 15, 30, 45]), min_size=1).map(
    lambda values: (",".join(map(str, sorted(values))), values)
)
ANY_MINUTES = QUARTERS | place(0, 59) | st.sampled_from([2, 5, 7, 20]).map(steps_of)


def lines_of(minutes: st.SearchStrategy[Place]) -> st.SearchStrategy[list[tuple[Place, ...]]]:
    month = st.just(("*", {*range(1, 13)}))
    line = st.tuples(minutes, place(0, 23), place(1, 31, named=28), month, place(0, 6))
    return st.lists(line, min_size=1, max_size=3)


def fires_on(line: tuple[Place, ...], day: datetime) -> bool:
    """Cron counts days from Sunday; if both fields name days, one of them is enough."""
    (dom, days), (_, months), (dow, weekdays) = line[2:]
    of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
    either = of_month or of_week if "*" not in (dom, dow) else of_month and of_week
    return day.month in months and either


def naive_firings(lines: list[tuple[Place, ...]], after: datetime) -> Iterator[datetime]:
    day = after.replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        clocks = [line for line in lines if fires_on(line, day)]
        for minute in range(24 * 60 if clocks else 0):
            at = day + timedelta(minutes=minute)
            if at > after and any(at.minute in m[1] and at.hour in h[1] for m, h, *_ in clocks):
                yield at
        day += DAY


def naive_due(lines: list[tuple[Place, ...]], success: datetime) -> datetime:
    """The latest due time of all offsets of whole quarters of an hour."""
    firings: list[datetime] = []
    for firing in naive_firings(lines, success - 12 * HOUR):
        firings.append(firing)
        if len(firings) > 1 and firings[-2] > success + 14 * HOUR:
            break
    offsets = [quarters * QUARTER for quarters in range(-48, 57)]
    return HOUR + max(
        [firing for firing in firings if firing > success + offset][1] - offset
        for offset in offsets
    )


def spelled(lines: list[tuple[Place, ...]]) -> list[str]:
    return [" ".join(text for text, _ in line) for line in lines]


@given(lines_of(QUARTERS), st.integers(0, 4 * 24 * 365))
def test_second_computation_gives_the_same_on_whole_quarters(lines: Any, quarters: int) -> None:
    success = datetime(2027, 6, 1, tzinfo=UTC) + quarters * QUARTER
    due = cell(naive_due(lines, success).replace(tzinfo=None).isoformat())
    assert cron(success.replace(tzinfo=None).isoformat(), cron=spelled(lines)) == (due, [])


@given(
    lines_of(ANY_MINUTES),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_second_computation_is_never_later_and_never_much_earlier(
    lines: Any, success: datetime
) -> None:
    due, odd = cron(success.replace(tzinfo=None).isoformat(), cron=spelled(lines))
    assert odd == []
    late = datetime.fromisoformat(due or "") - naive_due(lines, success)
    assert timedelta(0) <= late < QUARTER  # the offsets between the quarters


@given(
    st.integers(0, 95),
    st.sets(st.sampled_from(WEEK), min_size=1),
    st.integers(0, 4 * 24 * 30),
)
def test_time_of_day_is_due_like_a_cron_line_of_its_days(
    at: int, days: set[str], quarters: int
) -> None:
    success = datetime(2026, 11, 1, tzinfo=UTC) + quarters * QUARTER
    hour, minute = divmod(15 * at, 60)
    line = (
        (str(minute), {minute}),
        (str(hour), {hour}),
        ("*", {*range(1, 32)}),
        ("*", {*range(1, 13)}),
        ("some", {(WEEK.index(day) + 1) % 7 for day in days}),
    )
    due = cell(naive_due([line], success).replace(tzinfo=None).isoformat())
    found = daily(
        success.replace(tzinfo=None).isoformat(),
        time_of_day=f"{hour:02}:{minute:02}:00",
        days_of_week=[*days],
    )
    assert found == (due, [])
