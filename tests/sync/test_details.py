"""What the details of connectors tell is stored once, and kept until they tell something else."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import DAY, T0, FakeClock, Item, contents, everything, item, rows
from support.details import DetailedAccount, Runs, answering, due_at, fill, one, query

from inventory.demo.fake_api import FakeApi, FakeResponse

SOON = timedelta(minutes=15)
WHOLE: dict[str, Any] = {
    "config": {"host": "db.example", "port": 5432, "password": "quux-5150"},
    "schedule": {"schedule_type": "INTERVAL", "interval": 15},
    "source_sync_details": {"rows": 7},
    "brand_new": {"deep": [1, 2]},
    "created_by": "a program",
}


@pytest.fixture
def account() -> DetailedAccount:
    return DetailedAccount()


@pytest.fixture
def run(engine: Engine, api: FakeApi, clock: FakeClock) -> Runs:
    return Runs(engine, api, clock)


def versions(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "connectors_past", "connector_id", "valid_from", "valid_to")


# --- learning, keeping, changing ----------------------------------------------------------------


def test_first_details_are_written_into_the_open_version(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    """It may have been so all the time."""
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run(details="none")
    assert one(engine, "one")["config"] is None
    clock.now += SOON
    report = run()
    assert (report["details_read"], report["details_failed"], report["changed"]) == (1, 0, 0)
    row = one(engine, "one")
    assert row["config"]["host"] == "db.example"
    assert row["config"]["password"].startswith("******")
    assert row["schedule"] == WHOLE["schedule"]
    assert row["source_sync_details"] == {"rows": 7}
    assert row["extra"] == {"brand_new": {"deep": [1, 2]}, "created_by": "a program"}
    assert (row["valid_from"], row["details_at"]) == (T0, T0 + SOON)
    assert row["details_fields"] == sorted(WHOLE)
    assert versions(engine) == []


def test_details_of_a_new_connector_are_read_in_the_run_that_adds_it(
    run: Runs, engine: Engine, account: DetailedAccount
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    assert run()["added"] == 1
    assert one(engine, "one")["config"]["port"] == 5432
    assert one(engine, "one")["details_at"] == T0
    assert due_at(engine, "one") == datetime.fromisoformat("2026-11-20T02:30Z")
    assert versions(engine) == []


def test_same_list_and_same_details_write_only_when_they_were_read(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run()
    before = everything(engine, but=("inventory_runs",))
    clock.now += SOON
    assert (run()["details_read"], run.read) == (0, [])
    assert everything(engine, but=("inventory_runs",)) == before
    clock.now = T0 + DAY
    assert (run()["details_read"], run.read) == (1, ["one"])
    after = everything(engine, but=("inventory_runs", "connectors"))
    assert after == {name: it for name, it in before.items() if name != "connectors"}
    assert one(engine, "one")["details_at"] == T0 + DAY
    assert versions(engine) == []


def test_later_change_in_details_is_one_version(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run()
    account.more["one"] = WHOLE | {"config": {"host": "new.example"}, "brand_new": 2}
    clock.now += DAY
    assert run()["changed"] == 1
    [past] = [row for row in _past(engine) if row["connector_id"] == "one"]
    assert (past["valid_from"], past["valid_to"]) == (T0, T0 + DAY)
    assert (past["config"]["host"], past["extra"]["brand_new"]) == ("db.example", {"deep": [1, 2]})
    row = one(engine, "one")
    assert (row["config"], row["extra"]["brand_new"]) == ({"host": "new.example"}, 2)
    assert (row["valid_from"], row["changed_after"]) == (T0 + DAY, T0)


@pytest.mark.parametrize("name", ["schedule", "connect_card_config", "brand_new"])
def test_what_later_details_tell_for_the_first_time_is_a_version(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock, name: str
) -> None:
    account.connectors, account.more = [item("one")], {"one": {"config": {}}}
    run()
    account.more["one"] = {"config": {}, name: {"schedule_type": "MANUAL"}}
    clock.now += DAY
    assert run()["changed"] == 1
    assert versions(engine) == [("one", T0, T0 + DAY)]


def _past(engine: Engine) -> list[dict[str, Any]]:
    return contents(engine)["connectors_past"]


@pytest.mark.parametrize(
    "left", ["config", "schedule", "source_sync_details", "brand_new", "created_by"]
)
def test_field_that_details_no_longer_tell_is_cleared_unless_absent_means_unknown(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock, left: str
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run()
    before = one(engine, "one")
    account.more["one"] = {name: value for name, value in WHOLE.items() if name != left}
    clock.now += DAY
    report, row = run(), one(engine, "one")
    if left in ("config", "source_sync_details"):
        assert (report["changed"], row[left]) == (0, before[left])
    elif left == "schedule":
        assert (report["changed"], row["schedule"]) == (1, None)
        # From 01:00 twice six hours, and one.
        assert due_at(engine, "one") == datetime.fromisoformat("2026-11-20T14:00Z")
    else:
        rest = {name: it for name, it in before["extra"].items() if name != left}
        assert (report["changed"], row["extra"]) == (1, rest)


# --- the list changes in between ----------------------------------------------------------------


def test_new_states_of_the_list_leave_alone_what_details_told(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run()
    before = one(engine, "one")
    changed = item("one", succeeded_at="2026-11-21T02:00:00Z", status={"sync_state": "syncing"})
    account.connectors = [changed]
    clock.now += SOON
    assert (run()["changed"], run.read) == (1, [])
    assert one(engine, "one") == before
    assert due_at(engine, "one") == datetime.fromisoformat("2026-11-21T03:30Z")
    assert (versions(engine), len(rows(engine, "connector_status_past"))) == ([], 1)


@pytest.mark.parametrize("name", ["sync_frequency", "schedule_type"])
def test_due_at_follows_whatever_only_details_tell(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock, name: str
) -> None:
    listed = item("one")
    account.more = {"one": {name: listed.pop(name), "config": {}}}
    account.connectors = [listed]
    run()
    assert due_at(engine, "one") == datetime.fromisoformat("2026-11-20T14:00Z")
    account.change("one", succeeded_at="2026-11-21T02:00:00Z")
    clock.now += SOON
    run()
    assert due_at(engine, "one") == datetime.fromisoformat("2026-11-21T15:00Z")


@pytest.mark.parametrize("details", ["auto", "none"])
def test_new_settings_of_the_list_are_one_version_with_what_details_told(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock, details: str
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run()
    before = one(engine, "one")
    account.change("one", schema="other", another_new=1)
    clock.now += SOON
    assert (run(details=details)["changed"], run.read) == (1, ["one"] * (details == "auto"))
    read_at = {"details_at": clock.now} if details == "auto" else {}
    begin = {"valid_from": clock.now, "changed_after": T0}
    extra = before["extra"] | {"another_new": 1}
    assert one(engine, "one") == before | begin | read_at | {"schema_name": "other", "extra": extra}
    assert due_at(engine, "one") == datetime.fromisoformat("2026-11-20T02:30Z")
    clock.now += DAY
    assert run()["changed"] == 0
    assert len(versions(engine)) == 1


def test_alternating_list_and_details_make_no_version(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    account.connectors, account.more = [item("one")], {"one": WHOLE | {"odd": None, "paused": True}}
    run()
    before = one(engine, "one")
    for hour in range(2, 12):
        account.change("one", succeeded_at=f"2026-11-21T{hour:02}:00:00Z")
        clock.now += SOON
        assert run(details=("none", "all")[hour % 2])["changed"] == 0
        assert due_at(engine, "one") == datetime.fromisoformat(f"2026-11-21T{hour + 1:02}:30Z")
    assert one(engine, "one") == before | {"details_at": clock.now}
    assert versions(engine) == []


def test_value_that_does_not_fit_its_column_makes_no_version_either(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    listed = item("one")
    frequency = listed.pop("sync_frequency")
    account.connectors, account.more = [listed], {"one": {"sync_frequency": frequency}}
    run()
    account.more["one"] = {"sync_frequency": "often"}
    clock.now += DAY
    run()
    assert one(engine, "one")["extra"] == {"sync_frequency": "often"}
    for details in ("none", "all", "none"):
        account.change("one", schema=f"named_{details}_{clock.now:%d%H%M}")
        clock.now += SOON
        assert run(details=details)["changed"] == 1
        row = one(engine, "one")
        assert (row["sync_frequency"], row["extra"]) == (360, {"sync_frequency": "often"})
    assert len(versions(engine)) == 4


def test_settings_that_are_no_object_make_no_version_either(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    """The list tells no config, which clears neither the one that is stored nor what is beside."""
    account.connectors, account.more = [item("one")], {"one": {"config": {"host": "h"}}}
    run()
    account.more["one"] = {"config": "none"}
    clock.now += DAY
    run()
    for details in ("none", "all", "none"):
        account.change("one", schema=f"named_{details}", config=None)
        clock.now += SOON
        assert run(details=details)["changed"] == 1
        row = one(engine, "one")
        assert (row["config"], row["extra"]) == ({"host": "h"}, {"config": "none"})
    assert len(versions(engine)) == 4


def test_what_the_list_tells_wins_over_details(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    listed = item("one", private_link_id=None)
    listed["status"]["setup_state"] = "broken"
    account.connectors = [listed]
    others: Item = {"schema": "x", "private_link_id": "p", "status": {"setup_state": "connected"}}
    account.more = {"one": others | {"succeeded_at": "2027-01-01T00:00:00Z", "config": {"a": 1}}}
    run()
    row = one(engine, "one")
    assert (row["schema_name"], row["private_link_id"], row["config"]) == (
        "one_schema",
        None,
        {"a": 1},
    )
    assert row["details_fields"] == ["config"]
    assert one(engine, "one", "connector_status")["setup_state"] == "broken"
    assert due_at(engine, "one") == datetime.fromisoformat("2026-11-20T14:00Z")


def test_connector_that_was_missing_and_is_looked_up_gets_no_version(
    run: Runs, engine: Engine, api: FakeApi, account: DetailedAccount, clock: FakeClock
) -> None:
    """A lookup tells what details told before; the next list does not clear it."""
    fill(account, 10)
    account.more["c0"] = WHOLE
    run(details="all")
    found = account.connectors.pop(0)
    whole = found | WHOLE
    account.details = lambda connector_id: whole  # type: ignore[method-assign]
    clock.now += SOON
    assert run(details="none")["connectors_seen"] == 10
    account.connectors.insert(0, found)
    for _ in range(2):
        clock.now += SOON
        assert run(details="none")["changed"] == 0
    assert one(engine, "c0")["config"]["host"] == "db.example"
    assert one(engine, "c0")["extra"] == {"brand_new": {"deep": [1, 2]}, "created_by": "a program"}
    assert versions(engine) == []


def test_connector_that_returns_while_its_details_fail_keeps_what_they_told(
    run: Runs, engine: Engine, api: FakeApi, account: DetailedAccount, clock: FakeClock
) -> None:
    """Its deadline follows the schedule of the details: without it, it would be down."""
    fill(account, 10)
    account.more["c0"] = WHOLE | {
        "schedule": {
            "schedule_type": "TIME_OF_DAY",
            "time_of_day": "02:00",
            "days_of_week": ["SUN"],
        }
    }
    run(details="all")
    before = one(engine, "c0")
    found = account.connectors.pop(0)
    api.intercept = answering(FakeResponse.error(403, "Forbidden"), ["c0"])
    clock.pass_a_day()
    assert run(details="none")["removed"] == 1
    account.connectors.insert(0, found)
    for details in ("none", "all"):
        clock.now += SOON
        run(details=details)
        for name in ("config", "schedule", "extra"):
            assert one(engine, "c0")[name] == before[name]
        assert one(engine, "c0", "connector_status")["health"] == "healthy"
    assert query(engine, "select count(*) from incidents") == [(0,)]


def test_lookup_clears_what_details_told_before_and_tell_no_more(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    """Even if it tells just what the list told: the deadline must fit the schedule beside it."""
    fill(account, 10)
    account.more["c0"] = WHOLE
    run(details="all")
    found = account.connectors.pop(0)
    account.details = lambda connector_id: found  # type: ignore[method-assign]
    clock.now += SOON
    assert run(details="none")["connectors_seen"] == 10
    assert (one(engine, "c0")["schedule"], one(engine, "c0")["details_at"]) == (None, clock.now)
    assert due_at(engine, "c0") == datetime.fromisoformat("2026-11-20T14:00Z")


def test_details_complete_the_later_item_if_a_connector_is_listed_twice(
    engine: Engine, api: FakeApi, account: DetailedAccount, clock: FakeClock
) -> None:
    """The later one is stored already, so nothing is to be read beside it."""
    run = Runs(engine, api, clock, page_size=1)
    account.connectors, account.more = [item("one")], {"one": WHOLE}
    run()
    account.connectors.insert(0, item("one", schema="old"))
    clock.now += SOON
    assert (run()["duplicates"], run.read) == (1, [])
    assert one(engine, "one")["schema_name"] == "one_schema"
