"""What a walk has spooled, in temporary tables: there the merge compares it with what is held."""

from typing import Any

from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text, text

from inventory.database import fill, is_sqlite
from inventory.models import VERSIONED
from inventory.payload import COLUMNS
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


def stage(connection: Connection, spool: Spool, removals: dict[str, str]) -> None:
    """Put a walk's rows and removals (connector id to reason) into temporary tables.

    They live in this transaction only.
    """
    for name, table in STAGED.items():
        _create(connection, table)
        fill(connection, table, spool.rows(name))
    _create(connection, STAGED_REMOVALS)
    fill(connection, STAGED_REMOVALS, removals.items())
    if not is_sqlite(connection):
        # Without it the planner takes a table that has just been made for a small one.
        connection.execute(text("set local default_statistics_target = 1"))
        for table in (*STAGED.values(), STAGED_REMOVALS):
            connection.exec_driver_sql(f"analyze {table.name} (connector_id)")


def _create(connection: Connection, table: Table) -> None:
    if is_sqlite(connection):
        connection.exec_driver_sql(f"drop table if exists temp.{table.name}")
    table.create(connection, checkfirst=False)
