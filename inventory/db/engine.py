"""Engines and transactions, and the operations in which the two dialects differ.

Settings apply to a transaction, never to a session, so that they work behind a pooler that gives
every transaction another session.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine, Select, Table, func, make_url, select, text
from sqlalchemy.exc import ArgumentError

from inventory.column_types import UtcDateTime
from inventory.db import addresses, postgresql, postgresql_url, sqlite, sqlite_files
from inventory.db.errors import display_url, translate_errors
from inventory.deadline import Deadline
from inventory.errors import ConfigurationError, DatabaseUnavailableError
from inventory.settings import DatabaseSettings

Clock = Callable[[Connection], datetime]

# Clocks of a cluster differ by less. A larger difference means that a clock is or was wrong.
CLOCK_TOLERANCE = timedelta(seconds=5)

_PART = 5_000  # rows that are in memory at a time
_UNEXPANDED = re.compile(r"\$(\{\w+\}|[A-Z_][A-Z0-9_]*)")


# --- engines --------------------------------------------------------------------------------


def connect(settings: DatabaseSettings) -> Engine:
    """Create the engine; it opens no connection yet. Raises ConfigurationError for an invalid URL.

    The first write creates a SQLite file, readable by its owner only.
    """
    given = settings.url.reveal()
    if "\0" in unquote(given):
        raise ConfigurationError(
            "INVENTORY_DATABASE_URL contains %00 (a NUL character). Remove it."
        )
    try:
        if postgresql_url.is_postgresql(given):
            return postgresql.engine(addresses.read(given), settings.schema)
        return sqlite.engine(_parse(given))
    except (ArgumentError, ValueError):
        raise postgresql_url.invalid_url() from None


@contextmanager
def in_memory() -> Iterator[Engine]:
    """Yield the engine of an empty database that lives until the end of the block."""
    engine = sqlite.engine_in_memory()
    try:
        yield engine
    finally:
        engine.dispose()


def file_of(engine: Engine) -> Path | None:
    """Return the real path of a SQLite database, whatever the URL calls it; None = there is none.

    Everything that opens, creates or locks the file uses this path.
    """
    return sqlite.file_of(engine) if is_sqlite(engine) else None


def is_missing(engine: Engine) -> bool:
    """Say whether a SQLite database has no file yet, which a read would create.

    Raises ConfigurationError or OSError if the path cannot be a database.
    """
    file = file_of(engine)
    return file is not None and not sqlite_files.exists(file)


def is_sqlite(of: Engine | Connection) -> bool:
    return of.dialect.name == "sqlite"


def _parse(given: str) -> URL:
    if found := _UNEXPANDED.search(given):
        raise ConfigurationError(
            f"INVENTORY_DATABASE_URL contains {found[0]} in its path, which only a shell expands. "
            "Write its value; for a literal $, write %24 in sqlite:///file:/path/to/inventory.db."
        )
    url = make_url(given)
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(
            f"INVENTORY_DATABASE_URL names {url.drivername}, which is not supported. Use "
            "PostgreSQL (postgresql://…, with psycopg 3) or SQLite (sqlite:///…)."
        )
    if url.host:
        raise postgresql_url.invalid_url()  # a slash is missing: SQLAlchemy reads a host
    return url


def enable_wal(engine: Engine) -> None:
    """Switch SQLite to a write-ahead log: readers do not block a run, and see all of it or nothing.

    The file keeps the setting. Never call it for a file that another tool created.
    """
    if is_sqlite(engine):
        with translate_errors(engine):
            sqlite.enable_wal(engine)


@contextmanager
def kept_session(engine: Engine) -> Iterator[None]:
    """Let transactions inside that follow each other use one session; see `release_session`.

    On SQLite, opening a file takes no time.
    """
    if is_sqlite(engine):
        yield
        return
    postgresql.keep_one_session(engine, keep=True)
    try:
        yield
    finally:
        postgresql.keep_one_session(engine, keep=False)
        release_session(engine)


def release_session(engine: Engine) -> None:
    """Close the session that is kept, before a long wait: the next transaction opens another."""
    if not is_sqlite(engine):
        postgresql.close_kept_session(engine)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run one transaction on a new connection, and translate the errors of the database."""
    with translate_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def read_only(engine: Engine) -> Iterator[Connection]:
    """Run one transaction on one snapshot that can change nothing.

    It is rolled back: even when read-only, PostgreSQL executes `explain analyze create table`.
    """
    # Set on the connection: older SQLAlchemy rejects it for an engine made by execution_options.
    snapshot = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
    options = {} if is_sqlite(engine) else snapshot
    with _rolled_back(engine.execution_options(read_only=True), **options) as connection:
        yield connection


@contextmanager
def rollback(engine: Engine) -> Iterator[Connection]:
    """Run one transaction and roll it back at its end."""
    with _rolled_back(engine) as connection:
        yield connection


@contextmanager
def _rolled_back(engine: Engine, **options: Any) -> Iterator[Connection]:
    read_only = bool(engine.get_execution_options().get("read_only"))
    reads_file = read_only and is_sqlite(engine)
    watched = sqlite_files.unchanged if reads_file else nullcontext
    opened_to_read = sqlite_files.only_reading if reads_file else nullcontext
    with translate_errors(engine):
        with opened_to_read():
            connection = engine.connect().execution_options(**options)
        with connection, connection.begin() as attempt, watched(connection):
            yield connection
            attempt.rollback()


# --- operations in which the dialects differ ------------------------------------------------


def now(connection: Connection) -> datetime:
    """Read the clock of the database: one clock for all hosts that write to it."""
    if is_sqlite(connection):
        clock = text("select strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00' as now")
        statement: Any = clock.columns(now=UtcDateTime())
    else:
        statement = select(func.clock_timestamp(type_=UtcDateTime()))
    now: datetime = connection.execute(statement).scalar_one()
    return now


def execute_all(connection: Connection, statements: Iterable[str]) -> None:
    """Execute DDL without parameters; on PostgreSQL all statements in one round trip."""
    options = {"no_parameters": True}
    if connection.dialect.name == "postgresql":
        statements = [";\n".join(statements)]
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options=options)


def read_pairs(connection: Connection, statement: Select[Any]) -> dict[Any, Any]:
    """Return the two columns that a statement selects as a dictionary, reading part by part.

    All rows at once would take more memory than the dictionary, and as text twice the time.
    """
    found: dict[Any, Any] = {}
    if is_sqlite(connection):
        for part in connection.execute(statement).partitions(_PART):
            found.update(part)
        return found
    compiled = statement.compile(dialect=connection.dialect)
    driver: Any = connection.connection.driver_connection
    # All rows are wanted. By default the server plans for the first ones.
    connection.exec_driver_sql("set local cursor_tuple_fraction = 1")
    with driver.cursor("pairs", binary=True) as cursor:
        cursor.execute(str(compiled), compiled.params)
        while part := cursor.fetchmany(_PART):
            found.update(part)
    return found


def copy_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of plain cells (text, int, bool, bytes, None) by COPY or executemany.

    Times and JSON are texts: PostgreSQL parses them, SQLite stores them unchanged.
    """
    names = [column.name for column in table.columns]
    in_time = _until_deadline(connection, rows)
    cursor: Any = connection.connection.cursor()
    try:
        if is_sqlite(connection):
            marks = ", ".join("?" * len(names))
            cursor.executemany(f"insert into {table.name} values ({marks})", in_time)
        else:
            columns = ", ".join(names)
            with cursor.copy(f"copy {table.name} ({columns}) from stdin") as copy:
                for row in in_time:
                    copy.write_row(row)
    finally:
        cursor.close()


def _until_deadline(
    connection: Connection, rows: Iterable[Sequence[Any]]
) -> Iterator[Sequence[Any]]:
    """Yield rows until the deadline, which the database does not enforce between two rows."""
    deadline: Deadline | None = connection.get_execution_options().get("deadline")
    for row in rows:
        if deadline is not None and not deadline.left:
            raise DatabaseUnavailableError(
                f"{display_url(connection.engine)} was not written before the deadline of the run."
            )
        yield row
