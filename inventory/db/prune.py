"""Deletes history that `retention` calls deletable, oldest first, a page at a time."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Select,
    and_,
    any_,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.types import UserDefinedType

from inventory.db import export_bookmarks, retention, session
from inventory.db.engine import is_sqlite, transaction
from inventory.db.retention import PrunePlan
from inventory.errors import ConfigurationError, InventoryError, RunInterruptedError

log = logging.getLogger(__name__)

SHORTEST = timedelta(days=35)  # views look back 30 days; the cutoff keeps a distance from that
PAGE = 10_000
# SQLite allows one writer at a time, and a waiting one tries again every tenth of a second.
_PAUSE = 0.2


@dataclass
class Pruned:
    """How many rows of each table were deleted, or would be."""

    cutoff: datetime
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def prune(
    engine: Engine, older_than: timedelta, *, dry_run: bool = False, page: int = PAGE
) -> Pruned:
    """Delete history that ended longer ago than `older_than`, by the clock of the views.

    Each transaction examines at most `page` rows, so that runs can work in between. Its deletions
    stay, whatever happens later. A dry run counts rows and writes nothing.
    Raises ConfigurationError for less than 35 days, SchemaVersionError for tables of another
    version, and RunInterruptedError on Ctrl-C.
    """
    if older_than < SHORTEST:
        raise ConfigurationError(
            f"--older-than must be at least {SHORTEST.days}d: views look back 30 days and need the "
            "history of all of them."
        )
    with session.open_session(engine) as connection:
        pruned = Pruned(session.now(connection) - older_than)
        bounds: dict[str, Any] = {"cutoff": pruned.cutoff}
        bounds["last_run"] = connection.execute(retention.last_run(), bounds).scalar_one()
        if dry_run:
            for plan in retention.plans(assume_deleted=True):
                pruned.rows[plan.table.name] = _count(connection, plan, bounds)
            return pruned
    with transaction(engine) as connection:
        export_bookmarks.mark_pruned(connection, pruned.cutoff, bounds["last_run"])
    try:
        for plan in retention.plans():
            pruned.rows[plan.table.name] = 0
            for deleted in _pages(engine, plan, bounds, page):
                pruned.rows[plan.table.name] += deleted
    except KeyboardInterrupt as interrupt:
        raise RunInterruptedError(f"Interrupted. {_progress(pruned)}") from interrupt
    except InventoryError:
        log.warning(_progress(pruned))
        raise
    return pruned


def _count(connection: Connection, plan: PrunePlan, bounds: dict[str, Any]) -> int:
    rows = select(func.count()).select_from(plan.rows).where(plan.candidates, plan.deletable)
    number: int = connection.execute(rows, bounds).scalar_one()
    return number


def _progress(pruned: Pruned) -> str:
    # "At least": a commit may have succeeded although its response was lost.
    return (
        f"At least {pruned.total:,} rows were deleted and stay deleted; nothing else has changed. "
        "Run it again to continue."
    )


# --- a page at a time -----------------------------------------------------------------------


class _Cursor(NamedTuple):
    """The last row of a page. Rows with the same sort key are in order of their row ids."""

    sort_key: Any
    row_id: Any


def _pages(engine: Engine, plan: PrunePlan, bounds: dict[str, Any], page: int) -> Iterator[int]:
    """Yield how many rows of each page were deleted.

    A page is a number of examined rows, so that rows that stay are examined only once.
    """
    start: _Cursor | None = None
    while True:
        with transaction(engine) as connection:
            after = _after(connection, plan, start)
            last = connection.execute(_last(connection, plan, after, page), bounds).one_or_none()
            end = _Cursor(*last) if last else None
            condition = and_(plan.deletable, after, _up_to(connection, plan, end))
            deleted = connection.execute(_delete(connection, plan, condition), bounds).rowcount
        log.info("Deleted %d rows of %s in one transaction", deleted, plan.table.name)
        yield deleted
        if end is None:
            return
        start = end
        if is_sqlite(engine):
            time.sleep(_PAUSE)


def _last(
    connection: Connection, plan: PrunePlan, after: ColumnElement[bool], page: int
) -> Select[Any]:
    """Select the last row of the next page; there is none if fewer rows are left."""
    row_id = _row_id(connection)
    rows = select(plan.sort_key, row_id).select_from(plan.rows).where(after)
    return rows.order_by(plan.sort_key, row_id).offset(page - 1).limit(1)


def _after(connection: Connection, plan: PrunePlan, start: _Cursor | None) -> ColumnElement[bool]:
    if start is None:
        return plan.candidates
    is_later = _row_id(connection) > _bound_row_id(connection, start)
    return and_(
        plan.candidates,
        plan.sort_key >= start.sort_key,
        or_(plan.sort_key > start.sort_key, is_later),
    )


def _up_to(connection: Connection, plan: PrunePlan, end: _Cursor | None) -> ColumnElement[bool]:
    if end is None:
        return true()
    is_not_later = _row_id(connection) <= _bound_row_id(connection, end)
    return and_(plan.sort_key <= end.sort_key, or_(plan.sort_key < end.sort_key, is_not_later))


# --- where the dialects differ --------------------------------------------------------------


class _TidType(UserDefinedType[Any]):
    """PostgreSQL's physical location of a row."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "tid"


def _delete(connection: Connection, plan: PrunePlan, condition: ColumnElement[bool]) -> Delete:
    rows = select(_row_id(connection)).select_from(plan.rows).where(condition)
    if is_sqlite(connection):
        return delete(plan.table).where(literal_column("rowid").in_(rows))
    # Skip rows that another prune is deleting: otherwise the two would wait for each other.
    rows = rows.with_for_update(of=plan.rows, skip_locked=True)
    # An array is evaluated once; PostgreSQL might execute `in` as a join, and lock other rows.
    row_ids = func.array(rows.scalar_subquery(), type_=_TidType())
    return delete(plan.table).where(literal_column("ctid", _TidType()) == any_(row_ids))


def _row_id(connection: Connection) -> ColumnElement[Any]:
    """Return the physical row id: all tables have one, and no key is faster."""
    if is_sqlite(connection):
        return literal_column("p.rowid", BigInteger())
    return literal_column("p.ctid", _TidType())


def _bound_row_id(connection: Connection, cursor: _Cursor) -> ColumnElement[Any]:
    row_id_type: Any = BigInteger() if is_sqlite(connection) else _TidType()
    return cast(cursor.row_id, row_id_type)
