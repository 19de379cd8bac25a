"""What a channel is told, and what it has been told: pure data."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

OUTAGE, FLAPPING = "outage", "flapping"  # of `notifications.kind`; all others are data problems
FAILING_RUNS = "failing_runs"


class Connector(NamedTuple):
    """What is known of a connector now, whatever happened to it."""

    connector_id: str
    name: str
    account_id: str | None = None
    account_name: str | None = None
    group_id: str | None = None
    group_name: str | None = None
    service: str | None = None
    service_name: str | None = None
    destination_service: str | None = None
    reason: str = ""
    succeeded_at: datetime | None = None
    owner: str | None = None
    tier: str | None = None
    runbook_url: str | None = None
    muted_until: datetime | None = None


class Outage(NamedTuple):
    """A row of `incidents`. `path` holds its health values in order, the present one last."""

    connector_id: str
    started_at: datetime
    path: tuple[str, ...]
    ended_at: datetime | None = None
    closed_by: str | None = None

    @property
    def key(self) -> tuple[str, datetime]:
        return self.connector_id, self.started_at

    @property
    def health(self) -> str:
        """The present health, or the last one; "" if the history no longer has it."""
        return self.path[-1] if self.path else ""

    def lasted(self, length: float, now: datetime) -> bool:
        """Return whether it has lasted this many seconds."""
        return ((self.ended_at or now) - self.started_at).total_seconds() >= length


class DataProblem(NamedTuple):
    """A reason why the data of an account, or of all if `account_id` is None, cannot be trusted.

    `cause`: of runs that fail, the error that does not pass by itself. Another one is news.
    """

    kind: str
    account_id: str | None
    since: datetime | None
    reason: str
    cause: str | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """A row of `notifications`; without an id it is to be inserted."""

    kind: str
    started_at: datetime
    announced_at: datetime
    connector_id: str | None = None
    account_id: str | None = None
    reminded_at: datetime | None = None
    over_at: datetime | None = None
    cause: str | None = None
    notification_id: int | None = None

    @property
    def is_open(self) -> bool:
        return self.over_at is None

    @property
    def last_told_at(self) -> datetime:
        return self.reminded_at or self.announced_at


class Kind(Enum):
    """Kinds of news, the most urgent first: a message lists them in this order."""

    DATA_PROBLEM = "The inventory itself"
    DOWN = "Down"
    FLAPPING = "Flapping"
    STILL_DOWN = "Still down"
    DATA_PROBLEM_AGAIN = "The inventory itself, still"
    OVER = "Over"
    DATA_PROBLEM_OVER = "The inventory itself, over"
    STEADY = "Steady again"
    PAST = "Began and ended meanwhile"


class Event(NamedTuple):
    """One piece of news about a connector, or about the data.

    `outage`: for FLAPPING and STEADY, the last one. `outages`: how many there were while it was
    flapping; of FLAPPING, `flips` says how often it went down or came up within a day.
    """

    kind: Kind
    connector: Connector | None = None
    outage: Outage | None = None
    problem: DataProblem | None = None
    flips: int = 0
    outages: int = 0


class News(NamedTuple):
    """What one channel is to be told now, and the rows to write once it has been told.

    `told_until` is the channel's new mark; None = it stays.
    """

    channel: str
    events: tuple[Event, ...] = ()
    told: tuple[Told, ...] = ()
    told_until: datetime | None = None
    is_digest: bool = False

    @property
    def is_message(self) -> bool:
        return bool(self.events) or self.is_digest
