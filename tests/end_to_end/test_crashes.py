"""Killed at any moment, a run is there whole or not at all, and the next one starts at once.

Processes are killed on both databases, and so is the PostgreSQL server.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, Row, select, text
from support import servers
from support.builders import (
    DAY,
    T0,
    Account,
    Item,
    api_settings,
    assert_contents_equal,
    connect,
    contents,
    item,
    rows,
    variables,
)
from support.databases import new_database
from support.effort import KINDS, Effort, few_of
from support.killed import PATIENCE, SYNC, at_each_point, is_killed, make_forks_quick, say
from support.random_items import changed, some_item
from support.reference_model import ReferenceModel
from support.totals import assert_totals_add_up

from inventory.cli import main
from inventory.db import revision, upgrade, verify
from inventory.db.engine import is_sqlite, read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.models import HISTORY_TABLES, METADATA, readable_tables
from inventory.sync.run import sync


@pytest.fixture(scope="module", autouse=True)
def _forks_are_quick() -> None:
    make_forks_quick("inventory.output.run_report")


# --- an account, its database, and who watches both -----------------------------------------


def account_on(day: int) -> list[Item]:
    """Differ in every way from the day before, and take as many rows."""
    odd = day % 2 == 1
    this, other = ("odd", "even") if odd else ("even", "odd")
    alert = {"code": "late", "message": this}
    return [
        item("stays"),
        item("syncs", succeeded_at=(T0 + day * DAY).isoformat()),
        item("is_set_anew", paused=odd, config={"host": this}),
        item("breaks", status={"setup_state": "broken" if odd else "connected"}),
        item("is_tested", setup_tests=[{"title": "t", "status": "FAILED" if odd else "PASSED"}]),
        item(f"warns_on_{this}_days", status={"warnings": [alert]}),
        item(f"warns_on_{other}_days", status={"warnings": []}),
        item(f"exists_on_{this}_days", status={"tasks": [alert]}),
        item(f"exists_on_day_{day}"),
    ]


class Witness:
    """Looks at the tables after each run, and has a judge who says what they must hold."""

    def __init__(self, engine: Engine, api: FakeApi, account: Account) -> None:
        self._engine, self._api, self._account = engine, api, account
        self._judge = ReferenceModel(account.account_id)
        self._log, self._held = tables(engine)

    def finds_all_or_nothing(self) -> str:
        """Look at what a run left that did not end by itself; return what the log calls it."""
        let_the_dead_rest(self._engine)
        log, held = tables(self._engine)
        if len(log) == len(self._log):
            assert (log, held) == (self._log, self._held)
            return "not in the log"
        fate = str(log[-1].status)
        self._finds_the_earlier_called_crashed(log)
        if fate == "succeeded":
            self._take_in(log[-1])
        else:
            assert held == self._held
        self._log, self._held = log, held
        return fate

    def finds_the_next_run_good(self) -> None:
        """Let a run go, at once and undisturbed."""
        assert sync(self._engine, api_settings(self._api))["status"] == "succeeded"
        log, self._held = tables(self._engine)
        self._finds_the_earlier_called_crashed(log)
        self._take_in(log[-1])
        self._log = log

    def _finds_the_earlier_called_crashed(self, log: list[Row[Any]]) -> None:
        """A run that came as far as the log has first marked the dead one that still was there."""
        fates = ["crashed" if run.status == "running" else run.status for run in self._log]
        assert [run.status for run in log[:-1]] == fates

    def _take_in(self, run: Row[Any]) -> None:
        """Tell the judge what the API showed to a run, and compare."""
        shown = {one["id"] for one in self._account.connectors}
        missing = self._judge.ever.keys() - self._judge.removed.keys() - shown
        gone = dict.fromkeys(missing, "deleted")
        self._judge.observe(self._account.connectors, gone, run.observed_at)
        held = contents(self._engine)
        assert_contents_equal(held, self._judge)
        assert_totals_add_up(held)
        assert_versions_follow_one_another(self._engine)
        # The next run marks as crashed what was running when it was killed.
        left = [each.table for each in verify.problems(self._engine) if "crashed" not in each.what]
        assert left == []


@pytest.fixture
def witness(engine: Engine, api: FakeApi, account: Account) -> Witness:
    return Witness(engine, api, account)


def tables(engine: Engine) -> tuple[list[Row[Any]], dict[str, list[Row[Any]]]]:
    """Read the run log in its order, and all the other tables."""
    with read_only(engine) as connection:
        held = {
            name: sorted(connection.execute(select(METADATA.tables[name])), key=repr)
            for name in readable_tables()
        }
    return sorted(held.pop("inventory_runs"), key=lambda run: run.run_id), held


def assert_versions_follow_one_another(engine: Engine) -> None:
    """No version of a row is empty or overlaps another, and only the last one may be open."""
    with read_only(engine) as connection:
        for versioned in HISTORY_TABLES:
            key = ", ".join(versioned.key)
            wrong = (
                f"select * from (select *, lead(valid_from) over (partition by {key} "
                f"order by valid_from) as next from {versioned.history}) as versions "
                "where valid_to <= valid_from or next < valid_to "
                "or next is not null and valid_to is null"
            )
            assert connection.execute(text(wrong)).all() == []


def let_the_dead_rest(engine: Engine) -> None:
    """Give a PostgreSQL server its moment to notice that a client is dead; check a SQLite file."""
    if is_sqlite(engine):
        with read_only(engine) as connection:
            assert connection.scalar(text("pragma integrity_check")) == "ok"
        return
    only_us = (
        "select count(*) = 1 from pg_stat_activity "
        "where datname = current_database() and backend_type = 'client backend'"
    )
    wait_until(engine, only_us)


def wait_until(engine: Engine, question: str) -> None:
    gives_up_at = time.monotonic() + PATIENCE
    while True:
        with read_only(engine) as connection:
            if connection.scalar(text(question)):
                return
        assert time.monotonic() < gives_up_at, question
        time.sleep(0.005)


# --- the process is killed ------------------------------------------------------------------


def test_run_that_is_killed_at_any_point_is_there_whole_or_not_at_all(
    witness: Witness, account: Account, environment: dict[str, str], tried: Effort
) -> None:
    fates, days, step = [], count(1), tried.step(9)
    account.connectors = account_on(0)
    for point in count(step=step):
        if not is_killed(environment, at=point):
            break
        fates.append(witness.finds_all_or_nothing())
        if tried.share or len(fates) % 3 == 0:  # else the next is killed, too
            witness.finds_the_next_run_good()
            account.connectors = account_on(next(days))
    assert witness.finds_all_or_nothing() == "succeeded"
    # In this order, as the point moved on, and with no way back.
    assert [fate for fate, _ in groupby(fates)][:2] == ["not in the log", "running"]
    assert fates.count("running") > 50 // step


def test_first_run_that_is_killed_leaves_all_tables_or_none(
    empty_url: str, api: FakeApi, account: Account, tried: Effort
) -> None:
    account.connectors = account_on(1)
    engine, environment = connect(empty_url), variables(api, empty_url)
    every = tried.step(11 if is_sqlite(engine) else 67)  # each comment is a statement
    for point in count(step=every):
        assert is_killed(environment, at=point)
        let_the_dead_rest(engine)
        if revision.state_of(engine) is not revision.State.EMPTY:
            break
    Witness(engine, api, account).finds_the_next_run_good()
    if is_sqlite(engine):
        with read_only(engine) as connection:
            assert connection.scalar(text("pragma journal_mode")) == "wal"


def test_run_that_is_killed_at_any_time_is_there_whole_or_not_at_all(
    witness: Witness, account: Account, environment: dict[str, str], tried: Effort
) -> None:
    seed = random.randrange(10**6)
    say(f"The seed is {seed}")
    rng = random.Random(seed)
    everyone = [some_item(rng, number) for number in range(99)]
    account.connectors = everyone[1:]
    begun = time.monotonic()
    assert not is_killed(environment)
    longest = time.monotonic() - begun
    assert witness.finds_all_or_nothing() == "succeeded"
    for _ in range(tried.number(3, 300)):
        rng.shuffle(everyone)
        everyone = [changed(rng, one) for one in everyone]
        account.connectors = everyone[1:]
        is_killed(environment, after=rng.uniform(0, longest))
        witness.finds_all_or_nothing()
        witness.finds_the_next_run_good()


LENIENCE = timedelta(minutes=62)  # from a success to its deadline, where one syncs each minute
PAUSE = timedelta(seconds=4)  # in which a run that is not killed is through
# What the judge does, and nobody else: it finds whose word is another, and ends the old version.
JUDGING = (
    "INSERT INTO judged",
    "INTO connector_status_past",
    "health=judged.health",
)


WHYS = (("time", "stale"), ("states", "broken"))


@pytest.mark.parametrize(
    ("database_url", "why", "word"),
    few_of(
        [(kind, *why) for kind in KINDS for why in WHYS],
        [],
    ),
    indirect=["database_url"],
)
def test_no_kill_comes_between_what_is_merged_and_its_health(
    witness: Witness,
    engine: Engine,
    account: Account,
    environment: dict[str, str],
    why: str,
    word: str,
) -> None:
    """Time alone takes a connector down, or its states do."""
    late_at = datetime.now(UTC) + (PAUSE if why == "time" else DAY)
    one = item(sync_frequency=1, succeeded_at=(late_at - LENIENCE).isoformat())
    account.connectors = [one]
    witness.finds_the_next_run_good()
    assert rows(engine, "connector_status", "health", "down_since") == [("healthy", None)]
    if why == "time":
        time.sleep(max(0, (late_at - datetime.now(UTC)).total_seconds()))
    else:
        account.connectors = [one | {"status": one["status"] | {"setup_state": "broken"}}]
    where, fates = list[str](), list[str]()
    while "succeeded" not in fates:
        assert is_killed(environment, at=len(fates), where=where)
        fates.append(witness.finds_all_or_nothing())
    assert where[-1] == "after commit"
    amid = where[fates.index("running") :]
    assert all(any(words in begun for begun in amid) for words in JUDGING)
    ((health, down_since),) = rows(engine, "connector_status", "health", "down_since")
    assert (health, down_since == late_at) == (word, why == "time")
    witness.finds_the_next_run_good()


# --- the PostgreSQL server is killed --------------------------------------------------------


@pytest.fixture(scope="module")
def mortal() -> Iterator[servers.Postgres]:
    """A server to be killed, which keeps what it has committed.

    Where synchronous_commit is on, a commit is done, but its answer waits for a standby that never
    comes.
    """
    waits = ("synchronous_commit=local", "synchronous_standby_names=nobody")
    with servers.postgres("fsync=off", *waits) as server:
        yield server


@pytest.fixture
def mortal_url(mortal: servers.Postgres) -> Iterator[str]:
    with new_database(mortal.url) as url:
        upgrade.upgrade(connect(url))
        yield url


@pytest.fixture
def mortal_witness(mortal_url: str, api: FakeApi, account: Account) -> Witness:
    """Has seen the account on day 0; today is day 1."""
    witness = Witness(connect(mortal_url), api, account)
    account.connectors = account_on(0)
    witness.finds_the_next_run_good()
    account.connectors = account_on(1)
    return witness


@pytest.mark.thorough
def test_server_that_is_killed_at_any_point_keeps_a_run_whole_or_not_at_all(
    mortal: servers.Postgres,
    mortal_url: str,
    mortal_witness: Witness,
    api: FakeApi,
    account: Account,
    tried: Effort,
) -> None:
    command, points = CliRunner(env=variables(api, mortal_url)), list[int]()
    with at_each_point(lambda number, _: points.append(number)):
        assert command.invoke(main, SYNC).exit_code == 0
    mortal_witness.finds_all_or_nothing()
    *earlier, before_commit, after_commit = points
    some = tried.some(earlier, earlier[::40])
    for day, point in enumerate([*some, before_commit, after_commit], start=2):
        account.connectors = account_on(day)

        def crash(number: int, _: str, point: int = point) -> None:
            if number == point:
                mortal.stop("immediate")

        with at_each_point(crash):
            job = command.invoke(main, SYNC)
        mortal.start()
        done = point == after_commit
        assert (mortal_witness.finds_all_or_nothing() == "succeeded") == done
        assert job.exit_code == (0 if done else 1)
        assert_told_in_a_line(job.stderr, failed=not done)
        mortal_witness.finds_the_next_run_good()


def assert_told_in_a_line(stderr: str, *, failed: bool) -> None:
    lines = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == failed
    assert "Traceback" not in stderr


@pytest.mark.parametrize("killed", ["server", "session"])
def test_run_whose_commit_is_not_answered_is_there_whole(
    mortal: servers.Postgres, mortal_url: str, mortal_witness: Witness, api: FakeApi, killed: str
) -> None:
    engine, environment = connect(mortal_url), os.environ | variables(api, mortal_url)
    command = [sys.executable, "-m", "inventory", *SYNC]
    with (
        commits_of_merges_wait(engine),
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as job,
    ):
        try:
            wait_until(engine, f"select exists ({WAITING})")
            if killed == "session":
                wait_until(engine, f"select bool_and(pg_terminate_backend(pid)) from ({WAITING}) w")
            else:
                mortal.stop("immediate")
            _, stderr = job.communicate(timeout=PATIENCE)
        finally:
            job.kill()
            if killed == "server":
                mortal.start()
    assert mortal_witness.finds_all_or_nothing() == "succeeded"
    # Where it could ask what had become of its commit, all is good.
    assert job.returncode == (0 if killed == "session" else 1)
    assert_told_in_a_line(stderr, failed=killed == "server")
    assert ("But the run had been merged." in stderr) == (killed == "session")
    mortal_witness.finds_the_next_run_good()


WAITING = "select pid from pg_stat_activity where wait_event = 'SyncRep'"


@contextmanager
def commits_of_merges_wait(engine: Engine) -> Iterator[None]:
    """Let merges be committed, but not answered."""
    with transaction(engine) as connection:
        for statement in (
            "create function wait() returns trigger language plpgsql as $$ begin "
            "perform set_config('synchronous_commit', 'on', true); return new; end $$",
            "create trigger wait before update on inventory_runs for each row "
            "when (new.status = 'succeeded') execute function wait()",
        ):
            connection.exec_driver_sql(statement)
    yield
    with transaction(engine) as connection:
        connection.exec_driver_sql("drop function wait cascade")
