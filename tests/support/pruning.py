"""A copied scenario database to prune, and what is compared before and after."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, event, select

from inventory.db import views
from inventory.db.engine import read_only, transaction
from inventory.db.prune import prune
from inventory.db.views import VIEWS
from inventory.models import HISTORY_TABLES, INVENTORY_RUNS, NOTIFICATIONS, SYNC_OUTCOMES
from support.builders import (
    connect,
    rows,
)

LEAST = timedelta(days=35)
MICROSECOND = timedelta(microseconds=1)
PATIENCE = 60  # seconds
CURRENT = [versioned.current.name for versioned in HISTORY_TABLES]
CLEARED = [
    *(of.past.name for of in HISTORY_TABLES),
    *(table.name for table in (NOTIFICATIONS, SYNC_OUTCOMES, INVENTORY_RUNS)),
]
# The cutoff is between two days with runs, a week before them, or among the runs of a day.
NOW = "12-24 10:00"
NOWS = ("11-27 00:00", "12-12 00:00", NOW)

Cells = dict[str, Any]


Copy = Callable[[str], Engine]


def stopped(engine: Engine, now: datetime) -> Engine:
    with transaction(engine) as connection:
        views.stop_clock(connection, now)
    return engine


def history(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(engine, name) for name in CLEARED}


def gone(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """Count the deleted rows of each table, and assert that no row was added or changed."""
    for name, there in after.items():
        assert not counted(there) - counted(before[name]), name
    return {name: len(before[name]) - len(after[name]) for name in after}


def counted(of: list[tuple[Any, ...]]) -> Counter[str]:
    return Counter(map(repr, of))


def pruned_undisturbed(copy: Copy, now: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return the history that an undisturbed prune leaves."""
    other = copy(now)
    prune(other, LEAST)
    return history(other)


def view_rows(engine: Engine) -> dict[str, list[Cells]]:
    """Return all rows of all views."""
    with read_only(engine) as connection:
        return {
            name: [row._asdict() for row in connection.execute(select(view.table))]
            for name, view in VIEWS.items()
        }


def deletes(statement: str) -> bool:
    return statement.lower().startswith("delete")


@contextlib.contextmanager
def after_each_delete(engine: Engine, act: Callable[[Connection, int], None]) -> Iterator[None]:
    """Call `act` with the number of rows after each deletion, before it is committed."""

    def after(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if deletes(statement):
            act(connection, cursor.rowcount)

    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", after)


def beside(engine: Engine) -> Engine:
    return connect(engine.url.render_as_string(hide_password=False))


def impatient(engine: Engine) -> Engine:
    """Return an engine that fails instead of waiting for a lock."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("select set_config('lock_timeout', '500', true)")

    return engine
