"""Delta tables: one transaction per table makes an export visible.

The files are written as for Parquet; only the log is the work of deltalake. How far a table is
exported stands in the same transaction, as Delta's own transaction ids.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inventory.errors import ConfigurationError, MissingExtraError
from inventory.export.arrow_schema import without_json_type
from inventory.export.parquet import DELTA_LOG, MANIFEST
from inventory.export.part_files import PartFile, is_part
from inventory.export.storage import Storage
from inventory.export.storage_errors import failure
from inventory.export.tables import exported_tables
from inventory.export.target import (
    Progress,
    TableChange,
    TableState,
    check_database,
    check_types,
    overtaken,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

_DATABASE = "inventory.database_id"
_CLEAN_EVERY = 50  # commits; it lists all files
_ATTEMPTS = 3  # at a commit, which may first create the table or add its columns
_NOTHING_SETTLED = -1
_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|\\|[\x00-\x1f\x7f]")


class DeltaTarget:
    """Tables in folders of their names."""

    commits_all = False
    path_columns: tuple[str, ...] = ("month", "account_id")
    has_json_type = False

    def __init__(self, storage: Storage, database_id: str) -> None:
        self._storage, self._database_id = storage, database_id
        self._options = storage.delta_options
        # As their state was read: a commit of somebody else since then is a conflict.
        self._tables: dict[str, DeltaTable | None] = {}
        self._is_checked = False
        if _MISREAD.search(storage.url):
            raise ConfigurationError(
                f"{storage.url} cannot hold Delta tables: deltalake reads '%20' and the like, "
                "backslashes and control characters in the name of a folder as others. Pass "
                "another folder."
            )
        if storage.read(MANIFEST) is not None:
            raise ConfigurationError(
                f"{storage.url} holds an export in Parquet. Pass another URL for Delta, or "
                "--format parquet."
            )

    def state(self, table: str) -> TableState | None:
        with _translated(self._storage):  # what it reads of the log it reads late
            known = self._tables[table] = self._open(table)
            if known is None:
                self._check_others()
                return None
            self._check(known)
            progress = _progress(known)
            return None if progress is None else TableState(progress, list(_files(table, known)))

    def _check_others(self) -> None:
        """Make sure, once, that tables beside a new one are of this database."""
        if not self._is_checked:
            logs = self._storage.folders(f"{each.name}/{DELTA_LOG}" for each in exported_tables())
            self._check(self._open(logs[0].partition("/")[0]) if logs else None)

    def _check(self, table: "DeltaTable | None") -> None:
        if table is not None:
            found = table.metadata().configuration.get(_DATABASE, "")
            check_database(self._storage, self._database_id, found)
        self._is_checked = True

    def commit(self, changes: Sequence[TableChange]) -> None:
        for change in changes:
            with _translated(self._storage):
                table = self._committed(change)
                if table.version() % _CLEAN_EVERY == _CLEAN_EVERY - 1:
                    self._clean(change.table.name, table)

    def _committed(self, change: TableChange) -> "DeltaTable":
        """Commit a change, again if only the answer of the store was lost.

        Then the second attempt meets the first one. Raises AlreadyRunningError if it meets
        another export.
        """
        from deltalake.exceptions import DeltaError

        name, attempt = change.table.name, 1
        seen = self._progress_of(name)
        while True:
            try:
                return self._commit(change)
            except DeltaError:
                known = self._tables[name] = self._open(name)
                if known is not None and _holds(known, change):
                    return known
                if self._progress_of(name) != seen:
                    raise overtaken(self._storage) from None
                if attempt == _ATTEMPTS:
                    raise
            attempt += 1

    def _progress_of(self, name: str) -> Progress | None:
        table = self._tables[name]
        return None if table is None else _progress(table)

    def _commit(self, change: TableChange) -> "DeltaTable":
        from deltalake import CommitProperties, Transaction

        table = self._prepared(change)
        progress = change.progress._replace(settled_until=_or_nothing(change.progress))
        table.create_write_transaction(
            [*map(_added, change.added), *map(_removed, change.removed)],
            "append",
            _delta_schema(change.schema),
            ["month", "account_id"],
            commit_properties=CommitProperties(
                app_transactions=[
                    Transaction(f"inventory.{name}", number)
                    for name, number in progress._asdict().items()
                ]
            ),
        )
        return table

    def _clean(self, name: str, table: "DeltaTable") -> None:
        """Delete what has not been part of the table for a week, and files of killed exports.

        A vacuum of its own would leave the latter, or delete also what this tool has not written.
        """
        for path in table.vacuum(dry_run=True, full=True):
            if is_part(path):
                self._storage.delete(f"{name}/{path}")

    def _open(self, table: str) -> "DeltaTable | None":
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            return DeltaTable(self._uri(table), storage_options=self._options)
        except TableNotFoundError:
            return None

    def _uri(self, table: str) -> str:
        return f"{self._storage.url}/{table}"

    def _prepared(self, change: TableChange) -> "DeltaTable":
        """Return the table with all columns of the change; create what is missing of it."""
        from deltalake import DeltaTable, Schema

        schema, name = _delta_schema(change.schema), change.table.name
        table = self._tables[name]
        if table is None:
            return DeltaTable.create(
                self._uri(name),
                schema,
                partition_by=["month", "account_id"],
                name=name,
                description=change.table.comment,
                configuration={_DATABASE: self._database_id},
                storage_options=self._options,
                raise_if_key_not_exists=False,
            )
        old = {field.name: str(field.type) for field in table.schema().fields}
        wanted = Schema.from_arrow(schema).fields
        new = {field.name: str(field.type) for field in wanted}
        check_types(self._storage, name, old, new)
        added = [field for field in wanted if field.name not in old]
        if added:
            table.alter.add_columns(added)
        return table


def _delta_schema(schema: "pa.Schema") -> "pa.Schema":
    import pyarrow as pa

    comment = (
        "Month (UTC) in which a row was settled, as 2026-11; current = each export replaces it"
    )
    month = pa.field("month", pa.string(), metadata={"comment": comment})
    return without_json_type(schema).append(month)


def _progress(table: "DeltaTable") -> Progress | None:
    edition, observed_at, settled_until = (
        table.transaction_version(f"inventory.{name}") for name in Progress._fields
    )
    if edition is None or observed_at is None:
        return None  # it was created, and the export ended there
    return Progress(
        edition, observed_at, None if settled_until == _NOTHING_SETTLED else settled_until
    )


def _or_nothing(progress: Progress) -> int:
    """Return a number also where nothing is settled, or the one of before would stay."""
    return _NOTHING_SETTLED if progress.settled_until is None else progress.settled_until


def _holds(table: "DeltaTable", change: TableChange) -> bool:
    files = {file.path for file in _files(change.table.name, table)}
    return _progress(table) == change.progress and all(each.path in files for each in change.added)


def _files(name: str, table: "DeltaTable") -> Iterator[PartFile]:
    import pyarrow as pa

    # `pa.table` would import pandas where it is installed, which takes 50 MB.
    actions = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True))
    for each in actions.read_all().to_pylist():
        yield PartFile(
            f"{name}/{unquote(each['path'])}",  # the log has it as a URL
            each["partition.month"],
            each["partition.account_id"],
            each["num_records"] or 0,
            each["size_bytes"],
        )


def _added(file: PartFile) -> Any:
    from deltalake.transaction import AddAction

    return AddAction(
        _in_table(file.path),
        file.size,
        _partition(file),
        int(time.time() * 1000),
        True,
        json.dumps({"numRecords": file.rows}),
    )


def _removed(file: PartFile) -> Any:
    from deltalake.transaction import RemoveAction

    return RemoveAction(
        _in_table(file.path), True, int(time.time() * 1000), file.size, _partition(file)
    )


def _in_table(path: str) -> str:
    return path.partition("/")[2]


def _partition(file: PartFile) -> dict[str, str | None]:
    return {"month": file.month, "account_id": file.account_id}


@contextmanager
def _translated(storage: Storage) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        raise failure(storage.url, error, is_local=storage.is_local) from error


def require_deltalake() -> None:
    try:
        import deltalake  # noqa: F401  # only whether it is there
    except ImportError:
        raise MissingExtraError("The format delta needs deltalake", "lake") from None
