"""Opens one snapshot of the database for everything that a command reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from inventory.db import revision
from inventory.db.engine import read_only
from inventory.db.views import VIEWS


@contextmanager
def open_session(engine: Engine) -> Iterator[Connection]:
    """Open a read-only snapshot. Raises SchemaVersionError for tables of another version."""
    revision.require_file(engine)
    with read_only(engine) as connection:
        revision.require_current_in(connection)
        yield connection


def file_of(connection: Connection) -> Path | None:
    """Return the file that a SQLite connection reads; None = the database is on a server."""
    if connection.dialect.name != "sqlite":
        return None
    names = connection.exec_driver_sql("pragma database_list").mappings()
    return next(Path(row["file"]) for row in names if row["name"] == "main")


def now(connection: Connection) -> datetime:
    """Return the current time of the `clock` view, which the views use as now."""
    now: datetime = connection.execute(select(VIEWS["clock"].table)).scalar_one()
    return now
