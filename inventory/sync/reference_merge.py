"""Merges the lists beside the connectors, in the transaction of the run's merge.

Groups and destinations have versions like connectors; users and connector types are overwritten.
What is missing from a complete list is marked as removed, unless that is implausible: then nothing
of that list changes.
"""

import logging
from typing import Any, NamedTuple

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

from inventory.api.responses import AccountInfo
from inventory.db.engine import copy_rows
from inventory.models import (
    ACCOUNTS,
    CONNECTOR_TYPES,
    DESTINATIONS,
    REFERENCES,
    USERS,
    HistoryTable,
)
from inventory.normalize.reference_lists import ReferenceRows
from inventory.settings import RemovalSettings
from inventory.sync import version_statements
from inventory.sync.merge_context import ACCOUNT, OBSERVED_AT, MergeContext, execute
from inventory.sync.references import DAILY, References, in_words
from inventory.sync.staging import STAGED, create

log = logging.getLogger(__name__)

_VERSIONED = {of.current.name: of for of in REFERENCES}
_OVERWRITTEN = {table.name: table for table in (USERS, CONNECTOR_TYPES)}


class MergedReferences(NamedTuple):
    """The names of the lists that were skipped, and whether a destination has a new version."""

    skipped: str | None
    destinations_changed: bool


def merge_references(
    connection: Connection,
    context: MergeContext,
    account: AccountInfo,
    references: References,
    removals: RemovalSettings,
) -> MergedReferences:
    """Merge the lists that differ from what was last stored, and the name of the account."""
    merge = _Merge(connection, context)
    skipped = set(references.skipped)
    before = _stored_account(connection, context)
    known = (before and before.list_digests) or {}
    digests = {name: known[name] for name in skipped & known.keys()}
    rows_written = dict.fromkeys(references.lists, 0)
    for name, rows in references.lists.items():
        if name == DAILY or known.get(name) != rows.digest:
            merge.stage(name, rows)
            if not removals.accept and merge.is_implausible(name, rows):
                skipped.add(name)
                continue
            rows_written[name] = merge.write(name)
        digests[name] = rows.digest
    digests.pop(DAILY, None)  # its times are written whenever it is read
    _save_account(connection, context, before, account.account_name, digests)
    return MergedReferences(in_words(skipped), bool(rows_written.get(DESTINATIONS.current.name)))


class _Merge:
    """The merge of one list after the other."""

    def __init__(self, connection: Connection, context: MergeContext) -> None:
        self._connection = connection
        self._context = context

    def _execute(self, statement: Executable) -> int:
        return execute(self._connection, self._context, statement)

    def stage(self, name: str, rows: ReferenceRows) -> None:
        create(self._connection, STAGED[name])
        copy_rows(self._connection, STAGED[name], rows.rows.values())

    def is_implausible(self, name: str, rows: ReferenceRows) -> bool:
        """Whether more is missing than is likely to have been removed at once. Logs it."""
        if name in _VERSIONED:
            table, missing = _VERSIONED[name].current, version_statements.missing(_VERSIONED[name])
        elif "removed_at" in _OVERWRITTEN[name].c:
            table, missing = _OVERWRITTEN[name], _is_missing(_OVERWRITTEN[name])
        else:
            return not rows.rows
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

    def write(self, name: str) -> int:
        """Merge the staged rows of a list; return how many rows began or ended to be true."""
        if name in _VERSIONED:
            return self._write_versions(_VERSIONED[name])
        return self._overwrite(_OVERWRITTEN[name])

    def _write_versions(self, of: HistoryTable) -> int:
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


# --- the account ----------------------------------------------------------------------------


def _stored_account(connection: Connection, context: MergeContext) -> Any:
    mine = select(ACCOUNTS).where(ACCOUNTS.c.account_id == context.account_id)
    return connection.execute(mine).one_or_none()


def _save_account(
    connection: Connection,
    context: MergeContext,
    before: Any,
    name: str | None,
    digests: dict[str, str],
) -> None:
    values = {"account_name": name, "list_digests": digests}
    if before is None:
        first = {"account_id": context.account_id, "first_seen_at": context.observed_at}
        connection.execute(insert(ACCOUNTS), values | first)
        return
    values["account_name"] = name or before.account_name
    if (before.account_name, before.list_digests) != tuple(values.values()):
        mine = update(ACCOUNTS).where(ACCOUNTS.c.account_id == context.account_id)
        connection.execute(mine.values(values))
