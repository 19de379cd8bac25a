"""What a walk has spooled, in temporary tables: there the merge compares it with what is held."""

from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text

from inventory.database import fill, is_sqlite
from inventory.models import CONNECTOR_STATUS, VERSIONED
from inventory.payload import COLUMNS, SECTIONS, Row
from inventory.spool import Spool

_metadata = MetaData()


def _staged(table: Table, names: tuple[str, ...]) -> Table:
    """A table for the cells of a section: typed as the current table is, without its rules."""
    columns = [Column(name, table.c[name].type if name in table.c else Boolean()) for name in names]
    return _temporary(f"staged_{table.name}", *columns)


def _temporary(name: str, *columns: Column[Any]) -> Table:
    """A table that ends with its transaction: behind a pooler, the session goes on to others."""
    # SQLite knows no such end; there the session is ours alone, and `_create` drops it.
    return Table(name, _metadata, *columns, prefixes=["temporary"], postgresql_on_commit="DROP")


STAGED = {
    versioned.current.name: _staged(versioned.current, COLUMNS[versioned.current.name])
    for versioned in VERSIONED
}
STAGED_REMOVALS = _temporary(
    "staged_removals", Column("connector_id", Text()), Column("reason", Text())
)
# Those that the run has not seen, and of which it does not know what became of them.
STAGED_MISSING = _temporary("staged_missing", Column("connector_id", Text()))
# What the judge has found: see `judge`.
JUDGED = _temporary(
    "judged",
    *(
        Column(name, CONNECTOR_STATUS.current.c[name].type)
        for name in ("connector_id", *CONNECTOR_STATUS.judged)
    ),
)


class Staged(NamedTuple):
    """What there is to merge: the tables of which something is staged, and whether any is removed.

    Tables that are not among them have no rows to compare with, and need no temporary table.
    """

    tables: Set[str]
    removals: bool


def stage(
    connection: Connection, spool: Spool, removals: dict[str, str], missing: Set[str]
) -> Staged:
    """Put a walk's rows, removals (connector id to reason) and missing ones into temporary tables.

    They live in this transaction only.
    """
    filled: dict[Table, Iterator[Row]] = {
        STAGED[name]: spool.rows(name) for name in SECTIONS if name in spool.tables
    }
    # By these every table is entered.
    filled.setdefault(STAGED["connector_status"], iter(()))
    filled[STAGED_REMOVALS] = iter(removals.items())
    filled[STAGED_MISSING] = ((connector_id,) for connector_id in missing)
    for table, rows in filled.items():
        _create(connection, table)
        fill(connection, table, rows)
    _create(connection, JUDGED)
    if not is_sqlite(connection):
        # Without it the planner takes a table that has just been made for a small one.
        connection.exec_driver_sql("set local default_statistics_target = 1")
        listed = ", ".join(f"{table.name} (connector_id)" for table in filled)
        connection.exec_driver_sql(f"analyze {listed}")
    return Staged(spool.tables, bool(removals))


def _create(connection: Connection, table: Table) -> None:
    if is_sqlite(connection):
        connection.exec_driver_sql(f"drop table if exists temp.{table.name}")
    table.create(connection, checkfirst=False)
