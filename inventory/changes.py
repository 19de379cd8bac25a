"""What a merge has changed, asked in the transaction that did it: connectors by kind of change."""

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

from inventory.merge import Written
from inventory.models import CONNECTOR_STATUS, CONNECTORS, VERSIONED
from inventory.staging import STAGED
from inventory.versions import NOW, Moment

KINDS = ("added", "changed", "removed", "returned")


class Change(NamedTuple):
    """A connector that a merge touched, how (added, changed, removed, returned), and where.

    `health` is its word, if that is new; `health_before` what it was, if it had one.
    """

    connector_id: str
    kind: str
    tables: list[str]
    health_before: str | None
    health: str | None


def count(connection: Connection, moment: Moment, written: Written) -> dict[str, int]:
    """Count the connectors that the merge added, changed, removed and found returned."""
    counts = dict.fromkeys(KINDS, 0)
    touched = _touched(written)
    if touched is None:
        return counts
    if _all_are_new(connection, written):
        return counts | {"added": written.of(CONNECTORS).opened}
    kinds = (
        select(_kind().label("kind"))
        .where(CONNECTORS.current.c.connector_id.in_(select(touched.c.connector_id)))
        .subquery("kinds")
    )
    by_kind = select(kinds.c.kind, func.count().label("connectors")).group_by(kinds.c.kind)
    found = connection.execute(by_kind, moment.parameters)
    return counts | {row.kind: row.connectors for row in found}


def listed(connection: Connection, moment: Moment, written: Written) -> list[Change]:
    """List the connectors that the merge touched, by id."""
    touched = _touched(written)
    if touched is None:
        return []
    status, ended = CONNECTOR_STATUS.current.c, CONNECTOR_STATUS.past
    of_it, word = (
        touched.c.connector_id,
        func.coalesce(CONNECTORS.current.c.removed_reason, status.health),
    )
    changes = (
        select(of_it, _kind(), ended.c.health, word, touched.c.changed_table)
        .join(CONNECTORS.current, CONNECTORS.current.c.connector_id == of_it)
        .outerjoin(status.health.table, status.connector_id == of_it)
        .outerjoin(ended, and_(ended.c.connector_id == of_it, ended.c.valid_to == NOW))
        .order_by(of_it, touched.c.changed_table)
    )
    found: dict[str, Change] = {}
    for row in connection.execute(changes, moment.parameters):
        connector_id, kind, before, after, table = row
        if kind == "changed" and before in (None, after):
            before = after = None
        change = Change(connector_id, kind, [], before, after)
        found.setdefault(connector_id, change).tables.append(table)
    return list(found.values())


def _all_are_new(connection: Connection, written: Written) -> bool:
    """Say whether it need not be asked how each was touched: as after the first run of all."""
    if any(rows.closed or rows.revised for rows in written.tables.values()):
        return False
    staged = select(func.count()).select_from(STAGED["connector_status"])
    return connection.scalar(staged) == written.of(CONNECTORS).opened


def _touched(written: Written) -> Subquery | None:
    """One row per connector and table in which a version began or ended now; None = there is none.

    Only what was written to is looked through: no index tells which versions began when.
    """
    sides = []
    for versioned in VERSIONED:
        table = literal(versioned.current.name).label("changed_table")
        current, past, rows = versioned.current.c, versioned.past.c, written.of(versioned)
        if rows.revised or rows.opened:
            sides.append(select(current.connector_id, table).where(current.valid_from == NOW))
        if rows.closed:
            sides.append(select(past.connector_id, table).where(past.valid_to == NOW))
    return union(*sides).subquery("touched") if sides else None


def _kind() -> ColumnElement[str]:
    connector, past = CONNECTORS.current.c, CONNECTORS.past.c
    # A list, not a correlated `exists`: SQLite would look each row up among all that ended now.
    ended = connector.connector_id.in_(select(past.connector_id).where(past.valid_to == NOW))
    return case(
        (connector.first_seen_at == NOW, "added"),
        (connector.removed_at == NOW, "removed"),
        (and_(connector.valid_from == NOW, ~ended), "returned"),
        else_="changed",
    )
