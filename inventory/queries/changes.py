"""Field changes, alerts, and connectors that appeared or disappeared."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select

from inventory.queries.base import Rows, fetch, view
from inventory.queries.latest_runs import latest_runs


def list_changes(
    connection: Connection,
    *,
    since: datetime | None = None,
    fields: Sequence[str] = (),
    but_fields: Sequence[str] = (),
    connector_id: str | None = None,
) -> Rows:
    """Return one row per field that changed, oldest first.

    Without `since`, return what the last complete run of each account changed. A name in `fields`
    also matches the paths that begin with it: config matches config.host. `but_fields` are left
    out.
    """
    change = view("state_changes")
    is_recent = change.c.changed_at >= since if since else _by_last_run(connection, change)
    statement = select(change).where(is_recent)
    if fields:
        statement = statement.where(or_(*(_field_matches(change.c.field, one) for one in fields)))
    if but_fields:
        statement = statement.where(func.coalesce(change.c.field, "").not_in(but_fields))
    if connector_id is not None:
        statement = statement.where(change.c.connector_id == connector_id)
    return sort_changes(fetch(connection, statement))


def sort_changes(rows: Rows) -> Rows:
    """Sort changes by time, those of one run by connector, table and field."""
    return sorted(
        rows,
        key=lambda row: (
            row["changed_at"],
            row["connector_id"],
            row["table_name"],
            row["field"] or "",
            row["kind"] != "cleared",
        ),
    )


def _by_last_run(connection: Connection, change: Any) -> ColumnElement[bool]:
    complete = [run for run in latest_runs(connection) if run["observed_at"] is not None]
    of_account = (
        and_(change.c.account_id == run["account_id"], change.c.changed_at >= run["observed_at"])
        for run in complete
    )
    return or_(false(), *of_account)


def _field_matches(path: ColumnElement[Any], field: str) -> ColumnElement[bool]:
    """Match a path or what it begins with. LIKE would ignore case on SQLite."""
    prefix = func.substr(path, 1, len(field) + 1)
    return or_(path == field, prefix.in_([f"{field}{separator}" for separator in ".[:"]))
