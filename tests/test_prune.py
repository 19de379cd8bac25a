"""Pruning: what goes, what stays, and what is told afterwards. What is so now is told as it was.

The scripted world is copied for each test, and its clock is stopped later than its last run.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import KINDS, new_database
from scripted import RUNS, play, scenes, utc
from sqlalchemy import Connection, Engine, event, make_url, select, text
from worlds import (
    KEY,
    SECRET,
    Account,
    Calendar,
    api_settings,
    connect,
    everything,
    item,
    rows,
)

from inventory import database, instants, questions, runs, views
from inventory.cli import main
from inventory.errors import FixSettings, Interrupted
from inventory.models import SYNC_OUTCOMES, SYNC_RUNS, VERSIONED
from inventory.prune import Pruned, prune
from inventory.standin import StandIn
from inventory.sync import sync
from inventory.views import VIEWS

LEAST = timedelta(days=35)
MICROSECOND = timedelta(microseconds=1)
PATIENCE = 60  # seconds
CURRENT = [versioned.current.name for versioned in VERSIONED]
CLEARED = [*(of.past.name for of in VERSIONED), SYNC_OUTCOMES.name, SYNC_RUNS.name]
# The horizon lies between two days that are polled, a week before, or amid the runs of one.
NOW = "12-24 10:00"
NOWS = ("11-27 00:00", "12-12 00:00", NOW)

Cells = dict[str, Any]


# --- a world that is copied -----------------------------------------------------------------


@pytest.fixture(scope="module")
def lived_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("lived") / "inventory.db"
    shutil.copyfile(sqlite_template, file)
    play(connect(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="module")
def lived_database(postgres_server: str, postgres_template: str) -> Iterator[str]:
    with new_database(postgres_server, postgres_template) as url:
        play(connect(url))
        yield str(make_url(url).database)


Copy = Callable[[str], Engine]


@pytest.fixture(params=KINDS)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    """Makes a copy of the world, in which it is then and stays so."""
    with contextlib.ExitStack() as copies:

        def made(now: str) -> Engine:
            if request.param == "sqlite":
                file = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
                shutil.copyfile(request.getfixturevalue("lived_file"), file)
                url = f"sqlite:///{file}"
            else:
                lived = request.getfixturevalue("lived_database")
                server = request.getfixturevalue("postgres_server")
                url = copies.enter_context(new_database(server, lived))
            return stopped(connect(url), utc(now))

        yield made


@pytest.fixture
def world(copy: Copy) -> Engine:
    return copy(NOW)


def stopped(engine: Engine, now: datetime) -> Engine:
    with database.transaction(engine) as connection:
        views.stop_clock(connection, now)
    return engine


def history(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(engine, name) for name in CLEARED}


def gone(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """How many rows of each table are gone; none has come or is another."""
    for name, there in after.items():
        assert not counted(there) - counted(before[name]), name
    return {name: len(before[name]) - len(after[name]) for name in after}


def counted(of: list[tuple[Any, ...]]) -> Counter[str]:
    return Counter(map(repr, of))


def pruned_whole(copy: Copy, now: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a prune leaves behind that nobody has disturbed."""
    other = copy(now)
    prune(other, LEAST)
    return history(other)


# --- what is told ---------------------------------------------------------------------------

# Of an outage that began before the horizon, as far as versions of it are left.
OF_BEGINNING = ("started_after", "path")
# Whose pause at the end of a trial was set before it.
OF_TRIAL = ("since", "detail")


def told(engine: Engine) -> dict[str, list[Cells]]:
    """All rows of all views."""
    with database.reading(engine) as connection:
        return {
            name: [row._asdict() for row in connection.execute(select(view.table))]
            for name, view in VIEWS.items()
        }


def about_since(horizon: datetime, view: str, row: Cells) -> Cells | None:
    """What a row says of the horizon and later; None if it only tells of before."""
    if view == "state_changes":
        return row if row["changed_at"] >= horizon else None
    if view == "sync_outcomes_daily":
        return row if row["day"] > horizon.date() else None
    if view == "connector_history_mode":
        return row if row["_fivetran_end"] >= horizon - MICROSECOND else None
    if view in {of.history for of in VERSIONED}:
        return row if row["valid_to"] is None or row["valid_to"] >= horizon else None
    if view == "incidents":
        if row["ended_at"] is not None and row["ended_at"] < horizon:
            return None
        if row["started_at"] < horizon:
            return row | dict.fromkeys(OF_BEGINNING, "before")
    if view == "attention" and row["since"] < horizon:
        if row["finding"] == "creator_gone":
            return None
        if row["finding"] == "trial_pause":
            return row | dict.fromkeys(OF_TRIAL, "before")
    return row


def in_order(of: Any) -> list[Any]:
    return sorted(of, key=repr)


@pytest.mark.parametrize("now", NOWS)
def test_what_is_told_of_the_time_since_is_as_it_was(copy: Copy, now: str) -> None:
    world, horizon = copy(now), utc(now) - LEAST
    before, held = told(world), everything(world)
    assert prune(world, LEAST).horizon == horizon
    after = told(world)
    for view in VIEWS:
        was, is_ = (
            in_order(filter(None, (about_since(horizon, view, row) for row in side[view])))
            for side in (before, after)
        )
        assert is_ == was, view
    assert {name: rows(world, name) for name in CURRENT} == {name: held[name] for name in CURRENT}


@pytest.mark.parametrize("now", NOWS)
def test_health_of_now_and_findings_are_told_as_they_were(copy: Copy, now: str) -> None:
    """But for a creator lost before the horizon, of whom nothing is left."""
    world, horizon = copy(now), utc(now) - LEAST
    before = told(world)
    prune(world, LEAST)
    after = told(world)
    assert in_order(after["connector_health"]) == in_order(before["connector_health"])
    was, is_ = (
        {(row["connector_id"], row["finding"]): row["since"] for row in side["attention"]}
        for side in (before, after)
    )
    lost = {("creator_gone", "creator_gone")}  # at 11-02 12:00
    assert was.keys() - is_.keys() == (lost if horizon > utc("11-02 12:00") else set())
    assert is_.keys() <= was.keys()
    assert [key for key in is_ if is_[key] < was[key]] == []


# --- instants -------------------------------------------------------------------------------

# Who had synced before the last horizon, and has synced again or is gone since.
SYNCED = {
    *("steady", "stood_still", "stale_now", "broken_yet_syncs", "rescheduled_auto"),
    *("stale_then_calm", "fails_and_goes", "hidden"),
}
FAILED = {"fails_and_goes"}
ENDS = {"succeeded_at": "succeeded", "failed_at": "failed"}


def at_instants(engine: Engine, moments: list[datetime]) -> list[list[Cells]]:
    with database.reading(engine) as connection:
        return [instants.at(connection, moment) for moment in moments]


@pytest.mark.parametrize("now", NOWS)
def test_instant_since_the_horizon_is_told_as_it_was(copy: Copy, now: str) -> None:
    """But for ends of syncs of before it."""
    world, horizon = copy(now), utc(now) - LEAST
    moments = [horizon, *(utc(words) for words in RUNS if utc(words) >= horizon), utc(now)]
    before = at_instants(world, moments)
    prune(world, LEAST)
    left = set(rows(world, "sync_outcomes", "connector_id", "outcome", "finished_at"))

    def as_left(row: Cells) -> Cells:
        forgotten = (
            column
            for column, outcome in ENDS.items()
            if (row["connector_id"], outcome, row[column]) not in left
        )
        return row | dict.fromkeys(forgotten)

    assert all(before)
    assert at_instants(world, moments) == [[as_left(row) for row in rows_] for rows_ in before]


def test_only_ends_that_others_followed_are_forgotten_at_an_instant(world: Engine) -> None:
    horizon = utc(NOW) - LEAST
    [before] = at_instants(world, [horizon])
    prune(world, LEAST)
    [after] = at_instants(world, [horizon])

    def forgotten(column: str) -> set[str]:
        pairs = zip(before, after, strict=True)
        return {was["connector_id"] for was, is_ in pairs if was[column] != is_[column]}

    assert (forgotten("succeeded_at"), forgotten("failed_at")) == (SYNCED, FAILED)


# In the second, the horizon lies between a removal and a return.
@pytest.mark.parametrize("now", [*NOWS, "11-28 10:00"])
def test_connector_is_not_told_to_have_come_or_gone_as_its_past_went(copy: Copy, now: str) -> None:
    world = copy(now)

    def comings() -> set[tuple[Any, ...]]:
        kinds = ("created", "removed", "returned")
        return {
            (row["connector_id"], row["changed_at"], row["kind"])
            for row in told(world)["state_changes"]
            if row["table_name"] == "connectors" and row["kind"] in kinds
        }

    before = comings()
    prune(world, LEAST)
    assert comings() <= before


# --- outages --------------------------------------------------------------------------------

# By when it is, with the horizon 35 days before: whose outages are gone that were there the time
# before.
GOES = {
    "11-28 09:00": ["broken_from_the_start", "stood_still"],
    "11-28 10:00": [],
    "12-07 03:00": ["stale_then_fails", "waited_and_started"],
    "12-07 04:00": ["gone_meanwhile"],
    "12-19 10:00": [
        *("gone_meanwhile", "breaks_and_mends", "flaps", "paused_meanwhile", "paused_meanwhile"),
        *("stalled_at_once", "reschedules_again", "stale_and_gone", "stale_then_manual"),
        *("stale_then_paused", "stale_then_slower"),
    ],
    "12-24 10:00": ["fails_then_breaks", "stale_then_slower", "flaps"],
    "12-31 00:00": [
        *("fails_and_goes", "breaks_and_pauses", "delayed_with_task", "flaps", "flaps"),
        *("reloads_after_failure", "stale_then_calm"),
    ],
}
OUTAGE = (
    *("connector_id", "started_after", "started_at", "ended_after", "ended_at"),
    *("minutes", "path", "closed_by"),
)
# Those that had begun before the horizon and not ended: with only what is left of how they began.
HAD_BEGUN: dict[str, list[tuple[Any, ...]]] = {
    # Its first version ended at the horizon: it stays.
    "11-28 09:00": [
        (
            *("stale_then_fails", "10-24 05:29", "10-24 05:29", "10-24 09:00", "10-24 12:00"),
            *(391, "stale > failing", "recovered"),
        )
    ],
    "11-28 10:00": [
        (
            *("stale_then_fails", None, "10-24 05:29", "10-24 09:00", "10-24 12:00"),
            *(391, "failing", "recovered"),
        )
    ],
    "12-07 03:00": [
        # Over at the horizon itself.
        (
            *("gone_meanwhile", "10-24 18:00", "11-02 00:00", "11-02 00:00", "11-02 03:00"),
            *(180, "broken", "removed"),
        )
    ],
    "12-07 04:00": [
        (
            *("breaks_and_mends", "11-02 00:00", "11-02 03:00", "11-02 06:00", "11-02 09:00"),
            *(360, "broken", "recovered"),
        )
    ],
    "12-19 10:00": [
        (
            *("fails_and_goes", "11-14 03:00", "11-14 06:00", "11-19 12:00", "11-19 15:00"),
            *(7740, "failing", "removed"),
        ),
        ("fails_from_birth", "11-14 03:00", "11-14 06:00", None, None, 50640, "failing", None),
        (
            *("fails_then_breaks", None, "11-14 03:00", "11-14 09:00", "11-19 00:00"),
            *(7020, "broken", "recovered"),
        ),
    ],
    "12-24 10:00": [
        ("breaks", "11-19 00:00", "11-19 03:00", None, None, 50820, "broken", None),
        (
            *("breaks_and_pauses", "11-19 03:00", "11-19 06:00", "11-19 06:00", "11-19 12:00"),
            *(360, "broken", "paused"),
        ),
        ("broken_yet_syncs", "11-19 03:00", "11-19 06:00", None, None, 50640, "broken", None),
        (
            *("fails_and_goes", "11-14 03:00", "11-14 06:00", "11-19 12:00", "11-19 15:00"),
            *(7740, "failing", "removed"),
        ),
        ("fails_from_birth", "11-14 03:00", "11-14 06:00", None, None, 57840, "failing", None),
    ],
    # All that are left are open.
    "12-31 00:00": [
        ("all_at_once", "11-19 15:00", "11-19 18:00", None, None, 59400, "failing", None),
        ("breaks", "11-19 00:00", "11-19 03:00", None, None, 60300, "broken", None),
        ("broken_first_sync", "11-19 12:00", "11-19 15:00", None, None, 59580, "broken", None),
        ("broken_yet_syncs", "11-19 03:00", "11-19 06:00", None, None, 60120, "broken", None),
        ("delayed", "11-19 15:00", "11-19 18:00", None, None, 59400, "delayed", None),
        ("fails", "11-19 06:00", "11-19 12:00", None, None, 59760, "failing", None),
        ("fails_first_sync", "11-19 18:00", "11-19 21:00", None, None, 59220, "failing", None),
        ("fails_from_birth", "11-14 03:00", "11-14 06:00", None, None, 67320, "failing", None),
        ("stale_now", "11-20 02:30", "11-20 02:30", None, None, 58890, "stale", None),
        ("stalled", "11-20 02:00", "11-20 02:00", None, None, 58920, "stalled", None),
    ],
}


@pytest.mark.parametrize("now", GOES)
def test_outage_goes_whole_or_keeps_when_it_was(copy: Copy, now: str) -> None:
    world, horizon = copy(now), utc(now) - LEAST
    before = told(world)["incidents"]
    prune(world, LEAST)
    after = told(world)["incidents"]
    nows = list(GOES)
    gone_by_now = [one for then in nows[: nows.index(now) + 1] for one in GOES[then]]
    names = [Counter(row["connector_id"] for row in side) for side in (before, after)]
    assert names[0] - names[1] == Counter(gone_by_now)
    assert names[1] <= names[0]
    had_begun = [
        tuple(row[name] for name in OUTAGE) for row in after if row["started_at"] < horizon
    ]
    assert in_order(had_begun) == [
        tuple(utc(word) if word and 0 < at < 5 else word for at, word in enumerate(row))
        for row in HAD_BEGUN[now]
    ]
    began_since = [
        in_order(row for row in side if row["started_at"] >= horizon) for side in (before, after)
    ]
    assert began_since[0] == began_since[1]


@pytest.mark.parametrize("now", GOES)
def test_outages_are_told_alike_by_all_who_ask(copy: Copy, now: str) -> None:
    world = copy(now)
    prune(world, LEAST)
    with questions.asking(world) as connection:
        everyone = questions.incidents(connection)
        ids = [row["connector_id"] for row in everyone]
        assert questions.incidents(connection, connector_ids=ids) == everyone
        long_ago = utc(now) - 2 * LEAST
        assert questions.incidents(connection, since=long_ago) == everyone
        still = [row for row in everyone if row["ended_at"] is None]
        assert questions.incidents(connection, open_only=True) == still


def test_run_before_an_outage_is_not_told_once_its_first_version_went(
    engine: Engine, api: StandIn, account: Account, clock: Calendar
) -> None:
    """Though what is left of it has the health that it began with."""
    begun = clock.now
    for changes in (
        {},
        {"setup_state": "broken"},
        {"setup_state": "broken", "schema_status": "blocked_on_capture"},
        {},
    ):
        account.connectors = [item("one", schedule_type="manual", status=changes)]
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()

    def outage() -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in OUTAGE) for row in told(engine)["incidents"]]

    first, second, third, fourth = (begun + timedelta(days=days) for days in range(4))
    rest = (third, fourth, 2 * 24 * 60, "broken", "recovered")
    assert outage() == [("one", first, second, *rest)]
    prune(stopped(engine, third + MICROSECOND + LEAST), LEAST)
    assert outage() == [("one", None, second, *rest)]


# --- what goes ------------------------------------------------------------------------------


def test_everything_that_goes_ended_before_the_horizon(world: Engine) -> None:
    horizon = utc(NOW) - LEAST
    ends = [*((of.past.name, "valid_to") for of in VERSIONED)]
    ends += [("sync_outcomes", "finished_at"), ("sync_runs", "started_at")]
    before = {name: rows(world, name) for name in CLEARED}
    since = {name: ended_since(world, name, column, horizon) for name, column in ends}
    pruned = prune(world, LEAST)
    assert {name: ended_since(world, name, column, horizon) for name, column in ends} == since
    for past in (of.past.name for of in VERSIONED):
        assert rows(world, past, "valid_to") == since[past]
    went = gone(before, history(world))
    assert pruned.rows == went
    assert all(went.values())


def ended_since(engine: Engine, table: str, column: str, horizon: datetime) -> list[Any]:
    ends = rows(engine, table, column)
    return [row for row, (end,) in zip(ends, ends, strict=True) if end >= horizon]


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


def test_horizon_is_exact_to_the_microsecond(
    engine: Engine, api: StandIn, account: Account, clock: Calendar
) -> None:
    horizon = clock.now + timedelta(days=1)
    for number, moment in enumerate(
        (clock.now, horizon - MICROSECOND, horizon, horizon + MICROSECOND)
    ):
        clock.now = moment
        tests = [{"title": "t", "status": f"{number}"}]
        account.connectors = [item("one", setup_tests=tests)]
        sync(engine, api_settings(api), clock=clock)
    ends = sorted(rows(engine, "setup_tests_past", "valid_to"))
    assert ends == [(horizon - MICROSECOND,), (horizon,), (horizon + MICROSECOND,)]
    prune(stopped(engine, horizon + LEAST), LEAST)
    assert sorted(rows(engine, "setup_tests_past", "valid_to")) == ends[1:]


def test_each_further_prune_takes_what_has_ended_since(copy: Copy) -> None:
    whole = pruned_whole(copy, NOW)
    engine = copy("11-27 00:00")
    first = prune(engine, LEAST)
    second = prune(stopped(engine, utc(NOW)), LEAST)
    assert first.total > 0 < second.total
    assert history(engine) == whole
    assert prune(engine, LEAST).total == 0


# --- the next run ---------------------------------------------------------------------------


# The last ends of syncs of those that were gone at the horizon, or are since.
FORGOTTEN = [
    ("fails_and_goes", "failed", utc("11-14 05:00")),
    ("fails_and_goes", "succeeded", utc("10-04 22:00")),
    ("hidden", "succeeded", utc("10-04 22:00")),
    ("stale_and_gone", "succeeded", utc("11-13 23:30")),
]


def test_next_run_invents_nothing(copy: Copy) -> None:
    """Not of what it goes on to see, and of what returns no more than the API says again."""
    account, clock = Account(), Calendar()
    clock.now = utc(NOW)
    everyone = {one["id"]: one for _, shown in scenes() for one in shown}
    account.connectors = list(everyone.values())
    added, ends = [], []

    def ends_of_syncs(engine: Engine) -> set[tuple[Any, ...]]:
        return set(rows(engine, "sync_outcomes", "connector_id", "outcome", "finished_at"))

    with StandIn(account, key=KEY, secret=SECRET) as api:
        for is_pruned in (False, True):
            engine = copy(NOW)
            assert not is_pruned or prune(engine, LEAST).total > 100
            before, ends_before = everything(engine), ends_of_syncs(engine)
            run = sync(engine, api_settings(api), clock=clock)
            new = {
                name: counted(is_) - counted(before[name])
                for name, is_ in everything(engine).items()
            }
            del new["sync_runs"], new["sync_outcomes"]
            ends.append(sorted(ends_of_syncs(engine) - ends_before))
            added.append((new, [run[name] for name in ("added", "changed", "returned")]))
            again = everything(engine, but=("sync_runs",))
            sync(engine, api_settings(api), clock=clock)
            assert everything(engine, but=("sync_runs",)) == again
    assert added[0] == added[1]
    assert added[0][1][2] == len({one for one, *_ in FORGOTTEN})
    assert ends == [[], FORGOTTEN]


def test_last_complete_run_is_still_known(world: Engine) -> None:
    def known() -> list[datetime | None]:
        with database.reading(world) as connection:
            return [runs.last_merged_at(connection, one) for one in ("account_one", "account_two")]

    before = known()
    prune(world, LEAST)
    assert known() == before == [utc("11-20 06:00"), None]


def test_run_of_long_ago_that_was_the_last_stays_with_what_followed(
    engine: Engine, api: StandIn, account: Account, clock: Calendar
) -> None:
    """Of an account that nobody has asked for since, too."""
    account.connectors = [item("one")]
    for _ in range(5):
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    attempt = """
insert into sync_runs (account_id, status, started_at, tool_version, pages, requests, retries,
  connectors_seen, duplicates, added, changed, removed, returned, unconfirmed, anomalies)
select {}, 'failed', finished_at, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
from sync_runs where run_id = 5"""
    with database.transaction(engine) as connection:
        for statement in (
            attempt.format("account_id"),
            attempt.format("null"),
            "update sync_runs set status = 'running' where run_id = 2",
            "update sync_runs set status = 'withheld' where run_id in (4, 5)",
        ):
            connection.execute(text(statement))
    [latest] = told(stopped(engine, clock.now + 2 * LEAST))["latest_run"]
    prune(engine, LEAST)
    assert rows(engine, "sync_runs", "run_id", "status") == [
        (1, "succeeded"),  # it was the first to see an end of a sync
        (2, "running"),
        (3, "succeeded"),
        (4, "withheld"),
        (5, "withheld"),
        (6, "failed"),
    ]
    assert told(engine)["latest_run"] == [latest]


# Connector to the runs by their days, each with the day that it says it last succeeded.
SUCCESSES = {
    "usual": {day: day - 0.1 for day in range(1, 14)},
    "stands_still": {1: 0.9},
    "seen_late": {1: 0.9, 2: 1.9, 3: 2.9, 11: 9.5},
    "goes_back": {1: 0.9, 5: 4.9, 6: 5.9, 7: 4.9},
    "goes_back_late": {1: 0.9, 8: 7.9, 9: 8.9, 11: 6.9, 12: 11.9},
    "is_gone": {1: 0.9, 2: 1.9, 3: 2.9, 4: None},
}
# What is left of them, where the horizon is the run of the tenth day.
LEFT = {
    "usual": [9.9, 10.9, 11.9, 12.9],
    "stands_still": [0.9],  # it still says so
    "seen_late": [9.5],  # over before the horizon, seen after it
    "goes_back": [4.9],  # it still says so, though a later one went
    "goes_back_late": [6.9, 11.9],  # the first was seen on the eleventh day
    "is_gone": [],
}


def test_ends_of_syncs_stay_that_were_seen_since_or_are_still_told(
    engine: Engine, api: StandIn, account: Account, clock: Calendar
) -> None:
    begun, says = clock.now, dict.fromkeys(SUCCESSES, 0.0)
    for day in range(1, 14):
        clock.pass_a_day()
        says |= {one: days[day] for one, days in SUCCESSES.items() if day in days}
        account.connectors = [
            item(
                one,
                succeeded_at=(begun + timedelta(days=at)).isoformat(),
                schedule_type="manual",
            )
            for one, at in says.items()
            if at is not None
        ]
        sync(engine, api_settings(api), clock=clock)
    prune(stopped(engine, begun + timedelta(days=10) + LEAST), LEAST)
    left: dict[str, list[float]] = {one: [] for one in SUCCESSES}
    for one, ended in sorted(rows(engine, "sync_outcomes", "connector_id", "finished_at")):
        left[one].append(round((ended - begun) / timedelta(days=1), 1))
    assert left == LEFT
    before = set(rows(engine, "sync_outcomes"))
    # Nothing is left of the one that is gone: when it is back, what it says was seen by that run.
    last = begun + timedelta(days=2.9)
    account.connectors.append(
        item("is_gone", schedule_type="manual", succeeded_at=last.isoformat())
    )
    for returned in (1, 0):
        clock.pass_a_day()
        assert sync(engine, api_settings(api), clock=clock)["returned"] == returned
        after = set(rows(engine, "sync_outcomes"))
        assert (before - after, after - before) == (set(), {("is_gone", "succeeded", last, 14)})


# --- a page at a time -----------------------------------------------------------------------


def deletes(statement: str) -> bool:
    return statement.lower().startswith("delete")


@contextlib.contextmanager
def after_each_delete(engine: Engine, act: Callable[[Connection, int], None]) -> Iterator[None]:
    """Hear of each deletion before it is committed: how many rows it took."""

    def after(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if deletes(statement):
            act(connection, cursor.rowcount)

    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", after)


def test_transaction_takes_no_more_than_a_page(copy: Copy) -> None:
    world = copy(NOW)
    page, sizes = 9, list[int]()
    with after_each_delete(world, lambda _, number: sizes.append(number)):
        commits = count_commits(world)
        pruned = prune(world, LEAST, page=page)
    assert (max(sizes), sum(sizes)) == (page, pruned.total)
    assert len(commits) == len(sizes) > pruned.total / page
    assert history(world) == pruned_whole(copy, NOW)


def count_commits(engine: Engine) -> list[None]:
    commits: list[None] = []
    event.listen(engine, "commit", lambda _: commits.append(None))
    return commits


def test_oldest_go_first(world: Engine) -> None:
    ended: list[list[datetime]] = []

    def note(connection: Connection, number: int) -> None:
        with database.reading(connect(world.url.render_as_string(hide_password=False))) as another:
            past = text("select count(*), min(valid_to) from connector_status_past")
            ended.append(list(another.execute(past).one()))

    with after_each_delete(world, note):
        prune(world, LEAST, page=9)
    assert ended == sorted(ended, key=lambda row: (-row[0], row[1]))
    assert len({count for count, _ in ended}) > 2


def test_prune_that_is_interrupted_keeps_what_is_done_and_goes_on(copy: Copy) -> None:
    whole = pruned_whole(copy, NOW)
    engine = copy(NOW)
    for point in (0, 1, 3, 8):
        before, left = history(engine), [None] * point

        def interrupt(_: Connection, number: int, left: list[None] = left) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop()

        with (
            after_each_delete(engine, interrupt),
            pytest.raises(Interrupted) as interrupted,
        ):
            prune(engine, LEAST, page=9)
        went = sum(gone(before, history(engine)).values())
        assert (f"At least {went:,} rows" in str(interrupted.value), went > 0) == (True, point > 0)
    prune(engine, LEAST)
    assert history(engine) == whole


KILLED = """
import os, signal, sys
from datetime import timedelta
from sqlalchemy import Engine, event
from inventory import database, prune, settings

left = int(sys.argv[1])

def after(connection, cursor, statement, *_):
    global left
    left -= statement.lower().startswith("delete")
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", after)
prune.prune(database.connect(settings.database_settings()), timedelta(days=35), page=30)
"""


def test_prune_that_is_killed_keeps_what_is_done_and_goes_on(copy: Copy) -> None:
    whole = pruned_whole(copy, NOW)
    engine = copy(NOW)
    before = history(engine)
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    for left in (0, 2, 3):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(left)],
            env=os.environ | {"INVENTORY_DATABASE_URL": url},
            capture_output=True,
            timeout=PATIENCE,
        )
        assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, b"")
        went = gone(before, history(engine))
        assert (sum(went.values()) > 0) == (left > 0)
    prune(engine, LEAST)
    assert history(engine) == whole


# --- at the same time -----------------------------------------------------------------------


def beside(engine: Engine) -> Engine:
    return connect(engine.url.render_as_string(hide_password=False))


def test_two_at_once_do_the_work_of_one(copy: Copy) -> None:
    whole = pruned_whole(copy, NOW)
    engine = copy(NOW)
    before = history(engine)
    start = threading.Barrier(2, timeout=PATIENCE)

    def work(page: int) -> Pruned:
        mine = beside(engine)
        start.wait()
        return prune(mine, LEAST, page=page)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work, page) for page in (20, 30)]
        done = [each.result(PATIENCE) for each in both]
    went = gone(before, history(engine))
    assert sum(each.total for each in done) == sum(went.values())
    prune(engine, LEAST)  # a run stays while another one's deletions are not committed
    assert history(engine) == whole


@pytest.fixture
def postgres_world(lived_database: str, postgres_server: str) -> Iterator[Engine]:
    with new_database(postgres_server, lived_database) as url:
        yield stopped(connect(url), utc(NOW))


def test_second_does_not_wait_for_the_first(postgres_world: Engine) -> None:
    ends: list[Pruned] = []

    def go_ahead(_: Connection, number: int) -> None:
        if not ends:
            ends.append(Pruned(utc(NOW)))
            ends.append(prune(impatient(beside(postgres_world)), LEAST, page=50))

    with after_each_delete(postgres_world, go_ahead):
        first = prune(postgres_world, LEAST, page=50)
    assert first.total > 0 < ends[1].total


def impatient(engine: Engine) -> Engine:
    """One that fails where it would wait for a lock."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("select set_config('lock_timeout', '500', true)")

    return engine


def test_run_does_not_wait_for_a_page(postgres_world: Engine) -> None:
    account, clock, done = Account(), Calendar(), []
    clock.now = utc(NOW)
    *_, (_, account.connectors) = scenes()
    account.connectors = [one | {"paused": True, "failed_at": None} for one in account.connectors]
    with StandIn(account, key=KEY, secret=SECRET) as api:

        def sync_meanwhile(_: Connection, number: int) -> None:
            settings = api_settings(api, page_size=10)
            done.append(sync(impatient(beside(postgres_world)), settings, clock=clock))

        with after_each_delete(postgres_world, sync_meanwhile):
            prune(postgres_world, LEAST)
    assert [run["status"] for run in done] == ["withheld"] * len(CLEARED)
    assert done[0]["changed"] > 30


def test_run_gets_in_between_two_pages_on_sqlite(
    lived_file: Path, tmp_path: Path, account: Account, api: StandIn
) -> None:
    file = tmp_path / "inventory.db"
    shutil.copyfile(lived_file, file)
    engine = stopped(connect(f"sqlite:///{file}"), utc(NOW))
    account.connectors = [item("new")]
    other = api_settings(api, account="account_three")
    pages: list[int] = []
    merged_at: list[int] = []
    with ThreadPoolExecutor(1) as pool:

        def begin(_: Connection, number: int) -> None:
            pages.append(number)
            if len(pages) == 1:
                pool.submit(sync, beside(engine), other).add_done_callback(
                    lambda run: merged_at.append(len(pages)) if run.result() else None
                )

        with after_each_delete(engine, begin):
            prune(engine, LEAST, page=9)
    assert 1 <= merged_at[0] < len(pages)


def test_file_is_left_alone_between_two_pages(lived_file: Path, tmp_path: Path) -> None:
    """For longer than SQLite sleeps before it looks again, or large pages would starve a run."""
    file = tmp_path / "inventory.db"
    shutil.copyfile(lived_file, file)
    engine = stopped(connect(f"sqlite:///{file}"), utc(NOW))
    commits, pauses = list[float](), list[float]()
    event.listen(engine, "commit", lambda _: commits.append(time.monotonic()))
    event.listen(
        engine, "begin", lambda _: pauses.extend(time.monotonic() - over for over in commits[-1:])
    )
    prune(engine, LEAST, page=30)
    assert sum(pause > 0.1 for pause in pauses) == len(commits) - len(CLEARED) > 2


# --- the command ----------------------------------------------------------------------------


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["prune", *words])


@pytest.fixture
def user(world: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The world, as the database that a user has set."""
    url = world.url.render_as_string(hide_password=False).replace("+psycopg", "")
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    return world


def test_dry_run_counts_what_will_go_and_writes_nothing(user: Engine) -> None:
    before = everything(user)
    dry = json.loads(run("--older-than", "35d", "--dry-run", "--format", "json").stdout)
    assert everything(user) == before
    wet = json.loads(run("--older-than", "5w", "--format", "json").stdout)
    assert (dry.pop("dry_run"), wet.pop("dry_run")) == (True, False)
    assert dry == wet
    assert wet["horizon"] == "2026-11-19T10:00:00+00:00"
    assert wet["rows"] == gone({name: before[name] for name in CLEARED}, history(user))


def test_summary_counts_by_table(user: Engine, zone: Callable[[str], None]) -> None:
    zone("UTC")
    dry, wet, again = (
        run("--older-than", "35d", *more) for more in (("--dry-run",), (), ("--dry-run",))
    )
    assert (dry.exit_code, dry.stderr, wet.exit_code, wet.stderr) == (0, "", 0, "")
    first, *counts, last = dry.stdout.splitlines()
    words = "what was over before 2026-11-19 10:00:00+00:00"
    assert first.startswith("Would have deleted ")
    assert first.endswith(f" rows of {words}.")
    assert last.startswith("Dry run: nothing was written to ")
    assert wet.stdout.splitlines() == [first.replace("Would have deleted", "Deleted"), *counts]
    numbers = {table: int(number) for number, table in map(str.split, counts)}
    assert f" {sum(numbers.values())} rows " in first
    assert numbers.keys() == set(CLEARED)
    assert again.stdout.splitlines()[0] == f"Would have deleted 0 rows of {words}."


def test_prune_that_is_quiet_says_nothing(user: Engine) -> None:
    before = history(user)
    result = run("--older-than", "35d", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert history(user) != before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_prune_that_is_ended_by_a_signal_says_what_is_done(
    user: Engine, sent: signal.Signals
) -> None:
    before = history(user)
    done: list[int] = []

    def end(_: Connection, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            os.kill(os.getpid(), sent)

    with all_engines(end):
        result = run("--older-than", "35d")
    assert (result.exit_code, result.stdout) == (1, "")
    went = sum(gone(before, history(user)).values())
    assert went == done[0] + done[1] > 0
    assert result.stderr == (
        f"Error: Interrupted. At least {went} rows had been deleted, and stay so; nothing else has "
        "changed. Run it again to go on.\n"
    )


@contextlib.contextmanager
def all_engines(act: Callable[[Connection, int], None]) -> Iterator[None]:
    with after_each_delete(Engine, act):  # type: ignore[arg-type]
        yield


def test_database_that_goes_away_is_told_with_what_is_done(user: Engine) -> None:
    if database.is_sqlite(user):
        pytest.skip("a file does not go away")
    done: list[int] = []

    def end(connection: Connection, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            with database.transaction(beside(user)) as another:
                pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
                another.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})

    with all_engines(end):
        result = run("--older-than", "35d")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"At least {sum(done[:2])} rows had been deleted, and stay so" in result.stderr
    assert "did not do its part" in result.stderr


@pytest.mark.parametrize("words", ["34d", "4w", "0m", "50399m"])
def test_horizon_that_answers_need_is_refused(user: Engine, words: str) -> None:
    before = everything(user)
    result = run("--older-than", words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: --older-than takes 35d at the least: answers look back 30 days, and need the "
        "history of all of them.\n"
    )
    assert everything(user) == before
    with pytest.raises(FixSettings):
        prune(user, LEAST - MICROSECOND)


@pytest.mark.parametrize("words", [(), ("--older-than", "400"), ("--older-than", "2026-01-01")])
def test_horizon_that_is_none_is_refused(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert (result.exit_code, "--older-than" in result.stderr) == (2, True)


def test_empty_database_says_what_to_do_first(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run("--older-than", "400d")
    assert (result.exit_code, "run `inventory sync` first" in result.stderr) == (2, True)
    assert list(tmp_path.rglob("*.db")) == []


def test_tables_of_an_older_version_are_left_alone(user: Engine) -> None:
    with database.transaction(user) as connection:
        connection.execute(text("update inventory_version set version_num = '0002'"))
    before = history(user)
    result = run("--older-than", "400d")
    assert (result.exit_code, "inventory db upgrade" in result.stderr) == (2, True)
    assert history(user) == before


def test_database_without_a_run_has_nothing_to_prune(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    result = run("--older-than", "400d", "--format", "json")
    assert json.loads(result.stdout)["rows"] == dict.fromkeys(CLEARED, 0)
