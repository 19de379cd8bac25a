"""Keeps the rows of a walk until the merge, in a temporary file, or in memory while they are few.

While the API is read no transaction is open, and behind a pooler no temporary table outlives one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from itertools import chain
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

import msgspec

from inventory.normalize import connect_cards
from inventory.normalize.rows import COLUMNS, TEXT_COLUMNS, NormalizedBatch, Row

_NOT_YET = -1
_IN_MEMORY = 1 << 20  # bytes, about 500 new connectors
_TITLE, _ORDINAL = map(COLUMNS["setup_tests"].index, ("title", "ordinal"))
# Positions of cells with texts of the API or JSON: rows are tuples, see `TO_ROW`.
_TEXT_POSITIONS = {
    table: tuple(at for at, name in enumerate(names) if name in TEXT_COLUMNS)
    for table, names in COLUMNS.items()
}
_TEXTS = {table: itemgetter(*places) for table, places in _TEXT_POSITIONS.items() if places}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


class _Chunk(NamedTuple):
    """The place in the file of one batch's rows for one table."""

    batch: int
    start: int
    size: int


class Spool:
    """The rows of one walk, batch by batch. If a connector comes again, its later rows count.

    Of those that are `expected`, no other copy of the id is kept.
    """

    def __init__(self, expected: Iterable[str] = ()) -> None:
        self.duplicates = 0
        self.has_details = False
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # see close()
        self._chunks: dict[str, list[_Chunk]] = {table: [] for table in COLUMNS}
        self._batch_of: dict[str, int] = dict.fromkeys(expected, _NOT_YET)
        self._count = 0
        self.first_id: str | None = None  # of the connector that was added first
        self._replaced: defaultdict[int, set[str]] = defaultdict(set)
        self._changed_tables: set[str] = set()
        self._card_tails: set[int] = set()
        self._batches = 0

    @property
    def connector_ids(self) -> Set[str]:
        """Every connector that was added, also later. Those expected are not any more."""
        if self._count < len(self._batch_of):
            for name in [each for each, batch in self._batch_of.items() if batch == _NOT_YET]:
                del self._batch_of[name]
        return self._batch_of.keys()

    @property
    def tables(self) -> Set[str]:
        """The tables with anything new, even if it was replaced since."""
        return self._changed_tables | {table for table, chunks in self._chunks.items() if chunks}

    def __len__(self) -> int:
        return self._count

    def add_details(self, batch: NormalizedBatch) -> None:
        """Replace the rows of listed connectors by those completed with their details."""
        duplicates = self.duplicates
        self.add(batch)
        self.duplicates = duplicates
        self.has_details = True

    def add(self, batch: NormalizedBatch) -> None:
        """Add the rows of a batch. A connector that was added before counts as a duplicate."""
        self.first_id = self.first_id or next(iter(batch.connector_ids), None)
        for connector_id in batch.connector_ids:
            earlier = self._batch_of.get(connector_id, _NOT_YET)
            if earlier == _NOT_YET:
                self._count += 1
            else:
                self.duplicates += 1
                if earlier != self._batches:  # the normalizer replaces duplicates within a batch
                    self._replaced[earlier].add(connector_id)
            self._batch_of[connector_id] = self._batches
        self._changed_tables |= batch.changed_lists
        self._card_tails |= batch.card_tails
        for table, rows in batch.rows.items():
            if rows:
                start, chunk = self._file.tell(), _encode(rows)
                self._file.write(chunk)
                self._chunks[table].append(_Chunk(self._batches, start, len(chunk)))
        self._batches += 1

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, without replaced ones.

        Removes connect cards that texts quote: all cards of the walk are known only now.
        """
        for chunk in self._chunks[table]:
            self._file.seek(chunk.start)
            rows = _decode(self._file.read(chunk.size))
            if table in _TEXTS and connect_cards.are_quoted(
                self._card_tails, _texts_in(table, rows)
            ):
                rows = self._without_cards(table, rows)
            replaced = self._replaced.get(chunk.batch)
            yield from (row for row in rows if row[0] not in replaced) if replaced else rows

    def _without_cards(self, table: str, rows: list[Row]) -> list[Row]:
        scrub = [
            tuple(
                connect_cards.without(self._card_tails, cell)
                if cell and at in _TEXT_POSITIONS[table]
                else cell
                for at, cell in enumerate(row)
            )
            for row in rows
        ]
        return _renumbered(scrub) if table == "setup_tests" else scrub

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


def _texts_in(table: str, rows: list[Row]) -> str:
    return "\n".join(filter(None, chain.from_iterable(map(_TEXTS[table], rows))))


def _renumbered(tests: list[Row]) -> list[Row]:
    """Number setup tests again: two titles may be equal once cards are removed."""
    seen: Counter[tuple[Any, ...]] = Counter()
    renumbered = []
    for row in tests:
        cells = list(row)
        key = row[0], row[_TITLE]
        cells[_ORDINAL] = seen[key]
        seen[key] += 1
        renumbered.append(tuple(cells))
    return renumbered
