"""Pruning: which rows are deleted, which stay, and what the next run does."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from support.builders import (
    KEY,
    SECRET,
    Account,
    FakeClock,
    api_settings,
    everything,
    item,
    rows,
)
from support.pruning import (
    CLEARED,
    LEAST,
    MICROSECOND,
    NOW,
    Copy,
    counted,
    gone,
    history,
    pruned_undisturbed,
    stopped,
    view_rows,
)
from support.scenario import scenes, utc

from inventory.db.engine import read_only, transaction
from inventory.db.prune import prune
from inventory.demo.fake_api import FakeApi
from inventory.models import HISTORY_TABLES
from inventory.sync import run_log
from inventory.sync.run import sync

# --- deleted rows ---------------------------------------------------------------------------


def test_all_deleted_rows_ended_before_the_cutoff(world: Engine) -> None:
    cutoff = utc(NOW) - LEAST
    ends = [*((of.past.name, "valid_to") for of in HISTORY_TABLES)]
    ends += [("sync_outcomes", "finished_at"), ("inventory_runs", "started_at")]
    before = {name: rows(world, name) for name in CLEARED}
    since = {name: ended_since(world, name, column, cutoff) for name, column in ends}
    pruned = prune(world, LEAST)
    assert {name: ended_since(world, name, column, cutoff) for name, column in ends} == since
    for past in (of.past.name for of in HISTORY_TABLES):
        assert rows(world, past, "valid_to") == since[past]
    went = gone(before, history(world))
    assert pruned.rows == went
    nobody_was_told = "notifications"  # see tests/notify/test_upkeep.py
    assert [name for name, number in went.items() if not number] == [nobody_was_told]


def ended_since(engine: Engine, table: str, column: str, cutoff: datetime) -> list[Any]:
    ends = rows(engine, table, column)
    return [row for row, (end,) in zip(ends, ends, strict=True) if end >= cutoff]


def test_cutoff_is_exact_to_the_microsecond(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    cutoff = clock.now + timedelta(days=1)
    for number, moment in enumerate(
        (clock.now, cutoff - MICROSECOND, cutoff, cutoff + MICROSECOND)
    ):
        clock.now = moment
        tests = [{"title": "t", "status": f"{number}"}]
        account.connectors = [item("one", setup_tests=tests)]
        sync(engine, api_settings(api), clock=clock)
    ends = sorted(rows(engine, "setup_tests_past", "valid_to"))
    assert ends == [(cutoff - MICROSECOND,), (cutoff,), (cutoff + MICROSECOND,)]
    prune(stopped(engine, cutoff + LEAST), LEAST)
    assert sorted(rows(engine, "setup_tests_past", "valid_to")) == ends[1:]


def test_each_further_prune_deletes_what_ended_since(copy: Copy) -> None:
    whole = pruned_undisturbed(copy, NOW)
    engine = copy("11-27 00:00")
    first = prune(engine, LEAST)
    second = prune(stopped(engine, utc(NOW)), LEAST)
    assert first.total > 0 < second.total
    assert history(engine) == whole
    assert prune(engine, LEAST).total == 0


# --- the next run ---------------------------------------------------------------------------


# The last outcomes of connectors that had disappeared at the cutoff, or have since.
FORGOTTEN = [
    ("fails_and_goes", "failed", utc("11-14 05:00")),
    ("fails_and_goes", "succeeded", utc("10-04 22:00")),
    ("hidden", "succeeded", utc("10-04 22:00")),
    ("stale_and_gone", "succeeded", utc("11-13 23:30")),
]


def test_next_run_records_the_same_as_without_a_prune(copy: Copy) -> None:
    """Except that the outcomes of connectors that return are recorded again."""
    account, clock = Account(), FakeClock()
    clock.now = utc(NOW)
    everyone = {one["id"]: one for _, shown in scenes() for one in shown}
    account.connectors = list(everyone.values())
    added, ends = [], []

    def outcomes_of(engine: Engine) -> set[tuple[Any, ...]]:
        return set(rows(engine, "sync_outcomes", "connector_id", "outcome", "finished_at"))

    with FakeApi(account, key=KEY, secret=SECRET) as api:
        for is_pruned in (False, True):
            engine = copy(NOW)
            assert not is_pruned or prune(engine, LEAST).total > 100
            before, outcomes_before = everything(engine), outcomes_of(engine)
            run = sync(engine, api_settings(api), clock=clock)
            new = {
                name: counted(is_) - counted(before[name])
                for name, is_ in everything(engine).items()
            }
            del new["inventory_runs"], new["sync_outcomes"]
            ends.append(sorted(outcomes_of(engine) - outcomes_before))
            added.append((new, [run[name] for name in ("added", "changed", "returned")]))
            again = everything(engine, but=("inventory_runs",))
            sync(engine, api_settings(api), clock=clock)
            assert everything(engine, but=("inventory_runs",)) == again
    assert added[0] == added[1]
    assert added[0][1][2] == len({one for one, *_ in FORGOTTEN})
    assert ends == [[], FORGOTTEN]


def test_last_complete_run_is_still_known(world: Engine) -> None:
    def known() -> list[datetime | None]:
        with read_only(world) as connection:
            return [
                run_log.last_merged_at(connection, one) for one in ("account_one", "account_two")
            ]

    before = known()
    prune(world, LEAST)
    assert known() == before == [utc("11-20 06:00"), None]


def test_last_successful_run_stays_with_those_after_it_whatever_its_age(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    """It also does in an account without runs since then."""
    account.connectors = [item("one")]
    for _ in range(5):
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    attempt = """
insert into inventory_runs (account_id, status, started_at, tool_version, pages, requests, retries,
  connectors_seen, duplicates, added, changed, removed, returned, unconfirmed, anomalies)
select {}, 'failed', finished_at, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
from inventory_runs where run_id = 5"""
    with transaction(engine) as connection:
        for statement in (
            attempt.format("account_id"),
            attempt.format("null"),
            "update inventory_runs set status = 'running' where run_id = 2",
            "update inventory_runs set status = 'withheld' where run_id in (4, 5)",
        ):
            connection.execute(text(statement))
    [latest] = view_rows(stopped(engine, clock.now + 2 * LEAST))["latest_run"]
    prune(engine, LEAST)
    assert rows(engine, "inventory_runs", "run_id", "status") == [
        (1, "succeeded"),  # the first run that saw the latest outcome
        (2, "running"),
        (3, "succeeded"),
        (4, "withheld"),
        (5, "withheld"),
        (6, "failed"),
    ]
    assert view_rows(engine)["latest_run"] == [latest]


def test_last_run_of_an_account_stays_if_other_accounts_have_later_ones(
    engine: Engine, api: FakeApi, clock: FakeClock
) -> None:
    for name in ("account_one", "account_one", "account_two", "account_two", "account_two"):
        sync(engine, api_settings(api, account=name), clock=clock)
        clock.pass_a_day()
    prune(stopped(engine, clock.now + 2 * LEAST), LEAST)
    assert rows(engine, "inventory_runs", "run_id", "account_id") == [
        (2, "account_one"),
        (5, "account_two"),
    ]


# By connector and day of a run: the day of the last success that the API reports.
SUCCESSES = {
    "usual": {day: day - 0.1 for day in range(1, 14)},
    "stands_still": {1: 0.9},
    "seen_late": {1: 0.9, 2: 1.9, 3: 2.9, 11: 9.5},
    "goes_back": {1: 0.9, 5: 4.9, 6: 5.9, 7: 4.9},
    "goes_back_late": {1: 0.9, 8: 7.9, 9: 8.9, 11: 6.9, 12: 11.9},
    "is_gone": {1: 0.9, 2: 1.9, 3: 2.9, 4: None},
}
# The outcomes that are left if the cutoff is the run of the tenth day.
LEFT = {
    "usual": [9.9, 10.9, 11.9, 12.9],
    "stands_still": [0.9],  # the API still reports it
    "seen_late": [9.5],  # before the cutoff, but seen after it
    "goes_back": [4.9],  # the API still reports it, though a later one is deleted
    "goes_back_late": [6.9, 11.9],  # the first was seen on the eleventh day
    "is_gone": [],
}


def test_outcomes_of_stay_that_were_seen_since_or_are_still_told(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    begun, says = clock.now, dict.fromkeys(SUCCESSES, 0.0)
    for day in range(1, 14):
        clock.pass_a_day()
        says |= {one: days[day] for one, days in SUCCESSES.items() if day in days}
        account.connectors = [
            item(
                one,
                succeeded_at=(begun + timedelta(days=at)).isoformat(),
                schedule_type="manual",
            )
            for one, at in says.items()
            if at is not None
        ]
        sync(engine, api_settings(api), clock=clock)
    prune(stopped(engine, begun + timedelta(days=10) + LEAST), LEAST)
    left: dict[str, list[float]] = {one: [] for one in SUCCESSES}
    for one, ended in sorted(rows(engine, "sync_outcomes", "connector_id", "finished_at")):
        left[one].append(round((ended - begun) / timedelta(days=1), 1))
    assert left == LEFT
    before = set(rows(engine, "sync_outcomes"))
    # No outcome of the removed connector is left: when it returns, that run records one again.
    last = begun + timedelta(days=2.9)
    account.connectors.append(
        item("is_gone", schedule_type="manual", succeeded_at=last.isoformat())
    )
    for returned in (1, 0):
        clock.pass_a_day()
        assert sync(engine, api_settings(api), clock=clock)["returned"] == returned
        after = set(rows(engine, "sync_outcomes"))
        assert (before - after, after - before) == (set(), {("is_gone", "succeeded", last, 14)})
