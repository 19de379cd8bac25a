"""One run of an account at a time, on both databases, whatever becomes of its holder."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, make_url, text
from support.builders import connect
from support.databases import administration

from inventory.db import locks
from inventory.db.engine import read_only, transaction
from inventory.errors import AlreadyRunningError, DatabaseUnavailableError, HostError

ONE, TWO = "account_one", "account_two"


def take(engine: Engine, account: str = ONE) -> None:
    with locks.lock(engine, account):
        pass


def test_lock_is_for_one_holder_of_an_account(engine: Engine, database_url: str) -> None:
    other = connect(database_url)
    with locks.lock(engine, ONE) as lock:
        with pytest.raises(AlreadyRunningError, match=f"run of account {ONE} .*--skip-if-running"):
            take(other)
        with locks.lock(other, TWO):
            lock.check()
        with pytest.raises(AlreadyRunningError):
            take(engine)
    take(other)


def test_lock_is_free_after_an_error(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), locks.lock(engine, ONE):
        raise ZeroDivisionError
    take(engine)


HOLD = f"""
import sys
from inventory.db import locks
from inventory.db.engine import connect
from inventory.settings import database_settings
with locks.lock(connect(database_settings()), {ONE!r}):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_is_free_after_its_process_was_killed(engine: Engine, database_url: str) -> None:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "INVENTORY_DATABASE_URL": database_url, "PYTHONPATH": root}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=pipe, stdout=pipe, text=True, env=environment
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunningError):
            take(engine)
        holder.kill()
    deadline = time.monotonic() + 30
    while True:  # a server hears of it a moment later
        try:
            return take(engine)
        except AlreadyRunningError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_lock_goes_by_the_file_and_not_by_its_name(tmp_path: Path) -> None:
    file, link = tmp_path / "inventory.db", tmp_path / "link.db"
    link.symlink_to(file)
    with locks.lock(connect(f"sqlite:///{file}"), ONE), pytest.raises(AlreadyRunningError):
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
    with locks.lock(engine, ONE) as lock:
        lock.check()
        with read_only(engine) as connection:
            assert connection.execute(holding).all() == [("idle in transaction", None, None)]


def test_lock_outlasts_what_a_server_allows_a_transaction(postgres_url: str) -> None:
    """As long as the API takes to be read, which since PostgreSQL 17 a server may bound."""
    engine = connect(postgres_url)
    with administration(postgres_url) as connection:
        if connection.dialect.server_version_info < (17,):
            pytest.skip("this server bounds no transaction")
        name = make_url(postgres_url).database
        connection.exec_driver_sql(f"alter database {name} set transaction_timeout = '300ms'")
    with locks.lock(engine, ONE) as lock:
        time.sleep(0.6)
        lock.check()


def test_host_that_dies_is_noticed_by_the_server(postgres_url: str) -> None:
    """By every transaction, as the merge holds locks, too. On a socket, there is nothing to set."""
    sent: list[str] = []
    engine = connect(postgres_url)
    event.listen(engine, "before_cursor_execute", lambda *call: sent.append(call[2]))
    with locks.lock(engine, ONE), transaction(engine), read_only(engine):
        pass
    assert sum("tcp_keepalives_idle', '60'" in statement for statement in sent) == 3


def test_file_system_that_takes_no_lock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(HostError, match=r"inventory\.db does not support locks .*local disk"):
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
    with locks.lock(engine, ONE) as lock:
        lock.check()
        with read_only(engine) as connection:
            assert connection.scalars(end).all() == [True]
        for _ in range(2):
            with pytest.raises(
                DatabaseUnavailableError, match=f"The lock of account {ONE} was lost"
            ):
                lock.check()
        take(engine)
