"""Stages and merges one list beside the connectors after the other, by set-based statements."""

import logging
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Table,
    and_,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from inventory.db.engine import copy_rows
from inventory.models import CONNECTOR_TYPES, METADATA, REFERENCES, USERS, HistoryTable
from inventory.normalize.reference_lists import REFERENCE_LISTS, ReferenceRows
from inventory.sync import version_statements
from inventory.sync.canonicalize import canonicalize_staged
from inventory.sync.merge_context import ACCOUNT, OBSERVED_AT, MergeContext, execute
from inventory.sync.references import spoken
from inventory.sync.staging import STAGED, STAGED_UNREADABLE, create

log = logging.getLogger(__name__)

_VERSIONED = {of.current.name: of for of in REFERENCES}
_OVERWRITTEN = {table.name: table for table in (USERS, CONNECTOR_TYPES)}


class ListMerge:
    """The merge of one list after the other."""

    def __init__(self, connection: Connection, context: MergeContext) -> None:
        self._connection = connection
        self._context = context

    def _execute(self, statement: Executable) -> int:
        return execute(self._connection, self._context, statement)

    def stage(self, name: str, rows: ReferenceRows) -> None:
        create(self._connection, STAGED[name])
        copy_rows(self._connection, STAGED[name], rows.rows.values())
        if rows.unreadable:
            self._keep_unreadable(name, rows.unreadable)

    def _keep_unreadable(self, name: str, unreadable: dict[str, list[str]]) -> None:
        """Stage the stored values in place of those that cannot be read: see `semantics.md`."""
        cells = [(item_id, column) for item_id, names in unreadable.items() for column in names]
        create(self._connection, STAGED_UNREADABLE[name])
        copy_rows(self._connection, STAGED_UNREADABLE[name], cells)
        for column in sorted({column for _, column in cells}):
            self._execute(_keep_stored(name, column))

    def is_implausible(self, name: str, rows: ReferenceRows) -> bool:
        """Whether more is missing than is likely to have been removed at once. Logs it."""
        if name in _VERSIONED:
            table, missing = _VERSIONED[name].current, version_statements.missing(_VERSIONED[name])
        elif "removed_at" in _OVERWRITTEN[name].c:
            table, missing = _OVERWRITTEN[name], _is_missing(_OVERWRITTEN[name])
        else:
            return not rows.rows and self._is_emptied(_OVERWRITTEN[name])
        known, lost = self._connection.execute(
            select(func.count(), func.count().filter(missing))
            .select_from(table)
            .where(table.c.account_id == ACCOUNT, table.c.removed_at.is_(None)),
            self._context.parameters,
        ).one()
        if not lost or (rows.rows and 2 * lost <= known):
            return False
        log.warning(
            "%d of %d %s are missing from their list. A key that lost access gives the same list, "
            "so nothing of it was changed. If they are gone, run `inventory sync "
            "--accept-removals` once.",
            *(lost, known, name),
        )
        return True

    def _is_emptied(self, table: Table) -> bool:
        """Whether there are rows to lose, in a table that loses none. Logs it."""
        if self._connection.execute(select(table).limit(1)).first() is None:
            return False
        log.warning("The list of %s is empty, so it was not believed.", spoken(table.name))
        return True

    def write(self, name: str) -> int:
        """Merge the staged rows of a list; return how many rows began or ended to be true."""
        if name in _VERSIONED:
            return self._write_versions(_VERSIONED[name])
        return self._overwrite(_OVERWRITTEN[name])

    def _write_versions(self, of: HistoryTable) -> int:
        canonicalize_staged(self._connection, of)
        statements = version_statements
        closed = self._execute(statements.close_changed(of))
        gone = self._execute(statements.close_missing(of))
        updated = self._execute(statements.update_changed(of))
        if gone:
            self._execute(statements.mark_missing(of))
        inserted = self._execute(statements.insert_new(of))
        return closed + gone + updated + inserted

    def _overwrite(self, table: Table) -> int:
        written = self._execute(_update_changed(table))
        if "removed_at" in table.c:
            is_missing = _is_missing(table)
            written += self._execute(update(table).where(is_missing).values(removed_at=OBSERVED_AT))
        return written + self._execute(_insert_new(table))


def _keep_stored(name: str, column: str) -> Any:
    """Give a column of staged rows its stored values, where those of the list are unreadable."""
    table, staged, cells = METADATA.tables[name], STAGED[name], STAGED_UNREADABLE[name].c
    stored = select(table.c[column]).where(_key_matches(table)).scalar_subquery()
    unreadable = select(cells.item_id).where(cells.column_name == column)
    item_id = staged.c[REFERENCE_LISTS[name].id_column]
    return update(staged).values({column: stored}).where(item_id.in_(unreadable))


# --- tables without versions ----------------------------------------------------------------


def _key_matches(table: Table) -> ColumnElement[bool]:
    staged = STAGED[table.name].c
    return and_(*(column == staged.get(column.name, ACCOUNT) for column in table.primary_key))


def _is_missing(table: Table) -> ColumnElement[bool]:
    staged = STAGED[table.name].c
    [id_column] = (column for column in table.primary_key if column.name in staged)
    return and_(
        table.c.account_id == ACCOUNT,
        table.c.removed_at.is_(None),
        id_column.not_in(select(staged[id_column.name])),
    )


def _own_values(table: Table) -> dict[str, ColumnElement[Any]]:
    """What a run sets itself in each row that is listed."""
    return {
        **({"removed_at": null()} if "removed_at" in table.c else {}),
        **({"fetched_at": OBSERVED_AT} if "fetched_at" in table.c else {}),
    }


def _update_changed(table: Table) -> Any:
    staged = STAGED[table.name].c
    values = {
        name: column for name, column in staged.items() if not table.c[name].primary_key
    } | _own_values(table)
    differs = or_(*(table.c[name].is_distinct_from(value) for name, value in values.items()))
    return update(table).values(values).where(_key_matches(table), differs)


def _insert_new(table: Table) -> Any:
    staged = STAGED[table.name].c
    values: dict[str, Any] = {**staged, **_own_values(table)}
    if "account_id" in table.c:
        values |= {"account_id": ACCOUNT, "first_seen_at": OBSERVED_AT}
    known = next(column for column in table.primary_key if column.name in staged)
    new = (
        select(*values.values())
        .select_from(STAGED[table.name].outerjoin(table, _key_matches(table)))
        .where(known.is_(None))
    )
    return insert(table).from_select(list(values), new)
