"""The channels of `inventory notify`, and whether they work."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection, select

from inventory import times
from inventory.db import session
from inventory.models import NOTIFICATION_CHANNELS
from inventory.queries.base import Row, Rows, fetch

_LASTING = timedelta(hours=24)


def list_channels(connection: Connection) -> Rows:
    """Return one row per channel that has ever been used."""
    channels = NOTIFICATION_CHANNELS
    return fetch(connection, select(channels).order_by(channels.c.channel))


def failing_channels(connection: Connection) -> Iterator[Row]:
    """Yield one problem per channel that has failed for a day; its name is the cause."""
    until = session.now(connection) - _LASTING
    for channel in list_channels(connection):
        if channel["failing_since"] is None or channel["failing_since"] > until:
            continue
        began = times.format_utc(channel["failing_since"])
        reason = f"notification channel {channel['channel']} has failed since {began}"
        yield {
            "problem_type": "channel_failing",
            "since": channel["failing_since"],
            "reason": f"{reason}: {channel['error_message']}",
            "cause": channel["channel"],
        }
