"""What becomes of the files that a target holds: which an export keeps, merges or replaces."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from inventory.db.export_bookmarks import microseconds, time_at
from inventory.export.months import day_at, number_of_day
from inventory.export.part_files import PartFile, PartWriter, bounds_of
from inventory.export.storage import Storage
from inventory.export.tables import ExportedTable
from inventory.export.target import TableState

# Each export adds a file per month and account. So many small ones are merged into one.
_SMALL = 50_000  # rows
_MANY = 16


class Retained(NamedTuple):
    """Files that are no longer part of the table, and files with what must stay of them."""

    added: list[PartFile]
    removed: list[PartFile]


def retained(
    storage: Storage,
    table: ExportedTable,
    state: TableState | None,
    after: int | None,
    writer: PartWriter,
    *,
    is_whole: bool,
) -> Retained:
    """Decide about each file of a table whose rows after a value are exported now.

    Current rows are always replaced. `is_whole`: settled ones after that value are, too.
    """
    if state is None:
        return Retained([], [])
    removed = [file for file in state.files if file.is_current]
    settled = [file for file in state.files if not file.is_current]
    if is_whole:
        added: list[PartFile] = []
        for file in settled:
            found = _kept_of(storage, table, file, after, writer)
            if found is not None:
                removed.append(file)
                added += found
        return Retained(added, removed)
    merged = list(_to_merge(settled))
    added = [new for files in merged for new in writer.merge(files, files[0])]
    return Retained(added, [*removed, *(file for files in merged for file in files)])


def left_to_target(
    storage: Storage,
    table: ExportedTable,
    state: TableState,
    after: int | None,
    pruned_until: int | None,
    writer: PartWriter,
) -> tuple[list[PartFile], int | None]:
    """Settle current rows that a prune may have deleted: only the target has them.

    That is so for the last days before a long time without a run, and for runs that follow one
    which is marked as running for ever. Return files of these rows, and up to where they go.
    """
    if pruned_until is None or table.settles_by is None or pruned_until <= (after or 0):
        return [], after
    import pyarrow.compute as pc

    keep = pc.field(table.settles_by) <= _value(table, pruned_until)
    current = [file for file in state.files if file.is_current and file.rows]
    added = list(writer.settle(current, keep, table.month_of))
    bounds = [bounds_of(storage, file.path, table.settles_by) for file in added]
    return added, max([_number(each[1]) for each in bounds if each], default=after)


def _kept_of(
    storage: Storage, table: ExportedTable, file: PartFile, until: int | None, writer: PartWriter
) -> list[PartFile] | None:
    """Return what replaces a file so that its rows up to a value stay; None = it stays whole."""
    if until is None or table.settles_by is None:
        return []
    bounds = bounds_of(storage, file.path, table.settles_by)
    if bounds is not None:  # of a file that others have rewritten they may be unknown
        least, greatest = map(_number, bounds)
        if greatest <= until:
            return None
        if least > until:
            return []
    import pyarrow.compute as pc

    return list(writer.merge([file], file, pc.field(table.settles_by) <= _value(table, until)))


def _to_merge(files: list[PartFile]) -> Iterator[list[PartFile]]:
    groups: dict[Any, list[PartFile]] = defaultdict(list)
    for file in files:
        if file.rows < _SMALL:
            groups[file.month, file.account_id].append(file)
    return (group for group in groups.values() if len(group) >= _MANY)


def _number(value: Any) -> int:
    if isinstance(value, datetime):
        return microseconds(value)
    return number_of_day(value) if isinstance(value, date) else int(value)


def _value(table: ExportedTable, number: int) -> Any:
    """Return the value of the column by which rows are settled, as a scalar of its type."""
    if table.settles_by == "day":
        return day_at(number)
    return number if table.settles_by == "run_id" else time_at(number)
