"""Merges the lists beside the connectors, in the transaction of the run's merge.

Groups and destinations have versions like connectors; users and connector types are overwritten.
What is missing from a complete list is marked as removed, unless that is implausible: then nothing
of that list changes. See `reference_tables` for the statements.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from inventory.api.responses import AccountInfo
from inventory.models import ACCOUNTS, DESTINATIONS, METADATA
from inventory.normalize.reference_lists import REFERENCE_LISTS, ReferenceRows
from inventory.settings import RemovalSettings
from inventory.sync import totals
from inventory.sync.merge_context import MergeContext
from inventory.sync.references import DAILY, References, in_words


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
    before = _stored_account(connection, context)
    known = (before and before.list_digests) or {}
    changed = {
        name: rows
        for name, rows in references.lists.items()
        if name == DAILY
        or known.get(name) != rows.digest
        or not _are_stored(connection, context, name, rows)
    }
    rows_written = _merge_lists(connection, context, changed, removals) if changed else {}
    not_believed = changed.keys() - rows_written.keys()
    digests = {name: known[name] for name in references.skipped & known.keys()}
    digests |= {
        name: rows.digest
        for name, rows in references.lists.items()
        if name not in not_believed and name != DAILY  # its times are written whenever it is read
    }
    _save_account(connection, context, before, account.account_name, digests)
    return MergedReferences(
        in_words(references.skipped | not_believed),
        bool(rows_written.get(DESTINATIONS.current.name)),
    )


def _merge_lists(
    connection: Connection,
    context: MergeContext,
    changed: dict[str, ReferenceRows],
    removals: RemovalSettings,
) -> dict[str, int]:
    """Merge these lists; return how many rows of each that is believed were written."""
    # Imported here, as most runs find nothing new.
    from inventory.sync.reference_tables import ListMerge

    merge = ListMerge(connection, context)
    written = {}
    for name, rows in changed.items():
        merge.stage(name, rows)
        if removals.accept or not merge.is_implausible(name, rows):
            written[name] = merge.write(name)
    return written


def _are_stored(
    connection: Connection, context: MergeContext, name: str, rows: ReferenceRows
) -> bool:
    """Whether each row of a list exists: somebody may have deleted it, another account removed it.

    One that another account lists as well may be of that account: the two would take it in turns.
    """
    table = METADATA.tables[name]
    existing = select(table.c[REFERENCE_LISTS[name].id_column]).where(table.c.removed_at.is_(None))
    if table.c.account_id.primary_key:
        existing = existing.where(table.c.account_id == context.account_id)
    return rows.rows.keys() <= {*connection.scalars(existing)}


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
        first = {
            "account_id": context.account_id,
            "first_seen_at": context.observed_at,
            "requests": totals.requests_before(connection, context.account_id),
        }
        connection.execute(insert(ACCOUNTS), values | first)
        return
    values["account_name"] = name or before.account_name
    if (before.account_name, before.list_digests) != tuple(values.values()):
        mine = update(ACCOUNTS).where(ACCOUNTS.c.account_id == context.account_id)
        connection.execute(mine.values(values))
