"""Adds to the totals of an account. They only grow: pruning the history does not lower them."""

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update

from inventory.models import ACCOUNTS, CONNECTOR_STATUS, INVENTORY_RUNS
from inventory.sync.merge_context import ACCOUNT, OBSERVED_AT, MergeContext, execute

_open, _past = CONNECTOR_STATUS.current.c, CONNECTOR_STATUS.past.c
_run = INVENTORY_RUNS.c


def add_merge(connection: Connection, context: MergeContext, requests: int) -> None:
    """Add the requests of a complete run, and the outages that its merge has begun and ended."""
    totals = ACCOUNTS.c
    added = {
        "requests": totals.requests + requests,
        "outages_opened": totals.outages_opened + _opened(),
        "outages_closed": totals.outages_closed + _closed(),
    }
    mine = update(ACCOUNTS).where(totals.account_id == ACCOUNT)
    execute(connection, context, mine.values(added))


def add_requests(connection: Connection, account_id: str | None, requests: int) -> None:
    """Add requests of runs that have merged nothing.

    An account that no run has read yet has no row: its first one begins with `requests_before`.
    """
    if account_id is not None and requests:
        mine = update(ACCOUNTS).where(ACCOUNTS.c.account_id == account_id)
        connection.execute(mine.values(requests=ACCOUNTS.c.requests + requests))


def requests_before(connection: Connection, account_id: str) -> int:
    """Return how many requests all runs of an account have sent, as far as the log goes back."""
    sent = select(func.coalesce(func.sum(_run.requests), 0)).where(_run.account_id == account_id)
    return int(connection.scalar(sent) or 0)


def _opened() -> ColumnElement[int]:
    """How many outages this merge has begun: no version that it has closed was in the same one."""
    closed = and_(_past.valid_to == OBSERVED_AT, _past.is_down, _is_same_outage())
    begun = (_open.is_down, _open.valid_from == OBSERVED_AT, ~exists().where(closed))
    return select(func.count()).where(*begun).scalar_subquery()


def _closed() -> ColumnElement[int]:
    """How many outages this merge has ended: no open version goes on with the same one."""
    goes_on = exists().where(_open.is_down, _is_same_outage())
    ended = (_past.is_down, _past.valid_to == OBSERVED_AT, ~goes_on)
    return select(func.count()).where(*ended).scalar_subquery()


def _is_same_outage() -> ColumnElement[bool]:
    return and_(_past.connector_id == _open.connector_id, _past.down_since == _open.down_since)
