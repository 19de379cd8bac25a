"""The worst health and the observed share of each day, worked out by hand from a few runs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.builders import KEY, SECRET, Account, FakeClock, api_settings, connect, item
from support.databases import new_database
from support.effort import KINDS
from support.four_days import stop_clock
from support.scenario import at

from inventory.db import session
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.queries.daily_health import DayOfHealth, daily_health
from inventory.sync.run import sync

# The runs are six hours apart, with a gap of 54 hours before 6 November, which is not over.
HOURS = {1: (3, 9, 15, 21), 2: (3, 9, 15, 21), 3: (3, 9, 15, 21), 6: (3, 9)}
NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
LAST_RUN = NOW.date()
FIRST, LAST = date(2026, 10, 31), date(2026, 11, 7)

BROKEN, WORKS = {"setup_state": "broken"}, {"setup_state": "connected"}
FAILED, WARNED = "2026-11-21T01:00:00Z", {"warnings": [{"code": "slow", "message": "Slow."}]}
AT_FIRST: dict[str, dict[str, Any]] = {
    "steady": {},
    "breaks": {},
    "breaks_before_the_gap": {},
    "blocked_once": {"status": WARNED},
    "fails_then_breaks": {},
    "pauses": {},
    "goes_and_returns": {},
    # Due at 23:30, which the run at 03:00 of the next day finds.
    "stale": {"sync_frequency": 60, "succeeded_at": "2026-11-01T20:30:00Z"},
    "stale_once": {"sync_frequency": 60, "succeeded_at": "2026-11-01T20:30:00Z"},
    "breaks_last": {},
}
# Day and hour to what changes then; None = it is no longer in the list.
SCRIPT: dict[tuple[int, int], dict[str, dict[str, Any] | None]] = {
    (1, 9): {"breaks": {"status": BROKEN}},
    (2, 3): {"breaks": {"status": WORKS}, "fails_then_breaks": {"failed_at": FAILED}},
    (2, 9): {
        "blocked_once": {"status": {"schema_status": "blocked_on_capture"}},
        "fails_then_breaks": {"status": BROKEN},
        "pauses": {"paused": True},
        "goes_and_returns": None,
    },
    (2, 15): {
        "born": {},
        "blocked_once": {"status": WARNED},
        "fails_then_breaks": {"failed_at": FAILED},
        "pauses": {},
    },
    (3, 9): {"goes_and_returns": {}, "stale_once": {}},
    (3, 21): {"breaks_before_the_gap": {"status": BROKEN}},
    (6, 3): {"breaks_before_the_gap": {"status": WORKS}},
    (6, 9): {"breaks_last": {"status": BROKEN}},
}
# 31 October to 7 November: what a day is called, and its observed hours.
EXPECTED = """
steady                | - 0 | healthy 21 | healthy 24 | healthy 21 | - 0 | - 0 | healthy 9 | - 0
breaks                | - 0 | broken 21  | broken 24  | healthy 21 | - 0 | - 0 | healthy 9 | - 0
breaks_before_the_gap | - 0 | healthy 21 | healthy 24 | broken 21  | - 0 | - 0 | healthy 9 | - 0
blocked_once          | - 0 | warning 21 | blocked 24 | warning 21 | - 0 | - 0 | warning 9 | - 0
fails_then_breaks     | - 0 | healthy 21 | broken 24  | failing 21 | - 0 | - 0 | failing 9 | - 0
pauses                | - 0 | healthy 21 | paused 24  | healthy 21 | - 0 | - 0 | healthy 9 | - 0
goes_and_returns      | - 0 | healthy 21 | healthy 9  | healthy 12 | - 0 | - 0 | healthy 9 | - 0
stale                 | - 0 | stale 21   | stale 24   | stale 21   | - 0 | - 0 | stale 9   | - 0
stale_once            | - 0 | stale 21   | stale 24   | stale 21   | - 0 | - 0 | healthy 9 | - 0
breaks_last           | - 0 | healthy 21 | healthy 24 | healthy 21 | - 0 | - 0 | broken 9  | - 0
born                  | - 0 | - 0        | healthy 9  | healthy 21 | - 0 | - 0 | healthy 9 | - 0
elsewhere             | - 0 | healthy 6  | - 0        | - 0        | - 0 | - 0 | - 0       | - 0
"""


def play(engine: Engine) -> None:
    """Run the job at each of the hours; of another account only twice."""
    account, other, clock = Account(), Account(), FakeClock()
    other.account_id, other.connectors = "account_two", [item("elsewhere")]
    listed = {name: item(name, **more) for name, more in AT_FIRST.items()}
    with (
        FakeApi(account, key=KEY, secret=SECRET) as api,
        FakeApi(other, key="another-key", secret=SECRET) as other_api,
    ):
        for number, (day, hour) in enumerate((d, h) for d, hours in HOURS.items() for h in hours):
            for name, change in SCRIPT.get((day, hour), {}).items():
                listed[name] = item(name, **(change or {}))
                if change is None:
                    del listed[name]
            clock.now = datetime(2026, 11, day, hour, tzinfo=UTC)
            account.connectors = [*listed.values()]
            assert sync(engine, api_settings(api), clock=clock)["status"] == "succeeded"
            if number < 2:
                clock.now += timedelta(seconds=1)
                assert sync(engine, api_settings(other_api), clock=clock)["added"] in (0, 1)
    stop_clock(engine, NOW)


@pytest.fixture(scope="module", params=KINDS)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The database after the last run, on each kind in turn; no test changes it."""
    if request.param == "sqlite":
        engine = connect(f"sqlite:///{tmp_path_factory.mktemp('days') / 'inventory.db'}")
        play(engine)
        yield engine
    else:
        with new_database(request.getfixturevalue("postgres_server")) as url:
            play(connect(url))
            yield connect(url)


def days_of(
    engine: Engine, ids: list[str] | None = None, first: date = FIRST, last: date = LAST
) -> dict[str, list[DayOfHealth]]:
    with session.open_session(engine) as connection:
        return daily_health(connection, first_day=first, last_day=last, connector_ids=ids)


def in_words(days: list[DayOfHealth]) -> list[str]:
    """Health and observed hours; 12 hours of 6 November have been."""
    hours = {LAST_RUN: 12}
    return [f"{each.health or '-'} {each.observed * hours.get(each.day, 24):.3g}" for each in days]


def expected() -> dict[str, list[str]]:
    lines = ([cell.strip() for cell in line.split("|")] for line in EXPECTED.strip().splitlines())
    return {name: cells for name, *cells in lines}


def test_each_day_has_the_worst_health_that_a_run_observed(engine: Engine) -> None:
    found = days_of(engine)
    assert {name: in_words(days) for name, days in found.items()} == expected()
    assert [each.day for each in found["steady"]] == [FIRST + timedelta(n) for n in range(8)]


def test_observed_time_adds_up_to_that_of_availability(engine: Engine) -> None:
    view = VIEWS["availability_30d"].table
    with session.open_session(engine) as connection:
        rows = connection.execute(select(view.c.connector_id, view.c.observed_minutes)).all()
    hours = {
        name: sum(float(words.split()[1]) for words in in_words(days))
        for name, days in days_of(engine).items()
    }
    assert hours == {name: minutes / 60 for name, minutes in rows}


def test_a_run_that_has_just_ended_counts(engine: Engine) -> None:
    with at(engine, "11-06 09:00") as connection:
        found = daily_health(connection, first_day=LAST_RUN, last_day=LAST_RUN)
    assert found["breaks_last"] == [DayOfHealth(LAST_RUN, "broken", 6 / 9)]


@pytest.mark.parametrize("more", [0, 600])
def test_only_the_connectors_that_are_asked_for(engine: Engine, more: int) -> None:
    others = [f"unknown_{number}" for number in range(more + 1)]
    found = days_of(engine, ["breaks", *others])
    assert found.keys() == {"breaks", *others}
    assert in_words(found["breaks"]) == expected()["breaks"]
    assert in_words(found["unknown_0"]) == ["- 0"] * 8


def test_days_before_and_after_all_runs_are_empty(engine: Engine) -> None:
    assert days_of(engine, last=FIRST) == {}
    assert days_of(engine, first=LAST) == {}
    assert days_of(engine, ["steady"], LAST) == {"steady": [DayOfHealth(LAST, None, 0.0)]}
    assert days_of(engine, ["steady"], LAST, FIRST) == {"steady": []}
