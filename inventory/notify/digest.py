"""Decides when a digest is due, and what it says. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from inventory.notify.config import Channel, NotifyConfig
from inventory.notify.events import Event, Kind
from inventory.notify.inputs import (
    FLAPPING_WITHIN,
    FLIPS,
    ChannelState,
    Facts,
    is_in_future,
    mark,
    starts_and_ends,
)
from inventory.notify.matching import matches, may_be_told_of


def is_due(at: time, now: datetime, state: ChannelState) -> bool:
    """Say whether that time of the user's day has come since the last digest."""
    today = now.astimezone().date()
    days = (today, today - timedelta(days=1))
    times = (datetime.combine(day, at).astimezone(UTC) for day in days)
    due_at = next(each for each in times if each <= now)
    last = state.delivered_at or state.first_used_at
    return due_at > last or is_in_future(last, now)


def events(
    channel: Channel, config: NotifyConfig, facts: Facts, state: ChannelState
) -> Iterator[Event]:
    """Yield how things are now, and what is over since the last digest."""
    for problem in facts.problems:
        if problem.account_id not in facts.muted_accounts:
            yield Event(Kind.DATA_PROBLEM, problem=problem)
    for connector_id, outages in facts.outages_of.items():
        connector = facts.connectors.get(connector_id)
        if connector is None or not may_be_told_of(connector, facts):
            continue
        since = max(mark(state, connector.account_id), state.first_used_at)
        flips = sum(at > facts.now - FLAPPING_WITHIN for at in starts_and_ends(outages))
        healths = {health for outage in outages for health in outage.path}
        if flips > FLIPS and matches(channel, connector, healths):
            yield Event(Kind.FLAPPING, connector, outages[-1], flips=flips)
            continue
        for outage in outages:
            is_over = outage.ended_at is not None
            if not outage.lasted(config.after.total_seconds(), facts.now) or not matches(
                channel, connector, outage.path if is_over else [outage.health]
            ):
                continue
            if outage.ended_at is None:
                yield Event(Kind.DOWN, connector, outage)
            elif outage.ended_at > max(since, connector.muted_until or since):
                yield Event(Kind.OVER, connector, outage)
