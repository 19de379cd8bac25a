"""Which connectors a run judges: changed ones, late ones, or all if the rules changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from support.builders import (
    T0,
    Account,
    FakeClock,
    Item,
    api_settings,
    everything,
    item,
    rows,
)

from inventory import health
from inventory.db.engine import read_only
from inventory.db.verify import problems
from inventory.demo.fake_api import FakeApi
from inventory.errors import InventoryError
from inventory.sync.preview import preview
from inventory.sync.run import sync

HOUR = timedelta(hours=1)
JUDGED = ("connector_id", "health", "is_down", "health_since", "down_since")


@pytest.fixture(autouse=True)
def _consistent(engine: Engine) -> Iterator[None]:
    yield
    assert problems(engine) == []


def seen(clock: FakeClock, name: str = "one", **changes: Any) -> Item:
    """A connector that has just succeeded, and is due within three hours."""
    return item(name, succeeded_at=clock.now.isoformat(), sync_frequency=60, **changes)


def health_of(engine: Engine, name: str = "one") -> str:
    return {row[0]: row[1] for row in rows(engine, "connector_status", *JUDGED)}[name]


def since(engine: Engine) -> list[datetime | None]:
    [row] = rows(engine, "connector_status", *JUDGED)
    return list(row[3:])


def run(engine: Engine, api: FakeApi, clock: FakeClock, **settings: Any) -> dict[str, Any]:
    return sync(engine, api_settings(api, **settings), clock=clock)


def test_passed_deadline_is_found_by_a_run_without_changes(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock), seen(clock, "paused", paused=True)]
    run(engine, api, clock)
    due = clock.now + 3 * HOUR
    before = everything(engine, but=("inventory_runs",))
    clock.now = due - HOUR
    assert run(engine, api, clock)["changed"] == 0
    assert everything(engine, but=("inventory_runs",)) == before
    clock.now = due + timedelta(microseconds=1)
    assert run(engine, api, clock)["changed"] == 1
    assert rows(engine, "connector_status", *JUDGED) == [
        ("one", "stale", True, due, due),
        ("paused", "paused", False, T0, None),
    ]
    assert rows(engine, "connector_status_past", "connector_id", "health", "valid_to") == [
        ("one", "healthy", clock.now)
    ]
    after = everything(engine, but=("inventory_runs",))
    clock.now += HOUR
    assert run(engine, api, clock)["changed"] == 0  # only the first run after it
    assert everything(engine, but=("inventory_runs",)) == after


def test_deadline_has_not_passed_at_its_very_time(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock)]
    run(engine, api, clock)
    clock.now += 3 * HOUR
    assert run(engine, api, clock)["changed"] == 0


def test_deadline_before_the_previous_run_is_not_the_start_of_stale(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    """It was paused then: once the pause ends, it is late at once, since this run."""
    account.connectors = [seen(clock, paused=True)]
    run(engine, api, clock)
    clock.now += 4 * HOUR
    run(engine, api, clock)
    account.connectors[0]["paused"] = False
    clock.now += HOUR
    run(engine, api, clock)
    assert (health_of(engine), since(engine)) == ("stale", [clock.now, clock.now])


def test_new_connector_that_is_late_is_stale_since_this_run(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    run(engine, api, clock)
    account.connectors = [seen(clock)]
    clock.now += 4 * HOUR  # its deadline lies between the two runs
    run(engine, api, clock)
    assert (health_of(engine), since(engine)) == ("stale", [clock.now, clock.now])


def test_connector_that_was_not_seen_keeps_its_health(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock, name) for name in ("one", "two", "three", "four")]
    run(engine, api, clock)
    late, account.connectors = account.connectors, []
    clock.now += 4 * HOUR
    assert run(engine, api, clock)["status"] == "withheld"
    assert health_of(engine) == "healthy"
    account.connectors = late
    clock.now += HOUR
    run(engine, api, clock)
    assert {row[1:4] for row in rows(engine, "connector_status", *JUDGED)} == {
        ("stale", True, clock.now)
    }


def test_late_connector_of_another_account_is_left_to_its_own_run(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock)]
    run(engine, api, clock, account="one")
    account.connectors = [seen(clock, "two")]
    run(engine, api, clock, account="two")
    clock.now += 4 * HOUR
    assert run(engine, api, clock, account="two")["changed"] == 1
    assert (health_of(engine, "one"), health_of(engine, "two")) == ("healthy", "stale")


@contextmanager
def other_rules() -> Iterator[None]:
    """A release to which what was healthy is blocked."""
    with pytest.MonkeyPatch.context() as later:
        later.setattr(health, "RULES_DIGEST", "another")
        later.setattr(health, "HEALTH_SQL", health.HEALTH_SQL.replace("'healthy'", "'blocked'"))
        yield


def test_first_run_with_other_rules_judges_every_connector(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock, "one"), seen(clock, "two", paused=True)]
    assert run(engine, api, clock)["health_rules"] == health.RULES_DIGEST
    clock.now += HOUR
    with other_rules():
        first = run(engine, api, clock)
        assert (first["changed"], first["health_rules"]) == (1, "another")
        assert (health_of(engine, "one"), health_of(engine, "two")) == ("blocked", "paused")
        clock.now += HOUR
        assert run(engine, api, clock)["changed"] == 0


def test_connectors_missed_by_the_first_run_with_other_rules_are_judged_later(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock, name) for name in ("one", "two", "three", "four")]
    run(engine, api, clock)
    everybody, account.connectors = account.connectors, []
    with other_rules():
        clock.now += HOUR
        assert run(engine, api, clock)["health_rules"] != "another"
        account.connectors = everybody
        clock.now += HOUR
        assert run(engine, api, clock)["health_rules"] == "another"
    assert health_of(engine) == "blocked"


def test_digest_changes_with_every_rule() -> None:
    rules = [(rule.name, rule.is_down, rule.condition) for rule in health.RULES]
    assert health.digest_of(rules) == health.RULES_DIGEST
    assert health.digest_of(rules[::-1]) != health.RULES_DIGEST
    assert health.digest_of([*rules[:-1], ("healthy", True, "true")]) != health.RULES_DIGEST
    assert health.digest_of([*rules[:-1], ("healthy", False, "1 = 1")]) != health.RULES_DIGEST


def test_dry_run_shows_changes_of_health_and_writes_nothing(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("late", succeeded_at="2026-11-01T00:00:00Z", paused=True)]
    sync(engine, api_settings(api))
    account.connectors[0]["paused"] = False
    account.connectors.append(item("new", status={"setup_state": "broken"}))
    before = everything(engine)
    _, changes = preview(engine, api_settings(api))
    assert [(each.connector_id, each.health_before, each.health) for each in changes] == [
        ("late", "paused", "stale"),
        ("new", None, "broken"),
    ]
    assert everything(engine) == before


def test_merge_is_rolled_back_if_the_judge_fails(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [seen(clock)]
    run(engine, api, clock)
    before = everything(engine, but=("inventory_runs",))
    account.connectors = [seen(clock, status={"setup_state": "broken"})]
    clock.now += HOUR

    def fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "judged" in statement and "connector_status_past" in statement:
            raise OSError("no room")

    event.listen(engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(InventoryError):
            run(engine, api, clock)
    finally:
        event.remove(engine, "before_cursor_execute", fail)
    assert everything(engine, but=("inventory_runs",)) == before


def test_health_can_be_queried_in_the_current_and_history_tables(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    """The query of who is on call, and the life of a connector's health."""
    account.connectors = [seen(clock)]
    run(engine, api, clock)
    account.connectors = [seen(clock, failed_at=clock.now.isoformat())]
    clock.now += HOUR
    run(engine, api, clock)
    account.connectors = [
        seen(clock, failed_at=clock.now.isoformat(), status={"setup_state": "broken"})
    ]
    clock.now += HOUR
    run(engine, api, clock)
    with read_only(engine) as connection:
        down = connection.execute(
            text("select connector_id, health from connector_status where is_down")
        )
        assert down.all() == [("one", "broken")]
        life = connection.execute(
            text("select health from connector_status_history order by valid_from")
        )
        assert life.scalars().all() == ["healthy", "failing", "broken"]
    assert since(engine) == [clock.now, clock.now - HOUR]
