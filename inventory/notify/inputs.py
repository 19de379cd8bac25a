"""What the decisions are made from: one snapshot, and what a channel has been told before. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from inventory.db.engine import CLOCK_TOLERANCE
from inventory.notify.events import Connector, DataProblem, Outage, Told

FLIPS = 4  # starts and ends of outages; with more of them within FLAPPING_WITHIN it flaps
FLAPPING_WITHIN = timedelta(hours=24)
_BETWEEN_MESSAGES = timedelta(days=1)  # of a digest
_TICK = timedelta(microseconds=1)  # what happened at a mark has been told


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One snapshot of the inventory.

    `outages` holds, by Outage.key, at least those that are open, those that ended since the oldest
    mark of a channel or within a day, and all of connectors that a channel was told to flap.
    `observed_until` is the time of the last complete run; None = there was none. Of
    `muted_accounts` not even a problem of the data is told.
    """

    now: datetime
    observed_until: datetime | None
    connectors: Mapping[str, Connector]
    outages: Mapping[tuple[str, datetime], Outage]
    problems: Sequence[DataProblem]
    muted_accounts: Set[str | None] = frozenset()

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
        return held_accounts(self.problems)


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


def held_accounts(problems: Iterable[DataProblem]) -> frozenset[str]:
    return frozenset(each.account_id for each in problems if each.account_id is not None)


def mark(state: ChannelState, account_id: str | None) -> datetime:
    """Return the time until which a channel has been told what happened in an account.

    Of an account whose data cannot be trusted it is told nothing. So this goes back to before it
    was told of that problem, by the longest time between two messages of a channel.
    """
    marks = [state.told_until or state.first_used_at]
    for row in state.told:
        if row.is_open and row.connector_id is None and row.account_id == account_id:
            marks += [row.announced_at - _BETWEEN_MESSAGES, row.started_at - _TICK]
    return min(marks) if account_id is not None else marks[0]


def earliest_mark(state: ChannelState, held: Collection[str] = ()) -> datetime:
    """Return the earliest mark of the accounts that are not `held`: of these nothing is told."""
    accounts = {row.account_id for row in state.told}.difference(held)
    return min(mark(state, account_id) for account_id in {None, *accounts})


def is_in_future(at: datetime, now: datetime) -> bool:
    """Say whether what was told then was told by a wrong clock. It must not silence what is due."""
    return at > now + CLOCK_TOLERANCE


def starts_and_ends(outages: Iterable[Outage]) -> list[datetime]:
    """Return when these outages began and ended."""
    return [at for each in outages for at in (each.started_at, each.ended_at) if at is not None]
