"""Rows of a walk on their way to the merge: while the API is read no transaction is open.

And a temporary table would not outlive one behind a pooler. So the rows wait in a file of their
own, in memory while they are few.
"""

from collections import defaultdict
from collections.abc import Iterator, Set
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

import msgspec

from inventory.payload import SECTIONS, Batch, Row

_IN_MEMORY = 1 << 20  # bytes; some 500 connectors seen for the first time
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


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
        self._chunks: dict[str, list[_Chunk]] = {table: [] for table in SECTIONS}
        self._page_of: dict[str, int] = {}
        self._replaced: defaultdict[int, set[str]] = defaultdict(set)
        self._told: set[str] = set()
        self._pages = 0

    @property
    def connector_ids(self) -> Set[str]:
        """Every connector that was added."""
        return self._page_of.keys()

    @property
    def tables(self) -> Set[str]:
        """Those of which anything was told that was not known, be it replaced since."""
        return self._told | {table for table, chunks in self._chunks.items() if chunks}

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
        self._told |= batch.told
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
