"""Answers read-only queries about the inventory, as rows. It never writes to the database.

What one command shows comes from one snapshot: pass a connection of `inventory.db.session`.
What is imported here reads views only, so that commands such as `status` do not wait for the
models; what reads a table is imported from its module.
"""

from inventory.queries.base import Row, Rows, view_columns
from inventory.queries.changes import list_changes
from inventory.queries.connectors import filter_rows, matching, not_well, status
from inventory.queries.findings import list_findings
from inventory.queries.incidents import list_incidents
from inventory.queries.latest_runs import latest_runs

__all__ = [
    "Row",
    "Rows",
    "filter_rows",
    "latest_runs",
    "list_changes",
    "list_findings",
    "list_incidents",
    "matching",
    "not_well",
    "status",
    "view_columns",
]
