"""Rows on their way from a walk to the merge: spooled on the host, then staged in temporary tables.

While the API is being read no transaction is open, and a temporary table would not outlive one
behind a pooler. So a walk's rows wait in a file of their own, in memory while they are few.
"""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text, text

from inventory.database import fill, is_sqlite
from inventory.models import VERSIONED
from inventory.payload import COLUMNS, Batch, Row

_IN_MEMORY = 8 << 20  # bytes; some 4,000 connectors seen for the first time
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, list[tuple[Any, ...]]]).decode

_metadata = MetaData()


def _staged(table: Table, names: tuple[str, ...]) -> Table:
    """A table for the cells of a section: typed as the current table is, without its rules."""
    columns = [Column(name, table.c[name].type if name in table.c else Boolean()) for name in names]
    return Table(f"staged_{table.name}", _metadata, *columns, prefixes=["temporary"])


STAGED = {
    versioned.current.name: _staged(versioned.current, COLUMNS[versioned.current.name])
    for versioned in VERSIONED
}
STAGED_REMOVALS = Table(
    "staged_removals",
    _metadata,
    Column("connector_id", Text()),
    Column("reason", Text()),
    prefixes=["temporary"],
)


class Spool:
    """The rows of one walk, page by page. A connector that comes again replaces its rows."""

    def __init__(self) -> None:
        self.duplicates = 0
        self.has_rows = False
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed by close()
        self._page_of: dict[str, int] = {}
        self._replaced: dict[int, set[str]] = {}
        self._pages = 0

    @property
    def connector_ids(self) -> set[str]:
        """Every connector that was added."""
        return set(self._page_of)

    def __len__(self) -> int:
        return len(self._page_of)

    def add(self, batch: Batch) -> None:
        """Take the rows of a page; an id that was there before is counted, and the later wins."""
        for connector_id in batch.connector_ids:
            earlier = self._page_of.get(connector_id)
            if earlier is not None:
                self.duplicates += 1
                if earlier != self._pages:
                    self._replaced.setdefault(earlier, set()).add(connector_id)
            self._page_of[connector_id] = self._pages
        self._pages += 1
        self.has_rows = self.has_rows or any(batch.rows.values())
        page = _encode(batch.rows)
        self._file.write(len(page).to_bytes(8, "big") + page)

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, those that were replaced left out."""
        self._file.seek(0)
        for number in range(self._pages):
            size = int.from_bytes(self._file.read(8), "big")
            replaced = self._replaced.get(number, set())
            for row in _decode(self._file.read(size))[table]:
                if row[0] not in replaced:
                    yield row

    def close(self) -> None:
        """Forget the rows; the file goes with them."""
        self._file.close()


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
