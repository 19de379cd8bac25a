"""The account as it was at an instant, and how far back and forth that can be told."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from inventory import questions
from inventory.columns import UtcDateTime
from inventory.models import COMPLETE, SYNC_RUNS
from inventory.views import FUNCTIONS, PARAMETER, query

_run = SYNC_RUNS.c

_HEALTH = "connector_health_at"
COLUMNS = tuple(FUNCTIONS[_HEALTH].columns)


def at(connection: Connection, moment: datetime) -> questions.Rows:
    """Return one row per connector that existed at an instant, the worst health of then first."""
    as_of = bindparam(PARAMETER, moment, UtcDateTime())
    answer = connection.execute(query(_HEALTH, connection).bindparams(as_of))
    return sorted((dict(row) for row in answer.mappings()), key=questions.worst_first)


def observed(connection: Connection) -> tuple[datetime, datetime] | None:
    """Return when the first complete run saw the account and the last one; None = none did."""
    complete = _run.status.in_(COMPLETE)
    ends = select(func.min(_run.observed_at), func.max(_run.observed_at)).where(complete)
    first, last = connection.execute(ends).one()
    return None if first is None else (first, last)
