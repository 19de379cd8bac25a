"""The channels of `inventory notify`, and whether they work."""

from datetime import datetime

from sqlalchemy import Connection, select

from inventory.models import NOTIFICATION_CHANNELS
from inventory.queries.base import Rows, fetch

_channel = NOTIFICATION_CHANNELS.c


def list_channels(connection: Connection, *, failing_since: datetime | None = None) -> Rows:
    """Return one row per channel that has ever been used, or only those failing since then."""
    channels = select(NOTIFICATION_CHANNELS).order_by(_channel.channel)
    if failing_since is not None:
        channels = channels.where(_channel.failing_since <= failing_since)
    return fetch(connection, channels)
