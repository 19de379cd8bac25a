"""Rows on their way from a walk to the merge: spooled on the host, then staged in temporary tables.

While the API is being read no transaction is open, and a temporary table would not outlive one
behind a pooler. So a walk's rows wait in a file of their own, in memory while they are few.
"""

from collections import defaultdict
from collections.abc import Iterator, Set
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text, text

from inventory.database import fill, is_sqlite
from inventory.models import VERSIONED
from inventory.payload import COLUMNS, Batch, Row

_IN_MEMORY = 8 << 20  # bytes; some 4,000 connectors seen for the first time
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode

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


class _Chunk(NamedTuple):
    """Rows of one page for one table: where they lie in the file."""

    page: int
    start: int
    size: int


class Spool:
    """The rows of one walk, page by page. A connector that comes again replaces its rows."""

    def __init__(self) -> None:
        self.duplicates = 0
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # see close()
        self._chunks: dict[str, list[_Chunk]] = {table: [] for table in STAGED}
        self._page_of: dict[str, int] = {}
        self._replaced: defaultdict[int, set[str]] = defaultdict(set)
        self._pages = 0

    @property
    def connector_ids(self) -> Set[str]:
        """Every connector that was added."""
        return self._page_of.keys()

    @property
    def has_rows(self) -> bool:
        return any(self._chunks.values())

    def __len__(self) -> int:
        return len(self._page_of)

    def add(self, batch: Batch) -> None:
        """Take the rows of a page; an id that was there before is counted, and the later wins."""
        for connector_id in batch.connector_ids:
            earlier = self._page_of.get(connector_id)
            if earlier is not None:
                self.duplicates += 1
                if earlier != self._pages:  # within a page the reader has seen to it
                    self._replaced[earlier].add(connector_id)
            self._page_of[connector_id] = self._pages
        for table, rows in batch.rows.items():
            if rows:
                start, chunk = self._file.tell(), _encode(rows)
                self._file.write(chunk)
                self._chunks[table].append(_Chunk(self._pages, start, len(chunk)))
        self._pages += 1

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, those that were replaced left out."""
        for chunk in self._chunks[table]:
            self._file.seek(chunk.start)
            rows = _decode(self._file.read(chunk.size))
            replaced = self._replaced.get(chunk.page)
            yield from (row for row in rows if row[0] not in replaced) if replaced else rows

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
