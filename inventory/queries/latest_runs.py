"""How current the data of each account is."""

from sqlalchemy import Connection, select

from inventory.queries.base import Rows, fetch, view


def latest_runs(connection: Connection) -> Rows:
    """Return one row per account: its last complete run, and whether its data is current."""
    latest = view("latest_run")
    return fetch(connection, select(latest).order_by(latest.c.account_id))
