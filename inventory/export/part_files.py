"""Writes the rows of a table as Parquet files: one per month and account, and per million rows.

Settled rows lie in the folder of the month in which they ended, all others in `month=current`.
Folders are named as Hive does it, so engines skip what a query does not ask for.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from inventory.export.storage import Storage, is_safe

if TYPE_CHECKING:
    import pyarrow as pa

CURRENT = "current"
_OURS = re.compile(r"\.?part-[0-9a-f]+-\d+\.parquet(\.new)?")
_ROW_GROUP = 40_000
_ROW_GROUP_BYTES = 4 * 1024 * 1024  # of a table in memory
_ROWS_PER_FILE = 1_000_000
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_MAX_NAME = 240  # file systems allow 255 bytes


class PartFile(NamedTuple):
    """A file of a table: where it lies, and what is in it. `size` is in bytes."""

    path: str
    month: str
    account_id: str | None
    rows: int
    size: int

    @property
    def is_current(self) -> bool:
        return self.month == CURRENT


class Names:
    """Names for the files of one export; no other export has the same."""

    def __init__(self, export_id: str, path_columns: Collection[str]) -> None:
        """Columns of `path_columns` are told by the folders."""
        self._export_id = export_id
        self._folder_of = _partition_of if "account_id" in path_columns else _folder_of
        self._number = 0

    def next(self, table: str, month: str, account_id: str | None) -> str:
        self._number += 1
        file = f"part-{self._export_id}-{self._number:05d}.parquet"
        return f"{table}/month={month}/{self._folder_of(account_id)}/{file}"


def _folder_of(account_id: str | None) -> str:
    """Return a name for the folder of an account, which is a column of the files, too."""
    if account_id is None:
        return "account=none"
    # Any text may be an account's name; engines would decode it in different ways.
    is_plain = is_safe(account_id) and len(account_id) <= _MAX_NAME
    return f"account={account_id if is_plain else _digest(account_id)}"


def _partition_of(account_id: str | None) -> str:
    """Return the folder's name as Hive writes it: Polars takes the account from there, not from
    Delta's log.
    """
    name = _HIVE_NULL if account_id is None else quote(account_id, safe="")
    return f"account_id={name if len(name) <= _MAX_NAME else _digest(str(account_id))}"


def _digest(account_id: str) -> str:
    return blake2b(account_id.encode(), digest_size=8).hexdigest()


def is_part(path: str) -> bool:
    """Say whether a file has the name of one of ours, complete or not."""
    return _OURS.fullmatch(path.rpartition("/")[2]) is not None


class PartWriter:
    """Writes the rows of one table."""

    def __init__(
        self,
        storage: Storage,
        names: Names,
        table: str,
        schema: "pa.Schema",
        *,
        left_out: Iterable[str] = (),
    ) -> None:
        """Columns that are `left_out` are told by the path or the log of the table."""
        self._storage, self._names, self._table = storage, names, table
        self.schema = schema
        self._left_out = [name for name in left_out if name in schema.names]

    def write(self, batches: "Iterable[pa.Table]", month_of: str | None) -> Iterator[PartFile]:
        """Write rows that are in the order of accounts and of months.

        `month_of` is the column whose month they belong to; None = they are current.
        """
        with ExitStack() as open_part:
            part: _Part | None = None
            for batch in batches:
                for month, account_id, rows in _runs(batch, month_of):
                    if part is not None and not part.takes(month, account_id):
                        yield part.close()
                        part = None
                    if part is None:
                        part = self._part(month, account_id, open_part)
                    part.add(rows)
            if part is not None:
                yield part.close()

    def merge(
        self, files: Iterable[PartFile], like: PartFile, keep: Any = None
    ) -> Iterator[PartFile]:
        """Write the rows of other files of this table, of one month and account, once more.

        `keep` is a condition of Arrow; rows that it does not hold for are left out.
        """
        with ExitStack() as open_part:
            part = self._part(like.month, like.account_id, open_part)
            for file in files:
                for rows in read_part(self._storage, file.path, self._written_schema):
                    part.add(rows if keep is None else rows.filter(keep))
            if part.rows:
                yield part.close()

    def settle(
        self, files: Iterable[PartFile], keep: Any, month_of: str | None
    ) -> Iterator[PartFile]:
        """Write the rows of current files for which a condition of Arrow holds as settled ones."""
        rows = (
            self._whole(rows.filter(keep), file)
            for file in files
            for rows in read_part(self._storage, file.path, self._written_schema)
        )
        return self.write((each for each in rows if each.num_rows), month_of)

    def _whole(self, rows: "pa.Table", file: PartFile) -> "pa.Table":
        """Add the columns that the path of a file tells."""
        import pyarrow as pa

        for name in self._left_out:
            field = self.schema.field(name)
            rows = rows.append_column(
                field, pa.array([getattr(file, name)] * rows.num_rows, field.type)
            )
        return rows.select(self.schema.names)

    def empty(self) -> PartFile:
        """Write a file without a row, which tells engines the columns of an empty table."""
        with ExitStack() as open_part:
            return self._part(CURRENT, None, open_part).close()

    @property
    def _written_schema(self) -> "pa.Schema":
        schema = self.schema
        for name in self._left_out:
            schema = schema.remove(schema.get_field_index(name))
        return schema

    def _part(self, month: str, account_id: str | None, stack: ExitStack) -> "_Part":
        path = self._names.next(self._table, month, account_id)
        return _Part(self._storage, path, month, account_id, self._written_schema, stack)


class _Part:
    """A file that is being written."""

    def __init__(
        self,
        storage: Storage,
        path: str,
        month: str,
        account_id: str | None,
        schema: "pa.Schema",
        stack: ExitStack,
    ) -> None:
        import pyarrow.parquet as pq

        self.rows = 0
        self._storage, self._path = storage, path
        self._month, self._account_id = month, account_id
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._stack = stack.enter_context(ExitStack())
        stream = self._stack.enter_context(storage.writing(path))
        self._writer: pq.ParquetWriter = self._stack.enter_context(
            pq.ParquetWriter(stream, schema, compression="zstd")
        )

    def takes(self, month: str, account_id: str | None) -> bool:
        return (month, account_id) == (self._month, self._account_id) and self.rows < _ROWS_PER_FILE

    def add(self, rows: "pa.Table") -> None:
        rows = rows.select(self._schema.names)
        self.rows += rows.num_rows
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self._waiting_bytes += rows.nbytes
        if self._waiting_rows >= _ROW_GROUP or self._waiting_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
            self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0

    def close(self) -> PartFile:
        self._flush()
        self._stack.close()
        size = self._storage.size(self._path)
        return PartFile(self._path, self._month, self._account_id, self.rows, size)


def _runs(batch: "pa.Table", month_of: str | None) -> "Iterator[tuple[str, str | None, pa.Table]]":
    """Split a batch where the month or the account changes."""
    import pyarrow.compute as pc

    keys = [batch["account_id"]]
    if month_of is not None:
        keys.append(pc.strftime(batch[month_of], format="%Y-%m"))
    starts = _starts_of_runs(keys, batch.num_rows)
    for start, end in zip(starts, [*starts[1:], batch.num_rows], strict=True):
        account_id, *month = (key[start].as_py() for key in keys)
        yield (month[0] if month else CURRENT), account_id, batch.slice(start, end - start)


def _starts_of_runs(keys: "list[pa.ChunkedArray]", length: int) -> list[int]:
    """Return where a value of any key differs from the one before it; null equals null."""
    import pyarrow as pa

    starts = {0}
    for key in keys:
        encoded = pa.compute.run_end_encode(key.combine_chunks())
        starts.update(encoded.run_ends.to_pylist()[:-1])
    return sorted(start for start in starts if start < length)


def read_part(storage: Storage, path: str, schema: "pa.Schema") -> "Iterator[pa.Table]":
    """Yield the rows of a file in a newer schema: columns that it lacks are null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with storage.reading(path) as stream:
        file = pq.ParquetFile(stream)
        for batch in file.iter_batches(batch_size=20_000):
            known = set(batch.schema.names)
            yield pa.Table.from_arrays(
                [
                    batch[field.name].cast(field.type)
                    if field.name in known
                    else pa.nulls(batch.num_rows, field.type)
                    for field in schema
                ],
                schema=schema,
            )


def bounds_of(storage: Storage, path: str, column: str) -> tuple[Any, Any] | None:
    """Return the least and the greatest value of a column of a file; None = not known."""
    import pyarrow.parquet as pq

    with storage.reading(path) as stream:
        metadata = pq.ParquetFile(stream).metadata
        place = metadata.schema.names.index(column)
        found = [
            metadata.row_group(n).column(place).statistics for n in range(metadata.num_row_groups)
        ]
    if not found or not all(each is not None and each.has_min_max for each in found):
        return None
    return min(each.min for each in found), max(each.max for each in found)
