"""Connectors that a complete walk did not show: asked for by id before anything is concluded."""

from collections.abc import Callable
from itertools import count

import pytest
from sqlalchemy import Engine, text
from worlds import DAY, T0, Account, Calendar, Item, Patience, api_settings, everything, item, rows

from inventory import database
from inventory.columns import UtcDateTime
from inventory.settings import RemovalSettings
from inventory.standin import Answer, Request, StandIn
from inventory.sync import sync

ANY_NUMBER = RemovalSettings(accept=True)


class Asked:
    """Answers questions about single connectors, and keeps them; the list is left alone."""

    def __init__(self, answer: Callable[[str], Answer | None]) -> None:
        self.ids: list[str] = []
        self._answer = answer

    def __call__(self, request: Request) -> Answer | None:
        _, connector_id = request.path.rsplit("/", 1)
        if connector_id in ("info", "connectors"):
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
def test_missing_connector_is_removed_on_the_word_of_the_api(
    engine: Engine, api: StandIn, account: Account, status: int, code: str, reason: str
) -> None:
    clock = Calendar()
    warning = {"code": "w", "message": "m"}
    account.connectors = [item("stays"), item("goes", status={"warnings": [warning]})]
    sync(engine, api_settings(api), clock=clock)
    clock.pass_a_day()
    del account.connectors[1]
    gone = Answer.error(status, code)
    api.intercept = asked = Asked(lambda connector_id: gone if connector_id == "goes" else None)
    run = sync(engine, api_settings(api), clock=clock)
    assert asked.ids[0] == "goes"
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
    with database.reading(engine) as connection:
        for view, name in views.items():
            ids = connection.scalars(
                text(f"select connector_id from {view} where valid_to is null")
            )
            found |= {(name, connector_id) for connector_id in ids}
    return found


@pytest.mark.parametrize("answer", [(404, "NotFound"), (403, "Forbidden"), (403, "1020")])
def test_answer_that_may_be_about_the_path_counts_only_where_single_ones_are_served(
    engine: Engine, api: StandIn, account: Account, answer: tuple[int, str]
) -> None:
    """A retired endpoint, and a key or a proxy that lets nobody read a single one, say it too."""
    account.connectors = [item("one"), item("goes")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("sync_runs",))
    del account.connectors[1]
    bare = Answer.error(*answer)
    for control in (bare, Answer.success(item("goes")), Answer.success(None)):
        api.intercept = Asked(lambda asked, control=control: bare if asked == "goes" else control)
        assert sync(engine, api_settings(api))["unconfirmed"] == 1
        assert everything(engine, but=("sync_runs",)) == before
    api.intercept = Asked(lambda connector_id: bare if connector_id == "goes" else None)
    assert sync(engine, api_settings(api))["removed"] == 1


def test_one_that_has_no_answer_does_not_keep_the_others_for_ever(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), item("broken"), item("goes")]
    sync(engine, api_settings(api), ANY_NUMBER)
    del account.connectors[1:]
    api.intercept = Asked(
        lambda connector_id: Answer.error(500, "Broken") if connector_id == "broken" else None
    )
    for _ in range(100):
        if sync(engine, api_settings(api, attempts=1))["removed"]:
            break
    assert rows(engine, "connectors", "connector_id", "removed_reason")[1] == ("goes", "deleted")


def test_removed_connector_is_not_asked_for_again(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("stays"), item("goes")]
    sync(engine, api_settings(api))
    del account.connectors[1]
    sync(engine, api_settings(api))
    before = everything(engine, but=("sync_runs",))
    api.intercept = asked = Asked(lambda _: None)
    assert sync(engine, api_settings(api))["removed"] == 0
    assert asked.ids == []
    assert everything(engine, but=("sync_runs",)) == before


def test_skipped_live_connector_stays_and_its_answer_is_its_item(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), item("skipped", paused=False)]
    sync(engine, api_settings(api))
    del account.connectors[1]
    api.intercept = Asked(lambda _: Answer.success(item("skipped", paused=True)))
    run = sync(engine, api_settings(api))
    assert (run["removed"], run["changed"], run["connectors_seen"]) == (0, 1, 2)
    assert rows(engine, "connectors", "connector_id", "paused", "removed_at") == [
        ("one", False, None),
        ("skipped", True, None),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b"<html>Not here</html>"),
        Answer(403, b""),
        Answer.error(401, "Unauthorized"),
        Answer.error(400, "InvalidInput"),
        Answer.error(500, "InternalError"),
        Answer.success(item("somebody_else")),
        Answer.success(["no item"]),
        Answer(200, b'{"code": "Success"}'),
        Answer(200, b"{}", cut=1),
    ],
)
def test_unclear_answer_leaves_the_connector_as_it_was_and_is_counted(
    engine: Engine, api: StandIn, account: Account, answer: Answer
) -> None:
    account.connectors = [item("one"), item("unclear")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("sync_runs",))
    del account.connectors[1]
    api.intercept = Asked(lambda _: answer)
    run = sync(engine, api_settings(api, attempts=1))
    assert (run["status"], run["removed"], run["unconfirmed"]) == ("succeeded", 0, 1)
    assert everything(engine, but=("sync_runs",)) == before


def test_no_further_question_is_put_to_an_api_that_gives_no_answer(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), *(item(f"gone_{number}") for number in range(4))]
    sync(engine, api_settings(api), ANY_NUMBER)
    del account.connectors[1:]
    api.intercept = asked = Asked(lambda _: Answer.error(503, "Unavailable"))
    assert sync(engine, api_settings(api, attempts=1), ANY_NUMBER)["unconfirmed"] == 4
    assert len(asked.ids) == 1


def test_connector_that_returns_unchanged_gets_a_new_version_after_a_gap(
    engine: Engine, api: StandIn, account: Account
) -> None:
    clock = Calendar()
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
    with database.reading(engine) as connection:
        return [
            tuple(row)
            for row in connection.execute(wanted.columns(**instants), {"id": connector_id})
        ]


# --- a list that moves ----------------------------------------------------------------------


class Moving:
    """The list shows one connector twice in its first `times` walks, and skips another."""

    def __init__(self, account: Account, times: int) -> None:
        self._account, self._times, self._whole = account, times, account.connectors

    def __call__(self, request: Request) -> None:
        if "limit" in request.query and "cursor" not in request.query:
            self._account.connectors = self._whole
            if self._times > 0:
                first, _skipped, *rest = self._whole
                self._account.connectors = [first, *rest, first]
            self._times -= 1


def test_list_that_moved_is_walked_once_more(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api))
    account.connectors = [item("one"), item("two", paused=True), item("three")]
    api.intercept = Moving(account, 1)
    run = sync(engine, api_settings(api))
    assert (run["walks"], run["duplicates"], run["unconfirmed"], run["changed"]) == (2, 0, 0, 1)
    assert rows(engine, "connectors", "connector_id", "paused")[2] == ("two", True)
    assert [request.path for request in api.requests if "two" in request.path] == []


def test_nothing_is_removed_where_the_list_moved_twice(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api))
    account.connectors = [item("one", paused=True), item("two"), item("three")]
    api.intercept = Moving(account, 2)
    run = sync(engine, api_settings(api))
    assert (run["status"], run["walks"], run["duplicates"]) == ("succeeded", 2, 1)
    assert (run["removed"], run["unconfirmed"], run["changed"]) == (0, 1, 1)
    assert [request.path for request in api.requests if "two" in request.path] == []
    assert rows(engine, "connectors", "connector_id", "removed_at")[2] == ("two", None)


def test_complete_walk_counts_even_if_it_cannot_be_repeated(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api))
    account.connectors = [item("one", paused=True), item("two"), item("three")]
    moving, walks = Moving(account, 1), count(1)

    def intercept(request: Request) -> Answer | None:
        moving(request)
        again = "limit" in request.query and next(walks) > 1
        return Answer.error(503, "Unavailable") if again else None

    api.intercept = intercept
    run = sync(engine, api_settings(api, attempts=1))
    assert (run["status"], run["walks"], run["duplicates"]) == ("succeeded", 2, 1)
    assert (run["removed"], run["unconfirmed"], run["changed"]) == (0, 1, 1)


# --- bounds ---------------------------------------------------------------------------------


def test_questions_are_bounded_and_no_one_waits_for_ever(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one"), *(item(f"c{number}") for number in range(8))]
    sync(engine, api_settings(api))
    del account.connectors[1:]
    answer = Answer(404, b"<html>Not here</html>")
    api.intercept = asked = Asked(lambda _: answer)
    few = RemovalSettings(accept=True, max_questions=2)
    while set(asked.ids) != {f"c{number}" for number in range(8)}:
        questions = len(asked.ids)
        assert sync(engine, api_settings(api), few)["unconfirmed"] == 8
        assert len(asked.ids) == questions + 2 <= 200
    answer = Answer.error(404, "NotFound_Connector")
    for left in (6, 4, 2, 0):
        assert sync(engine, api_settings(api), few)["unconfirmed"] == left


def test_questions_end_with_the_deadline(engine: Engine, api: StandIn, account: Account) -> None:
    account.connectors = [item("one"), item("c1"), item("c2"), item("c3")]
    sync(engine, api_settings(api))
    del account.connectors[1:]
    clock = Patience()

    def answer(_: str) -> Answer:
        clock.now += 60
        return Answer.error(404, "NotFound_Connector")

    api.intercept = asked = Asked(answer)
    settings = api_settings(api, deadline=100)
    run = sync(engine, settings, ANY_NUMBER, http_clock=clock)
    assert (len(asked.ids), run["removed"], run["unconfirmed"]) == (2, 1, 2)
