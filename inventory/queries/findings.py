"""Non-urgent findings: what somebody should look at some day."""

from sqlalchemy import Connection, select

from inventory.queries.base import Rows, fetch, view
from inventory.queries.connectors import sort_key


def list_findings(connection: Connection) -> Rows:
    """Return one row per finding and connector, sorted by finding."""
    findings = fetch(connection, select(view("findings")))
    return sorted(findings, key=lambda row: (row["finding"], *sort_key(row)))
