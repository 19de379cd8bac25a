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
    union_all,
)

from inventory.models import CONNECTORS, VERSIONED
from inventory.staging import STAGED, STAGED_REMOVALS
from inventory.versions import NOW, Moment

KINDS = ("added", "changed", "removed", "returned")


class Change(NamedTuple):
    """A connector that a merge touched, how (added, changed, removed, returned), and where."""

    connector_id: str
    kind: str
    tables: list[str]


def count(connection: Connection, moment: Moment) -> dict[str, int]:
    """Count the connectors that the merge added, changed, removed and found returned."""
    counts = connection.execute(_COUNTS, moment.parameters)
    return dict.fromkeys(KINDS, 0) | {row.kind: row.connectors for row in counts}


def listed(connection: Connection, moment: Moment) -> list[Change]:
    """List the connectors that the merge touched, by id."""
    found: dict[str, Change] = {}
    for connector_id, kind, table in connection.execute(_CHANGES, moment.parameters):
        found.setdefault(connector_id, Change(connector_id, kind, [])).tables.append(table)
    return list(found.values())


def _touched() -> Subquery:
    """One row per connector and table in which a version began or ended now."""
    concerned = union_all(
        select(STAGED["connector_status"].c.connector_id), select(STAGED_REMOVALS.c.connector_id)
    )
    sides = []
    for versioned in VERSIONED:
        table = literal(versioned.current.name).label("changed_table")
        for side, instant in ((versioned.current, "valid_from"), (versioned.past, "valid_to")):
            sides.append(
                select(side.c.connector_id, table).where(
                    side.c[instant] == NOW, side.c.connector_id.in_(concerned)
                )
            )
    return union(*sides).subquery("touched")


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


_touched_rows = _touched()
_CHANGES = (
    select(_touched_rows.c.connector_id, _kind(), _touched_rows.c.changed_table)
    .join(CONNECTORS.current, CONNECTORS.current.c.connector_id == _touched_rows.c.connector_id)
    .order_by(_touched_rows.c.connector_id, _touched_rows.c.changed_table)
)
_kinds = (
    select(_kind().label("kind"))
    .where(CONNECTORS.current.c.connector_id.in_(select(_touched_rows.c.connector_id)))
    .subquery("kinds")
)
_COUNTS = select(_kinds.c.kind, func.count().label("connectors")).group_by(_kinds.c.kind)
