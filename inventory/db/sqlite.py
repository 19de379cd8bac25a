"""Connects to SQLite: creates engines and begins each transaction with the pragmas it needs."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from inventory.db import sqlite_files, sqlite_url
from inventory.deadline import Deadline

_BUSY_SECONDS = 30  # how long to wait for another writer
_STEPS = 10_000  # virtual machine instructions between two checks of the deadline


def engine(url: URL) -> Engine:
    """Create the engine of the file that a URL names. The first write creates the file."""
    named = sqlite_url.parse(url)
    path = os.path.abspath(named.name)
    created = create_engine(
        URL.create("sqlite", database=named.name),
        creator=lambda: sqlite_files.open_file(
            Path(os.path.realpath(path)), named.mode, _BUSY_SECONDS
        ),
        poolclass=NullPool,
        hide_parameters=True,
        execution_options={"file": path},
    )
    _listen(created)
    return created


def engine_in_memory() -> Engine:
    """Create the engine of a database that lives as long as it does."""
    created = create_engine(
        "sqlite://",
        poolclass=StaticPool,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )
    _listen(created)
    return created


def file_of(engine: Engine) -> Path | None:
    """Return the real path of the database file; None = the database is in memory."""
    path: str | None = engine.get_execution_options().get("file")
    return Path(os.path.realpath(path)) if path else None


def _listen(to: Engine) -> None:
    @event.listens_for(to, "connect")
    def prepare(dbapi: sqlite3.Connection, _record: Any) -> None:
        # The driver begins transactions only before some statements, which leaves DDL outside.
        dbapi.isolation_level = None
        dbapi.execute("pragma temp_store = file")

    @event.listens_for(to, "invalidate")
    def undo(dbapi: sqlite3.Connection, *_: object) -> None:
        # A connection that a signal interrupts while it fetches would stay open and keep its lock.
        dbapi.rollback()

    event.listen(to, "begin", _begin)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    read_only = bool(options.get("read_only"))
    connection.exec_driver_sql(f"pragma query_only = {'on' if read_only else 'off'}")
    # A migration that rebuilds a table drops it while others refer to it.
    foreign_keys = "off" if options.get("foreign_keys_off") else "on"
    connection.exec_driver_sql(f"pragma foreign_keys = {foreign_keys}")
    deadline: Deadline | None = options.get("deadline")
    driver: Any = connection.connection.driver_connection
    wait = _uninterruptible_wait(deadline)
    driver.execute(f"pragma busy_timeout = {int(1000 * wait)}")
    if deadline is not None:
        driver.set_progress_handler(deadline.passes(), _STEPS)
    # A transaction that reads first and writes later fails at once if another one wrote in
    # between; `begin immediate` announces the write, so it waits for its turn instead.
    if read_only:
        driver.execute("begin")
    else:
        _begin_immediate(driver, deadline.lock_wait if deadline else _BUSY_SECONDS)
        driver.execute(f"pragma busy_timeout = {int(1000 * wait)}")


def _begin_immediate(driver: sqlite3.Connection, seconds: float) -> None:
    """Begin to write once other writers have finished.

    It waits in short steps, as Ctrl-C cannot interrupt a long one. Raises
    sqlite3.OperationalError if that takes longer than `seconds`.
    """
    gives_up_at = time.monotonic() + seconds
    driver.execute("pragma busy_timeout = 100")
    while True:
        try:
            driver.execute("begin immediate")
            break
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > gives_up_at:
                raise


def enable_wal(engine: Engine) -> None:
    """Switch the file to a write-ahead log; it keeps the setting.

    Raises sqlite3.OperationalError if the file is busy.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection
        deadline: Deadline | None = engine.get_execution_options().get("deadline")
        gives_up_at = time.monotonic() + _uninterruptible_wait(deadline)
        while True:
            try:
                driver.execute("pragma journal_mode = wal")
                return
            except sqlite3.OperationalError as error:  # this pragma does not wait for others
                if not _is_busy(error) or time.monotonic() > gives_up_at:
                    raise
                time.sleep(0.05)


def _uninterruptible_wait(deadline: Deadline | None) -> float:
    """Return the seconds to wait where Ctrl-C cannot end the wait."""
    return min(_BUSY_SECONDS, deadline.lock_wait) if deadline else _BUSY_SECONDS


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
