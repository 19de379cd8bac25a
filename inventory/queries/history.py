"""Everything known about one connector, and where its name continues under another id."""

from sqlalchemy import Connection, and_, select

from inventory.models import CONNECTORS
from inventory.queries.base import Row, Rows, fetch, view
from inventory.queries.changes import sort_changes
from inventory.queries.connectors import status
from inventory.queries.incidents import list_incidents


def connector_history(connection: Connection, connector_id: str) -> Row:
    """Return the status, versions, incidents, changes and syncs of one connector."""

    def rows_of(name: str, *order: str) -> Rows:
        rows = view(name)
        statement = select(rows).where(rows.c.connector_id == connector_id)
        return fetch(connection, statement.order_by(*(rows.c[column] for column in order)))

    return {
        "connector": status(connection, connector_id=connector_id)[0],
        "versions": {
            "connector": rows_of("connector_history", "valid_from"),
            "status": rows_of("connector_status_history", "valid_from"),
        },
        "incidents": list_incidents(connection, connector_ids=[connector_id]),
        "changes": sort_changes(rows_of("state_changes")),
        "syncs": rows_of("sync_outcomes_daily", "day"),
        **predecessor_and_successor(connection, connector_id),
    }


def predecessor_and_successor(connection: Connection, connector_id: str) -> dict[str, Row | None]:
    """Return the connectors of the same name before and after this one, or None.

    A connector that is deleted and created again gets a new id. Two connectors have the same name
    if account, group, service and schema name agree. One that still exists has no successor.
    """
    current = CONNECTORS.current
    this, other = current.alias(), current.alias()
    columns = ("connector_id", "first_seen_at", "removed_at", "removed_reason")
    full_name = ("account_id", "group_id", "service", "schema_name")
    statement = (
        select(*(other.c[name] for name in columns))
        .join(this, and_(*(other.c[name].is_not_distinct_from(this.c[name]) for name in full_name)))
        .where(this.c.connector_id == connector_id, this.c.schema_name.is_not(None))
        .order_by(other.c.first_seen_at, other.c.connector_id)
    )
    namesakes = fetch(connection, statement)
    own = next((row for row in namesakes if row["connector_id"] == connector_id), None)
    if own is None:
        return {"predecessor": None, "successor": None}
    since, is_removed = own["first_seen_at"], own["removed_at"] is not None
    before = [row for row in namesakes if row["first_seen_at"] < since and row["removed_at"]]
    after = [row for row in namesakes if row["first_seen_at"] > since and is_removed]
    return {
        "predecessor": before[-1] if before else None,
        "successor": after[0] if after else None,
    }
