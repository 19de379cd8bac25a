"""Outages: the intervals in which a connector was down."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, select

from inventory.db.views import query
from inventory.queries.base import Row, Rows, fetch, view

_BATCH_SIZE = 500  # ids in a statement: SQLite limits the number of bound values


def list_incidents(
    connection: Connection,
    *,
    open_only: bool = False,
    since: datetime | None = None,
    connector_ids: Sequence[str] | None = None,
) -> Rows:
    """Return one row per outage, oldest first: of these connectors, or of all.

    With `since`, only outages that ended after it or are open.
    """
    if connector_ids is not None:
        found = [*_incidents_of(connection, connector_ids)]
    else:
        found = fetch(connection, _all_incidents(open_only=open_only, since=since))
    matching = [
        row
        for row in found
        if row["ended_at"] is None or (not open_only and (since is None or row["ended_at"] > since))
    ]
    return sorted(matching, key=lambda row: (row["started_at"], row["connector_id"]))


def _all_incidents(*, open_only: bool, since: datetime | None) -> Select[Any]:
    """Name the time in SQL: the database then reads only the history that is asked for."""
    incidents = view("incidents")
    is_open, statement = incidents.c.ended_at.is_(None), select(incidents)
    if open_only:
        return statement.where(is_open)
    return (
        statement if since is None else statement.where(or_(is_open, incidents.c.ended_at > since))
    )


def _incidents_of(connection: Connection, ids: Sequence[str]) -> Iterator[Row]:
    """Read the history of these connectors only."""
    statement = query("incidents_of", connection, columns_of="incidents")
    statement = statement.bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(ids), _BATCH_SIZE):
        result = connection.execute(statement, {"ids": ids[start : start + _BATCH_SIZE]})
        yield from (dict(row) for row in result.mappings())
