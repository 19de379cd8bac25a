"""Adds to the totals of an account. They only grow: pruning the history does not lower them."""

from sqlalchemy import ColumnElement, Connection, func, select, tuple_, update

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


# What identifies an outage: it may go on from a version that this merge has closed to an open one.
# A subselect that refers to the row around it would be slow on SQLite when thousands go down.
_OPEN_OUTAGE = tuple_(_open.connector_id, _open.down_since)
_CLOSED_OUTAGE = tuple_(_past.connector_id, _past.down_since)
_BEGUN = (_open.is_down, _open.valid_from == OBSERVED_AT)
_ENDED = (_past.is_down, _past.valid_to == OBSERVED_AT)


def _opened() -> ColumnElement[int]:
    """How many outages this merge has begun."""
    before = select(_past.connector_id, _past.down_since).where(*_ENDED)
    begun = (*_BEGUN, _OPEN_OUTAGE.not_in(before))
    return select(func.count()).where(*begun).scalar_subquery()


def _closed() -> ColumnElement[int]:
    """How many outages this merge has ended."""
    goes_on = select(_open.connector_id, _open.down_since).where(_open.is_down)
    ended = (*_ENDED, _CLOSED_OUTAGE.not_in(goes_on))
    return select(func.count()).where(*ended).scalar_subquery()
