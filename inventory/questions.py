"""Read-only answers as rows, for the command line and for whoever imports the package."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, or_, select

from inventory import schema
from inventory.database import reading
from inventory.models import CONNECTOR_STATUS, CONNECTORS, SYNC_RUNS

Rows = list[dict[str, Any]]

_connector, _status, _run = CONNECTORS.current.c, CONNECTOR_STATUS.current.c, SYNC_RUNS.c

STATUS_COLUMNS = (
    _connector.connector_id,
    _connector.schema_name,
    _connector.service,
    _connector.group_id,
    _connector.paused,
    _status.setup_state,
    _status.sync_state,
    _status.update_state,
    _status.schema_status,
    _status.last_sync_failed,
    _status.succeeded_at,
    _status.failed_at,
)
ALL_RUN_COLUMNS = tuple(column.name for column in SYNC_RUNS.columns)
RUN_COLUMNS = (
    *("run_id", "account_id", "status", "started_at", "finished_at", "connectors_seen"),
    *("added", "changed", "removed", "returned", "anomalies", "error_message"),
)
STATES = (_status.setup_state, _status.sync_state, _status.update_state, _status.schema_status)


def status(
    engine: Engine,
    *,
    services: Sequence[str] = (),
    groups: Sequence[str] = (),
    states: Sequence[str] = (),
) -> Rows:
    """Return one row per connector that exists, by group and name.

    Filters of one kind widen, filters of two kinds narrow; a state may be any of the four states.
    """
    wanted = (
        select(*STATUS_COLUMNS)
        .join(CONNECTOR_STATUS.current, _status.connector_id == _connector.connector_id)
        .order_by(_connector.group_id, _connector.schema_name, _connector.connector_id)
    )
    if services:
        wanted = wanted.where(_connector.service.in_(services))
    if groups:
        wanted = wanted.where(_connector.group_id.in_(groups))
    if states:
        wanted = wanted.where(or_(*(state.in_(states) for state in STATES)))
    return _rows(engine, wanted)


def runs(engine: Engine, *, limit: int) -> Rows:
    """Return the run log, newest first."""
    return _rows(engine, select(SYNC_RUNS).order_by(_run.run_id.desc()).limit(limit))


def _rows(engine: Engine, wanted: Any) -> Rows:
    schema.require_current(engine)
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]
