"""Corrected times, compared with every possible choice and with a mapping of times."""

import itertools
import math
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    Item,
    api_settings,
    contents,
    item,
)
from support.effort import few_of
from support.wrong_clock import (
    DAY,
    HOUR,
    MINUTE,
    ONE,
    SOME_SECONDS,
    TASK,
    TICK,
    S,
    at,
    named,
    stop_clock,
)

from inventory.db import corrected_times, redate
from inventory.demo.fake_api import FakeApi
from inventory.sync import run as sync

# --- which times: compared with every possible choice ---------------------------------------


def fits(clocks: list[datetime], chosen: tuple[int, ...], now: datetime) -> bool:
    """Say whether these runs can keep their times, with a microsecond for each one between."""
    pairs = itertools.pairwise(chosen)
    in_order = all(clocks[b] - clocks[a] >= (b - a) * TICK for a, b in pairs)
    return in_order and (
        not chosen or all(clocks[n] <= now - (len(clocks) - n) * TICK for n in chosen)
    )


def most(clocks: list[datetime], now: datetime) -> int:
    sizes = range(len(clocks), 0, -1)
    places = range(len(clocks))
    return next(
        (n for n in sizes if any(fits(clocks, c, now) for c in itertools.combinations(places, n))),
        0,
    )


@pytest.mark.parametrize("seed", range(60))
def test_times_are_in_order_and_contradict_the_fewest_clocks(seed: int) -> None:
    chance = random.Random(seed)
    ticks = chance.random() < 0.3  # clocks so close that there is little room between them
    clocks = [S + chance.randrange(12) * (TICK if ticks else HOUR) for _ in range(8)]
    now = S + 8 * (TICK if ticks else HOUR) + chance.randrange(2) * DAY
    log, newest = [], S - DAY
    for number, clock in enumerate(clocks):
        observed = max(clock, newest + TICK)
        behind = newest - clock if newest - clock > SOME_SECONDS else timedelta()
        noted = math.ceil(behind / timedelta(seconds=1))
        log.append(corrected_times.Run(number, ONE, clock, observed, observed, None, noted))
        newest = observed
    right = corrected_times.corrected(log, now)
    assert all(a < b for a, b in itertools.pairwise(right))
    not_of_the_future = [at + TICK for _, _, _, at, *_ in log if at <= now + SOME_SECONDS]
    end = max(now, *not_of_the_future[-1:], S)
    assert right[-1] < end
    if not ticks:
        near = (abs(a - b) < SOME_SECONDS for a, b in zip(right, clocks, strict=True))
        assert sum(near) >= most(clocks, end)
    assert corrected_times.corrected([*map(as_redated, log, right)], now) == right


def test_runs_of_two_accounts_that_overlap_get_the_times_at_which_they_merged() -> None:
    """One began first and merged last: both clocks can be right."""
    ahead = S + 2 * DAY
    behind = [int((ahead - S - minutes * MINUTE) / timedelta(seconds=1)) for minutes in (10, 20)]
    log = [
        corrected_times.Run(1, "one", ahead, ahead, ahead, None, 0),
        corrected_times.Run(2, "two", S + 5 * MINUTE, ahead + TICK, ahead + TICK, None, behind[0]),
        corrected_times.Run(3, "one", S, ahead + 2 * TICK, ahead + 2 * TICK, None, behind[1]),
    ]
    right = corrected_times.corrected(log, S + HOUR)
    assert right == [S + 10 * MINUTE - TICK, S + 10 * MINUTE, S + 20 * MINUTE + TICK]


def as_redated(run: corrected_times.Run, right: datetime) -> corrected_times.Run:
    if run.observed_at == right:
        return run
    started_at = min(run.started_at, right)
    return run._replace(observed_at=right, started_at=started_at, clock_behind_seconds=0)


# --- rows: compared with a dictionary that maps times ---------------------------------------

DATED = {
    "connectors": ("first_seen_at", "removed_at", "valid_from", "changed_after"),
    "connector_status": ("valid_from", "changed_after", "health_since", "down_since"),
    "warnings": ("valid_from", "changed_after"),
    "tasks": ("valid_from", "changed_after"),
    "setup_tests": ("valid_from", "changed_after"),
}
DATED |= {f"{name}_past": (*columns, "valid_to") for name, columns in DATED.items()}


def mapped(moment: datetime | None, new: dict[datetime, datetime]) -> datetime | None:
    """The time of a run becomes its new one; a time between two runs stays between them."""
    if moment is None or moment in new:
        return None if moment is None else new[moment]
    before = max((new[each] for each in new if each < moment), default=moment)
    after = min((new[each] for each in new if each > moment), default=moment)
    return max(before, min(moment, after))


def in_any_order(of: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in of)


def some_connectors(chance: random.Random) -> list[Item]:
    return [
        item(
            name,
            paused=chance.random() < 0.2,
            sync_frequency=chance.choice((60, 360)),
            succeeded_at=(S + chance.randrange(-10, 30) * HOUR).isoformat(),
            status={
                "setup_state": chance.choice(("connected", "connected", "broken")),
                "tasks": chance.choice(([], [TASK])),
                "warnings": chance.choice(([], [TASK], [TASK, TASK])),
            },
            setup_tests=[{"title": "t", "status": chance.choice(("PASSED", "FAILED"))}],
        )
        for name in "abcdef"
        if chance.random() < 0.8
    ]


@pytest.mark.parametrize("seed", few_of(range(6), range(2)))
def test_times_in_rows_are_mapped_and_nothing_else_changes(
    engine: Engine, api: FakeApi, account: Account, seed: int
) -> None:
    chance = random.Random(seed)
    careless = sync.RemovalSettings(accept=True)
    wrong_at = sorted(chance.sample(range(9), chance.choice((1, 1, 2))))
    for hour in range(9):
        account.connectors = some_connectors(chance)
        ahead = chance.choice((7 * HOUR, 2 * DAY)) if hour in wrong_at else timedelta()
        sync.sync(engine, api_settings(api), careless, clock=at(S + hour * HOUR + ahead))
    stop_clock(engine, S + chance.choice((9 * HOUR, 5 * DAY)))
    before = contents(engine)
    done = redate.redate(engine)
    assert done.runs or wrong_at == [8]  # the last one alone, and its time has come
    after = contents(engine)
    new = {run["observed_at"]: run["observed_at"] for run in before["inventory_runs"]}
    new |= {run.observed_at: run.corrected_at for run in done.runs}
    for table, columns in DATED.items():
        expected = [
            row | {name: mapped(row[name], new) for name in columns if name in row}
            for row in before[table]
        ]
        assert in_any_order(after[table]) == in_any_order(expected), table
        moved = sum(one != other for one, other in zip(before[table], expected, strict=True))
        assert done.rows.get(table, 0) == moved
    assert after["sync_outcomes"] == before["sync_outcomes"]
    for run in after["inventory_runs"]:
        assert run["started_at"] <= run["observed_at"] <= run["finished_at"]
    assert named(engine) == []
    dated = [
        run["observed_at"] for run in sorted(after["inventory_runs"], key=lambda run: run["run_id"])
    ]
    assert dated == sorted(set(dated))
