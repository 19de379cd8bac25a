"""Each list beside the connectors may fail in each way: then nothing of it changes."""

from collections.abc import Callable
from itertools import cycle, product
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from support.builders import (
    Account,
    FakeMonotonic,
    Item,
    api_settings,
    everything,
    item,
    rows,
)
from support.effort import few_of
from support.references import ITEMS, PATHS, destination, numbered, serve

from inventory.cli import main
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import RemovalSettings
from inventory.sync.run import sync

ACCEPTING = RemovalSettings(accept=True)


def with_body(body: bytes, kind: str = "application/json") -> FakeResponse:
    return FakeResponse(200, body, {"Content-Type": kind})


def endless(items: list[Item]) -> FakeResponse:
    return FakeResponse.success({"items": items, "next_cursor": "again"})


# These say nothing of the other lists.
WRONG: dict[str, Callable[[], FakeResponse]] = {
    "401": lambda: FakeResponse.error(401, "Unauthorized"),
    "403": lambda: FakeResponse.error(403, "Forbidden"),
    "404": lambda: FakeResponse.error(404, "NotFound"),
    "400": lambda: FakeResponse.error(400, "InvalidInput"),
    "looping cursor": lambda: endless([]),
    "no items": lambda: FakeResponse.success({}),
    "items that are no list": lambda: FakeResponse.success({"items": {"id": "x"}}),
    "item without id": lambda: FakeResponse.success({"items": [{"id": "x"}, {"name": "y"}]}),
    "id that is no text": lambda: FakeResponse.success({"items": [{"id": {"a": 1}}]}),
    "blank id": lambda: FakeResponse.success({"items": [{"id": ""}]}),
    "item that is no object": lambda: FakeResponse.success({"items": ["x"]}),
    "500": lambda: FakeResponse.error(500, "Internal"),
    "503": lambda: FakeResponse.error(503, "Unavailable"),
    "HTML": lambda: with_body(b"<html>Sign in to the network</html>", "text/html"),
    "JSON that is cut off": lambda: with_body(b'{"code":"Success","data":{"items":[{"id":"a"'),
    "503 for an hour": lambda: FakeResponse(503, b"{}", {"Retry-After": "3600"}),
}
# The quota is that of all lists: the others are not even asked for.
RATE_LIMITS: dict[str, Callable[[], FakeResponse]] = {
    "429": lambda: FakeResponse(429, b"{}"),
    "429 for an hour": lambda: FakeResponse(429, b"{}", {"Retry-After": "3600"}),
}


def fail(api: FakeApi, name: str, respond: Callable[[], FakeResponse]) -> None:
    def intercept(request: Request) -> FakeResponse | None:
        return respond() if request.path == f"/v1/{PATHS[name]}" else None

    api.intercept = intercept


@pytest.fixture(autouse=True)
def _known(engine: Engine, api: FakeApi, account: Account) -> None:
    """Every list is known but for the connector types, which are read once a day."""
    account.connectors = [item()]
    serve(account)
    del account.lists[PATHS["connector_types"]]
    sync(engine, api_settings(api))
    serve(account, **{name: [make(), make("new")] for name, make in ITEMS.items()})
    account.connectors.append(item("new"))


def run(engine: Engine, api: FakeApi) -> dict[str, Any]:
    return sync(engine, api_settings(api), http_clock=FakeMonotonic())


def stored(engine: Engine) -> dict[str, list[Any]]:
    return {name: rows(engine, name) for name in ITEMS}


@pytest.mark.parametrize(
    ("name", "fault"),
    few_of([*product(ITEMS, WRONG)], [*zip(cycle(ITEMS), WRONG, strict=False)]),
)
def test_list_that_fails_is_skipped_and_the_others_are_stored(
    engine: Engine, api: FakeApi, name: str, fault: str
) -> None:
    before = stored(engine)
    fail(api, name, WRONG[fault])
    row = run(engine, api)
    assert (row["status"], row["skipped"], row["added"]) == ("succeeded", name, 1)
    after = stored(engine)
    assert after[name] == before[name]
    assert {other: len(after[other]) for other in ITEMS if other != name} == {
        other: 2 for other in ITEMS if other != name
    }
    api.intercept = lambda _: None
    assert run(engine, api)["skipped"] is None
    assert {len(of) for of in stored(engine).values()} == {2}


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("fault", RATE_LIMITS)
def test_rate_limit_ends_the_reading_of_lists(
    engine: Engine, api: FakeApi, name: str, fault: str
) -> None:
    before = stored(engine)
    fail(api, name, RATE_LIMITS[fault])
    earlier = len(api.requests)
    row = run(engine, api)
    unread = list(ITEMS)[list(ITEMS).index(name) :]
    assert (row["status"], row["skipped"], row["added"]) == ("succeeded", ", ".join(unread), 1)
    after = stored(engine)
    assert {other: after[other] for other in unread} == {other: before[other] for other in unread}
    assert {other: len(after[other]) for other in ITEMS if other not in unread} == {
        other: 2 for other in ITEMS if other not in unread
    }
    asked = {request.path for request in api.requests[earlier:]}
    assert {f"/v1/{PATHS[other]}" for other in unread} & asked == {f"/v1/{PATHS[name]}"}


@pytest.mark.parametrize("name", ITEMS)
def test_list_that_fails_on_a_later_page_is_skipped_whole(
    engine: Engine, api: FakeApi, account: Account, name: str
) -> None:
    before = stored(engine)
    account.lists[PATHS[name]] = numbered(name, 5)

    def intercept(request: Request) -> FakeResponse | None:
        is_later = request.path == f"/v1/{PATHS[name]}" and "cursor" in request.query
        return FakeResponse.error(403, "Forbidden") if is_later else None

    api.intercept = intercept
    row = sync(engine, api_settings(api, page_size=3))
    assert (row["status"], row["skipped"]) == ("succeeded", name)
    assert stored(engine)[name] == before[name]


@pytest.mark.parametrize("removals", [RemovalSettings(), ACCEPTING])
def test_list_that_is_not_found_removes_nothing(
    engine: Engine, api: FakeApi, account: Account, removals: RemovalSettings
) -> None:
    before = stored(engine)
    account.lists = {}
    row = sync(engine, api_settings(api), removals)
    assert row["skipped"] == "groups, destinations, users, connector_types"
    assert stored(engine) == before


@pytest.mark.parametrize("slow", [["groups"], [*ITEMS]])
def test_slow_lists_take_a_quarter_of_the_time_at_most(
    engine: Engine, api: FakeApi, slow: list[str]
) -> None:
    """Each takes half of what is left of it, and the others are read."""
    clock = FakeMonotonic()
    begun = clock.now

    def intercept(request: Request) -> FakeResponse | None:
        [name] = [name for name in PATHS if request.path == f"/v1/{PATHS[name]}"] or [None]
        if name in slow:
            clock.now += 0.3
            return FakeResponse.success(
                {"items": [ITEMS[name](f"{request.number}")], "next_cursor": f"{request.number}"}
            )
        return None

    api.intercept = intercept
    before = stored(engine)
    row = sync(engine, api_settings(api, deadline=40), http_clock=clock)
    assert row["status"] == "succeeded"
    assert row["skipped"] == ", ".join(slow)
    least, most = (4, 7) if slow == ["groups"] else (9, 12)
    assert least <= clock.now - begun <= most
    after = stored(engine)
    assert {name for name in ITEMS if after[name] == before[name]} == {*slow}
    assert "new" in dict(rows(engine, "connectors", "connector_id", "removed_at"))


def test_lists_take_a_minute_at_most_of_a_long_run(engine: Engine, api: FakeApi) -> None:
    clock = FakeMonotonic()
    begun = clock.now

    def intercept(request: Request) -> FakeResponse | None:
        is_list = request.path in {f"/v1/{path}" for path in PATHS.values()}
        return FakeResponse(503, b"{}", {"Retry-After": "7"}) if is_list else None

    api.intercept = intercept
    row = sync(engine, api_settings(api, deadline=3600), http_clock=clock)
    skipped = "groups, destinations, users, connector_types"
    assert (row["status"], row["skipped"]) == ("succeeded", skipped)
    assert clock.now - begun <= 60


def test_groups_that_fail_for_ever_hide_no_broken_destination(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    serve(account, destinations=[destination(setup_status="broken")])
    fail(api, "groups", WRONG["500"])
    assert run(engine, api)["skipped"] == "groups"
    health = dict(rows(engine, "connector_status", "connector_id", "health"))
    assert health == dict.fromkeys(("fair_wind", "new"), "destination_broken")


@pytest.mark.usefixtures("environment")
def test_command_names_what_it_skipped(engine: Engine, api: FakeApi) -> None:
    fail(api, "connector_types", WRONG["403"])
    result = CliRunner().invoke(main, ["sync"])
    assert result.exit_code == 0
    assert "skipped the lists of connector types; nothing of them changed" in result.output
    shown = CliRunner().invoke(main, ["runs", "--format", "json"]).stdout
    assert '"skipped": "connector_types"' in shown


def test_skipped_lists_leave_no_trace_in_a_second_run(engine: Engine, api: FakeApi) -> None:
    fail(api, "groups", WRONG["403"])
    run(engine, api)
    before = everything(engine, but=("inventory_runs",))
    run(engine, api)
    assert everything(engine, but=("inventory_runs",)) == before
