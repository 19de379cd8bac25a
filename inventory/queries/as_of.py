"""The account as it was at a timestamp, and the period that complete runs cover."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from inventory.column_types import UtcDateTime
from inventory.db.views import FUNCTIONS, PARAMETER, query
from inventory.models import COMPLETE, INVENTORY_RUNS
from inventory.queries.base import Rows, fetch
from inventory.queries.connectors import worst_first

_run = INVENTORY_RUNS.c

_HEALTH = "connector_health_at"
COLUMNS = tuple(FUNCTIONS[_HEALTH].columns)


def at(connection: Connection, timestamp: datetime) -> Rows:
    """Return one row per connector that existed at a timestamp, the most severe health first."""
    as_of = bindparam(PARAMETER, timestamp, UtcDateTime())
    return sorted(fetch(connection, query(_HEALTH, connection).bindparams(as_of)), key=worst_first)


def observed_period(connection: Connection) -> tuple[datetime, datetime] | None:
    """Return the times of the first and the last complete run; None if there is none."""
    complete = _run.status.in_(COMPLETE)
    ends = select(func.min(_run.observed_at), func.max(_run.observed_at)).where(complete)
    first, last = connection.execute(ends).one()
    return None if first is None else (first, last)
