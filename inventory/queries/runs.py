"""The run log."""

from sqlalchemy import Connection, func, select

from inventory.models import INVENTORY_RUNS
from inventory.queries.base import Row, Rows, fetch

ALL_RUN_COLUMNS = tuple(column.name for column in INVENTORY_RUNS.columns)

_run = INVENTORY_RUNS.c


def list_runs(connection: Connection, *, limit: int) -> Rows:
    """Return the run log, newest first."""
    return fetch(connection, select(INVENTORY_RUNS).order_by(_run.run_id.desc()).limit(limit))


def failures(connection: Connection, latest: Row) -> Rows:
    """Return one row per kind of error since the last complete run of an account, latest last.

    `latest` is the account's row of `latest_runs`. A row has the start of the first run that failed
    or crashed this way, and the error of the last one.
    """
    of_account = _run.account_id == latest["account_id"]
    if latest["account_id"] is None:
        of_account = _run.account_id.is_(None)
    failed = (
        select(_run.run_id, _run.started_at, _run.error_code)
        .where(of_account, _run.status.in_(("failed", "crashed")))
        .order_by(_run.run_id.desc())
        .limit(latest["failed_attempts"])
        .subquery()
    ).c
    kinds = (
        select(func.min(failed.started_at).label("since"), func.max(failed.run_id).label("last_id"))
        .group_by(failed.error_code)
        .subquery()
    ).c
    statement = select(kinds.since, _run.error_code, _run.error_message).where(
        _run.run_id == kinds.last_id
    )
    return fetch(connection, statement.order_by(_run.run_id))
