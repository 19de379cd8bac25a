"""What a database refuses, in words that say what to do; and how a database is named in them.

No password is ever part of it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from inventory.errors import DatabaseUnavailable, FixSettings, InventoryError, LookAtIt


def describe(engine: Engine) -> str:
    """Name the database for people: its URL with the password masked."""
    backend = engine.url.get_backend_name()
    # What follows the question mark may hold a password, too.
    return engine.url.set(drivername=backend, query={}).render_as_string(hide_password=True)


@contextmanager
def named_errors(engine: Engine) -> Iterator[None]:
    """Turn the driver's errors into ours, once, at the border. Ours pass through."""
    try:
        yield
    except InventoryError:
        raise
    except (DBAPIError, PendingRollbackError, sqlite3.Error, OSError) as error:
        raise _named(error, describe(engine)) from error
    except Exception as error:  # psycopg's own errors, without importing it for SQLite
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise _named(error, describe(engine)) from error


# Access, no database, no schema, rights and names, read-only.
_REFUSED = ("28", "3D", "3F", "42", "25006")
_BUILT_ON = "2BP01"  # what others have made depends on it
_UNFIT = ("22", "23", "54")  # a value or a row that the tables do not take
_REFUSED_WORDS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "readonly database",
    "read-only",
    "Read-only",
    "unable to open database file",
    "not a database",
    "Permission denied",
)


def _named(error: Exception, where: str) -> InventoryError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    said = "; ".join(lines[:2]) or type(cause).__name__
    state = getattr(cause, "sqlstate", None) or ""
    if state == _BUILT_ON:
        named = "; ".join(line for line in lines if not line.startswith("HINT"))
        return FixSettings(
            f"{where} cannot be upgraded while others have built on it what cannot be kept: "
            f"{named}. Drop that, run `inventory db upgrade`, and make it again."
        )
    if state.startswith(_REFUSED) or any(words in said for words in _REFUSED_WORDS):
        return FixSettings(
            f"{where} refuses the work: {said}. Check INVENTORY_DATABASE_URL, "
            "INVENTORY_SCHEMA and the rights of its user."
        )
    if state.startswith(_UNFIT) or isinstance(cause, sqlite3.IntegrityError):
        return LookAtIt(
            f"{where} does not take what this tool writes: {said}. A run is written whole or not "
            "at all. Report it: the API sends what is not known yet, or this is a bug."
        )
    return DatabaseUnavailable(
        f"{where} did not do its part: {said}. A run is written whole or not at all, "
        "and the next one starts afresh."
    )
