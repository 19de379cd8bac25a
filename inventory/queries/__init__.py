"""Answers read-only queries about the inventory, as rows. It never writes to the database.

What one command shows comes from one snapshot: pass a connection of `inventory.db.session`.
"""

from inventory.queries.base import Row, Rows, view_columns
from inventory.queries.changes import list_changes
from inventory.queries.connectors import filter_rows, matching, not_well, status
from inventory.queries.findings import list_findings
from inventory.queries.history import connector_history, predecessor_and_successor
from inventory.queries.incidents import list_incidents
from inventory.queries.runs import ALL_RUN_COLUMNS, failures, latest_runs, list_runs

__all__ = [
    "ALL_RUN_COLUMNS",
    "Row",
    "Rows",
    "connector_history",
    "failures",
    "filter_rows",
    "latest_runs",
    "list_changes",
    "list_findings",
    "list_incidents",
    "list_runs",
    "matching",
    "not_well",
    "predecessor_and_successor",
    "status",
    "view_columns",
]
