"""The worst health of each connector on each day (UTC), and how much of the day runs observed.

What counts as observed is what `availability_30d` counts: the time in which a connector existed,
without the gaps between runs. Added up over days, the observed time is the view's.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    func,
    literal_column,
    null,
    select,
    true,
)

from inventory.column_types import UtcDateTime
from inventory.db.session import now
from inventory.db.views import query
from inventory.health import WORST_FIRST
from inventory.models import CONNECTOR_STATUS, CONNECTORS
from inventory.queries.observed_time import Interval, ObservedTime, Period, joined

_FEW = 500  # ids in a statement: SQLite limits the number of bound values
_RANKS = {name: rank for rank, name in enumerate(WORST_FIRST)}


class DayOfHealth(NamedTuple):
    """The worst health that runs observed on a day; None = it did not exist, or none observed it.

    `observed` is the share of the day's time that runs observed, from 0 to 1. Of a day that is not
    over, only the time until now counts.
    """

    day: date
    health: str | None
    observed: float


class _Days:
    """What is known of each day of one connector."""

    def __init__(self, length: int) -> None:
        self.healths: list[str | None] = [None] * length
        self.seconds = [0] * length

    def note_health(self, day: int, health: str) -> None:
        known = self.healths[day]
        if known is None or _rank(health) < _rank(known):
            self.healths[day] = health


def daily_health(
    connection: Connection,
    *,
    first_day: date,
    last_day: date,
    connector_ids: Sequence[str] | None = None,
) -> dict[str, list[DayOfHealth]]:
    """Return every day from the first to the last, of these connectors or of all that existed then.

    A health counts for a day if a run observed it at any instant of the day.
    """
    period = Period(first_day, last_day, now(connection))
    found = {each: _Days(len(period.days)) for each in connector_ids or ()}
    lives: dict[str, list[tuple[ObservedTime, Interval]]] = defaultdict(list)
    observed = _ObservedTimes(connection, period)
    for connector_id, account_id, life in _lives(connection, period, connector_ids):
        lives[connector_id].append((observed[account_id], life))
        days = found.setdefault(connector_id, _Days(len(period.days)))
        for day, seconds in observed[account_id].parts(life):
            days.seconds[day] += seconds
    for connector_id, health, stretch in _stretches(connection, period, connector_ids):
        for of_account, life in lives.get(connector_id, ()):
            if part := stretch.overlap(life):
                for day, _ in of_account.parts(part):
                    found[connector_id].note_health(day, health)
    lengths = [part.seconds if part else 0 for part in period.parts]
    return {
        connector_id: _shares(days, period.days, lengths) for connector_id, days in found.items()
    }


def _rank(health: str) -> int:
    return _RANKS.get(health, len(_RANKS))  # a later release may store others


def _shares(found: _Days, days: list[date], lengths: list[int]) -> list[DayOfHealth]:
    return [
        DayOfHealth(day, health, seconds / length if length else 0.0)
        for day, health, seconds, length in zip(
            days, found.healths, found.seconds, lengths, strict=True
        )
    ]


class _ObservedTimes(dict[str, ObservedTime]):
    """The observed time by account. One without gaps was observed all the time."""

    def __init__(self, connection: Connection, period: Period) -> None:
        self._period = period
        gaps: dict[str, list[Interval]] = defaultdict(list)
        statement = query("observation_gaps", connection)
        since = bindparam("since", period.span.starts, UtcDateTime())
        for account_id, starts, ends in connection.execute(statement.bindparams(since)):
            gaps[account_id].append(Interval(starts, ends or period.span.ends))
        super().__init__((each, ObservedTime(period, of)) for each, of in gaps.items())

    def __missing__(self, account_id: str) -> ObservedTime:
        return self.setdefault(account_id, ObservedTime(self._period, ()))


def _lives(
    connection: Connection, period: Period, ids: Sequence[str] | None
) -> Iterator[tuple[str, str, Interval]]:
    """Yield when connectors existed, with the id and the account of each."""
    past, current = CONNECTORS.past.c, CONNECTORS.current.c
    ended = (
        select(past.connector_id, current.account_id, past.valid_from, past.valid_to)
        .join(CONNECTORS.current, current.connector_id == past.connector_id)
        .where(past.valid_to > period.span.starts, _is_one_of(past.connector_id, ids))
    )
    going_on = select(current.connector_id, current.account_id, current.valid_from, null()).where(
        current.removed_at.is_(None), _is_one_of(current.connector_id, ids)
    )
    versions: dict[tuple[str, str], list[Interval]] = defaultdict(list)
    for statement in (ended, going_on):
        for connector_id, account_id, starts, ends in connection.execute(statement):
            if part := Interval(starts, ends or period.span.ends).overlap(period.span):
                versions[connector_id, account_id].append(part)
    wanted = None if ids is None else {*ids}
    for (connector_id, account_id), parts in versions.items():
        if wanted is None or connector_id in wanted:
            yield from ((connector_id, account_id, life) for life in joined(parts))


def _stretches(
    connection: Connection, period: Period, ids: Sequence[str] | None
) -> Iterator[tuple[str, str, Interval]]:
    """Yield when connectors had one health. Most versions change something else."""
    past, current = CONNECTOR_STATUS.past.c, CONNECTOR_STATUS.current.c
    # By the bare column, SQLite reads all history in its order instead of by valid_to: 7 s for 0.5.
    of_connector = past.connector_id.concat(literal_column("''"))
    ended = (
        select(
            of_connector,
            past.health,
            func.coalesce(past.health_since, func.min(past.valid_from)),
            func.max(past.valid_to),
        )
        .where(past.valid_to > period.span.starts, _is_one_of(past.connector_id, ids))
        .group_by(of_connector, past.health, past.health_since)
    )
    since = func.coalesce(current.health_since, current.valid_from)
    going_on = select(current.connector_id, current.health, since, null()).where(
        _is_one_of(current.connector_id, ids)
    )
    for statement in (ended, going_on):
        for connector_id, health, starts, ends in connection.execute(statement):
            if part := Interval(starts, ends or period.span.ends).overlap(period.span):
                yield connector_id, health, part


def _is_one_of(column: ColumnElement[str], ids: Sequence[str] | None) -> ColumnElement[bool]:
    """Limit what is read; of many ids, all is read, and the others are left out here."""
    return true() if ids is None or len(ids) > _FEW else column.in_(ids)
