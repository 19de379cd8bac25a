"""The simulated account over a month, for many seeds, judged by the items it lists."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import pytest

from inventory.demo.account import DemoAccount

Item = dict[str, Any]
Recorded = list[dict[str, Item]]  # by day, then by id

SEEDS = range(10)
DAYS = 30
ABSENT = "absent"
SOURCES = {"sheet_id", "host", "domain", "bucket", "subdomain", "base_url", "repositories"}
MOVES_WITH_EVERY_SYNC = "last_synced_changes__utc_"


@cache
def recorded(seed: int, connectors: int = 30, days: int = DAYS) -> Recorded:
    account, days_seen = DemoAccount(seed=seed, connectors=connectors), []
    for _ in range(days):
        days_seen.append(complete_items(account))
        account.advance()
    return days_seen


def complete_items(account: DemoAccount) -> dict[str, Item]:
    """Return the items of the list by id, each with its details."""
    found = {item["id"]: account.details(item["id"]) for item in account.items()}
    assert None not in found.values()
    return {name: item for name, item in found.items() if item is not None}


@pytest.fixture(params=[(seed, size) for seed in SEEDS for size in (12, 30)], ids=str)
def month(request: pytest.FixtureRequest) -> Recorded:
    return recorded(*request.param)


def values_by_connector(days: Recorded, what: Callable[[Item], Any]) -> dict[str, list[Any]]:
    """Return, by connector, `what(item)` on each day, or ABSENT."""
    ids = dict.fromkeys(each for day in days for each in day)
    return {each: [what(day[each]) if each in day else ABSENT for day in days] for each in ids}


def distinct_values(days: Recorded, what: Callable[[Item], Any]) -> list[list[Any]]:
    """As `values_by_connector`, but each connector's consecutive equal days count once."""
    return [
        [value for value, _ in groupby(values)]
        for values in values_by_connector(days, what).values()
    ]


def periods(days: Recorded, holds: Callable[[Item], bool]) -> list[list[Item]]:
    """Return each period of days for which `holds`, if it began and ended within the month."""
    found = []
    for items in values_by_connector(days, lambda item: item).values():
        runs = groupby(items, key=lambda item: item != ABSENT and holds(item))
        listed = [(key, list(run)) for key, run in runs]
        found += [run for key, run in listed[1:-1] if key]
    return found


def at(stamp: str | None) -> datetime:
    """Parse a timestamp; None is before every other."""
    return datetime.fromisoformat(stamp) if stamp else datetime.min.replace(tzinfo=UTC)


def evening(number: int) -> datetime:
    """Return the simulated time at which day `number` was listed."""
    return datetime(2026, 10, 1 + number, 3, tzinfo=UTC)


def failing(item: Item) -> bool:
    return at(item["failed_at"]) > at(item["succeeded_at"])


def config(item: Item) -> str:
    kept = {k: v for k, v in item["config"].items() if k != MOVES_WITH_EVERY_SYNC}
    return json.dumps(kept, sort_keys=True)


# --- everything follows from the arguments


def test_same_seed_gives_the_same_account():
    assert recorded.__wrapped__(7) == recorded.__wrapped__(7)


def test_another_seed_gives_another_account():
    accounts = [json.dumps(recorded(seed)) for seed in SEEDS]
    assert len(set(accounts)) == len(accounts)


def test_account_does_not_touch_the_shared_random_generator():
    before = random.getstate()
    recorded.__wrapped__(1, days=3)
    assert random.getstate() == before


def test_account_advances_by_whole_days_in_utc():
    east = timezone(timedelta(hours=2))
    account = DemoAccount(starts_at=datetime(2026, 3, 1, 5, tzinfo=east))
    assert (account.now, account.now.tzinfo) == (datetime(2026, 3, 1, 3, tzinfo=UTC), UTC)
    account.advance()
    assert account.now == datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize("size", [0, 1, 5, 300])
def test_account_of_any_size_starts_with_that_many_connectors(size):
    first, *_, last = recorded(1, size, 30)
    assert len(first) == size
    assert abs(len(last) - size) <= 1


# --- the form of the items


def test_items_survive_json(month):
    assert json.loads(json.dumps(month)) == month


def test_changing_an_item_changes_nothing():
    account = DemoAccount()
    for _ in range(DAYS - 1):  # by then some are broken, have warnings or changed their config
        account.advance()
    before = json.dumps(complete_items(account))
    for item in complete_items(account).values():
        for alert in item["status"]["tasks"] + item["status"]["warnings"]:
            alert.clear()
        for part in (
            item["status"]["warnings"],
            item.get("setup_tests", []),
            *item["config"].values(),
        ):
            if isinstance(part, list):
                part.append("mine")
        item["status"].clear()
        item["config"].clear()
    assert json.dumps(complete_items(account)) == before


def test_items_have_every_field_of_the_api_and_no_credential(month):
    for day in month:
        for item in day.values():
            assert item.keys() >= {
                *("id", "group_id", "service", "service_version", "schema", "connected_by"),
                *("created_at", "succeeded_at", "failed_at", "paused", "pause_after_trial"),
                *("sync_frequency", "schedule_type", "networking_method", "status", "config"),
            }
            assert item["status"].keys() >= {
                *("setup_state", "sync_state", "update_state", "is_historical_sync"),
                *("tasks", "warnings", "schema_status"),
            }
            assert "connect_card" not in item
            assert re.fullmatch("[a-z]+_[a-z]+", item["id"])
            assert item["sync_frequency"] in {5, 15, 60, 360, 1440}
            assert ("daily_sync_time" in item) == (item["sync_frequency"] == 1440)


def test_account_is_as_varied_as_a_real_one(month):
    items = month[0].values()
    assert len({item["group_id"] for item in items}) == 5
    assert len({item["service"] for item in items}) >= 10
    assert {item["connected_by"] is None for item in items} == {True, False}
    assert {"setup_tests" in item for item in items} == {True, False}
    assert 1 <= [item["schedule_type"] for item in items].count("manual") <= 2
    assert "******" in json.dumps([item["config"] for item in items])


@pytest.mark.parametrize("size", [12, 30, 150])
def test_two_connectors_read_one_source_and_all_others_their_own(size):
    readers = [
        (item["service"], json.dumps([item["config"][key] for key in keys]))
        for item in recorded(1, size)[0].values()
        if (keys := sorted(SOURCES & item["config"].keys()))
    ]
    assert len(readers) > size / 2
    assert sorted(Counter(readers).values())[-2:] == [1, 2]


def test_no_placeholder_is_left(month):
    assert "{team}" not in json.dumps(month)


def test_timestamps_come_in_three_precisions(month):
    for day in month:
        stamps = [
            item[key]
            for item in day.values()
            for key in ("created_at", "succeeded_at", "failed_at")
            if item[key]
        ]
        shapes = [re.fullmatch(r"[\d-]{10}T[\d:]{8}(?:\.(\d+))?Z", stamp) for stamp in stamps]
        assert {len(shape[1] or "") for shape in shapes} == {0, 3, 6}


def test_order_is_stable_but_not_by_id(month):
    for before, after in pairwise(month):
        assert [each for each in after if each in before] == [e for e in before if e in after]
    assert list(month[0]) != sorted(month[0])


# --- time never goes back


def test_nothing_happens_in_the_future_or_before_the_connector_was_created(month):
    for number, day in enumerate(month):
        for item in day.values():
            done = [at(item[key]) for key in ("succeeded_at", "failed_at") if item[key]]
            assert at(item["created_at"]) < min(done, default=evening(number))
            assert max(done, default=evening(number)) <= evening(number)


@pytest.mark.parametrize("key", ["succeeded_at", "failed_at"])
def test_times_of_outcomes_never_go_back_or_disappear(key):
    for seed in SEEDS:
        for days in values_by_connector(
            recorded(seed, days=60), lambda item: at(item[key])
        ).values():
            known = [day for day in days if day != ABSENT]
            assert known == sorted(known)


@pytest.mark.parametrize("seed", SEEDS)
def test_days_that_end_minutes_apart_have_the_same_events(seed):
    """Runs by hand see a failure after a success, although less than a day has passed."""
    account, days = DemoAccount(seed=seed), []
    for number in range(DAYS):
        account.advance(to=evening(DAYS) + timedelta(minutes=number))
        days.append({item["id"]: item for item in account.items()})
        for item in days[-1].values():
            ends = [item[key] and at(item[key]) for key in ("succeeded_at", "failed_at")]
            assert max(filter(None, ends), default=account.now) <= account.now
            if item["status"]["update_state"] == "delayed" and not item["status"]["tasks"]:
                blocked = item["status"]["schema_status"] != "ready"
                assert blocked or ends[1] > ends[0]
    for key in ("succeeded_at", "failed_at"):
        for known in values_by_connector(days, lambda item, key=key: at(item[key])).values():
            seen = [day for day in known if day != ABSENT]
            assert seen == sorted(seen)


def test_most_connectors_have_just_succeeded(month):
    for number, day in enumerate(month):
        at_work = [item for item in day.values() if not item["paused"]]
        ages = [evening(number) - at(item["succeeded_at"]) for item in at_work]
        pace = [timedelta(minutes=item["sync_frequency"]) for item in at_work]
        fresh = [age <= allowed for age, allowed in zip(ages, pace, strict=True)]
        assert fresh.count(True) > len(fresh) / 2


# --- the scripts


def test_setup_breaks_with_a_task_and_is_repaired(month):
    setup = distinct_values(
        month, lambda item: (item["status"]["setup_state"], len(item["status"]["tasks"]))
    )
    assert [("connected", 0), ("broken", 1), ("connected", 0)] in setup
    lists = [item["status"]["tasks"] for day in month for item in day.values()]
    tasks = [task for each in lists for task in each]
    assert {task["code"] for task in tasks} == {"reconnect"}
    assert all(task["message"] for task in tasks)


def test_failure_lasts_several_days_is_delayed_and_recovers(month):
    def down(item: Item) -> bool:
        return failing(item) and item["status"]["setup_state"] == "connected"

    longest = max(periods(month, down), key=len)
    assert len(longest) >= 3
    assert {item["status"]["update_state"] for item in longest} == {"delayed"}
    assert len({item["failed_at"] for item in longest}) == len(longest)
    assert len({item["succeeded_at"] for item in longest}) == 1


def test_warnings_appear_and_disappear(month):
    assert [0, 1, 0] in [
        counts[:3]
        for counts in distinct_values(month, lambda item: len(item["status"]["warnings"]))
    ]


def test_one_warning_code_appears_twice_with_different_details(month):
    pairs = [
        item["status"]["warnings"]
        for day in month
        for item in day.values()
        if len(item["status"]["warnings"]) == 2
    ]
    assert pairs
    assert all(one["code"] == other["code"] for one, other in pairs)
    assert all(one["details"] != other["details"] for one, other in pairs)


def test_connector_is_paused_and_resumed(month):
    state = distinct_values(
        month, lambda item: (item["paused"], item["status"]["sync_state"] == "paused")
    )
    assert [(False, False), (True, True), (False, False)] in state
    [pause] = periods(month, lambda item: item["paused"])
    assert len({(item["succeeded_at"], item["failed_at"]) for item in pause}) == 1


def test_deleted_connector_does_not_return(month):
    there = distinct_values(month, lambda item: "there")
    assert there.count(["there", ABSENT]) == 1


def test_deleted_connector_does_not_return_after_the_month():
    there = distinct_values(recorded(1, days=120), lambda item: "there")
    assert there.count(["there", ABSENT]) == 1


def test_returned_connector_is_the_same_as_before(month):
    keys = distinct_values(month, lambda item: (item["id"], item["created_at"]))
    [returned] = [each for each in keys if each.count(ABSENT) == 1 and len(each) == 3]
    assert returned[0] == returned[2]


def test_new_connector_is_set_up_then_loads_history_then_syncs(month):
    def stage(item: Item) -> tuple:
        status = item["status"]
        historical = status["is_historical_sync"], status["sync_state"] == "syncing"
        return status["setup_state"], *historical, item["succeeded_at"] is not None

    [stages] = [each for each in distinct_values(month, stage) if each[0] == ABSENT]
    assert stages == [
        ABSENT,
        ("incomplete", True, False, False),
        ("connected", True, True, False),
        ("connected", False, False, True),
    ]


def test_new_connector_was_created_the_day_it_appears(month):
    [new] = month[-1].keys() - month[0].keys()
    number = next(number for number, day in enumerate(month) if new in day)
    age = evening(number) - at(month[number][new]["created_at"])
    assert timedelta(0) < age < timedelta(days=1)


@pytest.mark.parametrize("setting", [lambda item: item["sync_frequency"], config])
def test_setting_is_changed_once(month, setting):
    stayed = [each for each in distinct_values(month, setting) if ABSENT not in each]
    assert [len(each) for each in stayed if len(each) > 1] == [2]


def test_schema_is_blocked_for_a_while(month):
    schema = distinct_values(month, lambda item: item["status"]["schema_status"])
    assert schema.count(["ready", "blocked_on_capture", "ready"]) == 1


def test_rescheduled_connector_says_for_when(month):
    planned = []
    for number, day in enumerate(month):
        for status in (item["status"] for item in day.values()):
            assert ("rescheduled_for" in status) == (status["sync_state"] == "rescheduled")
            if "rescheduled_for" in status:
                planned.append(at(status["rescheduled_for"]) > evening(number))
    assert planned
    assert all(planned)


def test_last_day_has_broken_failing_and_warned_connectors(month):
    last = month[-1].values()
    broken = [item for item in last if item["status"]["setup_state"] == "broken"]
    down = [item for item in last if failing(item) and item not in broken]
    warned = [item for item in last if item["status"]["warnings"]]
    assert all([broken, down, warned])
    assert broken[0]["status"]["tasks"]
    assert len(broken + down) <= len(last) / 2
