"""Runs a user's SQL: one statement that only reads.

It runs on the driver's connection, inside a read-only transaction, because each driver can reject
what such a transaction permits. On PostgreSQL the functions that the statement calls are checked
first, and it runs with the read-only role if the user is a member of it.
"""

import re
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from inventory.db import grants, revision, views
from inventory.db.engine import is_sqlite, read_only
from inventory.dictionary.entities import all_entities
from inventory.errors import ConfigurationError, InventoryError
from inventory.models import readable_tables
from inventory.queries import sql_guard, sql_values

Row = dict[str, Any]


class Result(NamedTuple):
    """Rows by column name. Names are made unique: a second column n is called n_2."""

    columns: list[str]
    rows: Iterable[Row]


class QueryRejectedError(ConfigurationError):
    """The SQL is rejected here, or the database cannot run it."""

    code = "query_rejected"


def run_query(engine: Engine, sql: str) -> Result:
    """Run one query and return all rows. Raises QueryRejectedError if it is rejected."""
    with stream(engine, sql) as result:
        return Result(result.columns, list(result.rows))


@contextmanager
def stream(engine: Engine, sql: str) -> Iterator[Result]:
    """Run one query and yield its result. Its rows are fetched as they are read, once.

    Raises QueryRejectedError if the query is rejected, before the first row or while rows are read.
    """
    with closing(_raw_rows(engine, sql)) as raw_rows:
        columns = list(_unique(next(raw_rows)))
        first = list(islice(raw_rows, 1))  # an error at once comes before any output
        yield Result(columns, _rows(columns, chain(first, raw_rows)))


def relations(engine: Engine) -> Result:
    """List the views and tables that can be queried, with their comments; views first."""
    revision.require_current(engine)
    readable = [each for each in all_entities() if each.is_readable]
    rows = [
        {"name": each.name, "kind": kind, "comment": each.comment}
        for kind in ("view", "table")
        for each in readable
        if each.kind == kind
    ]
    return Result(["name", "kind", "comment"], rows)


def _raw_rows(engine: Engine, sql: str) -> Generator[Sequence[Any], None, None]:
    """Yield the names of the columns, then each row.

    A generator, so that an error of the consumer is not treated as one of the database.
    """
    revision.require_file(engine)
    # The user's search path stays in effect after our schema, for tables of their own.
    with read_only(engine.execution_options(keep_search_path=True)) as connection:
        revision.require_current_in(connection)
        yield from (_on_sqlite if is_sqlite(connection) else _on_postgresql)(connection, sql)


def _rows(columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> Iterator[Row]:
    try:
        for line in lines:
            yield dict(zip(columns, line, strict=True))
    except InventoryError as error:
        error.args = (f"{error} The rows above are not the whole answer.",)
        raise


def _unique(names: Sequence[str]) -> Iterator[str]:
    taken = set(names)
    seen: set[str] = set()
    for name in names:
        number, free = 2, name
        while free in seen or (free != name and free in taken):
            number, free = number + 1, f"{name}_{number}"
        seen.add(free)
        yield free


_ONLY_READS = "Only one statement that reads is allowed."


def _rejected(reason: str, hint: str | None = _ONLY_READS) -> QueryRejectedError:
    """Return the error for a query that is not run because of what it is."""
    return QueryRejectedError(_sentences(f"The query was rejected: {reason}", hint))


def _failed(reason: str, hint: str | None = None) -> QueryRejectedError:
    """Return the error for a query that the database could not run."""
    return QueryRejectedError(_sentences(f"The query failed: {reason}", hint))


def _sentences(first: str, hint: str | None) -> str:
    return f"{first.rstrip('.?!:')}.{f' {hint}' if hint else ''}"


# --- PostgreSQL -----------------------------------------------------------------------------

# Statements that read, but that no cursor can be declared for.
_WITHOUT_CURSOR = re.compile(r"\s*(explain|show)\b", re.IGNORECASE)
# A statement prepared earlier in this session, for example by another user of a pooler, has a text
# that is not checked here.
_PREPARED = re.compile(r"\bexecute\b", re.IGNORECASE)
_FETCH_SIZE = 500  # rows held in memory; each fetch costs a round trip
# Errors of the connection, resources, transactions, locks, the operator, or damaged data.
_NOT_THE_QUERY = ("08", "25P", "40", "53", "55P03", "57", "58", "XX001", "XX002")
_UNBOUND = "08P01"  # a parameter such as $1, which is an error of the query
_INSUFFICIENT_PRIVILEGE = "42501"
# A syntax error, which is also what a cursor makes of a statement that writes, or of two; and what
# a read-only transaction does not permit.
_MAY_WRITE = ("42601", "25006")


def _on_postgresql(connection: Connection, sql: str) -> Iterator[Sequence[Any]]:
    import psycopg

    reader = _admitted(connection, sql)
    driver: Any = connection.connection.dbapi_connection
    try:
        yield from _streamed(driver, sql) if _WITHOUT_CURSOR.match(sql) else _fetched(driver, sql)
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state.startswith(_NOT_THE_QUERY) and state != _UNBOUND:
            raise
        run_as = f" (run as role {reader})" if reader and state == _INSUFFICIENT_PRIVILEGE else ""
        hint = _ONLY_READS if state in _MAY_WRITE else None
        raise _failed(_message(error) + run_as, hint) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, or JSON too large or too deep
        raise _failed(str(error)) from error


def _admitted(connection: Connection, sql: str) -> str | None:
    """Reject what may do more than read. Return the role that the transaction runs as, if any."""
    try:
        sql.encode()
    except UnicodeError as error:
        raise _rejected(str(error), None) from error
    if "\0" in sql:
        raise _rejected("it contains a NUL character", None)
    if _WITHOUT_CURSOR.match(sql) and _PREPARED.search(sql):
        raise _rejected("it explains a prepared statement", "Explain the query itself.")
    names = [*views.VIEWS, *readable_tables(), revision.VERSION_TABLE]
    access = grants.read_access(connection, revision.VERSION_TABLE, names)
    why = sql_guard.objection(connection, sql, is_read_only=access.is_read_only)
    if why:
        raise _rejected(why, _ONLY_READS if why.startswith("it calls") else None)
    if access.role:
        grants.assume_role(connection, access.role)
    return access.role


def _streamed(driver: Any, sql: str) -> Iterator[Sequence[Any]]:
    with driver.cursor() as cursor:
        sql_values.take_any_value(cursor.adapters)
        rows = list(cursor.stream(sql))  # sends exactly one statement
        yield [column.name for column in cursor.description]
        yield from rows


def _fetched(driver: Any, sql: str) -> Iterator[Sequence[Any]]:
    """Declare a cursor, which PostgreSQL allows for a single query only.

    Sent directly, `commit; delete ...` would run as two statements, the second outside the
    read-only transaction; and `copy` would write files from within it.
    """
    with driver.cursor("answer") as cursor:
        sql_values.take_any_value(cursor.adapters)
        cursor.itersize = _FETCH_SIZE
        cursor.execute(sql)
        if not cursor.description:
            raise _rejected("it returns no rows")
        yield [column.name for column in cursor.description]
        for row in cursor:
            sql_values.require_writable(row)
            yield row


def _message(error: Any) -> str:
    """Return the server's message without its excerpt, which would show the cursor declaration."""
    message = error.diag.message_primary or str(error)
    hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
    return f"{message}{hint}".rstrip(".")


# --- SQLite ---------------------------------------------------------------------------------

# Errors of the database rather than of the statement.
_OF_THE_DATABASE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
)


def _on_sqlite(connection: Connection, sql: str) -> Iterator[Sequence[Any]]:
    """Run it with an authorizer that permits reading only: no pragma, other file or vacuum."""
    driver: Any = connection.connection.dbapi_connection
    driver.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        with sql_guard.only_reading(driver):
            cursor = driver.execute(sql)
            if cursor.description is None:
                raise _rejected("it returns no rows")
            yield [column[0] for column in cursor.description]
            for row in cursor:
                yield [*map(sql_values.parse_timestamp, row)]
    except (sqlite3.Error, sqlite3.Warning, UnicodeError, ValueError) as error:
        kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if kind == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        if kind in _OF_THE_DATABASE:
            raise
        reason = str(error)
        if reason.startswith("not authorized") or kind == sqlite3.SQLITE_AUTH:  # by the guard
            is_secret = reason.startswith("access to ")
            raise _rejected(reason, None if is_secret else _ONLY_READS) from error
        raise _failed(reason) from error
    finally:
        driver.text_factory = str
