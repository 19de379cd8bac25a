"""A destination that is broken takes its connectors down: one outage each, until it works again."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
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
from support.references import destination, group, serve
from support.view_rows import select_rows

from inventory.db.engine import read_only
from inventory.db.verify import problems
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import RemovalSettings
from inventory.sync.run import sync


@pytest.fixture(autouse=True)
def _consistent(engine: Engine) -> Iterator[None]:
    yield
    assert problems(engine) == []


def well(name: str = "one", **changes: Any) -> Item:
    """A connector that is never late."""
    return item(name, schedule_type="manual", **changes)


@pytest.fixture
def run(engine: Engine, api: FakeApi, account: Account, clock: FakeClock) -> Any:
    """Serve the destination with this setup status, sync, and let a day pass."""

    def run(status: str | None, **options: Any) -> dict[str, Any]:
        others = [destination("group_two"), destination("group_three")]
        serve(
            account,
            groups=[group(), group("group_two"), group("group_three")],
            destinations=[*([destination(setup_status=status)] if status else []), *others],
        )
        row = sync(engine, api_settings(api), clock=clock, **options)
        clock.pass_a_day()
        return row

    return run


def health(engine: Engine) -> dict[str, Any]:
    return dict(rows(engine, "connector_status", "connector_id", "health"))


def day(number: int) -> Any:
    return T0.replace(day=number)


def shown(engine: Engine, view: str, columns: str) -> list[tuple[Any, ...]]:
    with read_only(engine) as connection:
        return sorted(select_rows(connection, view, columns), key=repr)


@pytest.mark.parametrize("broken", ["broken", "BROKEN"])
def test_broken_destination_is_one_outage_of_each_connector(
    engine: Engine, account: Account, run: Any, broken: str
) -> None:
    account.connectors = [well(), well("two"), well("elsewhere", group_id="group_two")]
    counts = [run(status)["changed"] for status in ("connected", broken, broken, "connected")]
    assert counts == [0, 2, 0, 2]
    assert health(engine) == {"one": "healthy", "two": "healthy", "elsewhere": "healthy"}
    assert shown(engine, "incidents", "connector_id started_after started_at ended_at path") == [
        (name, day(1), day(2), day(4), "destination_broken") for name in ("one", "two")
    ]


@pytest.mark.parametrize(
    ("groups", "service", "named"),
    [
        ([group(name="prod")], "snowflake", "prod (snowflake)"),
        ([], "snowflake", "group_one (snowflake)"),
        ([group(name=None)], None, "group_one"),
    ],
)
def test_reason_names_the_destination(
    engine: Engine, api: FakeApi, account: Account, groups: list[Item], service: Any, named: str
) -> None:
    account.connectors = [well()]
    broken = destination(setup_status="broken", service=service)
    serve(account, groups=groups, destinations=[broken])
    since = sync(engine, api_settings(api))["observed_at"]
    columns = "health is_down severity reason health_since down_since"
    assert shown(engine, "connector_health", columns) == [
        (
            *("destination_broken", True, 3),
            f"destination {named} broken since {since:%Y-%m-%d %H:%M} UTC",
            *(since, since),
        )
    ]
    columns = "destination_id destination_name connection_health"
    name = groups[0]["name"] if groups else None
    assert shown(engine, "fivetran_platform__connection_status", columns) == [
        ("group_one", name, "broken")
    ]


def test_connector_that_is_broken_or_paused_itself_stays_so(
    engine: Engine, account: Account, run: Any
) -> None:
    account.connectors = [
        well("broken", status={"setup_state": "broken"}),
        well("paused", paused=True),
        well("incomplete", status={"setup_state": "incomplete"}),
        well("failing", failed_at="2026-11-20T02:00:00Z"),
        well("strange", status={"setup_state": "odd"}),
    ]
    run("connected")
    before = health(engine)
    assert (before["failing"], before["strange"]) == ("failing", "unknown")
    run("broken")
    down = dict.fromkeys(("failing", "strange"), "destination_broken")
    assert health(engine) == before | down
    run("connected")
    assert health(engine) == before


def test_outage_goes_on_where_the_connector_was_failing_already(
    engine: Engine, account: Account, run: Any
) -> None:
    account.connectors = [well(failed_at="2026-11-20T02:00:00Z")]
    for status in ("connected", "broken", "connected"):
        run(status)
    assert shown(engine, "incidents", "started_at ended_at path") == [
        (day(1), None, "failing > destination_broken > failing")
    ]


def test_connector_that_breaks_meanwhile_is_broken(
    engine: Engine, account: Account, run: Any
) -> None:
    for status, state in (
        ("connected", "connected"),
        ("broken", "connected"),
        ("broken", "broken"),
        ("broken", "connected"),
        ("connected", "connected"),
    ):
        account.connectors = [well(status={"setup_state": state})]
        run(status)
    assert shown(engine, "incidents", "started_at ended_at path") == [
        (day(2), day(5), "destination_broken > broken > destination_broken")
    ]


def test_removed_destination_is_not_broken(engine: Engine, account: Account, run: Any) -> None:
    account.connectors = [well()]
    run("broken")
    assert health(engine) == {"one": "destination_broken"}
    assert run(None)["skipped"] is None
    assert health(engine) == {"one": "healthy"}
    run("broken")
    assert health(engine) == {"one": "destination_broken"}


def test_connectors_keep_their_health_while_the_list_is_skipped(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock, run: Any
) -> None:
    account.connectors = [well()]
    run("broken")
    account.lists = {}
    account.connectors = [well(service_version=2), well("new")]
    assert "destinations" in sync(engine, api_settings(api), clock=clock)["skipped"]
    assert health(engine) == {"one": "destination_broken", "new": "destination_broken"}


def test_connector_that_moves_follows_its_new_destination(
    engine: Engine, account: Account, run: Any
) -> None:
    account.connectors = [well()]
    run("broken")
    account.connectors = [well(group_id="group_two")]
    run("broken")
    assert health(engine) == {"one": "healthy"}
    account.connectors = [well()]
    run("broken")
    assert health(engine) == {"one": "destination_broken"}


@pytest.mark.parametrize("first", ["connected", "broken"])
def test_connector_that_a_run_did_not_see_is_judged_once_it_is_seen(
    engine: Engine, api: FakeApi, account: Account, run: Any, first: str
) -> None:
    """The destination has no new version then: it changed in the run that did not see it."""
    second = {"connected": "broken", "broken": "connected"}[first]
    words = {"connected": "healthy", "broken": "destination_broken"}
    account.connectors = [well(), well("unseen")]
    run(first)

    def intercept(request: Request) -> FakeResponse | None:
        return FakeResponse.error(500, "Internal") if request.path.endswith("/unseen") else None

    api.intercept = intercept
    del account.connectors[1]
    for _ in range(2):
        assert run(second, removals=RemovalSettings(max_lookups=0))["unconfirmed"] == 1
        assert health(engine) == {"one": words[second], "unseen": words[first]}
    account.connectors.append(well("unseen"))
    assert run(second)["changed"] == 1
    assert health(engine) == {"one": words[second], "unseen": words[second]}


def test_run_while_a_destination_stays_broken_writes_nothing(
    engine: Engine, account: Account, run: Any
) -> None:
    account.connectors = [well(), well("paused", paused=True)]
    run("broken")
    written_daily = ("inventory_runs", "connector_types")
    before = everything(engine, but=written_daily)
    run("broken")
    assert everything(engine, but=written_daily) == before
