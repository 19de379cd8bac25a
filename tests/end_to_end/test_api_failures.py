"""A run that fails changes nothing but the run log, whatever fails and whenever."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from support import endless
from support.builders import (
    KEY,
    SECRET,
    Account,
    api_settings,
    everything,
    item,
    rows,
)
from support.effort import few_of

from inventory.db import locks
from inventory.db.engine import is_sqlite, now, transaction
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.errors import (
    AlreadyRunningError,
    InventoryError,
    RunInterruptedError,
    RunSupersededError,
    UnexpectedResponseError,
)
from inventory.sync import run_log
from inventory.sync.run import sync

FAULTS = {
    "unauthorized": (FakeResponse.error(401, "AuthFailed"), 2),
    "forbidden": (FakeResponse.error(403, "Forbidden"), 2),
    "bad_request": (FakeResponse.error(400, "InvalidInput"), 2),
    "not_acceptable": (FakeResponse.error(406, "NotAcceptable"), 2),
    "redirect": (FakeResponse(302, b"", {"Location": "http://127.0.0.1:9/v1/connectors"}), 2),
    "rate_limit": (FakeResponse.error(429, "TooManyRequests"), 1),
    "long_rate_limit": (FakeResponse.error(429, "TooManyRequests", Retry_After="3600"), 1),
    "server_error": (FakeResponse.error(500, "InternalError"), 1),
    "html_error": (FakeResponse(502, b"<html>Bad gateway</html>"), 1),
    "empty_error": (FakeResponse(503, b""), 1),
    "other_code": (FakeResponse.error(200, "Failure"), 1),
    "html": (FakeResponse(200, b"<html>Log in</html>"), 1),
    "broken_off": (
        FakeResponse(200, b'{"code": "Success", "data": {"items": []}}', truncate_at=20),
        1,
    ),
    "no_object": (FakeResponse(200, b"[]"), 3),
    "no_data": (FakeResponse(200, b'{"code": "Success"}'), 3),
    "no_items": (FakeResponse.success({"next_cursor": "x"}), 3),
    "items_no_list": (FakeResponse.success({"items": {"id": "one"}}), 3),
    "two_cursors": (FakeResponse.success({"items": [], "next_cursor": "a", "nextCursor": "b"}), 3),
    "item_without_id": (FakeResponse.success({"items": [item("fine"), {"service": "s3"}]}), 3),
    "item_with_null_id": (FakeResponse.success({"items": [{"id": None}]}), 3),
    "item_no_object": (FakeResponse.success({"items": ["one"]}), 3),
}


def held(engine: Engine, api: FakeApi, account: Account) -> dict[str, object]:
    """Let a good run fill the tables, change the account in every way, and return what is held."""
    account.connectors = [item(f"c{number}") for number in range(6)]
    sync(engine, api_settings(api))
    account.connectors = [item(f"c{number}", paused=True) for number in range(3, 9)]
    return everything(engine, but=("inventory_runs",))


# Half of the faults, and each page with a third of these.
SOME = [(fault, 1 + place % 3) for place, fault in enumerate([*FAULTS][::2])]
ALL = [(fault, page) for fault in FAULTS for page in (1, 2, 3)]


@pytest.mark.parametrize(("fault", "page"), few_of(ALL, SOME))
def test_fault_on_any_page_leaves_every_table_but_the_run_log(
    engine: Engine, api: FakeApi, account: Account, fault: str, page: int
) -> None:
    before = held(engine, api, account)
    answer, exit_code = FAULTS[fault]
    api.intercept = OnPage(page, lambda: answer)
    with pytest.raises(InventoryError) as error:
        sync(engine, api_settings(api, page_size=2, attempts=1))
    assert error.value.exit_code == exit_code
    assert everything(engine, but=("inventory_runs",)) == before
    log = rows(engine, "inventory_runs", "run_id", "status", "observed_at", "error_code")
    assert log[1] == (2, "failed", None, error.value.code)
    assert_no_secret(str(error.value))
    api.intercept = lambda request: None
    assert sync(engine, api_settings(api))["status"] == "succeeded"


class OnPage:
    """Answers in the place of a page; every other request goes through."""

    def __init__(self, page: int, act: Callable[[], FakeResponse | None]) -> None:
        self._page, self._act, self._pages = page, act, 0

    def __call__(self, request: Request) -> FakeResponse | None:
        if not request.path.endswith(("/connectors", "/connections")):
            return None
        self._pages += 1
        return self._act() if self._pages == self._page else None


def assert_no_secret(words: str) -> None:
    assert KEY not in words
    assert SECRET not in words


def test_404_on_the_first_page_of_both_lists_is_no_empty_account(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    before = held(engine, api, account)
    api.intercept = lambda request: (
        None if request.path.endswith("info") else FakeResponse.error(404, "NotFound")
    )
    with pytest.raises(InventoryError, match="not an empty account") as error:
        sync(engine, api_settings(api))
    assert error.value.exit_code == 2
    assert everything(engine, but=("inventory_runs",)) == before


def test_repeated_cursor_fails_the_run(engine: Engine, api: FakeApi, account: Account) -> None:
    before = held(engine, api, account)
    looping = FakeResponse.success({"items": [item("c1")], "next_cursor": "again"})
    api.intercept = lambda request: looping if "limit" in request.query else None
    with pytest.raises(UnexpectedResponseError, match="cursor"):
        sync(engine, api_settings(api))
    assert everything(engine, but=("inventory_runs",)) == before


def test_account_that_cannot_be_asked_for_must_be_named(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one")]
    api.intercept = lambda request: (
        FakeResponse.error(403, "Forbidden") if request.path.endswith("/info") else None
    )
    with pytest.raises(InventoryError, match="--account NAME"):
        sync(engine, api_settings(api))
    assert rows(engine, "inventory_runs", "status", "account_id") == [("failed", None)]
    api.requests.clear()
    assert sync(engine, api_settings(api, account="mine"))["account_id"] == "mine"
    paths = [request.path for request in api.requests]
    assert paths[0] == "/v1/connectors"
    assert "/v1/account/info" not in paths


@pytest.mark.parametrize(
    "table", ["connectors_past", "connector_status", "warnings", "sync_outcomes", "inventory_runs"]
)
def test_database_that_refuses_in_the_middle_of_the_merge_keeps_nothing_of_it(
    engine: Engine, api: FakeApi, account: Account, table: str
) -> None:
    account.connectors = [item(f"c{number}") for number in range(6)]
    sync(engine, api_settings(api))
    before = everything(engine, but=("inventory_runs",))
    for each in account.connectors:
        each.update(item(each["id"], paused=True, failed_at="2026-11-21T00:00:00Z"))
        each["status"]["warnings"] = [{"code": "w"}]
    refuse_writes(engine, table)
    with pytest.raises(InventoryError):
        sync(engine, api_settings(api))
    assert everything(engine, but=("inventory_runs",)) == before
    assert rows(engine, "inventory_runs", "run_id", "status")[1] == (2, "failed")


def refuse_writes(engine: Engine, table: str) -> None:
    """Make the database refuse a row of a table, as a full disk would: late and without warning."""
    event = "update" if table == "inventory_runs" else "insert or update"
    when = "new.status = 'succeeded'" if table == "inventory_runs" else "true"
    with transaction(engine) as connection:
        if is_sqlite(engine):
            for verb in event.split(" or "):
                connection.exec_driver_sql(
                    f"create trigger refuse_{verb} before {verb} on {table} when {when} "
                    "begin select raise(abort, 'no space left'); end"
                )
            return
        connection.execute(
            text(
                "create function refuse() returns trigger language plpgsql as "
                "$$ begin raise exception 'no space left'; end $$"
            )
        )
        connection.exec_driver_sql(
            f"create trigger refuse before {event} on {table} for each row "
            f"when ({when}) execute function refuse()"
        )


def test_interrupt_in_the_middle_of_the_walk_marks_the_run(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    before = held(engine, api, account)

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.2)  # the answer must not be there before the signal

    api.intercept = OnPage(2, interrupt)
    with pytest.raises(InventoryError) as error:
        sync(engine, api_settings(api, page_size=2))
    assert (error.value.code, error.value.exit_code) == ("interrupted", 1)
    assert everything(engine, but=("inventory_runs",)) == before
    assert rows(engine, "inventory_runs", "run_id", "status", "error_code")[1] == (
        2,
        "failed",
        "interrupted",
    )


# A look-up that does not end; by itself it would not end either where a signal comes.
HANG = """
import socket, sys, threading
from inventory.__main__ import run
socket.getaddrinfo = lambda *_, **__: (print("reached", flush=True), threading.Event().wait(60))
run()
"""


@pytest.mark.parametrize(
    ("name", "place", "number"),
    [
        *(("silence", place, signal.SIGINT) for place in ("account", "page 1", "page 2")),
        ("silence", "page 2", signal.SIGTERM),
        ("trailers", "page 2", signal.SIGINT),
        ("dripping extension", "page 1", signal.SIGTERM),
    ],
)
def test_signal_ends_a_run_at_once_that_waits_for_an_answer(
    name: str, place: str, number: int, environment: dict[str, str]
) -> None:
    with endless.server(endless.ALL[name], endless.PLACES[place]) as server:
        url = f"http://127.0.0.1:{server.port}"
        known = () if place == "account" else ("--account", "a")
        with waiting_run("-m", "inventory", "sync", *LONG, *known, FIVETRAN_API_URL=url) as process:
            assert server.reached.acquire(timeout=30)
            assert_ends_by(process, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_run_at_once_that_waits_for_a_name(
    number: int, environment: dict[str, str]
) -> None:
    with waiting_run("-c", HANG, "sync", *LONG) as process:
        assert process.stdout.readline() == "reached\n"
        assert_ends_by(process, number)


LONG = ("--quiet", "--deadline", "600", "--read-timeout", "600", "--max-response-mb", "1000000")


@contextmanager
def waiting_run(*words: str, **variables: str) -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, *words],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def assert_ends_by(process: Any, number: int) -> None:
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.count("\n"), "Interrupted" in said) == (1, 1, True), said


def test_interrupt_at_any_answer_in_the_merge_ends_and_marks_the_run(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Where a connection that is closed would go on with its answer, and keep its lock."""
    account.connectors = [item("one"), item("two")]
    sync(engine, api_settings(api))
    left: list[int] = []  # answers until the interrupt; none = it does not come

    def interrupt(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if left and statement.lstrip().upper().startswith("SELECT"):
            left[0] -= 1
            if left[0] == 0:
                left.clear()
                raise KeyboardInterrupt

    event.listen(engine, "after_cursor_execute", interrupt)
    for place in range(1, 6):
        before = everything(engine, but=("inventory_runs",))
        account.connectors[0]["paused"] = not account.connectors[0]["paused"]
        with pytest.raises(RunInterruptedError):
            sync(engine, api_settings(api), on_page=lambda *_, place=place: left.append(place))
        assert everything(engine, but=("inventory_runs",)) == before
    statuses = [status for _, status in rows(engine, "inventory_runs", "run_id", "status")]
    assert sorted(statuses) == ["failed"] * 5 + ["succeeded"]


def test_log_that_lost_the_row_of_a_run_gets_another(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Somebody has put a copy of the database back, or cleaned up, while it was at work."""
    before = held(engine, api, account)

    def purge(_: int, __: int) -> None:
        with transaction(engine) as connection:
            connection.execute(text("delete from inventory_runs where status = 'running'"))

    with pytest.raises(RunSupersededError):
        sync(engine, api_settings(api), on_page=purge)
    assert everything(engine, but=("inventory_runs",)) == before
    assert [status for _, status in rows(engine, "inventory_runs", "run_id", "status")] == [
        "succeeded",
        "failed",
    ]


def test_row_that_says_succeeded_of_another_life_is_not_believed(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    before = held(engine, api, account)

    def replace(_: int, __: int) -> None:
        with transaction(engine) as connection:
            connection.execute(text("update inventory_runs set status = 'succeeded'"))

    with pytest.raises(RunSupersededError):
        sync(engine, api_settings(api), on_page=replace)
    assert everything(engine, but=("inventory_runs",)) == before


def test_run_that_meets_another_one_is_refused_and_leaves_no_row(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one")]
    with locks.lock(engine, account.account_id), pytest.raises(AlreadyRunningError) as error:
        sync(engine, api_settings(api))
    assert error.value.exit_code == 1
    assert rows(engine, "inventory_runs") == []
    sync(engine, api_settings(api))
    assert rows(engine, "inventory_runs", "status") == [("succeeded",)]


def test_run_that_was_killed_is_shown_as_crashed_by_the_next(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    with transaction(engine) as connection:
        run_log.start(connection, account.account_id, now)
    sync(engine, api_settings(api))
    assert rows(engine, "inventory_runs", "run_id", "status", "error_code") == [
        (1, "crashed", "crashed"),
        (2, "succeeded", None),
    ]


def test_bug_marks_the_run_and_says_nothing_of_its_text(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one")]

    def stumble(seen: int, held: int) -> None:
        raise RuntimeError(f"it was {SECRET}")

    with pytest.raises(InventoryError) as error:
        sync(engine, api_settings(api), on_page=stumble)
    assert (error.value.code, error.value.exit_code) == ("internal_error", 3)
    assert_no_secret(json.dumps(rows(engine, "inventory_runs"), default=str))


def test_credentials_of_the_connect_card_reach_no_table(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [
        item(
            "one",
            connect_card={"token": "tok-1234", "uri": "https://card.example/?auth=uri-1234"},
            config={"password": "pass-1234", "deep": [{"api_key": {"value": "key-1234"}}]},
            connect_card_config={"redirect_uri": "https://ours.example", "secret": "sec-1234"},
            novelty={"access_token": "new-1234"},
        )
    ]
    sync(engine, api_settings(api))
    stored = repr(everything(engine))
    assert "1234" not in stored
    assert "https://ours.example" in stored
    assert "******" in stored
