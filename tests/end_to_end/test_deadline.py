"""The deadline bounds the whole run: locks of others, slow statements, servers that fall silent."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool
from support.builders import (
    Account,
    api_settings,
    connect,
    everything,
    item,
    rows,
    variables,
)
from support.effort import few_of

from inventory import deadline
from inventory.db import locks, revision
from inventory.db.engine import execute_all, is_sqlite, now, read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import DatabaseUnavailableError
from inventory.sync import run_log
from inventory.sync.run import sync
from inventory.sync.spool import Spool

PRUNE = ("prune", "--older-than", "400d")
PATIENCE = 60  # seconds after which a run is said to hang


@pytest.fixture
def held(engine: Engine, api: FakeApi, account: Account) -> Engine:
    """A database that one run has filled, and an account that has changed since."""
    account.connectors = [item("one"), item("two")]
    sync(engine, api_settings(api))
    account.connectors[1]["paused"] = True
    return engine


@contextmanager
def other_session(engine: Engine, *statements: str) -> Iterator[Connection]:
    """Another program's transaction, which has begun with these statements and goes on."""
    url = make_url(engine.url.render_as_string(hide_password=False))
    if not is_sqlite(engine):
        url = url.update_query_dict({"application_name": "reporting"})
    with create_engine(url, poolclass=NullPool).connect() as other:
        for statement in statements:
            other.exec_driver_sql(statement)
        yield other


def command(
    api: FakeApi,
    engine: Engine,
    *words: str,
    of: tuple[str, ...] = ("sync",),
    patience: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    url = engine.url.render_as_string(hide_password=False)
    return subprocess.run(
        [sys.executable, "-m", "inventory", *of, *words],
        env=os.environ | variables(api, url),
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


def assert_next_run_succeeds(engine: Engine, api: FakeApi) -> None:
    assert sync(engine, api_settings(api))["changed"] == 1


# --- locks of others ------------------------------------------------------------------------

ONLY_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MERGING = "select pg_advisory_xact_lock({})"


BOUNDS = ("--deadline", "2"), ("--lock-timeout", "0.5")
MODES = "access exclusive", "share"  # one keeps readers away, too


@pytest.mark.parametrize(
    ("mode", "bound"), few_of(list(product(MODES, BOUNDS)), list(zip(MODES, BOUNDS, strict=True)))
)
@ONLY_POSTGRESQL
def test_table_that_is_locked_is_not_waited_for_beyond_the_bound(
    held: Engine, api: FakeApi, mode: str, bound: tuple[str, str]
) -> None:
    before = everything(held, but=("inventory_runs",))
    with other_session(held, f"lock table connector_status in {mode} mode"):
        done = command(api, held, *bound)
    assert done.returncode == 1, done.stderr
    assert "held by reporting (pid" in done.stderr
    assert everything(held, but=("inventory_runs",)) == before
    failed = ("failed", "database_unavailable")
    assert rows(held, "inventory_runs", "status", "error_code") == [failed, ("succeeded", None)]
    assert_next_run_succeeds(held, api)


@pytest.mark.thorough
@ONLY_POSTGRESQL
def test_row_and_merge_of_others_are_not_waited_for_beyond_the_bound(
    held: Engine, api: FakeApi
) -> None:
    row = "select * from connectors where connector_id = 'two' for update"
    merge = MERGING.format(locks._lock_name("public\0merge"))
    for statements in ([row], [merge, "lock table connectors in row exclusive mode"]):
        with other_session(held, *statements):
            done = command(api, held, "--deadline", "2")
        assert done.returncode == 1, done.stderr
        assert "held by reporting (pid" in done.stderr
    assert_next_run_succeeds(held, api)


@ONLY_POSTGRESQL
def test_views_that_somebody_reads_are_renewed_by_a_later_run(held: Engine, api: FakeApi) -> None:
    with transaction(held) as connection:
        connection.exec_driver_sql("update inventory_version set release = '0', views_digest = ''")
    with other_session(held, "select count(*) from connector_health"):
        done = command(api, held, "--quiet")
        assert done.returncode == 0, done.stderr
        assert "views are still those of another release" in done.stderr
        assert "held by reporting (pid" in done.stderr
    done = command(api, held, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert revision.state_of(held) is revision.State.CURRENT


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bound", few_of([*map(" ".join, BOUNDS)], [" ".join(BOUNDS[1])]))
def test_file_that_is_locked_is_not_waited_for_beyond_the_bound(
    held: Engine, api: FakeApi, bound: str
) -> None:
    with other_session(held, "begin immediate"):
        done = command(api, held, *bound.split())
    assert done.returncode == 1, done.stderr
    assert "locked" in done.stderr
    assert_next_run_succeeds(held, api)


@pytest.mark.thorough
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reader_of_a_file_that_somebody_keeps_to_himself_does_not_wait_longer(
    held: Engine, api: FakeApi
) -> None:
    mine = "pragma locking_mode = exclusive"
    with other_session(
        held, mine, "begin immediate", "update inventory_runs set pages = 2", "commit"
    ):
        done = command(api, held, "--deadline", "1", patience=25)
    assert done.returncode == 1, done.stderr
    assert "locked" in done.stderr
    assert_next_run_succeeds(held, api)


@pytest.mark.parametrize("words", [("db", "upgrade"), ("db", "redate"), PRUNE])
def test_other_work_does_not_wait_for_ever_either(
    held: Engine, api: FakeApi, words: tuple[str, ...]
) -> None:
    other_views = "update inventory_version set release = '0', views_digest = ''"
    wrong_clock = "update inventory_runs set clock_behind_seconds = 9"
    with transaction(held) as connection:
        connection.exec_driver_sql(other_views if "upgrade" in words else wrong_clock)
    begin = "begin immediate"
    if not is_sqlite(held):
        begin = "lock table inventory_runs, connectors_past, connector_health in share mode"
    with other_session(held, begin):
        done = command(api, held, "--lock-timeout", "0.5", of=words)
    assert done.returncode == 1, done.stderr
    assert ("locked" if is_sqlite(held) else "held by reporting (pid") in done.stderr
    done = command(api, held, "--lock-timeout", "0.5", of=words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("seconds", "lock", "statement"),
    [(50, "50s", "51s"), (900, "100s", "2min"), (31_536_000, "100s", "2min")],
)
def test_server_that_allows_less_is_obeyed(
    postgres_url: str, seconds: float, lock: str, statement: str
) -> None:
    engine = connect(postgres_url)
    with transaction(engine) as connection:
        name = connection.scalar(text("select quote_ident(current_database())"))
        for default in ("lock_timeout = '100s'", "statement_timeout = '2min'"):
            connection.exec_driver_sql(f"alter database {name} set {default}")
    bounded = engine.execution_options(deadline=Standing(seconds))
    with read_only(bounded) as connection:
        assert connection.scalar(text("show lock_timeout")) == lock
        assert connection.scalar(text("show statement_timeout")) == statement
    hasty = engine.execution_options(deadline=Standing(seconds, lock_timeout=0.0001))
    with read_only(hasty) as connection:
        assert connection.scalar(text("show lock_timeout")) == "1ms"  # 0 would be for ever


class Standing(deadline.Deadline):
    """One whose time does not go by."""

    @property
    def left(self) -> float:
        return self.seconds


# --- what takes too long --------------------------------------------------------------------

SLOW = {
    "sqlite": """
        create trigger slow after insert on connectors_past begin
          select count(*) from (
            with recursive c (n) as (select 1 union all select n + 1 from c where n < 1e12)
            select n from c); end""",
    "postgresql": """
        create function slow() returns trigger language plpgsql as
          'begin perform pg_sleep(600); return null; end';
        create trigger slow after insert on connectors_past for each row execute function slow()""",
}


def test_statement_that_takes_too_long_is_ended(held: Engine, api: FakeApi) -> None:
    before = everything(held, but=("inventory_runs",))
    with transaction(held) as connection:
        execute_all(connection, [SLOW[held.dialect.name]])
    done = command(api, held, "--deadline", "2")
    assert done.returncode == 1, done.stderr
    assert "The run's 2 s were over" in done.stderr
    assert everything(held, but=("inventory_runs",)) == before
    assert rows(held, "inventory_runs", "status") == [("failed",), ("succeeded",)]
    done = command(api, held, "--deadline", "2", "--dry-run")
    assert done.returncode == 1, done.stderr
    with transaction(held) as connection:
        table = "" if is_sqlite(held) else "on connectors_past"
        connection.exec_driver_sql(f"drop trigger slow {table}")
    assert_next_run_succeeds(held, api)


def test_rows_that_come_too_slowly_end_the_run(
    held: Engine, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a disk that does not answer: no statement is at work meanwhile."""
    before = everything(held, but=("inventory_runs",))
    account.connectors = [item(f"c{number}") for number in range(30)]
    rows_of = Spool.rows

    def slowly(spool: Spool, table: str) -> Iterator[Any]:
        for row in rows_of(spool, table):
            threading.Event().wait(0.1)
            yield row

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "rows", slowly)
        with pytest.raises(DatabaseUnavailableError, match="1 s were over"):
            sync(held, api_settings(api, deadline=1.0))
    assert everything(held, but=("inventory_runs",)) == before


@ONLY_POSTGRESQL
def test_server_that_falls_silent_is_left(
    held: Engine, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of the server that is stopped answers nothing, nor does it end at a timeout."""
    monkeypatch.setattr(deadline, "GRACE", 1.0)
    stopped: list[int] = []

    @event.listens_for(held, "before_cursor_execute")
    def stop(connection: Connection, _: object, statement: str, *rest: object) -> None:
        if "insert into connectors_past" in statement.lower() and not stopped:
            driver: Any = connection.connection.driver_connection
            stopped.append(driver.info.backend_pid)
            os.kill(stopped[0], signal.SIGSTOP)

    try:
        with pytest.raises(DatabaseUnavailableError, match="1 s were over"):
            sync(held, api_settings(api, deadline=1.0))
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)
    assert stopped
    assert_next_run_succeeds(held, api)


# --- a run that hangs all the same ----------------------------------------------------------

PASSED = {
    "sqlite": "update inventory_runs set deadline_at = '2026-01-01 00:00:00.000000+00:00'",
    "postgresql": "update inventory_runs set deadline_at = '2026-01-01 00:00:00+00'",
}


def test_run_that_hangs_is_told_though_runs_are_skipped(held: Engine, api: FakeApi) -> None:
    account = "account_one"
    with locks.lock(held, account):
        with transaction(held) as connection:
            run_log.start(connection, "account_two", now, 900)
            connection.exec_driver_sql(PASSED[held.dialect.name])  # of those that are none of its
            run_log.start(connection, account, now, 900)
        done = command(api, held, "--quiet", "--skip-if-running")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        with transaction(held) as connection:
            connection.exec_driver_sql(PASSED[held.dialect.name])
        done = command(api, held, "--quiet", "--skip-if-running")
    assert (done.returncode, done.stdout) == (1, "")
    assert "should have ended by 2026-01-01 00:00:00 UTC" in done.stderr
    assert is_sqlite(held) or "as inventory (pid " in done.stderr
    assert_next_run_succeeds(held, api)


def test_run_notes_by_when_it_must_have_ended(held: Engine) -> None:
    ((started_at, deadline_at),) = rows(held, "inventory_runs", "started_at", "deadline_at")
    assert (deadline_at - started_at).total_seconds() == 900
