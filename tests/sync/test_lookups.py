"""Connectors that a complete walk did not show: lookups for by id before anything is concluded."""

from collections.abc import Callable
from itertools import count

import pytest
from sqlalchemy import Engine, text
from support.builders import (
    DAY,
    T0,
    Account,
    FakeClock,
    FakeMonotonic,
    Item,
    api_settings,
    everything,
    item,
    rows,
)

from inventory.column_types import UtcDateTime
from inventory.db.engine import read_only
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import RemovalSettings
from inventory.sync.run import sync

ANY_NUMBER = RemovalSettings(accept=True)


class Lookups:
    """Intercepts lookups of single connectors and keeps their ids; lists are served as usual."""

    def __init__(self, answer: Callable[[str], FakeResponse | None]) -> None:
        self.ids: list[str] = []
        self._answer = answer

    def __call__(self, request: Request) -> FakeResponse | None:
        folder, connector_id = request.path.rsplit("/", 1)
        if folder != "/v1/connectors":
            return None
        self.ids.append(connector_id)
        return self._answer(connector_id)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (404, "NotFound_Connector", "deleted"),
        (404, "NotFound_Connection", "deleted"),
        (403, "Forbidden", "not_visible"),
    ],
)
def test_missing_connector_is_removed_if_the_api_says_so(
    engine: Engine, api: FakeApi, account: Account, status: int, code: str, reason: str
) -> None:
    clock = FakeClock()
    warning = {"code": "w", "message": "m"}
    account.connectors = [item("stays"), item("goes", status={"warnings": [warning]})]
    sync(engine, api_settings(api), clock=clock)
    clock.pass_a_day()
    del account.connectors[1]
    gone = FakeResponse.error(status, code)
    api.intercept = lookups = Lookups(lambda connector_id: gone if connector_id == "goes" else None)
    run = sync(engine, api_settings(api), clock=clock)
    assert lookups.ids[0] == "goes"
    assert (run["removed"], run["changed"], run["unconfirmed"]) == (1, 0, 0)
    assert rows(engine, "connectors", "connector_id", "removed_at", "removed_reason") == [
        ("goes", T0 + DAY, reason),
        ("stays", None, None),
    ]
    for table in ("connectors", "connector_status", "warnings"):
        past = rows(engine, f"{table}_past", "connector_id", "valid_from", "valid_to")
        assert past == [("goes", T0, T0 + DAY)], table
    assert rows(engine, "connector_status", "connector_id") == [("stays",)]
    assert rows(engine, "warnings") == []
    assert open_versions(engine) == {("connector_history", "stays"), ("status_history", "stays")}


def open_versions(engine: Engine) -> set[tuple[str, str]]:
    """Which connectors have an open version in the views of history."""
    found = set()
    views = {"connector_history": "connector_history", "connector_status_history": "status_history"}
    with read_only(engine) as connection:
        for view, name in views.items():
            ids = connection.scalars(
                text(f"select connector_id from {view} where valid_to is null")
            )
            found |= {(name, connector_id) for connector_id in ids}
    return found


@pytest.mark.parametrize("answer", [(404, "NotFound"), (403, "Forbidden"), (403, "1020")])
def test_ambiguous_response_counts_only_if_lookups_of_listed_connectors_work(
    engine: Engine, api: FakeApi, account: Account, answer: tuple[int, str]
) -> None:
    """A retired endpoint, or a key or proxy that allows no lookups at all, sends the same."""
    account.connectors = [item("one"), item("goes")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("inventory_runs",))
    del account.connectors[1]
    bare = FakeResponse.error(*answer)
    for control in (bare, FakeResponse.success(item("goes")), FakeResponse.success(None)):
        api.intercept = Lookups(lambda name, control=control: bare if name == "goes" else control)
        assert sync(engine, api_settings(api))["unconfirmed"] == 1
        assert everything(engine, but=("inventory_runs",)) == before
    api.intercept = Lookups(lambda connector_id: bare if connector_id == "goes" else None)
    assert sync(engine, api_settings(api))["removed"] == 1


def test_connector_without_a_response_does_not_block_the_others(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("broken"), item("goes")]
    sync(engine, api_settings(api), ANY_NUMBER)
    del account.connectors[1:]
    api.intercept = Lookups(
        lambda connector_id: FakeResponse.error(500, "Broken") if connector_id == "broken" else None
    )
    for _ in range(100):
        if sync(engine, api_settings(api, attempts=1))["removed"]:
            break
    assert rows(engine, "connectors", "connector_id", "removed_reason")[1] == ("goes", "deleted")


def test_removed_connector_is_not_looked_up_again(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("stays"), item("goes")]
    sync(engine, api_settings(api))
    del account.connectors[1]
    sync(engine, api_settings(api))
    before = everything(engine, but=("inventory_runs",))
    api.intercept = lookups = Lookups(lambda _: None)
    assert sync(engine, api_settings(api))["removed"] == 0
    assert lookups.ids == []
    assert everything(engine, but=("inventory_runs",)) == before


def test_skipped_connector_stays_and_the_looked_up_item_is_merged(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("skipped", paused=False)]
    sync(engine, api_settings(api))
    del account.connectors[1]
    api.intercept = Lookups(lambda _: FakeResponse.success(item("skipped", paused=True)))
    run = sync(engine, api_settings(api))
    assert (run["removed"], run["changed"], run["connectors_seen"]) == (0, 1, 2)
    assert rows(engine, "connectors", "connector_id", "paused", "removed_at") == [
        ("one", False, None),
        ("skipped", True, None),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        FakeResponse(404, b"<html>Not here</html>"),
        FakeResponse(403, b""),
        FakeResponse.error(401, "Unauthorized"),
        FakeResponse.error(400, "InvalidInput"),
        FakeResponse.error(500, "InternalError"),
        FakeResponse.success(item("somebody_else")),
        FakeResponse.success(["no item"]),
        FakeResponse(200, b'{"code": "Success"}'),
        FakeResponse(200, b"{}", truncate_at=1),
    ],
)
def test_unclear_response_leaves_the_connector_as_it_was_and_is_counted(
    engine: Engine, api: FakeApi, account: Account, answer: FakeResponse
) -> None:
    account.connectors = [item("one"), item("unclear")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("inventory_runs",))
    del account.connectors[1]
    api.intercept = Lookups(lambda _: answer)
    run = sync(engine, api_settings(api, attempts=1))
    assert (run["status"], run["removed"], run["unconfirmed"]) == ("succeeded", 0, 1)
    assert everything(engine, but=("inventory_runs",)) == before


def test_lookups_end_if_the_api_does_not_respond(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), *(item(f"gone_{number}") for number in range(4))]
    sync(engine, api_settings(api), ANY_NUMBER)
    del account.connectors[1:]
    api.intercept = lookups = Lookups(lambda _: FakeResponse.error(503, "Unavailable"))
    assert sync(engine, api_settings(api, attempts=1), ANY_NUMBER)["unconfirmed"] == 4
    assert len(lookups.ids) == 1


def test_connector_that_returns_unchanged_gets_a_new_version_after_a_gap(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    clock = FakeClock()
    back = item("back", config={"host": "h"}, setup_tests=[{"title": "t", "status": "PASSED"}])
    lists: list[list[Item]] = [
        [item("one"), back],
        [item("one")],
        [item("one")],
        [item("one"), back],
    ]
    for account.connectors in lists:
        run = sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    assert (run["returned"], run["added"], run["changed"]) == (1, 0, 0)
    for view in ("connector_history", "connector_status_history", "setup_test_history"):
        assert versions_of(engine, view, "back") == [
            (T0, None, T0 + DAY),
            (T0 + 3 * DAY, T0 + 2 * DAY, None),
        ], view
    assert rows(engine, "connectors", "connector_id", "first_seen_at", "removed_at") == [
        ("back", T0, None),
        ("one", T0, None),
    ]


def versions_of(engine: Engine, view: str, connector_id: str) -> list[tuple[object, ...]]:
    instants = {name: UtcDateTime() for name in ("valid_from", "changed_after", "valid_to")}
    wanted = text(f"select {', '.join(instants)} from {view} where connector_id = :id order by 1")
    with read_only(engine) as connection:
        return [
            tuple(row)
            for row in connection.execute(wanted.columns(**instants), {"id": connector_id})
        ]


# --- a list that changes ----------------------------------------------------------------------


class ChangingList:
    """In its first `times` walks, the list shows one connector twice and skips another."""

    def __init__(self, account: Account, times: int) -> None:
        self._account, self._times, self._whole = account, times, account.connectors

    def __call__(self, request: Request) -> None:
        if "limit" in request.query and "cursor" not in request.query:
            self._account.connectors = self._whole
            if self._times > 0:
                first, _skipped, *rest = self._whole
                self._account.connectors = [first, *rest, first]
            self._times -= 1


def test_list_that_changed_during_the_walk_is_walked_again(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api))
    account.connectors = [item("one"), item("two", paused=True), item("three")]
    api.intercept = ChangingList(account, 1)
    run = sync(engine, api_settings(api))
    assert (run["walks"], run["duplicates"], run["unconfirmed"], run["changed"]) == (2, 0, 0, 1)
    assert rows(engine, "connectors", "connector_id", "paused")[2] == ("two", True)
    assert [request.path for request in api.requests if "two" in request.path] == []


def test_nothing_is_removed_if_the_list_changed_during_both_walks(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api))
    account.connectors = [item("one", paused=True), item("two"), item("three")]
    api.intercept = ChangingList(account, 2)
    run = sync(engine, api_settings(api))
    assert (run["status"], run["walks"], run["duplicates"]) == ("succeeded", 2, 1)
    assert (run["removed"], run["unconfirmed"], run["changed"]) == (0, 1, 1)
    assert [request.path for request in api.requests if "two" in request.path] == []
    assert rows(engine, "connectors", "connector_id", "removed_at")[2] == ("two", None)


def test_complete_walk_counts_even_if_it_cannot_be_repeated(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api))
    account.connectors = [item("one", paused=True), item("two"), item("three")]
    changing, walks = ChangingList(account, 1), count(1)

    def intercept(request: Request) -> FakeResponse | None:
        changing(request)
        again = "limit" in request.query and next(walks) > 1
        return FakeResponse.error(503, "Unavailable") if again else None

    api.intercept = intercept
    run = sync(engine, api_settings(api, attempts=1))
    assert (run["status"], run["walks"], run["duplicates"]) == ("succeeded", 2, 1)
    assert (run["removed"], run["unconfirmed"], run["changed"]) == (0, 1, 1)


# --- bounds ---------------------------------------------------------------------------------


def test_lookups_are_bounded_and_every_connector_has_its_turn(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), *(item(f"c{number}") for number in range(8))]
    sync(engine, api_settings(api))
    del account.connectors[1:]
    answer = FakeResponse(404, b"<html>Not here</html>")
    api.intercept = lookups = Lookups(lambda _: answer)
    few = RemovalSettings(accept=True, max_lookups=2)
    while set(lookups.ids) != {f"c{number}" for number in range(8)}:
        before = len(lookups.ids)
        assert sync(engine, api_settings(api), few)["unconfirmed"] == 8
        assert len(lookups.ids) == before + 2 <= 200
    answer = FakeResponse.error(404, "NotFound_Connector")
    for left in (6, 4, 2, 0):
        assert sync(engine, api_settings(api), few)["unconfirmed"] == left


def test_lookups_end_at_the_deadline(engine: Engine, api: FakeApi, account: Account) -> None:
    account.connectors = [item("one"), item("c1"), item("c2"), item("c3")]
    sync(engine, api_settings(api))
    del account.connectors[1:]
    clock = FakeMonotonic()

    def answer(_: str) -> FakeResponse:
        clock.now += 60
        return FakeResponse.error(404, "NotFound_Connector")

    api.intercept = lookups = Lookups(answer)
    settings = api_settings(api, deadline=100)
    run = sync(engine, settings, ANY_NUMBER, http_clock=clock)
    assert (len(lookups.ids), run["removed"], run["unconfirmed"]) == (2, 1, 2)
