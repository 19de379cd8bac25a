"""What the decisions are made from: one snapshot, and what a channel has been told before. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from inventory.db.engine import CLOCK_TOLERANCE
from inventory.notify.config import Channel
from inventory.notify.events import Connector, DataProblem, Outage, Told

FLIPS = 4  # starts and ends of outages; with more of them within FLAPPING_WITHIN it flaps
FLAPPING_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One snapshot of the inventory.

    `outages` holds, by Outage.key, at least those that are open, those that ended since the oldest
    mark of a channel or within a day, and all of connectors that a channel was told to flap.
    `observed_until` is the time of the last complete run; None = there was none.
    """

    now: datetime
    observed_until: datetime | None
    connectors: Mapping[str, Connector]
    outages: Mapping[tuple[str, datetime], Outage]
    problems: Sequence[DataProblem]

    @cached_property
    def outages_of(self) -> Mapping[str, list[Outage]]:
        """The outages of each connector, in order."""
        found = defaultdict(list)
        for outage in sorted(self.outages.values(), key=lambda each: each.key):
            found[outage.connector_id].append(outage)
        return found

    @cached_property
    def held(self) -> frozenset[str]:
        """Accounts whose data cannot be trusted: no outage of these is told."""
        return frozenset(each.account_id for each in self.problems if each.account_id is not None)


@dataclass(frozen=True, kw_only=True)
class ChannelState:
    """What a channel has been told. `told` has its open rows, and those of the facts' outages."""

    first_used_at: datetime
    told_until: datetime | None = None
    delivered_at: datetime | None = None
    failing_since: datetime | None = None
    told: tuple[Told, ...] = ()

    @cached_property
    def told_of(self) -> Mapping[str, list[Told]]:
        """The rows of each connector."""
        found = defaultdict(list)
        for row in self.told:
            if row.connector_id is not None:
                found[row.connector_id].append(row)
        return found


def mark(channel: Channel, state: ChannelState) -> datetime:
    """Return the time until which a channel has been told what happened."""
    told_until = state.told_until if channel.digest is None else state.delivered_at
    return told_until or state.first_used_at


def is_in_future(at: datetime, now: datetime) -> bool:
    """Say whether what was told then was told by a wrong clock. It must not silence what is due."""
    return at > now + CLOCK_TOLERANCE


def starts_and_ends(outages: Iterable[Outage]) -> list[datetime]:
    """Return when these outages began and ended."""
    return [at for each in outages for at in (each.started_at, each.ended_at) if at is not None]
