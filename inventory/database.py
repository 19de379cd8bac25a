"""The database: how it is reached, and where the two dialects differ.

Nothing here is set for a session, only for a transaction, so that it all holds behind a pooler
that gives every transaction another session.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, StaticPool

from inventory.columns import UtcDateTime
from inventory.errors import FixSettings
from inventory.redaction import hide
from inventory.refusals import named_errors
from inventory.settings import DatabaseSettings

_BUSY_SECONDS = 30  # how long SQLite waits for another writer


# --- reaching it ----------------------------------------------------------------------------


def connect(settings: DatabaseSettings) -> Engine:
    """Make the engine; nothing is contacted yet. Raises FixSettings for a URL that is none.

    A SQLite file is made when it is first written, readable by its owner only.
    """
    try:
        url = _parse(settings.url.reveal())
        hide(*_telling_passwords(url))
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        return _postgresql(url, settings.schema)
    except (ArgumentError, ValueError):
        raise _no_url() from None


@contextmanager
def in_memory() -> Iterator[Engine]:
    """An empty database that is gone afterwards."""
    engine = _sqlite(make_url("sqlite://"))
    try:
        yield engine
    finally:
        engine.dispose()


def file_of(engine: Engine) -> Path | None:
    """The file of a SQLite database, one and the same whatever it is called; None = there is none.

    SQLite also takes names that are URIs, as in sqlite:///file:/path?mode=ro&uri=true.
    """
    name = engine.url.database if is_sqlite(engine) else None
    if name and name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    return Path(os.path.realpath(name)) if name and name != ":memory:" else None


def is_sqlite(of: Engine | Connection) -> bool:
    return of.dialect.name == "sqlite"


def _telling_passwords(url: URL) -> list[str]:
    """The passwords in a URL, but for one that is a word of every message: postgres:postgres@.

    To take that out would garble messages, and hide nothing that the next guess does not find.
    """
    given = [url.password, *url.normalized_query.get("password", ())]
    words = f"{url.set(password=None, query={})} inventory postgresql database".lower()
    return [password for password in given if password and password.lower() not in words]


def _parse(text_url: str) -> URL:
    if text_url.startswith("postgres://"):
        text_url = text_url.replace("postgres", "postgresql", 1)
    url = make_url(text_url)
    on_file = url.get_backend_name() == "sqlite"
    if "@" in (url.host or "") or (on_file and url.host):
        raise _no_url()  # a password's own @, or a slash too few: it would be shown as the host
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("postgresql+psycopg", "sqlite", "sqlite+pysqlite"):
        raise FixSettings(
            f"INVENTORY_DATABASE_URL names {url.drivername}: this tool works on PostgreSQL "
            "(postgresql://…, with psycopg 3) and SQLite (sqlite:///…)."
        )
    return url


def _no_url() -> FixSettings:
    # The URL itself is not shown: it may hold a password.
    return FixSettings(
        "INVENTORY_DATABASE_URL is no database URL: it looks like "
        "postgresql://user:password@host/database or sqlite:////path/to/inventory.db. "
        "Signs in a password must be percent-encoded."
    )


def _postgresql(url: URL, schema: str | None) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,  # a batch job needs few connections, and long pauses go by between
        hide_parameters=True,
        # Whatever the server's default is: in a stricter one, the lock's transaction would keep a
        # snapshot, and the merge could be refused for what other accounts do.
        isolation_level="READ COMMITTED",
        execution_options={"schema": schema},
        # Prepared statements live in a session, which a transaction pooler changes under us.
        connect_args={
            "prepare_threshold": None,
            "connect_timeout": 10,
            "client_encoding": "utf8",
        }
        | ({} if "application_name" in url.query else {"application_name": "inventory"}),
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        settings = _TRANSACTION
        if schema is not None:
            settings += ", set_config('search_path', quote_ident(%(schema)s), true)"
        connection.exec_driver_sql(settings, {"schema": schema} if schema else {})

    return engine


# What this tool needs, whatever the server's defaults are. psycopg reads times in the session's
# zone and style, and fails where that leaves year 1 or 9999. Compiling a view takes seconds, asking
# it does not. The transaction of the lock is idle while the API is waited for. A host that dies
# says nothing: the server lets go of what it held after two minutes without a sign of it.
_TRANSACTION = """
select set_config('TimeZone', 'UTC', true),
       set_config('DateStyle', 'ISO', true),
       set_config('jit', 'off', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('tcp_keepalives_idle', '60', true),
       set_config('tcp_keepalives_interval', '15', true),
       set_config('tcp_keepalives_count', '4', true)"""


def _sqlite(url: URL) -> Engine:
    if (url.database or "").startswith("~"):
        raise FixSettings(
            "INVENTORY_DATABASE_URL begins its path with ~, which only a shell replaces: "
            "write the path in full."
        )
    engine = create_engine(
        url,
        poolclass=NullPool if url.database not in (None, "", ":memory:") else StaticPool,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "do_connect")
    def do_connect(*_: object) -> None:
        file = file_of(engine)
        if file is not None and url.query.get("mode") in (None, "rwc"):
            _make_private(file)

    @event.listens_for(engine, "connect")
    def prepare(dbapi: sqlite3.Connection, _record: Any) -> None:
        # The driver begins transactions only before some statements, which leaves DDL outside.
        dbapi.isolation_level = None
        dbapi.execute("pragma temp_store = file")

    @event.listens_for(engine, "invalidate")
    def undo(dbapi: sqlite3.Connection, *_: object) -> None:
        # One that a signal ends in the midst of an answer would live on, and its lock with it.
        dbapi.rollback()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = bool(connection.get_execution_options().get("reading"))
        connection.exec_driver_sql(f"pragma query_only = {'on' if reading else 'off'}")
        # A table that is rebuilt is dropped in between, and others refer to it.
        rebuilding = bool(connection.get_execution_options().get("rebuilding"))
        connection.exec_driver_sql(f"pragma foreign_keys = {'off' if rebuilding else 'on'}")
        # A transaction that has read and then wants to write fails at once if another has
        # written meanwhile; one that says at its beginning that it will write waits its turn.
        connection.exec_driver_sql("begin" if reading else "begin immediate")

    return engine


def let_readers_go_on(engine: Engine) -> None:
    """Make SQLite keep a write-ahead log: readers go on while a run writes, and see all or nothing.

    The file remembers it, so it is done once, and never to a file that is not ours.
    """
    if is_sqlite(engine):
        with named_errors(engine), engine.connect() as connection:
            driver: Any = connection.connection
            gives_up_at = time.monotonic() + _BUSY_SECONDS
            while True:
                try:
                    driver.execute("pragma journal_mode = wal")
                    return
                except sqlite3.OperationalError:  # others are at the file; this does not wait
                    if time.monotonic() > gives_up_at:
                        raise
                    time.sleep(0.05)


def _make_private(file: Path) -> None:
    """Create a missing file for its owner only; its sidecars get the same permissions from it."""
    if file.exists():
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except (PermissionError, FileNotFoundError, NotADirectoryError, FileExistsError) as error:
        raise FixSettings(
            f"sqlite:///{file} cannot be made: {error.strerror}. "
            "Name another one in INVENTORY_DATABASE_URL."
        ) from error


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction on a connection of its own. What the database refuses gets our words."""
    with named_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads: one snapshot, and no way to change anything.

    Not by what PostgreSQL lets through, either: `explain analyze create table` is undone.
    """
    options: dict[str, Any] = {"reading": True}
    if not is_sqlite(engine):
        options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
    with rolled_back(engine.execution_options(**options)) as connection:
        yield connection


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    """One transaction that is rolled back at its end, whatever was done in it."""
    with named_errors(engine), engine.connect() as connection, connection.begin() as attempt:
        yield connection
        attempt.rollback()


# --- where the dialects differ --------------------------------------------------------------


def now(connection: Connection) -> datetime:
    """Ask the database's clock: one clock for all hosts that write into it."""
    if is_sqlite(connection):
        clock = text("select strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00' as now")
        statement: Any = clock.columns(now=UtcDateTime())
    else:
        statement = select(func.clock_timestamp(type_=UtcDateTime()))
    moment: datetime = connection.execute(statement).scalar_one()
    return moment


def execute_all(connection: Connection, statements: Iterable[str]) -> None:
    """Execute DDL as it stands; where the driver takes that, in one go: it is some hundred."""
    as_is = {"no_parameters": True}
    if connection.dialect.name == "postgresql":
        statements = [";\n".join(statements)]
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options=as_is)


def fill(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Put rows of plain cells (text, int, bool, bytes, None) into a table, the fast way.

    Times and JSON are texts: both databases parse or keep them as they are.
    """
    names = [column.name for column in table.columns]
    cursor: Any = connection.connection.cursor()
    try:
        if is_sqlite(connection):
            marks = ", ".join("?" * len(names))
            cursor.executemany(f"insert into {table.name} values ({marks})", rows)
        else:
            columns = ", ".join(names)
            with cursor.copy(f"copy {table.name} ({columns}) from stdin") as copy:
                for row in rows:
                    copy.write_row(row)
    finally:
        cursor.close()
