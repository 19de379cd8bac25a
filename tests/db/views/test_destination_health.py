"""What `destination_health` says of a destination: status, since when, what it takes down."""

from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import T0, Account, FakeClock, Item, api_settings, item
from support.references import destination, group, numbered, serve
from support.view_rows import select_rows

from inventory.db import views
from inventory.db.engine import read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

COUNTS = "destination_id is_broken connectors down_now destination_broken"


def well(name: str, **changes: Any) -> Item:
    """A connector that is never late."""
    return item(name, schedule_type="manual", **changes)


@pytest.fixture
def run(engine: Engine, api: FakeApi, account: Account, clock: FakeClock) -> Any:
    """Serve these destinations, sync, stop the clock of the views, and let a day pass."""

    def run(*destinations: Item) -> None:
        serve(account, groups=[group(name="Finance")], destinations=list(destinations))
        sync(engine, api_settings(api), clock=clock)
        with transaction(engine) as connection:
            views.stop_clock(connection, clock.now)
        clock.pass_a_day()

    return run


def shown(engine: Engine, columns: str) -> list[tuple[Any, ...]]:
    with read_only(engine) as connection:
        return sorted(select_rows(connection, "destination_health", columns), key=repr)


def day(number: int) -> Any:
    return T0.replace(day=number)


def test_row_describes_the_destination(engine: Engine, run: Any) -> None:
    run(destination(), destination("nameless", setup_status=None, service=None, region=None))
    columns = "destination_id account_id group_id group_name service region setup_status is_broken"
    assert shown(engine, columns) == [
        (
            *("group_one", "account_one", "group_one", "Finance", "snowflake"),
            *("GCP_EUROPE_WEST3", "connected", False),
        ),
        ("nameless", "account_one", "nameless", None, None, None, None, False),
    ]


def test_connectors_that_exist_are_counted_by_what_they_are(
    engine: Engine, account: Account, run: Any
) -> None:
    account.connectors = [
        well("one"),
        well("fails", failed_at="2026-11-20T02:00:00Z"),
        well("broken", status={"setup_state": "broken"}),
        well("paused", paused=True),
        well("goes"),
        well("elsewhere", group_id="two", failed_at="2026-11-20T02:00:00Z"),
    ]
    run(destination(), *(destination(name) for name in ("two", "empty", "other")))
    del account.connectors[4]
    run(
        destination(setup_status="Broken"), *(destination(name) for name in ("two", "empty", "oth"))
    )
    assert shown(engine, COUNTS) == [
        ("empty", False, 0, 0, 0),
        ("group_one", True, 4, 3, 2),
        ("oth", False, 0, 0, 0),
        ("two", False, 1, 1, 0),
    ]


def test_since_is_when_the_status_became_what_it_is(engine: Engine, run: Any) -> None:
    since = []
    for status, region in (
        ("connected", "EU"),
        ("connected", "US"),  # another version, the same status
        ("broken", "US"),
        ("BROKEN", "EU"),
        ("connected", "EU"),
        ("incomplete", "EU"),
        (None, "EU"),  # that says nothing of it
        ("", "US"),
        ("connected", "US"),
    ):
        run(destination(setup_status=status, region=region))
        since += [at for (at,) in shown(engine, "setup_status_since")]
    assert since == [day(number) for number in (1, 1, 3, 3, 5, 6, 6, 6, 9)]


def test_since_of_one_that_returned_is_when_it_returned(engine: Engine, run: Any) -> None:
    others = numbered("destinations", 2)
    run(destination(), *others)
    run(*others)
    assert [name for (name,) in shown(engine, "destination_id")] == ["n0", "n1"]
    run(destination(), *others)
    assert ("group_one", day(3)) in shown(engine, "destination_id setup_status_since")


def test_reason_says_since_when_the_destination_is_broken(
    engine: Engine, account: Account, run: Any
) -> None:
    """Whatever happened to the connector meanwhile."""
    account.connectors = [well("one"), well("paused", paused=True), well("moves", group_id="two")]
    run(destination(), destination("two"))
    run(destination(setup_status="broken"), destination("two"))
    account.connectors = [well("one"), well("paused"), well("moves"), well("new")]
    run(destination(setup_status="Broken", region="US"), destination("two"))
    columns = "connector_id group_name reason"
    since = "broken since 2026-11-02 03:00 UTC"
    with read_only(engine) as connection:
        found = sorted(select_rows(connection, "connector_health", columns))
    assert found == [
        (name, "Finance", f"destination Finance (snowflake) {since}")
        for name in ("moves", "new", "one", "paused")
    ]


def test_group_with_an_empty_name_is_shown_by_its_id(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    account.connectors = [well("one")]
    serve(account, groups=[group(name="")], destinations=[destination(setup_status="broken")])
    sync(engine, api_settings(api), clock=clock)
    with transaction(engine) as connection:
        views.stop_clock(connection, clock.now)
        [(name, reason)] = select_rows(connection, "connector_health", "group_name reason")
    assert (name, reason) == (
        None,
        "destination group_one (snowflake) broken since 2026-11-01 03:00 UTC",
    )
    for view in ("incidents", "destination_health"):
        with read_only(engine) as connection:
            assert select_rows(connection, view, "group_name") == [(None,)]
