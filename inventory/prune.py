"""Deletes the history that `retention` lets go, oldest first, a page at a time."""

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

from inventory import questions, retention
from inventory.database import is_sqlite, transaction
from inventory.errors import FixSettings, Interrupted, InventoryError
from inventory.retention import Shelf

log = logging.getLogger(__name__)

SHORTEST = timedelta(days=35)  # answers look back 30, and what goes should not be near
PAGE = 10_000
_PAUSE = 0.2  # SQLite has one writer; one that waits looks every tenth of a second if it may


@dataclass
class Pruned:
    """What was deleted, or would be: how many rows of each table."""

    horizon: datetime
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def prune(
    engine: Engine, older_than: timedelta, *, dry_run: bool = False, page: int = PAGE
) -> Pruned:
    """Delete what was over longer ago than that, by the clock that answers are given for.

    Each transaction looks at a `page` of rows at most, so that runs go on in between; what it has
    deleted stays deleted, whatever comes. A dry run counts and writes nothing.
    Raises FixSettings for less than 35 days, SchemaMismatch for tables of another version, and
    Interrupted on Ctrl-C.
    """
    if older_than < SHORTEST:
        raise FixSettings(
            f"--older-than takes {SHORTEST.days}d at the least: answers look back 30 days, and "
            "need the history of all of them."
        )
    with questions.asking(engine) as connection:
        pruned = Pruned(questions.now(connection) - older_than)
        bounds: dict[str, Any] = {"horizon": pruned.horizon}
        bounds["last_run"] = connection.execute(retention.last_run(), bounds).scalar_one()
        if dry_run:
            for shelf in retention.shelves(at_once=True):
                pruned.rows[shelf.table.name] = _count(connection, shelf, bounds)
            return pruned
    try:
        for shelf in retention.shelves():
            pruned.rows[shelf.table.name] = 0
            for deleted in _pages(engine, shelf, bounds, page):
                pruned.rows[shelf.table.name] += deleted
    except KeyboardInterrupt as interrupt:
        raise Interrupted(f"Interrupted. {_so_far(pruned)}") from interrupt
    except InventoryError:
        log.warning(_so_far(pruned))
        raise
    return pruned


def _count(connection: Connection, shelf: Shelf, bounds: dict[str, Any]) -> int:
    wanted = select(func.count()).select_from(shelf.rows).where(shelf.within, shelf.goes)
    number: int = connection.execute(wanted, bounds).scalar_one()
    return number


def _so_far(pruned: Pruned) -> str:
    # The answer to a commit may be lost, and the page deleted after all.
    return (
        f"At least {pruned.total:,} rows had been deleted, and stay so; nothing else has changed. "
        "Run it again to go on."
    )


# --- a page at a time -----------------------------------------------------------------------


class _Reached(NamedTuple):
    """The last row of a page. Those of one place are in order of their addresses."""

    place: Any
    address: Any


def _pages(engine: Engine, shelf: Shelf, bounds: dict[str, Any], page: int) -> Iterator[int]:
    """Go through a shelf and yield how many rows of each page were deleted.

    A page is one of rows that are looked at: those that stay are not gone through again and again.
    """
    reached: _Reached | None = None
    while True:
        with transaction(engine) as connection:
            beyond = _beyond(connection, shelf, reached)
            last = connection.execute(_last(connection, shelf, beyond, page), bounds).one_or_none()
            until = _Reached(*last) if last else None
            going = and_(shelf.goes, beyond, _up_to(connection, shelf, until))
            deleted = connection.execute(_delete(connection, shelf, going), bounds).rowcount
        log.info("Deleted %d rows of %s in one transaction", deleted, shelf.table.name)
        yield deleted
        if until is None:
            return
        reached = until
        if is_sqlite(engine):
            time.sleep(_PAUSE)


def _last(
    connection: Connection, shelf: Shelf, beyond: ColumnElement[bool], page: int
) -> Select[Any]:
    """Ask for the last row of the next page; there is none where the rest does not fill one."""
    address = _address(connection)
    rows = select(shelf.place, address).select_from(shelf.rows).where(beyond)
    return rows.order_by(shelf.place, address).offset(page - 1).limit(1)


def _beyond(connection: Connection, shelf: Shelf, reached: _Reached | None) -> ColumnElement[bool]:
    if reached is None:
        return shelf.within
    further = _address(connection) > _value(connection, reached)
    return and_(
        shelf.within, shelf.place >= reached.place, or_(shelf.place > reached.place, further)
    )


def _up_to(connection: Connection, shelf: Shelf, until: _Reached | None) -> ColumnElement[bool]:
    if until is None:
        return true()
    not_further = _address(connection) <= _value(connection, until)
    return and_(shelf.place <= until.place, or_(shelf.place < until.place, not_further))


# --- where the dialects differ --------------------------------------------------------------


class _Tid(UserDefinedType[Any]):
    """Where PostgreSQL keeps a row."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "tid"


def _delete(connection: Connection, shelf: Shelf, going: ColumnElement[bool]) -> Delete:
    rows = select(_address(connection)).select_from(shelf.rows).where(going)
    if is_sqlite(connection):
        return delete(shelf.table).where(literal_column("rowid").in_(rows))
    # What another prune is deleting is left to it: they would wait for each other.
    rows = rows.with_for_update(of=shelf.rows, skip_locked=True)
    # An array is made once; `in` might be answered by a join, and lock rows that do not go.
    addresses = func.array(rows.scalar_subquery(), type_=_Tid())
    return delete(shelf.table).where(literal_column("ctid", _Tid()) == any_(addresses))


def _address(connection: Connection) -> ColumnElement[Any]:
    """Where a row of a shelf is kept: no key is as quick, and all tables have one alike."""
    if is_sqlite(connection):
        return literal_column("p.rowid", BigInteger())
    return literal_column("p.ctid", _Tid())


def _value(connection: Connection, reached: _Reached) -> ColumnElement[Any]:
    kind: Any = BigInteger() if is_sqlite(connection) else _Tid()
    return cast(reached.address, kind)
