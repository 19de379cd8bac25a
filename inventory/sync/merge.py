"""Merges staged rows into current tables and history, by a few set-based statements per table.

For each versioned table, in this order:

1. close: copy versions that changed, disappeared or were removed to the past table
2. update_changed: rewrite changed rows as the open version
3. delete_closed: delete rows that disappeared or were removed
4. update_untracked: overwrite columns without history
5. insert_new: insert new rows

Sync outcomes are inserted before and after that. Where only the times of syncs have moved, these
are all that is written. Unchanged rows are not touched; a table without
staged rows is searched for removals only. All changes have one timestamp, in the caller's
transaction. Health is judged afterwards: see `judge`.
"""

from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from inventory.models import CONNECTOR_STATUS, CONNECTORS, VERSIONED, HistoryTable
from inventory.normalize.rows import SYNC_TIMES
from inventory.normalize.sections import LISTS
from inventory.sync import outcomes, version_statements
from inventory.sync.canonicalize import canonicalize_staged
from inventory.sync.merge_context import MergeContext, execute
from inventory.sync.staging import STAGED, STAGED_SYNC_TIMES, Staged


class Rows(NamedTuple):
    """How many rows of a versioned table a merge closed, updated and inserted."""

    closed: int = 0
    updated: int = 0
    inserted: int = 0


class Written(NamedTuple):
    """The rows that a merge wrote, by current table; tables that are missing were not touched."""

    tables: dict[str, Rows]

    def of(self, versioned: HistoryTable) -> Rows:
        return self.tables.get(versioned.current.name, Rows())

    def add(self, versioned: HistoryTable, rows: Rows) -> None:
        added = (here + more for here, more in zip(self.of(versioned), rows, strict=True))
        self.tables[versioned.current.name] = Rows(*added)


def merge(connection: Connection, context: MergeContext, staged: Staged) -> Written:
    """Merge the staged rows, in the caller's transaction."""
    states = {CONNECTOR_STATUS.current.name: STAGED["connector_status"]}
    for name, table in (states | {SYNC_TIMES: STAGED_SYNC_TIMES}).items():
        for outcome in outcomes.OUTCOME_COLUMNS if name in staged.tables else ():
            execute(connection, context, outcomes.outcomes_of_known(outcome, table))
    if SYNC_TIMES in staged.tables:
        execute(connection, context, version_statements.move_sync_times())
    for versioned in VERSIONED:
        if versioned.current.name in staged.tables:
            canonicalize_staged(connection, versioned)
    written = Written(
        {
            versioned.current.name: _merge_table(connection, context, versioned, staged)
            for versioned in VERSIONED
            if staged.removals or versioned.current.name in staged.tables
        }
    )
    if written.of(CONNECTOR_STATUS).inserted:
        for outcome in outcomes.OUTCOME_COLUMNS:
            execute(connection, context, outcomes.outcomes_of_new(outcome))
    return written


def _merge_table(
    connection: Connection, context: MergeContext, versioned: HistoryTable, staged: Staged
) -> Rows:
    write = partial(execute, connection, context)
    closed = gone = updated = inserted = 0
    is_staged = versioned.current.name in staged.tables
    if is_staged:
        closed = write(version_statements.close_changed(versioned))
    if is_staged and versioned.current.name in LISTS:
        gone = write(version_statements.close_absent(versioned))
    if staged.removals:
        gone += write(version_statements.close_removed(versioned))
    if closed or (is_staged and versioned is CONNECTORS):  # some may return unchanged
        updated = write(version_statements.update_changed(versioned))
    if gone and versioned is CONNECTORS:
        write(version_statements.mark_removed())
    elif gone:
        write(version_statements.delete_closed(versioned))
    if is_staged and versioned is CONNECTORS and staged.details:
        write(version_statements.fill_in_learned())
    if is_staged and versioned.untracked:
        write(version_statements.update_untracked(versioned))
    if is_staged:
        inserted = write(version_statements.insert_new(versioned))
    if is_staged and versioned is CONNECTORS and staged.details:
        write(version_statements.mark_details())
    return Rows(closed + gone, updated, inserted)
