"""Decides which complete runs have a wrong time, and what the right one is. Pure, without SQL.

The order of complete runs is certain, as each gets a later time than all runs before it; their
clocks may have been wrong. It keeps the largest set of runs whose clocks agree with that order and
with the clock now. Each other run gets the latest time that is possible: just before the next run.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from inventory.db.engine import CLOCK_TOLERANCE

_TICK = timedelta(microseconds=1)
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Run(NamedTuple):
    """A complete run, as the run log records it."""

    run_id: int
    account_id: str
    started_at: datetime
    observed_at: datetime
    finished_at: datetime
    deadline_at: datetime | None
    clock_behind_seconds: int


def corrected(log: Sequence[Run], now: datetime) -> list[datetime]:
    """Return the right time of each run: its own, unless that is wrong. `log` is in order."""
    right = [run.observed_at for run in log if run.observed_at <= now + CLOCK_TOLERANCE]
    end = max([now, *(at + _TICK for at in right[-1:])])
    claims = [*_claims(log, now)]
    trusted = _trusted(claims, end)
    chosen, following = list(claims), end
    earliest = _earliest(claims, trusted)
    for place in reversed(range(len(log))):
        if place not in trusted:
            candidates = (log[place].observed_at, log[place].started_at)
            possible = (at for at in candidates if earliest[place] < at < following)
            chosen[place] = next(possible, following - _TICK)
        following = chosen[place]
    return chosen


def _claims(log: Sequence[Run], now: datetime) -> Iterator[datetime]:
    """Yield the time at which each run merged by its own clock, as far as the log shows it.

    That is the time of the run, unless its clock was behind or that time is in the future. A clock
    was also behind if the run began before the previous run of its account had merged; this finds
    runs of releases that did not record it.
    """
    last: dict[str, datetime] = {}
    for run in log:
        previous = last.get(run.account_id, run.started_at)
        if run.clock_behind_seconds:
            behind = timedelta(seconds=run.clock_behind_seconds) + _TICK
            yield max(run.started_at, run.observed_at - behind)
        else:
            is_behind = previous - run.started_at > CLOCK_TOLERANCE
            in_future = run.observed_at > now + CLOCK_TOLERANCE
            yield run.started_at if is_behind or in_future else run.observed_at
        last[run.account_id] = run.observed_at


def _trusted(claims: Sequence[datetime], end: datetime) -> set[int]:
    """Return the places of the most claims that are in order and before the end.

    Of several such sets it takes the one with later runs. It is the longest such subsequence, found
    by patience sorting; between two claims there is room for the runs between them.
    """
    ends_by_length: list[datetime] = []
    places: list[int] = []
    parents: dict[int, int | None] = {}
    for place, claim in enumerate(claims):
        if claim > end - (len(claims) - place) * _TICK:
            continue
        with_room = claim - place * _TICK
        length = bisect_right(ends_by_length, with_room)
        parents[place] = places[length - 1] if length else None
        ends_by_length[length : length + 1] = [with_room]
        places[length : length + 1] = [place]
    chosen: set[int] = set()
    at = places[-1] if places else None
    while at is not None:
        chosen.add(at)
        at = parents[at]
    return chosen


def _earliest(claims: Sequence[datetime], trusted: set[int]) -> list[datetime]:
    """Return the lower bound of each run's time, which leaves room for the runs before it."""
    bounds, bound = [], LONG_AGO
    for place, claim in enumerate(claims):
        bounds.append(bound)
        bound = claim if place in trusted else bound + _TICK
    return bounds
