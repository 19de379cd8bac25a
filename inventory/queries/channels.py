"""The channels of `inventory notify`, and whether they work."""

from sqlalchemy import Connection, select

from inventory.models import NOTIFICATION_CHANNELS
from inventory.queries.base import Rows, fetch


def list_channels(connection: Connection) -> Rows:
    """Return one row per channel that has ever been used."""
    channels = NOTIFICATION_CHANNELS
    return fetch(connection, select(channels).order_by(channels.c.channel))
