"""Decides what a channel is to be told. Pure: rows, state and configuration in, news out."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from inventory.notify import digest
from inventory.notify.config import Channel, NotifyConfig
from inventory.notify.events import (
    FLAPPING,
    OUTAGE,
    Connector,
    DataProblem,
    Event,
    Kind,
    News,
    Outage,
    Told,
)
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

STEADY_AFTER = timedelta(hours=6)  # since the last start or end of an outage

Decided = tuple[Event | None, Told | None]  # what to tell, and the row that records it


def news_for(
    channel: Channel, config: NotifyConfig, facts: Facts, state: ChannelState | None
) -> News:
    """Decide what to tell a channel; without a state, it is used for the first time."""
    state = state or ChannelState(first_used_at=facts.now)
    until = facts.observed_until
    told_until = None if until is None or is_in_future(until, facts.now) else until
    decided = [*_problems(config, facts, state)]
    if channel.digest is not None:
        if not digest.is_due(channel.digest, facts.now, state):
            return News(channel.name)
        rows = tuple(row for _, row in decided if row is not None)
        events = tuple(digest.events(channel, config, facts, state))
        return News(channel.name, events, rows, told_until, is_digest=True)
    for connector_id in sorted(_connector_ids(facts, state)):
        if (connector := facts.connectors.get(connector_id)) and may_be_told_of(connector, facts):
            decided += _OfConnector(channel, config, facts, state, connector).decide()
    events = tuple(event for event, _ in decided if event is not None)
    rows = tuple(row for _, row in decided if row is not None)
    return News(channel.name, events, rows, told_until)


def _connector_ids(facts: Facts, state: ChannelState) -> set[str]:
    told = {each.connector_id for each in state.told if each.is_open and each.connector_id}
    return told | set(facts.outages_of)


def _is_due_again(row: Told, config: NotifyConfig, now: datetime) -> bool:
    return now - row.last_told_at >= config.remind or is_in_future(row.last_told_at, now)


# --- the data itself ------------------------------------------------------------------------


def _problems(config: NotifyConfig, facts: Facts, state: ChannelState) -> Iterator[Decided]:
    """Yield what to tell of the data. A problem is known by its kind and account."""
    open_rows = {
        (row.kind, row.account_id): row
        for row in state.told
        if row.is_open and row.connector_id is None and row.account_id not in facts.muted_accounts
    }
    for problem in facts.problems:
        if problem.account_id in facts.muted_accounts:
            continue
        row = open_rows.pop((problem.kind, problem.account_id), None)
        if row is None:
            since = problem.since or facts.now
            told = Told(
                kind=problem.kind,
                account_id=problem.account_id,
                started_at=since,
                announced_at=facts.now,
                cause=problem.cause,
            )
            yield Event(Kind.DATA_PROBLEM, problem=problem), told
        elif problem.cause not in (None, row.cause):
            again = replace(row, reminded_at=facts.now, cause=problem.cause)
            yield Event(Kind.DATA_PROBLEM, problem=problem), again
        elif _is_due_again(row, config, facts.now):
            event = Event(Kind.DATA_PROBLEM_AGAIN, problem=problem)
            yield event, replace(row, reminded_at=facts.now)
    for row in open_rows.values():
        over = DataProblem(row.kind, row.account_id, row.started_at, "")
        yield Event(Kind.DATA_PROBLEM_OVER, problem=over), replace(row, over_at=facts.now)


# --- connectors -----------------------------------------------------------------------------


class _OfConnector:
    """What to tell one channel of one connector."""

    def __init__(
        self,
        channel: Channel,
        config: NotifyConfig,
        facts: Facts,
        state: ChannelState,
        connector: Connector,
    ) -> None:
        self._channel, self._config, self._state = channel, config, state
        self._connector, self._now = connector, facts.now
        self._outages = facts.outages_of.get(connector.connector_id, [])
        rows = state.told_of.get(connector.connector_id, [])
        self._told = {row.started_at: row for row in rows if row.kind == OUTAGE}
        flapping = [row for row in rows if row.kind == FLAPPING]
        self._flapping = next((row for row in flapping if row.is_open), None)
        self._flapped_until = max((row.over_at for row in flapping if row.over_at), default=None)

    def decide(self) -> Iterator[Decided]:
        if self._flapping is not None:
            yield from self._steady(self._flapping)
        elif len(flips := self._flips()) > FLIPS and self._matches_any_since(flips[0]):
            before = [each for each in self._outages if each.ended_at and each.ended_at < flips[0]]
            yield from self._of_outages(before)
            yield from self._flaps(flips, {each.started_at for each in before})
        else:
            yield from self._of_outages(self._outages)
            yield from self._of_forgotten_outages()

    def _matches(self, healths: Iterable[str]) -> bool:
        return matches(self._channel, self._connector, healths)

    def _matches_any_since(self, since: datetime) -> bool:
        recent = (each for each in self._outages if each.ended_at is None or each.ended_at >= since)
        return self._matches({health for outage in recent for health in outage.path})

    # --- one outage ---

    def _of_outages(self, outages: Iterable[Outage]) -> Iterator[Decided]:
        for outage in outages:
            yield from self._of_outage(outage, self._told.get(outage.started_at))

    def _of_outage(self, outage: Outage, row: Told | None) -> Iterator[Decided]:
        announced = row if row and row.is_open else None
        if outage.ended_at is not None:
            if announced:
                yield self._event(Kind.OVER, outage), replace(announced, over_at=self._now)
            elif row is None and self._is_news_of_the_past(outage, outage.ended_at):
                told = replace(self._announced(outage, None), over_at=self._now)
                yield self._event(Kind.PAST, outage), told
        elif not self._matches([outage.health]):
            return
        elif announced:
            if _is_due_again(announced, self._config, self._now):
                told = replace(announced, reminded_at=self._now)
                yield self._event(Kind.STILL_DOWN, outage), told
        elif outage.lasted(self._config.after.total_seconds(), self._now):
            yield self._event(Kind.DOWN, outage), self._announced(outage, row)

    def _is_news_of_the_past(self, outage: Outage, ended_at: datetime) -> bool:
        """Say whether an outage that was never announced is worth telling of now that it is over.

        Not if it ended while the connector was muted or flapping.
        """
        told_until = mark(self._state, self._connector.account_id)
        quiet = (self._flapped_until, self._connector.muted_until)
        quiet_until = max([told_until, self._state.first_used_at, *filter(None, quiet)])
        return (
            ended_at > quiet_until
            and outage.lasted(self._config.after.total_seconds(), self._now)
            and self._matches(outage.path)
        )

    def _of_forgotten_outages(self) -> Iterator[Decided]:
        """Yield the end of outages that were announced and are no longer in the history."""
        present = {outage.started_at for outage in self._outages}
        for row in self._told.values():
            if row.is_open and row.started_at not in present:
                outage = Outage(self._connector.connector_id, row.started_at, ())
                yield self._event(Kind.OVER, outage), replace(row, over_at=self._now)

    # --- flapping ---

    def _flips(self) -> list[datetime]:
        """Return the starts and ends of outages that count, in order."""
        since = self._now - FLAPPING_WITHIN
        if self._flapped_until is not None:
            since = max(since, self._flapped_until)
        return sorted(at for at in starts_and_ends(self._outages) if at > since)

    def _flaps(self, flips: Sequence[datetime], before: Set[datetime]) -> Iterator[Decided]:
        """Announce that it flaps. The outages that were announced are over with this.

        Not those that ended before: their ends are told as ever, if they were held back for a day.
        """
        event = self._event(Kind.FLAPPING, self._outages[-1])._replace(flips=len(flips))
        yield event, self._row(FLAPPING, flips[0])
        for row in self._told.values():
            if row.is_open and row.started_at not in before:
                yield None, replace(row, over_at=self._now)

    def _steady(self, flapping: Told) -> Iterator[Decided]:
        """Tell that it is steady again; if it is down, this announces that outage as well."""
        flips = starts_and_ends(self._outages)
        if self._now - max(flips, default=flapping.started_at) < STEADY_AFTER:
            return
        since = flapping.started_at
        during = [each for each in self._outages if (each.ended_at or self._now) >= since]
        last = self._outages[-1] if self._outages else None
        event = self._event(Kind.STEADY, last)._replace(outages=len(during))
        yield event, replace(flapping, over_at=self._now)
        if last is not None and last.ended_at is None:
            yield None, self._announced(last, self._told.get(last.started_at))

    # --- rows ---

    def _event(self, kind: Kind, outage: Outage | None) -> Event:
        return Event(kind, self._connector, outage)

    def _announced(self, outage: Outage, row: Told | None) -> Told:
        """Return the row of an outage that is announced, perhaps again after it had flapped."""
        if row is not None:
            return replace(row, reminded_at=self._now, over_at=None)
        return self._row(OUTAGE, outage.started_at)

    def _row(self, kind: str, started_at: datetime) -> Told:
        return Told(
            kind=kind,
            connector_id=self._connector.connector_id,
            account_id=self._connector.account_id,
            started_at=started_at,
            announced_at=self._now,
        )
