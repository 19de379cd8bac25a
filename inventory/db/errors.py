"""Translates database errors into errors of this tool, with messages that say what to do.

No message contains a password.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from inventory.db import blocking_sessions
from inventory.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    InventoryError,
    NeedsAttentionError,
)


def display_url(engine: Engine) -> str:
    """Return the URL of the database with the password masked."""
    address: str | None = engine.get_execution_options().get("address")
    if address is not None:
        return address
    backend = engine.url.get_backend_name()
    # The query may contain a password, too, so it is left out.
    return engine.url.set(drivername=backend, query={}).render_as_string(hide_password=True)


@contextmanager
def translate_errors(engine: Engine) -> Iterator[None]:
    """Translate errors of the driver and the system; errors of this tool pass through."""
    try:
        yield
    except InventoryError:
        raise
    except (DBAPIError, PendingRollbackError, sqlite3.Error, OSError) as error:
        raise _translate(error, engine) from error
    except Exception as error:  # psycopg's own errors, without importing it for SQLite
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise _translate(error, engine) from error


_LOCK_TIMEOUT = "55P03"
_HAS_DEPENDENTS = "2BP01"
_READ_ONLY = "25006"
_CANCELLED = "57014"

# Prefixes of SQLSTATE: authentication, no such database or schema, missing privilege or unknown
# name, read-only; not supported by the server; a setting that the owner of an object must make
# first (a replica identity); a trigger of another tool that raises an error.
_REJECTED = ("28", "3D", "3F", "42", "25006", "0A", "0L", "0P", "55000", "P0", "38", "39")
_INVALID = ("22", "23", "54")  # a value or a row that the tables reject
_DAMAGED = ("XX001", "XX002", "58P01")  # a damaged page or index, a missing file

# Primary result codes of https://www.sqlite.org/rescode.html. SQLITE_ERROR means that the tables
# are not those that this tool created, as its statements are correct.
_SQLITE_REJECTED = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_NOLFS,
)
_SQLITE_INVALID = (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH)
_SQLITE_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_INTERNAL)

# Errors that stay until somebody changes the path or its permissions.
PATH_ERRORS = (
    errno.EPERM,
    errno.EACCES,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.EINVAL,
    errno.ENXIO,
    errno.ENODEV,
)


# SQLite's extended codes for a file that ends too early or a damaged file system.
_SQLITE_FILE_DAMAGED = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)


class _Kind(Enum):
    """The kind of a database error, which decides who must act."""

    REJECTED = "rejected"
    INVALID = "invalid"
    DAMAGED = "damaged"
    TEMPORARY = "temporary"


def _kind(cause: BaseException) -> _Kind:
    """Classify an error by the code of the driver or the system."""
    if isinstance(cause, OSError):
        return _Kind.REJECTED if cause.errno in PATH_ERRORS else _Kind.TEMPORARY
    if isinstance(cause, sqlite3.Error):
        return _kind_on_sqlite(cause)
    state = getattr(cause, "sqlstate", None) or ""  # a lost connection has none
    for prefixes, kind in (
        (_DAMAGED, _Kind.DAMAGED),
        (_REJECTED, _Kind.REJECTED),
        (_INVALID, _Kind.INVALID),
    ):
        if state.startswith(prefixes):
            return kind
    return _Kind.TEMPORARY


def _kind_on_sqlite(cause: sqlite3.Error) -> _Kind:
    code = getattr(
        cause, "sqlite_errorcode", sqlite3.SQLITE_OK
    )  # errors of the Python module have none
    primary = code & 0xFF
    if primary in _SQLITE_DAMAGED or code in _SQLITE_FILE_DAMAGED:
        return _Kind.DAMAGED
    if primary in _SQLITE_REJECTED:
        return _Kind.REJECTED
    if primary in _SQLITE_INVALID or isinstance(cause, sqlite3.IntegrityError):
        return _Kind.INVALID
    return _Kind.TEMPORARY


def _translate(error: Exception, engine: Engine) -> InventoryError:
    where = display_url(engine)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    message = "; ".join(lines[:2]).rstrip(".?!:") or type(cause).__name__
    state = getattr(cause, "sqlstate", None) or ""
    read_only = bool(engine.get_execution_options().get("read_only"))
    if state == _HAS_DEPENDENTS:
        return _has_dependents(where, lines)
    if state == _LOCK_TIMEOUT:
        return _lock_timeout(where, engine)
    if state == _READ_ONLY and not read_only and blocking_sessions.is_standby(engine):
        return _standby(where, message)
    kind = _kind(cause)
    if kind is _Kind.REJECTED:
        return ConfigurationError(
            f"{where} rejects the statement: {message}. Check INVENTORY_DATABASE_URL, "
            "INVENTORY_SCHEMA and the privileges of its user."
        )
    if kind is _Kind.DAMAGED:
        return NeedsAttentionError(
            f"{where} is damaged: {message}. Keep a copy of it as it is, then restore a backup or "
            "have a specialist recover what can still be read."
        )
    if read_only:
        return _failed_query(where, message, kind, state)
    if kind is _Kind.INVALID:
        return NeedsAttentionError(
            f"{where} rejects a value or a row: {message}. The transaction was rolled back. "
            "Report it: the API sends something unknown, or this is a bug."
        )
    return DatabaseUnavailableError(
        f"{where} is unavailable: {message}. A transaction is written completely or not at all; "
        "the next run starts over."
    )


def _has_dependents(where: str, lines: list[str]) -> InventoryError:
    objects = "; ".join(line for line in lines if not line.startswith("HINT"))
    return ConfigurationError(
        f"{where} cannot be upgraded, because objects that others created depend on it: {objects}. "
        "Drop them, run `inventory db upgrade`, and create them again."
    )


def _lock_timeout(where: str, engine: Engine) -> InventoryError:
    holders = blocking_sessions.of_tables(engine)
    held = f"held by {holders}" if holders else "whose holder has finished or is not visible"
    return DatabaseUnavailableError(
        f"{where} timed out waiting for a lock, {held}. The transaction was rolled back. End the "
        "session that holds it, or try again later."
    )


def _standby(where: str, message: str) -> InventoryError:
    return DatabaseUnavailableError(
        f"{where} is a standby now and accepts no writes: {message}. Try again after its failover; "
        "if it is always a standby, name the primary in INVENTORY_DATABASE_URL, or all hosts with "
        "target_session_attrs=read-write."
    )


def _failed_query(where: str, message: str, kind: _Kind, state: str) -> InventoryError:
    """Describe the failure of a transaction that only reads."""
    if kind is _Kind.INVALID:
        return NeedsAttentionError(
            f"{where} cannot execute this query: {message}. Report it: the data contain something "
            "unknown."
        )
    more = "."
    if state == _CANCELLED:
        more = (
            "; if that happens again, read less, or have the administrator raise the "
            "statement_timeout of the role."
        )
    return DatabaseUnavailableError(f"{where} did not respond: {message}. Try again{more}")
