"""One run of an account at a time, and a log that tells how each ended."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import administration
from sqlalchemy import Connection, Engine, event, make_url, text
from worlds import connect, rows

from inventory import __version__, database, refusals, runs
from inventory.errors import (
    AlreadyRunning,
    ApiUnavailable,
    DatabaseUnavailable,
    HostTrouble,
    TakenOver,
)
from inventory.versions import Moment

ONE, TWO = "account_one", "account_two"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICK, HOUR = timedelta(microseconds=1), timedelta(hours=1)


def at(moment: datetime) -> runs.Clock:
    return lambda _: moment


def start(engine: Engine, account: str = ONE, moment: datetime = NOON) -> int:
    with database.transaction(engine) as connection:
        return runs.start(connection, account, at(moment))


def merge(
    engine: Engine, run: int, expected: datetime | None, moment: datetime = NOON, account: str = ONE
) -> Moment:
    with database.transaction(engine) as connection:
        instant = runs.begin_merge(connection, run, account, expected, at(moment))
        runs.finish(connection, instant, at(moment), status="succeeded", connectors_seen=7)
        return instant


def row(engine: Engine, run: int) -> dict[str, Any]:
    with database.reading(engine) as connection:
        return runs.get(connection, run)


def take(engine: Engine, account: str = ONE) -> None:
    with runs.lock(engine, account):
        pass


# --- the lock -------------------------------------------------------------------------------


def test_lock_is_for_one_holder_of_an_account(engine: Engine, database_url: str) -> None:
    other = connect(database_url)
    with runs.lock(engine, ONE) as held:
        with pytest.raises(AlreadyRunning, match=f"run of account {ONE} .*--skip-if-running"):
            take(other)
        with runs.lock(other, TWO):
            held.check()
        with pytest.raises(AlreadyRunning):
            take(engine)
    take(other)


def test_lock_is_free_after_an_error(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), runs.lock(engine, ONE):
        raise ZeroDivisionError
    take(engine)


HOLD = f"""
import sys
from inventory import database, runs
from inventory.settings import database_settings
with runs.lock(database.connect(database_settings()), {ONE!r}):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_is_free_after_its_process_was_killed(engine: Engine, database_url: str) -> None:
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "INVENTORY_DATABASE_URL": database_url, "PYTHONPATH": root}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=pipe, stdout=pipe, text=True, env=environment
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning):
            take(engine)
        holder.kill()
    deadline = time.monotonic() + 30
    while True:  # a server hears of it a moment later
        try:
            return take(engine)
        except AlreadyRunning:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_lock_goes_by_the_file_and_not_by_its_name(tmp_path: Path) -> None:
    file, link = tmp_path / "inventory.db", tmp_path / "link.db"
    link.symlink_to(file)
    with runs.lock(connect(f"sqlite:///{file}"), ONE), pytest.raises(AlreadyRunning):
        take(connect(f"sqlite:///{link}"))


def test_lock_holds_back_no_vacuum(postgres_url: str) -> None:
    engine = connect(postgres_url)
    holding = text(
        """
        select state, backend_xmin, backend_xid from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
          and application_name = 'inventory'
        """
    )
    with runs.lock(engine, ONE) as held:
        held.check()
        with database.reading(engine) as connection:
            assert connection.execute(holding).all() == [("idle in transaction", None, None)]


def test_lock_outlasts_what_a_server_allows_a_transaction(postgres_url: str) -> None:
    """As long as the API takes to be read, which since PostgreSQL 17 a server may bound."""
    engine = connect(postgres_url)
    with administration(postgres_url) as connection:
        if connection.dialect.server_version_info < (17,):
            pytest.skip("this server bounds no transaction")
        name = make_url(postgres_url).database
        connection.exec_driver_sql(f"alter database {name} set transaction_timeout = '300ms'")
    with runs.lock(engine, ONE) as held:
        time.sleep(0.6)
        held.check()


def test_host_that_dies_is_noticed_by_the_server(postgres_url: str) -> None:
    """By every transaction, as the merge holds locks, too. On a socket, there is nothing to set."""
    sent: list[str] = []
    engine = connect(postgres_url)
    event.listen(engine, "before_cursor_execute", lambda *call: sent.append(call[2]))
    with runs.lock(engine, ONE), database.transaction(engine), database.reading(engine):
        pass
    assert sum("tcp_keepalives_idle', '60'" in statement for statement in sent) == 3


def test_file_system_that_takes_no_lock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(runs.fcntl, "flock", refuse)
    with pytest.raises(HostTrouble, match=r"inventory\.db takes no lock .*local disk"):
        take(connect(f"sqlite:///{tmp_path / 'inventory.db'}"))


def test_lock_that_is_lost_is_noticed(postgres_url: str) -> None:
    engine = connect(postgres_url)
    end = text(
        """
        select pg_terminate_backend(pid, 30000) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
          and application_name = 'inventory'
        """
    )
    with runs.lock(engine, ONE) as held:
        held.check()
        with database.reading(engine) as connection:
            assert connection.scalars(end).all() == [True]
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable, match=f"The lock of account {ONE} was lost"):
                held.check()
        take(engine)


# --- the log --------------------------------------------------------------------------------


def test_run_that_starts_calls_crashed_what_its_account_left_running(engine: Engine) -> None:
    left, of_another = start(engine), start(engine, TWO)
    again = start(engine, moment=NOON + HOUR)
    merge(engine, again, None, NOON + HOUR)
    last = start(engine, moment=NOON + 2 * HOUR)
    columns = ("run_id", "account_id", "status", "started_at", "finished_at", "error_code")
    assert rows(engine, "sync_runs", *columns) == [
        (left, ONE, "crashed", NOON, NOON + HOUR, "crashed"),
        (of_another, TWO, "running", NOON, None, None),
        (again, ONE, "succeeded", NOON + HOUR, NOON + HOUR, None),
        (last, ONE, "running", NOON + 2 * HOUR, None, None),
    ]
    assert left < of_another < again < last
    assert row(engine, last)["tool_version"] == __version__


def test_merge_is_refused_where_another_run_has_merged_since(engine: Engine) -> None:
    merge(engine, start(engine), None)
    run = start(engine)
    for stale in (None, NOON - TICK):
        with pytest.raises(TakenOver, match="took over"):
            merge(engine, run, stale)
    assert row(engine, run)["status"] == "running"
    merge(engine, run, NOON)
    with pytest.raises(TakenOver):
        merge(engine, run, NOON + TICK)  # once is enough


def test_merge_is_refused_to_a_run_that_was_called_crashed(engine: Engine) -> None:
    slow = start(engine)
    quick = start(engine)
    with pytest.raises(TakenOver, match="took over"):
        merge(engine, slow, None)
    assert merge(engine, quick, None).previous_at is None


@contextmanager
def impatient(engine: Engine) -> Iterator[Connection]:
    """A transaction that waits for no lock."""
    if database.is_sqlite(engine):
        with engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("pragma busy_timeout = 0")
            with refusals.named_errors(engine), connection.begin():
                yield connection
    else:
        with database.transaction(engine) as connection:
            connection.execute(text("set local lock_timeout = '10ms'"))
            yield connection


def test_no_run_starts_in_the_midst_of_a_merge(engine: Engine) -> None:
    run = start(engine)
    with database.transaction(engine) as connection:
        instant = runs.begin_merge(connection, run, ONE, None, at(NOON))
        with pytest.raises(DatabaseUnavailable), impatient(engine) as other:
            runs.start(other, ONE, at(NOON))
        runs.finish(connection, instant, at(NOON), status="succeeded")
    assert row(engine, run)["status"] == "succeeded"


def test_instants_increase_whatever_the_clock_does(engine: Engine) -> None:
    clock = [NOON, NOON, NOON - HOUR, NOON + TICK, NOON + HOUR, NOON]
    merge(engine, start(engine, TWO, NOON - 2 * HOUR), None, NOON - 2 * HOUR, TWO)
    instants: list[datetime] = []
    for moment in clock:
        previous = instants[-1] if instants else None
        run = start(engine, moment=moment)
        merged = merge(engine, run, previous, moment)
        assert merged == Moment(ONE, run, merged.observed_at, previous)
        facts = row(engine, run)
        assert facts["observed_at"] == merged.observed_at <= facts["finished_at"]
        instants.append(merged.observed_at)
    after = [NOON, NOON + TICK, NOON + 2 * TICK, NOON + 3 * TICK, NOON + HOUR, NOON + HOUR + TICK]
    assert instants == after
    with database.reading(engine) as connection:
        assert runs.last_merged_at(connection, ONE) == after[-1]
        assert runs.last_merged_at(connection, "account_three") is None


def test_run_never_ends_before_it_began(engine: Engine) -> None:
    run = start(engine, moment=NOON)
    assert merge(engine, run, None, NOON - HOUR).observed_at == NOON
    late = start(engine, moment=NOON + 2 * HOUR)
    assert fail(engine, late)["finished_at"] == NOON + 2 * HOUR


def fail(engine: Engine, run: int | None, **facts: Any) -> dict[str, Any]:
    error = ApiUnavailable("The API answered 503.")
    with database.transaction(engine) as connection:
        return runs.record_failure(connection, run, error, at(NOON + HOUR), **facts)


def test_failure_is_recorded_with_its_reason(engine: Engine) -> None:
    run = start(engine)
    failed = fail(engine, run, account_id=ONE, pages=2)
    assert failed == row(engine, run)
    assert (failed["status"], failed["started_at"]) == ("failed", NOON)
    assert (failed["finished_at"], failed["observed_at"]) == (NOON + HOUR, None)
    assert (failed["error_code"], failed["error_message"]) == (
        "api_unavailable",
        "The API answered 503. Nothing of this run was written.",
    )
    assert (failed["account_id"], failed["pages"]) == (ONE, 2)


def test_failure_before_a_run_is_registered_has_a_row_of_its_own(engine: Engine) -> None:
    running = start(engine)
    failed = fail(engine, None, account_id=None)
    assert (failed["status"], failed["started_at"]) == ("failed", NOON + HOUR)
    assert row(engine, running)["status"] == "running"


def test_failure_does_not_overwrite_how_a_run_ended(engine: Engine) -> None:
    """The answer to a commit may be lost, and the commit not."""
    crashed, merged = start(engine), start(engine)
    merge(engine, merged, None)
    before = row(engine, crashed), row(engine, merged)
    assert (fail(engine, crashed), fail(engine, merged)) == before
    assert [ended["status"] for ended in before] == ["crashed", "succeeded"]
