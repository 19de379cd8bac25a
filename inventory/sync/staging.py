"""Copies spooled rows to temporary tables, where the merge compares them with current ones."""

from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text

from inventory.db.engine import copy_rows, is_sqlite
from inventory.models import CONNECTOR_STATUS, METADATA, VERSIONED
from inventory.normalize.reference_lists import REFERENCE_LISTS
from inventory.normalize.rows import COLUMNS, SECTIONS, SYNC_TIMES, Row
from inventory.sync.spool import Spool

_metadata = MetaData()


def _staged(table: Table, names: tuple[str, ...], rows: str | None = None) -> Table:
    """A table for the rows of a section: typed like the current table, without its constraints."""
    columns = [Column(name, table.c[name].type if name in table.c else Boolean()) for name in names]
    return temporary(f"staged_{rows or table.name}", *columns)


def temporary(name: str, *columns: Column[Any]) -> Table:
    """A table that ends with its transaction: a pooler gives the session to other clients."""
    # SQLite has no `on commit drop`; its session is not shared, and `create` drops the table.
    return Table(name, _metadata, *columns, prefixes=["temporary"], postgresql_on_commit="DROP")


STAGED = {
    versioned.current.name: _staged(versioned.current, COLUMNS[versioned.current.name])
    for versioned in VERSIONED
} | {name: _staged(METADATA.tables[name], of.columns) for name, of in REFERENCE_LISTS.items()}
STAGED_SYNC_TIMES = _staged(CONNECTOR_STATUS.current, COLUMNS[SYNC_TIMES], SYNC_TIMES)
# The cells of the lists beside the connectors whose stored values stay.
STAGED_UNREADABLE = {
    name: temporary(
        f"staged_unreadable_{name}", Column("item_id", Text()), Column("column_name", Text())
    )
    for name in REFERENCE_LISTS
}
STAGED_REMOVALS = temporary(
    "staged_removals", Column("connector_id", Text()), Column("reason", Text())
)
# Connectors that the run did not see and that were not removed.
STAGED_MISSING = temporary("staged_missing", Column("connector_id", Text()))
# Filled by `judge`.
JUDGED = temporary(
    "judged",
    *(
        Column(name, CONNECTOR_STATUS.current.c[name].type)
        for name in ("connector_id", *CONNECTOR_STATUS.judged)
    ),
)


class Staged(NamedTuple):
    """The tables that have staged rows, whether any connector is removed, any details were read.

    For other tables there is nothing to compare, and no temporary table.
    """

    tables: Set[str]
    removals: bool
    details: bool


def stage(
    connection: Connection, spool: Spool, removals: dict[str, str], missing: Set[str]
) -> Staged:
    """Create and fill the temporary tables of this transaction.

    `removals` maps connector ids to reasons; `missing` are connectors that stay as they are.
    """
    tables = {name: STAGED[name] for name in SECTIONS} | {SYNC_TIMES: STAGED_SYNC_TIMES}
    filled: dict[Table, Iterator[Row]] = {
        table: spool.rows(name) for name, table in tables.items() if name in spool.tables
    }
    # Every statement joins this one.
    filled.setdefault(STAGED["connector_status"], iter(()))
    filled[STAGED_REMOVALS] = iter(removals.items())
    filled[STAGED_MISSING] = ((connector_id,) for connector_id in missing)
    for table, rows in filled.items():
        create(connection, table)
        copy_rows(connection, table, rows)
    create(connection, JUDGED)
    if not is_sqlite(connection):
        # Without ANALYZE the planner assumes that a new table is small. It only needs the number of
        # rows and that the ids are distinct, so the smallest sample will do: 300 rows, not 30,000.
        connection.exec_driver_sql("set local default_statistics_target = 1")
        listed = ", ".join(f"{table.name} (connector_id)" for table in filled)
        connection.exec_driver_sql(f"analyze {listed}")
    return Staged(spool.tables, bool(removals), spool.has_details)


def create(connection: Connection, table: Table) -> None:
    """Create a temporary table, in place of one that an earlier transaction left."""
    if is_sqlite(connection):
        connection.exec_driver_sql(f"drop table if exists temp.{table.name}")
    table.create(connection, checkfirst=False)
