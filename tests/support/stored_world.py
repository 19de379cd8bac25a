"""Histories that no run has written: the rows of runs, connectors and outages, put in directly."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Table, insert

from inventory.db import views
from inventory.models import CONNECTOR_STATUS, CONNECTORS, INVENTORY_RUNS

Interval = tuple[datetime, datetime | None]  # None = open
Outage = tuple[datetime, list[Interval]]  # its start, and the versions that record it

# Columns of runs that nothing here depends on.
COUNTS = [
    column.name
    for column in INVENTORY_RUNS.c
    if isinstance(column.type, BigInteger) and not column.nullable and not column.primary_key
]


class Life(NamedTuple):
    """A connector: the versions that say when it existed, and its outages."""

    account: str
    versions: list[Interval]
    outages: list[Outage]


class World(NamedTuple):
    """What a database holds, and the time it is. Every run of an account succeeded."""

    now: datetime
    runs: dict[str, list[datetime]]
    lives: dict[str, Life]


def store(connection: Connection, world: World) -> None:
    """Write it, and stop the clock."""
    for account, runs in world.runs.items():
        of_account = {"account_id": account, "status": "succeeded", "tool_version": "1"}
        same = of_account | dict.fromkeys(COUNTS, 0)
        _put(
            connection,
            INVENTORY_RUNS,
            [same | {"started_at": at, "observed_at": at} for at in runs],
        )
    for connector_id, life in world.lives.items():
        _store_connector(connection, connector_id, life)
        for down_since, versions in life.outages:
            _store_outage(connection, connector_id, down_since, versions)
    views.stop_clock(connection, world.now)


def _store_connector(connection: Connection, connector_id: str, life: Life) -> None:
    same = {"connector_id": connector_id, "account_id": life.account}
    began, ended = life.versions[-1]
    removed = {"removed_at": ended, "removed_reason": "deleted"} if ended else {}
    current = same | removed | {"valid_from": began, "first_seen_at": began}
    _put(connection, CONNECTORS.current, [current])
    _put(connection, CONNECTORS.past, [same | times for times in _closed(life.versions)])


def _store_outage(
    connection: Connection, connector_id: str, down_since: datetime, versions: list[Interval]
) -> None:
    same = {"connector_id": connector_id, "health": "broken", "last_sync_failed": False}
    same |= {"is_down": True, "down_since": down_since}
    _put(connection, CONNECTOR_STATUS.past, [same | times for times in _closed(versions)])
    for began, ended in versions:
        if ended is None:
            _put(
                connection, CONNECTOR_STATUS.current, [same | {"valid_from": began, "digests": b""}]
            )


def _put(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _closed(versions: list[Interval]) -> list[dict[str, Any]]:
    return [{"valid_from": began, "valid_to": ended} for began, ended in versions if ended]
