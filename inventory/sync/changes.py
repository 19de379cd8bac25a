"""Counts or lists the connectors that a merge changed, in the transaction of that merge."""

from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    and_,
    case,
    func,
    literal,
    select,
    union,
)

from inventory.models import CONNECTOR_STATUS, CONNECTORS, VERSIONED
from inventory.sync.merge import Written
from inventory.sync.merge_context import OBSERVED_AT, MergeContext
from inventory.sync.staging import STAGED

KINDS = ("added", "changed", "removed", "returned")


class Change(NamedTuple):
    """A connector that a merge changed; `kind` is one of KINDS, `tables` are where.

    `health` and `health_before` are set if the health changed; the latter only if there was one.
    """

    connector_id: str
    kind: str
    tables: list[str]
    health_before: str | None
    health: str | None


def count_changes(
    connection: Connection, context: MergeContext, written: Written
) -> dict[str, int]:
    """Count the connectors that were added, changed, removed or have returned."""
    counts = dict.fromkeys(KINDS, 0)
    touched = _touched(written)
    if touched is None:
        return counts
    if _all_are_new(connection, written):
        return counts | {"added": written.of(CONNECTORS).inserted}
    kinds = (
        select(_kind().label("kind"))
        .where(CONNECTORS.current.c.connector_id.in_(select(touched.c.connector_id)))
        .subquery("kinds")
    )
    by_kind = select(kinds.c.kind, func.count().label("connectors")).group_by(kinds.c.kind)
    found = connection.execute(by_kind, context.parameters)
    return counts | {row.kind: row.connectors for row in found}


def list_changes(connection: Connection, context: MergeContext, written: Written) -> list[Change]:
    """List the connectors that the merge changed, by id."""
    touched = _touched(written)
    if touched is None:
        return []
    status, ended = CONNECTOR_STATUS.current.c, CONNECTOR_STATUS.past
    connector_id = touched.c.connector_id
    health = func.coalesce(CONNECTORS.current.c.removed_reason, status.health)
    changes = (
        select(connector_id, _kind(), ended.c.health, health, touched.c.changed_table)
        .join(CONNECTORS.current, CONNECTORS.current.c.connector_id == connector_id)
        .outerjoin(status.health.table, status.connector_id == connector_id)
        .outerjoin(
            ended, and_(ended.c.connector_id == connector_id, ended.c.valid_to == OBSERVED_AT)
        )
        .order_by(connector_id, touched.c.changed_table)
    )
    found: dict[str, Change] = {}
    for name, kind, before, after, table in connection.execute(changes, context.parameters):
        if kind == "changed" and before in (None, after):
            before = after = None
        change = Change(name, kind, [], before, after)
        found.setdefault(name, change).tables.append(table)
    return list(found.values())


def _all_are_new(connection: Connection, written: Written) -> bool:
    """Return whether all changed connectors are new, as in a first run: then no query is needed."""
    if any(rows.closed or rows.updated for rows in written.tables.values()):
        return False
    staged = select(func.count()).select_from(STAGED["connector_status"])
    return connection.scalar(staged) == written.of(CONNECTORS).inserted


def _touched(written: Written) -> Subquery | None:
    """Grain: one row per connector and table in which this run began or ended a version.

    None if there are none. Only tables that were written to are read: no index on `valid_from`
    serves this.
    """
    sides = []
    for versioned in VERSIONED:
        table = literal(versioned.current.name).label("changed_table")
        current, past, rows = versioned.current.c, versioned.past.c, written.of(versioned)
        if rows.updated or rows.inserted:
            sides.append(
                select(current.connector_id, table).where(current.valid_from == OBSERVED_AT)
            )
        if rows.closed:
            sides.append(select(past.connector_id, table).where(past.valid_to == OBSERVED_AT))
    return union(*sides).subquery("touched") if sides else None


def _kind() -> ColumnElement[str]:
    connector, past = CONNECTORS.current.c, CONNECTORS.past.c
    # Not a correlated `exists`: SQLite would search all ended versions for each row.
    ended = connector.connector_id.in_(
        select(past.connector_id).where(past.valid_to == OBSERVED_AT)
    )
    return case(
        (connector.first_seen_at == OBSERVED_AT, "added"),
        (connector.removed_at == OBSERVED_AT, "removed"),
        (and_(connector.valid_from == OBSERVED_AT, ~ended), "returned"),
        else_="changed",
    )
