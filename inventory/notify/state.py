"""Reads and writes what channels have been told: `notification_channels` and `notifications`."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, false, insert, or_, select, update

from inventory.db import session
from inventory.models import CONNECTOR_STATUS, NOTIFICATION_CHANNELS, NOTIFICATIONS
from inventory.notify.config import Channel
from inventory.notify.events import News, Told
from inventory.notify.inputs import FLAPPING_WITHIN, ChannelState, earliest_mark

_channel, _row, _status = NOTIFICATION_CHANNELS.c, NOTIFICATIONS.c, CONNECTOR_STATUS.current.c
_TOLD = tuple(Told.__dataclass_fields__)


def read(connection: Connection, channels: Sequence[Channel]) -> dict[str, ChannelState]:
    """Return the state of each of these channels that has been used before."""
    names = [channel.name for channel in channels]
    columns = ("first_used_at", "told_until", "delivered_at", "failing_since")
    statement = select(_channel.channel, *(_channel[name] for name in columns))
    found = connection.execute(statement.where(_channel.channel.in_(names)))
    known = {
        row["channel"]: ChannelState(**{name: row[name] for name in columns})
        for row in found.mappings()
    }
    now = session.now(connection)
    opened = _told(connection, names, None)
    states = {name: replace(state, told=tuple(opened[name])) for name, state in known.items()}
    since = min([now - FLAPPING_WITHIN, *map(earliest_mark, states.values())])
    told = _told(connection, names, since)
    return {name: replace(state, told=tuple(told[name])) for name, state in known.items()}


def _told(
    connection: Connection, channels: Collection[str], since: datetime | None
) -> dict[str, list[Told]]:
    """Return the rows that are open, recent, or about an outage that is still open.

    Without `since`, none is recent enough.
    """
    is_down = exists().where(
        _status.connector_id == _row.connector_id,
        _status.is_down,
        _status.down_since == _row.started_at,
    )
    is_recent = false() if since is None else or_(_row.over_at >= since, _row.started_at >= since)
    statement = select(_row.channel, *(_row[name] for name in _TOLD)).where(
        _row.channel.in_(channels),
        or_(_row.over_at.is_(None), is_recent, is_down),
    )
    found = defaultdict(list)
    for row in connection.execute(statement).mappings():
        found[row["channel"]].append(Told(**{name: row[name] for name in _TOLD}))
    return found


# --- writing --------------------------------------------------------------------------------


def record_told(connection: Connection, news: News, now: datetime) -> None:
    """Record that a channel has been told its news; without a message, there were none."""
    # With nothing left to be told, it does not fail either: a variable may have been missing once.
    values: dict[str, Any] = {"failing_since": None, "error_message": None}
    if news.told_until is not None:
        values["told_until"] = news.told_until
    if news.is_message:
        values["delivered_at"] = now
    _update_channel(connection, news.channel, now, values)
    _write(connection, news.channel, news.told)


def record_failure(
    connection: Connection, channel: str, now: datetime, error: str, *, since: datetime | None
) -> None:
    """Record that a channel could not be told; it has been failing `since`, or from now on."""
    values: dict[str, Any] = {"failing_since": since or now, "error_message": error}
    _update_channel(connection, channel, now, values)


def forget_failures_but_of(connection: Connection, channels: Collection[str]) -> None:
    """Let channels that are no longer configured fail no more."""
    others = _channel.channel.not_in(channels) & _channel.failing_since.is_not(None)
    works: dict[str, Any] = {"failing_since": None, "error_message": None}
    connection.execute(update(NOTIFICATION_CHANNELS).where(others).values(works))


def _update_channel(
    connection: Connection, channel: str, now: datetime, values: dict[str, Any]
) -> None:
    # The lock of `inventory notify` excludes another writer between the two statements.
    is_known = connection.scalar(select(_channel.channel).where(_channel.channel == channel))
    if is_known is None:
        first = {"channel": channel, "first_used_at": now} | values
        connection.execute(insert(NOTIFICATION_CHANNELS), first)
    else:
        one = update(NOTIFICATION_CHANNELS).where(_channel.channel == channel)
        connection.execute(one.values(values))


def _write(connection: Connection, channel: str, told: Sequence[Told]) -> None:
    new = [asdict(row) | {"channel": channel} for row in told if row.notification_id is None]
    for row in new:
        del row["notification_id"]
    if new:
        connection.execute(insert(NOTIFICATIONS), new)
    names = ("announced_at", "reminded_at", "over_at", "cause")
    changed = [
        {"key": row.notification_id} | {f"new_{name}": getattr(row, name) for name in names}
        for row in told
        if row.notification_id is not None
    ]
    if changed:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        one = update(NOTIFICATIONS).where(_row.notification_id == bindparam("key"))
        connection.execute(one.values(values), changed)
