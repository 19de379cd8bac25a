"""Opens one snapshot of the database for everything that a command reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from inventory.db import revision
from inventory.db.engine import read_only
from inventory.db.views import VIEWS


@contextmanager
def open_session(engine: Engine) -> Iterator[Connection]:
    """Open a read-only snapshot. Raises SchemaVersionError for tables of another version."""
    revision.require_current(engine)
    with read_only(engine) as connection:
        yield connection


def now(connection: Connection) -> datetime:
    """Return the current time of the `clock` view, which the views use as now."""
    now: datetime = connection.execute(select(VIEWS["clock"].table)).scalar_one()
    return now
