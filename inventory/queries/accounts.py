"""Each account in numbers: how current it is, and the totals of its runs."""

from sqlalchemy import Connection, select

from inventory.models import ACCOUNTS, INVENTORY_RUNS
from inventory.queries.base import Rows, fetch, view

_run = INVENTORY_RUNS.c


def account_figures(connection: Connection) -> Rows:
    """Return one row per account that a run has tried to read, also if none has succeeded.

    Its last complete run (`seen_at`, `started_at`, `finished_at`; null = none is complete), the
    usual interval between runs, its totals, and what the last run that was told it knows of the
    quota.
    """
    latest, totals = view("latest_run").c, ACCOUNTS.c
    newest = INVENTORY_RUNS.alias().c
    remaining = (
        select(newest.rate_limit_remaining)
        .where(newest.account_id == latest.account_id, newest.rate_limit_remaining.is_not(None))
        .order_by(newest.run_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    figures = (
        select(latest.account_id, latest.seen_at, latest.typical_interval_minutes)
        .add_columns(_run.started_at, _run.finished_at)
        .add_columns(totals.requests, totals.outages_opened, totals.outages_closed)
        .add_columns(remaining.label("rate_limit_remaining"))
        .outerjoin(ACCOUNTS, totals.account_id == latest.account_id)
        .outerjoin(INVENTORY_RUNS, _run.run_id == latest.run_id)
        .where(latest.account_id.is_not(None))
        .order_by(latest.account_id)
    )
    return fetch(connection, figures)
