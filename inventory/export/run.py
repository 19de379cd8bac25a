"""One export: what the target holds, what is new, the files of it, the commit, the bookmark."""

import secrets
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from inventory.db import export_bookmarks, locks, session
from inventory.db.engine import is_sqlite, now, transaction
from inventory.db.export_bookmarks import Bookmark, time_at
from inventory.db.postgresql import lift_transaction_timeout
from inventory.errors import MissingExtraError
from inventory.export import batches, snapshot
from inventory.export.arrow_schema import schema_of, without_json_type
from inventory.export.part_files import Names, PartFile, PartWriter
from inventory.export.retained import left_to_target, retained
from inventory.export.snapshot import Snapshot
from inventory.export.storage import Storage, open_storage
from inventory.export.tables import ExportedTable, exported_tables
from inventory.export.target import Progress, TableChange, TableState, Target


class TableResult(NamedTuple):
    """What an export did with a table: rows that it added for good, and rows that are current.

    `whole`: why settled rows that the target held were exported again; None = they were not.
    `is_unchanged`: no run has completed since the last export, so nothing was written.
    """

    name: str
    settled: int
    current: int
    whole: str | None = None
    is_unchanged: bool = False


class ExportResult(NamedTuple):
    """`run_id` is the last complete run that the target holds now; None = there is none."""

    url: str
    run_id: int | None
    tables: list[TableResult]


def export(
    engine: Engine,
    url: str,
    *,
    output_format: str = "parquet",
    tables: Collection[str] | None = None,
    full: bool = False,
    on_table: Callable[[str], object] = lambda name: None,
) -> ExportResult:
    """Bring a target up to date; return what was done.

    `tables` limits it to these; with `full` it replaces what the target holds of them, but for what
    the database has pruned. Reads one snapshot. The target's commit comes first, then the bookmark:
    whatever happens in between, the next export goes on from what the target has committed.
    Raises ConfigurationError for a target that belongs to another database or format,
    AlreadyRunningError while another export writes to it, and StorageUnavailableError.
    """
    _require_pyarrow()
    storage = open_storage(url)
    chosen = [each for each in exported_tables() if tables is None or each.name in tables]
    lock = locks.command_lock(engine, f"export\0{storage.url}", f"the export to {storage.url}")
    with session.open_session(engine):
        pass  # the tables are those of this release
    with lock as held:
        storage.create()
        with transaction(engine) as connection:
            names = [table.name for table in chosen]
            export_bookmarks.create_missing(connection, storage.url, names)
        with session.open_session(engine) as connection:
            if not is_sqlite(connection):
                lift_transaction_timeout(connection)  # it lasts as long as the storage takes
            work = _Export(connection, storage, output_format, held, full=full)
            results = list(work.run(chosen, on_table))
        _move_bookmarks(engine, storage.url, work.snapshot, work.committed)
    return ExportResult(storage.url, work.snapshot.run_id, results)


def _move_bookmarks(
    engine: Engine, target: str, seen: Snapshot, committed: dict[str, Progress]
) -> None:
    with transaction(engine) as connection:
        for table, progress in committed.items():
            export_bookmarks.move(
                connection,
                target,
                table,
                run_id=seen.run_id,
                observed_at=seen.observed_at,
                settled_until=progress.settled_until,
                exported_at=now(connection),
            )


class _Export:
    """One export within the transaction that reads the database."""

    def __init__(
        self,
        connection: Connection,
        storage: Storage,
        output_format: str,
        lock: locks.Lock,
        *,
        full: bool,
    ) -> None:
        self.snapshot = snapshot.take(connection)
        self.committed: dict[str, Progress] = {}
        self._connection, self._storage, self._full = connection, storage, full
        self._lock = lock
        self._bookmarks = export_bookmarks.read(connection, storage.url)
        self._target = _open_target(storage, output_format, self.snapshot)
        self._names = Names(secrets.token_hex(8), self._target.path_columns)

    def run(
        self, tables: list[ExportedTable], on_table: Callable[[str], object]
    ) -> Iterator[TableResult]:
        groups = [tables] if self._target.commits_all else [[table] for table in tables]
        for group in groups:
            changes = []
            for table in group:
                on_table(table.name)
                self._lock.check()
                change, result = self._change(table)
                if change is not None:
                    changes.append(change)
                yield result
            if changes:
                self._lock.check()
                self._target.commit(changes)
            self.committed |= {change.table.name: change.progress for change in changes}

    def _change(self, table: ExportedTable) -> tuple[TableChange | None, TableResult]:
        bookmark = self._bookmarks[table.name]
        state = self._target.state(table.name)
        whole = _why_whole(self._connection, table, bookmark, state, full=self._full)
        after = state.progress.settled_until if state else None
        if whole:
            after = _earlier(bookmark.pruned_until, after)
        observed_at = self.snapshot.settled_until or 0
        is_same_run = state is not None and state.progress.observed_at == observed_at
        if state and is_same_run and not whole and table.moves_by_runs_only:
            self.committed[table.name] = state.progress  # its bookmark may be behind
            return None, TableResult(table.name, 0, 0, is_unchanged=True)
        writer = self._writer(table)
        kept = retained(self._storage, table, state, after, writer, is_whole=bool(whole))
        if state:
            saved, after = left_to_target(
                self._storage, table, state, after, bookmark.pruned_until, writer
            )
            kept.added.extend(saved)
        until = _later(table.settled_until(self.snapshot), after)
        settled = list(self._settled(table, writer, after, until))
        current = list(self._current(table, writer, until))
        added = kept.added + settled + current
        if not added and (state is None or len(state.files) == len(kept.removed)):
            added = [writer.empty()]
        change = TableChange(
            table,
            writer.schema,
            added,
            kept.removed,
            Progress(bookmark.edition, observed_at, until),
        )
        appended, replaced = (sum(file.rows for file in files) for files in (settled, current))
        return change, TableResult(table.name, appended, replaced, whole if state else None)

    def _writer(self, table: ExportedTable) -> PartWriter:
        schema = schema_of(table.columns)
        if not self._target.has_json_type:
            schema = without_json_type(schema)
        left_out = self._target.path_columns
        return PartWriter(self._storage, self._names, table.name, schema, left_out=left_out)

    def _settled(
        self, table: ExportedTable, writer: PartWriter, after: int | None, until: int | None
    ) -> Iterator[PartFile]:
        if until is None or (after is not None and until <= after):
            return
        for statement in table.settled(self._connection, self.snapshot, after, until):
            rows = batches.read(self._connection, statement, writer.schema)
            yield from writer.write(rows, table.month_of)

    def _current(
        self, table: ExportedTable, writer: PartWriter, until: int | None
    ) -> Iterator[PartFile]:
        statement = table.current(self._connection, self.snapshot, until)
        if statement is not None:
            rows = batches.read(self._connection, statement, writer.schema)
            yield from writer.write(rows, None)


def _earlier(one: int | None, other: int | None) -> int | None:
    """Return up to where both reach; None = nowhere."""
    return None if one is None or other is None else min(one, other)


def _later(one: int | None, other: int | None) -> int | None:
    """Return the greater one; what is settled stays settled."""
    return max((each for each in (one, other) if each is not None), default=None)


def _why_whole(
    connection: Connection,
    table: ExportedTable,
    bookmark: Bookmark,
    state: TableState | None,
    *,
    full: bool,
) -> str | None:
    """Say why what the target holds must be replaced; None = it need not.

    A target goes on from its own last commit, not from the bookmark, which a kill leaves behind.
    """
    if state is None:
        return "it is not in the target"
    if full:
        return "--full asks for it"
    if state.progress.edition != bookmark.edition:
        return "history that was exported has been rewritten in the database"
    observed_at = state.progress.observed_at
    known = bookmark.observed_at and export_bookmarks.microseconds(bookmark.observed_at)
    if observed_at and observed_at != known and not snapshot.is_known(connection, observed_at):
        return (
            f"the target holds a run of {time_at(observed_at):%Y-%m-%d %H:%M:%S} UTC that the "
            "database does not know, as after a restored backup"
        )
    if table.settles_by == "run_id" and _ends_later(state, bookmark):
        # Between a backup and its restoring all runs may have failed, which no time tells.
        return "the last export was killed, or the database was restored from a backup since"
    return None


def _ends_later(state: TableState, bookmark: Bookmark) -> bool:
    return (state.progress.settled_until or 0) > (bookmark.settled_until or 0)


def _open_target(storage: Storage, output_format: str, seen: Snapshot) -> Target:
    if output_format == "delta":
        from inventory.export.delta import DeltaTarget, require_deltalake

        require_deltalake()
        return DeltaTarget(storage, seen.database_id)
    from inventory.export.parquet import ParquetTarget

    return ParquetTarget(storage, seen.database_id, seen.now)


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401  # only whether it is there
    except ImportError:
        raise MissingExtraError("`inventory export` needs pyarrow", "lake") from None
