"""Observed uptime by day: worked out by hand, and by sets of minutes for random histories."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median_low
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Date, Engine, bindparam, text
from support.builders import connect
from support.databases import new_database
from support.effort import KINDS
from support.scenario import at
from support.stored_world import Interval, Life, Outage, World, store
from support.view_rows import expected, rows_of, to_lines

from inventory.db import views
from inventory.db.engine import is_sqlite, rollback

Row = dict[str, Any]

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture(scope="module", params=KINDS)
def empty(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database without a row, on each kind in turn; every test rolls back what it writes."""
    if request.param == "sqlite":
        yield connect(f"sqlite:///{request.getfixturevalue('sqlite_template')}")
    else:
        server = request.getfixturevalue("postgres_server")
        with new_database(server, request.getfixturevalue("postgres_template")) as url:
            yield connect(url)


def daily(connection: Connection, first: date, last: date) -> list[Row]:
    statement = views.query("availability_daily", connection).bindparams(
        bindparam("first_day", first, Date()), bindparam("last_day", last, Date())
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


# --- by hand --------------------------------------------------------------------------------


def nov(words: str) -> datetime:
    """Return a time of November, as in "03 20:00"."""
    return datetime.strptime(f"2026-11-{words}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def spans(words: str) -> list[Interval]:
    """Return intervals of November, as in "02 09:00 - 02 12:00, 02 18:00 -"."""
    pairs = ([at.strip() for at in each.split("-")] for each in words.split(","))
    return [(nov(start), nov(end) if end else None) for start, end in pairs]


def outages(*words: str) -> list[Outage]:
    """Return outages, each from the intervals of its versions."""
    return [(versions[0][0], versions) for versions in map(spans, words)]


# Runs at full hours, with gaps from 03 20:00 to 04 04:00, from 05 10:00 to 08 02:00, and from
# 10 06:00 until now. Three hours without a run, three typical intervals, are no gap.
WITHOUT_RUN = [("02 05:00", "02 08:00"), ("03 20:00", "04 04:00"), ("05 10:00", "08 02:00")]
HOURLY = [
    run
    for hours in range(9 * 24 + 7)
    if not any(
        nov(start) < (run := nov("01 00:00") + hours * HOUR) < nov(end)
        for start, end in WITHOUT_RUN
    )
]
# The other account is read once a day, so a day without a run is no gap.
DAILY = [nov("01 06:00") + day * timedelta(days=1) for day in range(-2, 10)]
BY_HAND = World(
    nov("10 12:00"),
    {"hourly": HOURLY, "daily": DAILY},
    {
        "steady": Life("hourly", spans("01 00:00 - 04 10:00, 04 10:00 - 09 01:00, 09 01:00 -"), []),
        "slow": Life("daily", spans("01 06:00 -"), []),
        "comes_and_goes": Life(
            "hourly", spans("02 09:00 - 02 12:00, 02 18:00 - 02 20:00, 02 20:00 - 03 10:00"), []
        ),
        "flaps": Life(
            "hourly",
            spans("01 00:00 -"),
            outages(
                "01 02:00 - 01 03:00",
                "01 05:00 - 01 06:00, 01 06:00 - 01 07:00",
                "01 23:00 - 02 01:00",
                "09 18:00 - 09 23:00, 09 23:00 -",
            ),
        ),
        "down_in_gaps": Life(
            "hourly",
            spans("03 00:00 -"),
            outages("03 18:00 - 03 19:00, 03 19:00 - 05 09:00, 05 09:00 - 08 04:00"),
        ),
        # Its deadline passed half an hour before the run that found it overdue.
        "stale": Life("hourly", spans("08 12:00 -"), [(nov("09 23:30"), spans("10 00:00 -"))]),
        # Its older versions were pruned; the start of its outage was not.
        "pruned": Life("hourly", spans("09 12:00 -"), [(nov("08 12:00"), spans("09 12:00 -"))]),
        "removed_when_down": Life(
            "daily", spans("01 06:00 - 02 06:00"), outages("01 06:00 - 02 06:00")
        ),
    },
)
# connector_id | day | minutes | observed | down | up | availability | coverage
DAYS_BY_HAND = """
steady            | 01 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
steady            | 02 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
steady            | 03 | 1440 | 1200 | 0    | 1200 | 1.0    | 0.8333
steady            | 04 | 1440 | 1200 | 0    | 1200 | 1.0    | 0.8333
steady            | 05 | 1440 | 600  | 0    | 600  | 1.0    | 0.4167
steady            | 06 | 1440 | 0    | 0    | 0    | -      | 0.0
steady            | 07 | 1440 | 0    | 0    | 0    | -      | 0.0
steady            | 08 | 1440 | 1320 | 0    | 1320 | 1.0    | 0.9167
steady            | 09 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
steady            | 10 | 720  | 360  | 0    | 360  | 1.0    | 0.5
slow              | 01 | 1080 | 1080 | 0    | 1080 | 1.0    | 1.0
slow              | 02 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 03 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 04 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 05 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 06 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 07 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 08 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 09 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
slow              | 10 | 720  | 720  | 0    | 720  | 1.0    | 1.0
comes_and_goes    | 02 | 540  | 540  | 0    | 540  | 1.0    | 1.0
comes_and_goes    | 03 | 600  | 600  | 0    | 600  | 1.0    | 1.0
flaps             | 01 | 1440 | 1440 | 240  | 1200 | 0.8333 | 1.0
flaps             | 02 | 1440 | 1440 | 60   | 1380 | 0.9583 | 1.0
flaps             | 03 | 1440 | 1200 | 0    | 1200 | 1.0    | 0.8333
flaps             | 04 | 1440 | 1200 | 0    | 1200 | 1.0    | 0.8333
flaps             | 05 | 1440 | 600  | 0    | 600  | 1.0    | 0.4167
flaps             | 06 | 1440 | 0    | 0    | 0    | -      | 0.0
flaps             | 07 | 1440 | 0    | 0    | 0    | -      | 0.0
flaps             | 08 | 1440 | 1320 | 0    | 1320 | 1.0    | 0.9167
flaps             | 09 | 1440 | 1440 | 360  | 1080 | 0.75   | 1.0
flaps             | 10 | 720  | 360  | 360  | 0    | 0.0    | 0.5
down_in_gaps      | 03 | 1440 | 1200 | 120  | 1080 | 0.9    | 0.8333
down_in_gaps      | 04 | 1440 | 1200 | 1200 | 0    | 0.0    | 0.8333
down_in_gaps      | 05 | 1440 | 600  | 600  | 0    | 0.0    | 0.4167
down_in_gaps      | 06 | 1440 | 0    | 0    | 0    | -      | 0.0
down_in_gaps      | 07 | 1440 | 0    | 0    | 0    | -      | 0.0
down_in_gaps      | 08 | 1440 | 1320 | 120  | 1200 | 0.9091 | 0.9167
down_in_gaps      | 09 | 1440 | 1440 | 0    | 1440 | 1.0    | 1.0
down_in_gaps      | 10 | 720  | 360  | 0    | 360  | 1.0    | 0.5
stale             | 08 | 720  | 720  | 0    | 720  | 1.0    | 1.0
stale             | 09 | 1440 | 1440 | 30   | 1410 | 0.9792 | 1.0
stale             | 10 | 720  | 360  | 360  | 0    | 0.0    | 0.5
pruned            | 09 | 720  | 720  | 720  | 0    | 0.0    | 1.0
pruned            | 10 | 720  | 360  | 360  | 0    | 0.0    | 0.5
removed_when_down | 01 | 1080 | 1080 | 1080 | 0    | 0.0    | 1.0
removed_when_down | 02 | 360  | 360  | 360  | 0    | 0.0    | 1.0
"""
SHOWN = "minutes observed_minutes down_minutes up_minutes availability coverage"


def lines(rows: list[Row]) -> list[str]:
    names = SHOWN.split()
    return to_lines(
        (row["connector_id"], f"{row['day']:%d}", *(row[name] for name in names)) for row in rows
    )


def test_every_day_on_which_a_connector_existed_has_a_row(empty: Engine) -> None:
    with rollback(empty) as connection:
        store(connection, BY_HAND)
        found = daily(connection, date(2026, 10, 1), date(2026, 12, 1))
    assert lines(found) == expected(DAYS_BY_HAND)
    assert {(row["day"].year, row["day"].month) for row in found} == {(2026, 11)}


@pytest.mark.parametrize(("first", "last"), [(1, 1), (4, 5), (6, 6), (8, 10), (10, 12), (11, 12)])
def test_part_of_the_days_has_the_same_rows(empty: Engine, first: int, last: int) -> None:
    with rollback(empty) as connection:
        store(connection, BY_HAND)
        found = daily(connection, date(2026, 11, first), date(2026, 11, last))
    wanted = [line for line in expected(DAYS_BY_HAND) if first <= int(line.split("|")[1]) <= last]
    assert lines(found) == wanted


def test_last_day_before_the_first_one_has_no_rows(empty: Engine) -> None:
    with rollback(empty) as connection:
        store(connection, BY_HAND)
        assert daily(connection, date(2026, 11, 5), date(2026, 11, 4)) == []


def test_database_without_a_connector_has_no_rows(empty: Engine) -> None:
    with rollback(empty) as connection:
        assert daily(connection, date(2026, 11, 1), date(2026, 11, 30)) == []


def test_seconds_add_up_before_they_become_minutes(empty: Engine) -> None:
    """As each of two outages lasts 40 seconds, it was down for a minute, not for none."""
    base = nov("02 10:00")

    def second(at: float) -> datetime:
        return base + timedelta(seconds=at)

    twice: list[Outage] = [
        (second(start), [(second(start), second(start + 40))]) for start in (0.9, 100.3)
    ]
    lives = {
        "flaps": Life("one", [(base, second(130.7)), (second(130.7), second(245.5))], twice),
        "too_short": Life("one", [(second(0.2), second(0.9))], []),
    }
    with rollback(empty) as connection:
        store(connection, World(nov("03 00:00"), {"one": [base, nov("03 00:00")]}, lives))
        found = daily(connection, base.date(), base.date())
    # 245 seconds, of which 80 were down, and 165 were not.
    assert lines(found) == ["flaps | 02 | 4 | 4 | 1 | 2 | 0.6735 | 1.0"]


def test_typical_interval_is_that_of_the_days_themselves(empty: Engine) -> None:
    """Runs are an hour apart now; that those of a year ago were 12 hours apart left no gap."""
    now = nov("10 12:00")
    year_ago = nov("05 00:00") - timedelta(days=365)
    runs = [year_ago + number * 12 * HOUR for number in range(9)]
    runs += [now - number * HOUR for number in range(24)]
    lives = {"steady": Life("one", [(year_ago, None)], [])}
    with rollback(empty) as connection:
        store(connection, World(now, {"one": sorted(runs)}, lives))
        found = daily(connection, year_ago.date(), year_ago.date() + timedelta(days=5))
    observed = {row["day"].day: row["observed_minutes"] for row in found}
    assert observed == {5: 1440, 6: 1440, 7: 1440, 8: 1440, 9: 0, 10: 0}


def test_day_begins_in_utc_wherever_the_session_is(empty: Engine) -> None:
    with rollback(empty) as connection:
        store(connection, BY_HAND)
        if not is_sqlite(connection):
            connection.execute(text("set local time zone 'Pacific/Auckland'"))
        found = daily(connection, date(2026, 11, 1), date(2026, 11, 10))
    assert lines(found) == expected(DAYS_BY_HAND)


def test_columns_are_those_of_the_header(empty: Engine) -> None:
    described = views.described("availability_daily")
    assert described.key == ("connector_id", "day")
    with rollback(empty) as connection:
        store(connection, BY_HAND)
        found = daily(connection, date(2026, 11, 1), date(2026, 11, 10))
    assert list(found[0]) == list(described.columns)
    types = {name: {type(row[name]) for row in found} - {type(None)} for name in found[0]}
    kinds = {"Text": str, "Date": date, "BigInteger": int, "Double": float}
    for name, column in described.columns.items():
        assert types[name] <= {kinds[type(column.type).__name__]}


# --- against the view of 30 days ------------------------------------------------------------


def test_days_add_up_to_availability_30d(scenario: Engine) -> None:
    """At midnight, the last 30 days are whole days."""
    now = "11-20 00:00"
    counts = ["minutes", "observed_minutes", "down_minutes", "up_minutes"]
    with at(scenario, now) as connection:
        found = daily(connection, date(2026, 10, 21), date(2026, 11, 19))
    sums: dict[str, list[int]] = {}
    for row in found:
        sum_of = sums.setdefault(row["connector_id"], [0] * len(counts))
        sums[row["connector_id"]] = [
            so_far + row[of] for so_far, of in zip(sum_of, counts, strict=True)
        ]
    want = rows_of(scenario, "availability_30d", f"connector_id {' '.join(counts)}", now)
    assert to_lines((name, *of) for name, of in sums.items()) == want
    assert sum(row["down_minutes"] for row in found) > 0


# --- random histories -----------------------------------------------------------------------

DAYS = 6
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def clock_of(minute: int) -> datetime:
    return BEGIN + minute * MINUTE


def chopped(random: Random, start: int, end: int, parts: int) -> list[tuple[int, int]]:
    """Cut an interval into versions that follow each other."""
    cuts = sorted({start, end, *(random.randint(start, end) for _ in range(parts))})
    return list(pairwise(cuts))


class Plan(NamedTuple):
    """A random history by minutes since BEGIN; what ends after `now` is open."""

    now: int
    runs: dict[str, list[int]]
    accounts: dict[str, str]
    lives: dict[str, list[tuple[int, int]]]
    outages: dict[str, list[tuple[int, int]]]


def random_plan(random: Random) -> Plan:
    now = random.randint(3 * 1440, DAYS * 1440)
    runs = {}
    for account, step in (("often", 15), ("seldom", 240)):
        several = (step * random.choice((1, 1, 1, 1, 1, 2, 3, 4, 9, 30)) for _ in range(999))
        runs[account], minute = [], random.randint(0, 600)
        for wait in several:
            if minute > now:
                break
            runs[account].append(minute)
            minute += wait
    plan = Plan(now, runs, {}, {}, {})
    for number in range(8):
        name = f"connector_{number}"
        cuts = sorted(random.sample(range(now), 4))
        lives = [(cuts[0], cuts[1]), (cuts[2], random.choice((cuts[3], now + 1)))]
        plan.accounts[name] = random.choice([*runs])
        plan.lives[name] = lives[random.randint(0, 1) :]
        plan.outages[name] = [
            outage
            for life in plan.lives[name]
            for outage in chopped(random, *life, random.randint(0, 9))[:: random.randint(2, 3)]
        ]
    return plan


def world_of(plan: Plan, random: Random) -> World:
    def versions(start: int, end: int) -> list[Interval]:
        parts = chopped(random, start, min(end, plan.now), random.randint(0, 3))
        found: list[Interval] = [(clock_of(one), clock_of(other)) for one, other in parts]
        return [*found[:-1], (found[-1][0], None)] if end > plan.now else found

    lives = {
        name: Life(
            account,
            [version for life in plan.lives[name] for version in versions(*life)],
            [
                (clock_of(start), versions(start, end))
                for start, end in plan.outages[name]
                if start < plan.now
            ],
        )
        for name, account in plan.accounts.items()
    }
    runs = {name: [clock_of(run) for run in of_account] for name, of_account in plan.runs.items()}
    return World(clock_of(plan.now), runs, lives)


def minutes_of(intervals: list[tuple[int, int]], now: int) -> set[int]:
    return {minute for start, end in intervals for minute in range(start, min(end, now))}


def unobserved(runs: list[int], now: int) -> set[int]:
    waits = [later - run for run, later in pairwise(runs)]
    longest = 3 * max(median_low(waits), 5) if waits else 0
    pairs = zip(runs, [*runs[1:], now], strict=True)
    return minutes_of([pair for pair in pairs if pair[1] - pair[0] > longest], now)


def counted(plan: Plan) -> set[tuple[Any, ...]]:
    """Work out the rows by sets of minutes."""
    found = set()
    for name, account in plan.accounts.items():
        lived = minutes_of(plan.lives[name], plan.now)
        observed = lived - unobserved(plan.runs[account], plan.now)
        down = observed & minutes_of(plan.outages[name], plan.now)
        for number in range(DAYS):
            day = {*range(number * 1440, (number + 1) * 1440)}
            if lived & day:
                of_day = [len(each & day) for each in (lived, observed, down, observed - down)]
                found.add((name, clock_of(number * 1440).date(), *of_day))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_random_history_equals_sets_of_minutes(empty: Engine, seed: int) -> None:
    random = Random(seed)
    plan = random_plan(random)
    with rollback(empty) as connection:
        store(connection, world_of(plan, random))
        found = daily(connection, BEGIN.date(), BEGIN.date() + timedelta(days=DAYS))
    names = ("connector_id", "day", "minutes", "observed_minutes", "down_minutes", "up_minutes")
    rows = [tuple(row[name] for name in names) for row in found]
    assert len(rows) == len({*rows})
    assert {*rows} == counted(plan)


# --- plans ----------------------------------------------------------------------------------


def test_recent_days_are_found_by_the_ends_of_versions(sqlite_template: Any) -> None:
    """SQLite would otherwise read all history by its starts, or compare each row with each."""
    with rollback(connect(f"sqlite:///{sqlite_template}")) as connection:
        statement = str(views.query("availability_daily", connection).element)
        days = {"first_day": "2026-11-01", "last_day": "2026-11-04"}
        plan = connection.execute(text(f"explain query plan {statement}"), days).all()
    steps = [step for *_, step in plan]
    assert "SEARCH connectors_past USING INDEX ix_connectors_past_valid_to (valid_to>?)" in steps
    assert any("ix_connector_status_past_down (valid_to>?)" in step for step in steps)
    assert sum("AUTOMATIC COVERING INDEX" in step for step in steps) >= 4
    computed_once = ("day", "gap", "version", "lifetime", "outage", "down")
    assert {f"MATERIALIZE {name}" for name in computed_once} <= {*steps}
