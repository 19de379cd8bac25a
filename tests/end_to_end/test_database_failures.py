"""A database that does not let a run write: a clear error, and the whole snapshot or none of it."""

import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from support.builders import (
    Account,
    FakeMonotonic,
    api_settings,
    connect,
    everything,
    item,
    rows,
)
from support.databases import administration

from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.errors import ConfigurationError, DatabaseUnavailableError, InventoryError
from inventory.sync.run import sync


@pytest.fixture
def before(engine: Engine, api: FakeApi, account: Account) -> dict[str, list[tuple[Any, ...]]]:
    """Fill the tables, change the account in every way, and return what the tables hold."""
    account.connectors = [item(f"c{number}") for number in range(6)]
    sync(engine, api_settings(api))
    task = {"code": "reconnect", "message": "m" * 1000}
    account.connectors = [
        item(f"c{number}", paused=True, status={"tasks": [task], "warnings": [task]})
        for number in range(1, 9)
    ]
    return everything(engine, but=("inventory_runs",))


@pytest.fixture
def assert_fails_and_recovers(
    engine: Engine, api: FakeApi, before: dict[str, list[tuple[Any, ...]]]
) -> Iterator[Callable[[type[InventoryError], str], None]]:
    """Run into the trouble that a test has made; then see that it has left no trace."""

    def run(kind: type[InventoryError], words: str) -> None:
        with pytest.raises(kind, match=words):
            sync(engine, api_settings(api))

    yield run
    assert everything(engine, but=("inventory_runs",)) == before
    log = rows(engine, "inventory_runs", "run_id", "status", "observed_at")
    assert log[1:] in ([], [(2, "failed", None)], [(2, "running", None)])
    assert sync(engine, api_settings(api))["status"] == "succeeded"
    states = [row[1] for row in rows(engine, "inventory_runs", "run_id", "status")]
    assert "running" not in states


def at_statement(engine: Engine, beginning: str, act: Callable[[Connection], object]) -> None:
    """Do something once, right before a statement of the run that begins like this."""

    def before_execution(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.upper().startswith(beginning) and not done:
            done.append(True)
            act(connection)

    done: list[bool] = []
    event.listen(engine, "before_cursor_execute", before_execution)


# The middle of the merge: connectors are written, their states are not.
MIDDLE = "INSERT INTO CONNECTOR_STATUS_PAST"


# --- PostgreSQL -----------------------------------------------------------------------------

postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def holding(url: str, statement: str) -> Iterator[Connection]:
    """Somebody else's transaction that has begun with this statement."""
    with connect(url).connect() as other, other.begin():
        other.exec_driver_sql(statement)
        yield other


def by_default(engine: Engine, setting: str) -> None:
    """Let the database have a setting for all who come after."""
    with transaction(engine) as connection:
        connection.exec_driver_sql(f"alter database {engine.url.database} set {setting}")


def undo(engine: Engine, setting: str) -> None:
    with administration(engine.url.render_as_string(hide_password=False)) as connection:
        connection.exec_driver_sql("set default_transaction_read_only = off")
        connection.exec_driver_sql(f"alter database {engine.url.database} reset {setting}")


@postgresql
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("lock_timeout", r"held by inventory \(pid \d+\)"),
        ("statement_timeout", "statement timeout.*starts over"),
    ],
)
def test_wait_that_the_server_ends(
    engine: Engine, database_url: str, assert_fails_and_recovers: Any, setting: str, said: str
) -> None:
    by_default(engine, f"{setting} = '300ms'")
    with holding(database_url, "lock table tasks in exclusive mode"):
        assert_fails_and_recovers(DatabaseUnavailableError, said)
    undo(engine, setting)


@postgresql
def test_deadlock_that_the_run_has_to_yield_in(
    engine: Engine, database_url: str, assert_fails_and_recovers: Any
) -> None:
    by_default(engine, "deadlock_timeout = '50ms'")
    waits = text("select count(*) from pg_locks where not granted")
    with holding(database_url, "lock table tasks in exclusive mode") as other:
        other.exec_driver_sql("set local deadlock_timeout = '1h'")  # it will not yield
        lock = "lock table connectors in exclusive mode"
        wait = threading.Thread(target=other.exec_driver_sql, args=(lock,))

        def embrace(_: Connection) -> None:
            wait.start()
            with connect(database_url).connect() as third:
                while not third.scalar(waits):
                    third.rollback()

        at_statement(engine, MIDDLE, embrace)
        assert_fails_and_recovers(DatabaseUnavailableError, "deadlock detected")
        wait.join()


@postgresql
@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("40001", DatabaseUnavailableError),  # serialization failure
        ("53100", DatabaseUnavailableError),  # disk full
        ("57P01", DatabaseUnavailableError),  # the administrator shuts it down
        ("42501", ConfigurationError),  # no right to
    ],
)
def test_state_that_a_server_may_answer_with(
    engine: Engine, assert_fails_and_recovers: Any, state: str, kind: type[InventoryError]
) -> None:
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            "create function refuse() returns trigger language plpgsql as "
            f"$$ begin raise exception 'trouble' using errcode = '{state}'; end $$"
        )
        connection.exec_driver_sql(
            "create trigger refuse before insert on tasks for each row execute function refuse()"
        )
    assert_fails_and_recovers(kind, "trouble")
    with transaction(engine) as connection:
        connection.exec_driver_sql("drop trigger refuse on tasks")


@postgresql
def test_database_that_is_read_only(engine: Engine, assert_fails_and_recovers: Any) -> None:
    by_default(engine, "default_transaction_read_only = on")
    assert_fails_and_recovers(ConfigurationError, "read-only transaction.*privileges")
    undo(engine, "default_transaction_read_only")


END = text(
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)


def end_all(url: str) -> None:
    with connect(url).connect() as connection:
        connection.execute(END)


@postgresql
@pytest.mark.parametrize("moment", ["in the walk", "in the merge", "at the commit"])
def test_server_that_ends_the_connections(
    engine: Engine, database_url: str, api: FakeApi, assert_fails_and_recovers: Any, moment: str
) -> None:
    def in_the_walk(request: Request) -> None:
        # While the first page arrives, the run reads the database; now it has only its lock.
        if request.path.endswith("/groups"):
            api.intercept = lambda _: None
            end_all(database_url)

    if moment == "in the walk":
        api.intercept = in_the_walk
        assert_fails_and_recovers(DatabaseUnavailableError, "lock of account account_one was lost")
    elif moment == "in the merge":
        at_statement(engine, MIDDLE, lambda _: end_all(database_url))
        assert_fails_and_recovers(DatabaseUnavailableError, "starts over")
    else:
        at_commit_of_the_merge(engine, lambda _: end_all(database_url))
        assert_fails_and_recovers(DatabaseUnavailableError, "starts over")


@postgresql
def test_lock_that_is_lost_in_a_long_wait_is_noticed_in_it(
    engine: Engine, database_url: str, api: FakeApi
) -> None:
    class Meanwhile(FakeMonotonic):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            end_all(database_url)

    later = FakeResponse.error(429, "TooManyRequests", Retry_After="100")
    api.intercept = lambda request: later if "limit" in request.query else None
    with pytest.raises(DatabaseUnavailableError, match="lock of account account_one was lost"):
        sync(engine, api_settings(api), http_clock=(clock := Meanwhile()))
    assert clock.slept == [30]


def at_commit_of_the_merge(engine: Engine, act: Callable[[Connection], object]) -> None:
    """Do something right before the merge is committed."""
    at_statement(
        engine,
        MIDDLE,
        lambda merging: event.listen(
            engine, "commit", lambda each: act(each) if each is merging else None
        ),
    )


# --- SQLite ---------------------------------------------------------------------------------


@sqlite
def test_disk_that_is_full(engine: Engine, assert_fails_and_recovers: Any) -> None:
    def no_page_more(driver: sqlite3.Connection, _: Any) -> None:
        [pages] = driver.execute("pragma page_count").fetchone()
        driver.execute(f"pragma max_page_count = {pages}")

    event.listen(engine, "connect", no_page_more)
    assert_fails_and_recovers(DatabaseUnavailableError, "database or disk is full")
    event.remove(engine, "connect", no_page_more)


@sqlite
def test_file_that_may_not_grow(
    engine: Engine, environment: dict[str, str], api: FakeApi, before: Any
) -> None:
    """In a process of its own, whose files the system itself keeps from growing."""
    size = Path(str(engine.url.database)).stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 8, size // 8))

    command = [sys.executable, "-m", "inventory", "sync"]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("Error: sqlite:///")
    assert "Traceback" not in done.stderr
    assert everything(engine, but=("inventory_runs",)) == before
    assert sync(engine, api_settings(api))["status"] == "succeeded"


@sqlite
def test_file_that_is_read_only(engine: Engine, api: FakeApi, before: Any) -> None:
    file = engine.url.database
    read_only = connect(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(ConfigurationError, match="readonly database"):
        sync(read_only, api_settings(api))
    assert everything(engine, but=("inventory_runs",)) == before
