"""A person's own SQL: one statement that reads, and no way for it to do more.

It is run on the driver's own connection, inside the transaction that only reads, because each
driver has a way to refuse what a read-only transaction lets through.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from inventory import schema, views
from inventory.database import is_sqlite, reading
from inventory.errors import FixSettings
from inventory.models import METADATA


class Answer(NamedTuple):
    """Rows by the names of their columns, which are unique: the second n is called n_2."""

    columns: list[str]
    rows: list[dict[str, Any]]


class QueryRefused(FixSettings):
    """The database does not take the person's SQL."""

    code = "query_refused"


def ask(engine: Engine, sql: str) -> Answer:
    """Run one query and return all that it answers. Raises QueryRefused for what is none."""
    schema.require_current(engine)
    with reading(engine) as connection:
        names, rows = (_on_sqlite if is_sqlite(connection) else _on_postgresql)(connection, sql)
    columns = list(_unique(names))
    return Answer(columns, [dict(zip(columns, row, strict=True)) for row in rows])


def relations(engine: Engine) -> Answer:
    """List what can be asked for, views first: grain by grain."""
    schema.require_current(engine)
    readable = [(view.name, "view", view.comment) for view in views.VIEWS.values()]
    for table in METADATA.tables.values():
        readable.append((table.name, "table", table.comment or ""))
    columns = ["name", "kind", "comment"]
    return Answer(columns, [dict(zip(columns, row, strict=True)) for row in readable])


def _unique(names: Sequence[str]) -> Iterator[str]:
    taken = set(names)
    seen: set[str] = set()
    for name in names:
        number, free = 2, name
        while free in seen or (free != name and free in taken):
            number, free = number + 1, f"{name}_{number}"
        seen.add(free)
        yield free


def _refused(said: str) -> QueryRefused:
    return QueryRefused(f"The query is refused: {said}. One statement that reads is taken.")


# --- PostgreSQL -----------------------------------------------------------------------------

# Of what a cursor cannot be declared for, what may be asked for all the same. A statement that
# begins so is nothing else.
_TELLING = re.compile(r"\s*(explain|show)\b", re.IGNORECASE)
# The connection, its resources, and those who operate the server: the next attempt may succeed.
_NOT_THE_QUERY = ("08", "53", "57")
_DEEPEST = 200  # levels of JSON; each costs several of Python's own when it is written
_UNBOUND = "08P01"  # but for what is said of $1


def _on_postgresql(connection: Connection, sql: str) -> tuple[list[str], list[Any]]:
    """Declare a cursor for it: PostgreSQL does so for a query alone, in one statement.

    Sent plainly, `commit; delete ...` would be two statements, and the second be outside of the
    transaction that only reads; and `copy` would write files from within it.
    """
    import psycopg

    driver: Any = connection.connection.dbapi_connection
    try:
        if _TELLING.match(sql):
            with driver.cursor() as cursor:
                _take_any_value(cursor.adapters)
                rows = list(cursor.stream(sql))  # which sends one statement and no more
                return [column.name for column in cursor.description], rows
        with driver.cursor("answer") as cursor:
            _take_any_value(cursor.adapters)
            cursor.execute(sql)
            if not cursor.description:
                raise _refused("it asks for nothing")
            return [column.name for column in cursor.description], _writable(cursor.fetchall())
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state.startswith(_NOT_THE_QUERY) and state != _UNBOUND:
            raise
        raise _refused(_words(error)) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, JSON too large or too deep for Python
        raise _refused(str(error)) from error


_RANGED = ("int4", "int8", "num", "date", "ts", "tstz")
# Kinds that Python has none for: its intervals know no months.
_TEXTS = ("interval", *(f"{of}{kind}" for of in _RANGED for kind in ("range", "multirange")))
# Kinds of which PostgreSQL has more values than Python: BC, infinity, 24:00.
_WIDER = ("date", "time", "timetz", "timestamp", "timestamptz")


def _take_any_value(adapters: Any) -> None:
    """Let a cursor return as the server's own text what has no like in Python."""
    import psycopg
    from psycopg.types.string import TextLoader

    class OrText(psycopg.adapt.Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            usual = psycopg.adapters.get_loader(oid, self.format)
            assert usual is not None
            self._load = usual(oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    for kind in _TEXTS:
        adapters.register_loader(kind, TextLoader)
    for kind in _WIDER:
        adapters.register_loader(kind, OrText)


def _writable(rows: list[Any]) -> list[Any]:
    """Raise ValueError for JSON that is nested more deeply than all Pythons write it."""
    nested = [cell for row in rows for cell in row if isinstance(cell, dict | list)]
    for _ in range(_DEEPEST):
        if not nested:
            return rows
        nested = [part for each in nested for part in _parts(each) if isinstance(part, dict | list)]
    raise ValueError(f"its answer holds JSON of more than {_DEEPEST} levels")


def _parts(of: Any) -> Iterable[Any]:
    return of.values() if isinstance(of, dict) else of


def _words(error: Any) -> str:
    """What the server says; its excerpt of the query would show what was put around it."""
    said = error.diag.message_primary or str(error)
    hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
    return f"{said}{hint}".rstrip(".")


# --- SQLite ---------------------------------------------------------------------------------

_READS = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)
# Kinds of errors that speak of the database, and are no fault of the statement.
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
_STEPS = 100_000  # of SQLite's machine, some milliseconds
# What columns.UtcDateTime stores.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII)


def _on_sqlite(connection: Connection, sql: str) -> tuple[list[str], list[Any]]:
    """Run it where nothing but reading is authorized: no pragma, no other file, no vacuum."""
    driver: Any = connection.connection.dbapi_connection
    driver.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        with _only_reading(driver):
            cursor = driver.execute(sql)
            rows = [tuple(map(_instant, row)) for row in cursor]
    except (sqlite3.Error, sqlite3.Warning, UnicodeError, ValueError) as error:
        kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if kind == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        if kind in _OF_THE_DATABASE:
            raise
        raise _refused(str(error).rstrip(".")) from error
    finally:
        driver.text_factory = str
    if cursor.description is None:
        raise _refused("it asks for nothing")
    return [column[0] for column in cursor.description], rows


@contextmanager
def _only_reading(driver: sqlite3.Connection) -> Iterator[None]:
    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        allowed = action in _READS and second != "load_extension"
        # So json_each and the like are made known. Nobody's own statement may write there.
        declaring = (action, first) == (sqlite3.SQLITE_UPDATE, "sqlite_master")
        return sqlite3.SQLITE_OK if allowed or declaring else sqlite3.SQLITE_DENY

    driver.set_authorizer(authorize)
    # Python hears of Ctrl-C only when it is called, and an error in what is called ends the query.
    driver.set_progress_handler(lambda: None, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        driver.set_authorizer(None)


def _instant(value: Any) -> Any:
    """Tell an instant from the text that it is stored as."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:  # month 13
            return value
    return value
