"""A run that fails before the API has named its account counts for the account of its key."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import (
    DAY,
    KEY,
    SECRET,
    T0,
    Account,
    FakeClock,
    FakeMonotonic,
    api_settings,
    item,
    rows,
)
from support.processes import process

from inventory import queries
from inventory.db import (
    engine as database,
)
from inventory.db import (
    locks,
    prune,
    redate,
    session,
    verify,
)
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.errors import AlreadyRunningError, InventoryError, RetryableError
from inventory.settings import ApiSettings, Secret
from inventory.sync import run_log
from inventory.sync.run import sync

ONE, TWO = "account_one", "account_two"
REFUSED, AWAY = FakeResponse.error(401, "AuthFailed"), FakeResponse(503, b"")


@contextmanager
def account(name: str, key: str = KEY) -> Iterator[FakeApi]:
    served = Account()
    served.account_id, served.connectors = name, [item(f"{name}_c")]
    with FakeApi(served, key=key, secret=SECRET) as api:
        yield api


def fail(engine: Engine, api: FakeApi, *answers: FakeResponse, **settings: Any) -> None:
    for answer in answers:
        api.intercept = lambda request, answer=answer: answer
        with pytest.raises(InventoryError):
            sync(engine, api_settings(api, **settings), http_clock=FakeMonotonic())
    api.intercept = lambda request: None


def latest(engine: Engine, *columns: str) -> list[tuple[Any, ...]]:
    with session.open_session(engine) as connection:
        found = queries.latest_runs(connection)
    return sorted((tuple(row[name] for name in columns) for row in found), key=repr)


def log(engine: Engine) -> list[tuple[Any, ...]]:
    found = rows(engine, "inventory_runs", "run_id", "account_id", "status", "error_code")
    return [each[1:] for each in sorted(found)]


ATTEMPTS = ("account_id", "last_attempt_status", "failed_attempts")


def test_failure_before_the_account_is_known_counts_for_that_of_its_key(engine: Engine) -> None:
    with account(ONE) as one, account(TWO, "another key") as two:
        for api in (one, two):
            sync(engine, api_settings(api))
        fail(engine, one, REFUSED, AWAY, attempts=3)
    assert latest(engine, *ATTEMPTS) == [(ONE, "failed", 2), (TWO, "succeeded", 0)]
    assert log(engine)[2:] == [
        (ONE, "failed", "authentication"),
        (ONE, "failed", "api_unavailable"),
    ]
    assert sorted(rows(engine, "inventory_runs", "run_id", "requests", "retries"))[2:] == [
        (3, 1, 0),
        (4, 3, 2),
    ]


def test_account_is_known_by_the_key_alone_though_its_secret_is_another(engine: Engine) -> None:
    with account(ONE) as one:
        sync(engine, api_settings(one))
        old = ApiSettings(key=Secret(KEY), secret=Secret("made before"), url=one.url)
        with pytest.raises(InventoryError):
            sync(engine, old)
    assert latest(engine, *ATTEMPTS) == [(ONE, "failed", 1)]
    digests = rows(engine, "inventory_runs", "api_key_digest")
    assert len(set(digests)) == 1
    assert KEY not in repr(digests)


def test_run_is_in_the_log_before_its_first_request(engine: Engine) -> None:
    seen: list[Any] = []

    def look(request: Request) -> FakeResponse:
        clock.now += timedelta(seconds=12)
        seen.append(rows(engine, "inventory_runs", "account_id", "status", "finished_at"))
        seen.append((latest(engine, "account_id"), verify.problems(engine)))
        try:
            redate.redate(engine)
        except RetryableError as error:
            seen.append(str(error).partition(" on ")[0])
        return AWAY

    clock = FakeClock()
    with account(ONE) as one:
        one.intercept = look
        with pytest.raises(InventoryError):
            sync(engine, api_settings(one, attempts=1), clock=clock)
    assert seen == [
        [(None, "running", None)],
        ([], []),
        "A run of this API key",  # whose deadline has passed, as the calendar is an old one
    ]
    assert rows(engine, "inventory_runs", "status", "started_at", "finished_at") == [
        ("failed", T0, T0 + timedelta(seconds=12))
    ]


def test_failures_of_an_unknown_key_have_a_row_of_their_own_until_it_is_known(
    engine: Engine,
) -> None:
    with account(ONE) as one, account(TWO, "another key") as two:
        sync(engine, api_settings(one))
        fail(engine, two, REFUSED, AWAY, attempts=1)
        assert latest(engine, *ATTEMPTS, "is_overdue", "observed_at")[1:] == [
            (None, "failed", 2, True, None)
        ]
        fail(engine, one, AWAY, attempts=1)
        assert latest(engine, *ATTEMPTS) == [(ONE, "failed", 1), (None, "failed", 2)]
        sync(engine, api_settings(two))
    assert latest(engine, *ATTEMPTS) == [(ONE, "failed", 1), (TWO, "succeeded", 0)]
    assert [account_id for account_id, *_ in log(engine)] == [ONE, TWO, TWO, ONE, TWO]


def test_failures_of_an_unknown_key_are_forgotten_after_a_day(engine: Engine) -> None:
    """The key may have been mistyped: then no run will ever say whose it was."""
    with database.read_only(engine) as connection:
        now = database.now(connection)
    for age, shown in ((timedelta(days=1, minutes=1), []), (timedelta(hours=23), [(None, 1)])):
        with database.transaction(engine) as connection:
            run_log.record_failure(
                connection,
                None,
                RetryableError("x"),
                lambda _, at=now - age: at,
                api_key_digest="d",
            )
        assert latest(engine, "account_id", "failed_attempts") == shown


def test_account_that_is_named_is_known_from_the_start(engine: Engine) -> None:
    with account(ONE) as one:
        fail(engine, one, REFUSED, account="mine")
        fail(engine, one, REFUSED)
    assert log(engine) == [("mine", "failed", "authentication")] * 2


def test_key_that_moved_to_another_account_is_reported_and_trusted(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with account(ONE) as one, account(TWO) as two:
        sync(engine, api_settings(one))
        with caplog.at_level(logging.WARNING):
            sync(engine, api_settings(two))
            sync(engine, api_settings(two))
        fail(engine, two, REFUSED)
    [warning] = caplog.messages
    assert warning.startswith(
        f"The API key is one of account {TWO} now, and was one of account {ONE}"
    )
    assert latest(engine, *ATTEMPTS) == [(ONE, "succeeded", 0), (TWO, "failed", 1)]
    assert len(rows(engine, "connectors")) == 2


def test_run_killed_before_it_knew_its_account_is_marked_crashed_by_the_next(
    engine: Engine, database_url: str
) -> None:
    requested = threading.Event()

    def hang(request: Request) -> None:
        requested.set()
        threading.Event().wait(1)

    with account(ONE) as one:
        sync(engine, api_settings(one))
        one.intercept = hang
        job = process(one, database_url)
        assert requested.wait(60)
        job.kill()
        job.communicate()
        [problem] = verify.problems(engine)
        assert (problem.table, problem.example) == (
            "inventory_runs",
            "unknown account",
        )
        fail(engine, one, REFUSED)
    assert log(engine) == [
        (ONE, "succeeded", None),
        (ONE, "crashed", "crashed"),
        (ONE, "failed", "authentication"),
    ]
    assert latest(engine, *ATTEMPTS) == [(ONE, "failed", 2)]


def test_run_of_an_unused_key_is_marked_crashed_after_its_deadline(
    engine: Engine,
) -> None:
    """Nothing else would end it: its account is unknown, and its key is gone."""
    start = datetime.now(UTC) - timedelta(minutes=15)
    overdue, due = timedelta(minutes=13), timedelta(minutes=15)  # a busy host has a minute more
    for account_id, digest, lasts in ((None, "a", overdue), (None, "b", due), (TWO, "c", overdue)):
        with database.transaction(engine) as connection:
            run_log.start(connection, account_id, lambda _: start, lasts.total_seconds(), digest)
    assert len(verify.problems(engine)) == 3
    with account(ONE) as one:
        with locks.key_lock(engine, "a"):  # it hangs
            sync(engine, api_settings(one))
        assert [status for _, status, _ in log(engine)[:3]] == ["running", "running", "crashed"]
        sync(engine, api_settings(one))
    assert [status for _, status, _ in log(engine)[:3]] == ["crashed", "running", "crashed"]
    assert latest(engine, *ATTEMPTS) == [
        (ONE, "succeeded", 0),
        (TWO, "crashed", 1),
        (None, "crashed", 1),
    ]
    assert [problem.example for problem in verify.problems(engine)] == ["unknown account"]


def test_run_of_another_key_is_not_marked_crashed(engine: Engine) -> None:
    def start(digest: str) -> None:
        with database.transaction(engine) as connection:
            run_log.start(connection, None, database.now, 900, digest)

    for digest in ("a", "b", "a"):
        start(digest)
    assert [status for _, status, _ in log(engine)] == ["crashed", "running", "running"]


def test_prune_keeps_the_run_that_names_the_account_of_a_key(engine: Engine) -> None:
    calendar = FakeClock()
    calendar.now = T0 - 400 * DAY
    with account(ONE) as one, account(ONE, "another key") as same:
        for api in (one, one, same, same):
            sync(engine, api_settings(api), clock=calendar)
            calendar.pass_a_day()
        prune.prune(engine, timedelta(days=35))
        assert [run_id for (run_id,) in sorted(rows(engine, "inventory_runs", "run_id"))] == [
            1,
            2,
            4,
        ]
        fail(engine, one, REFUSED)
    assert log(engine)[-1][0] == ONE


def test_refused_run_is_withdrawn_before_the_next_run_of_its_key_can_begin(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise that one would find it left running, and mark it as crashed."""
    keys: list[str] = []
    withdraw = run_log.withdraw

    def withdraw_then_try(connection: Any, run_id: int) -> None:
        [digest] = [row[0] for row in rows(engine, "inventory_runs", "api_key_digest")]
        with pytest.raises(AlreadyRunningError), locks.key_lock(engine, digest):
            pass
        keys.append(digest)
        withdraw(connection, run_id)

    monkeypatch.setattr(run_log, "withdraw", withdraw_then_try)
    with account(ONE) as api, locks.lock(engine, ONE), pytest.raises(AlreadyRunningError):
        sync(engine, api_settings(api))
    assert len(keys) == 1
    assert rows(engine, "inventory_runs") == []
