"""Details and setup tests in processes of their own: signals, memory, secrets, many connectors."""

import base64
import json
import signal
import threading
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from support.builders import KEY, SECRET, Item, everything, item, measured, rows
from support.details import DetailedAccount, fill, is_details
from support.effort import Effort, few_of
from support.processes import process

from inventory.cli import main
from inventory.demo.fake_api import FakeApi, FakeResponse, Request

PATIENCE = 60  # seconds for what takes a moment
NOTICE = 1.0  # second in which a process ends that is told to


@pytest.fixture
def account() -> DetailedAccount:
    return DetailedAccount()


# --- many ---------------------------------------------------------------------------------------


def test_processes_read_all_details_within_the_budget_and_then_nothing(
    engine: Engine,
    environment: dict[str, str],
    api: FakeApi,
    account: DetailedAccount,
    tried: Effort,
) -> None:
    budget = tried.number(10, 200)
    fill(account, 5 * budget)
    for _ in range(5):
        before = len(api.requests)
        code, said, _ = measured("sync", "--quiet", "--details-budget", str(budget))
        assert (code, said) == (0, "")
        assert sum(map(is_details, api.requests[before:])) == budget
    assert None not in [config for (config,) in rows(engine, "connectors", "config")]
    held = everything(engine, but=("inventory_runs",))
    before = len(api.requests)
    assert measured("sync", "--quiet", "--details-budget", str(budget))[:2] == (0, "")
    assert not any(map(is_details, api.requests[before:]))
    assert everything(engine, but=("inventory_runs",)) == held
    assert rows(engine, "connectors_past") == rows(engine, "connector_status_past") == []


# --- signals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signal_in_the_midst_of_details_ends_the_run_and_merges_nothing(
    engine: Engine,
    environment: dict[str, str],
    api: FakeApi,
    account: DetailedAccount,
    database_url: str,
    sent: signal.Signals,
    method: str,
) -> None:
    fill(account, 30)
    assert measured("sync", "--quiet", "--details", "none")[0] == 0
    before = everything(engine, but=("inventory_runs",))
    account.connectors.append(item("new"))
    reached, released = threading.Semaphore(0), threading.Event()

    def hold(request: Request) -> None:
        if (is_details(request) and method == "GET") or request.method == method == "POST":
            reached.release()
            if not request.path.endswith(("/c1", "/c2")):
                released.wait(PATIENCE)

    api.intercept = hold
    options = ("--details", "all") if method == "GET" else ("--setup-tests", "all")
    running = process(api, database_url, *options)
    try:
        for _ in range(4):
            assert reached.acquire(timeout=PATIENCE)
        assert running.poll() is None
        begun = time.monotonic()
        running.send_signal(sent)
        running.communicate(timeout=PATIENCE)
        assert time.monotonic() - begun < NOTICE * slowness()
    finally:
        released.set()
        running.kill()
        running.communicate()
    assert running.returncode not in (0, -signal.SIGKILL)
    assert everything(engine, but=("inventory_runs",)) == before
    states = rows(engine, "inventory_runs", "run_id", "status", "error_code", "observed_at")
    assert states[-1] == (2, "failed", "interrupted", None)


def slowness() -> float:
    """How many times longer than a quiet machine this one takes to compute something, now."""
    begun = time.monotonic()
    sum(range(2_000_000))
    return max(1.0, (time.monotonic() - begun) / 0.05)


# --- memory -------------------------------------------------------------------------------------


def test_details_need_hardly_more_memory_than_a_plain_run(
    engine: Engine, environment: dict[str, str], account: DetailedAccount, tried: Effort
) -> None:
    number = tried.number(1000, 5000)
    account.connectors = [item(f"c{n}") for n in range(number)]
    account.more = {
        f"c{n}": {"config": {f"option_{name}": f"{n:040}" for name in range(20)}}
        for n in range(number)
    }
    assert measured("sync", "--quiet", "--details", "none")[0] == 0
    for each in account.connectors:
        each["paused"] = True
    code, _, plain = measured("sync", "--quiet", "--details", "none")
    assert code == 0
    for each in account.connectors:
        each["paused"] = False
    code, _, peak = measured("sync", "--quiet", "--details", "all")
    assert code == 0
    assert rows(engine, "inventory_runs", "run_id", "changed", "details_read")[-1] == (
        3,
        number,
        number,
    )
    assert peak < plain + 20


# --- secrets ------------------------------------------------------------------------------------

BASIC = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
ECHO = f"{KEY} {SECRET} Basic {BASIC}"
TOKEN = "zyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.zyJhIjo0NzExfQ.s1gnature_q4711z-of-the-card"
CARDS: dict[str, Any] = {
    "token": {"token": TOKEN, "uri": "https://card.example"},
    "uri": {"uri": f"https://card.example/connect-card/setup?auth={TOKEN}"},
    "text": TOKEN,
    "list": ["x", [TOKEN]],
    "padded": {"token": TOKEN + "=="},
}
SECRETS = (KEY, SECRET, BASIC, "q4711z", "quux-5150")
QUOTES: dict[str, Callable[[str], Item]] = {
    "a new field": lambda quoted: {"new": {"a": json.dumps({"link": quoted})}},
    "config": lambda quoted: {"config": {"links": [f"https://a.example/?auth={quoted}&b=1"]}},
    "a text of config": lambda quoted: {"config": {"note": f"see {quoted}."}},
    "schedule": lambda quoted: {"schedule": {"note": quoted}},
    "sync details": lambda quoted: {"source_sync_details": {"by": [quoted]}},
    "titles": lambda q: {"setup_tests": [{"title": f"{q} {c}"} for c in (q, "b", "b")]},
    "a test": lambda q: {"setup_tests": [{"title": "a", "message": q, "details": {"m": [q]}}]},
    "states": lambda q: {"status": {"tasks": [{"message": q, "details": [q]}], "new": q}},
}
NAMED = {"password": "quux-5150", "api_key": "quux-5150", "private_key": ["quux-5150"]}


@pytest.mark.parametrize(
    ("place", "card", "own"),
    few_of(
        list(product(QUOTES, CARDS, [True, False])),
        [(place, "token", own) for place in QUOTES for own in (True, False)],
    ),
)
def test_card_that_only_details_or_tests_tell_is_not_stored(
    engine: Engine,
    environment: dict[str, str],
    api: FakeApi,
    account: DetailedAccount,
    tmp_path: Path,
    place: str,
    card: str,
    own: bool,
) -> None:
    """The connector quotes its own card or that of another one; both are in details alone."""
    account.connectors = [item("quoting"), item("other")]
    quoting = QUOTES[place](f"{TOKEN} {ECHO}") | {"named": NAMED}
    account.more = {"quoting": quoting, "other": {"config": NAMED}}
    account.more["quoting" if own else "other"]["connect_card"] = CARDS[card]
    said = ""
    for words in (["--details", "all"], ["--details", "none", "--setup-tests", "all"], []):
        result = CliRunner().invoke(main, ["sync", *words, "-vvv", "--debug"])
        assert result.exit_code == 0, result.output
        said += result.output
    assert "GET /v1/" in said
    for shown in (said, repr(everything(engine))):
        assert [secret for secret in SECRETS if secret in shown] == []
    for file in tmp_path.glob("*.db*"):
        content = file.read_bytes().decode("latin-1")
        assert [secret for secret in SECRETS if secret in content] == []
    assert "******" in repr(rows(engine, "connectors", "config", "extra"))


ERRORS: dict[str, FakeResponse] = {
    "a message": FakeResponse(401, json.dumps({"code": "AuthFailed", "message": ECHO}).encode()),
    "a code": FakeResponse(403, json.dumps({"code": ECHO}).encode()),
    "a code that looks like one": FakeResponse(500, json.dumps({"code": BASIC}).encode()),
    "an item": FakeResponse.success({"id": ECHO, "x": ECHO}),
    "what is no JSON": FakeResponse(200, f"<html>{ECHO}".encode()),
    "a redirect": FakeResponse(302, b"", {"Location": f"http://{KEY}:{SECRET}@x/"}),
    "a head": FakeResponse(429, b"", {"Retry-After": ECHO, "X-Rate-Limit-Remaining": ECHO}),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_failure_that_quotes_the_request_is_told_without_its_secrets(
    engine: Engine, environment: dict[str, str], api: FakeApi, account: DetailedAccount, kind: str
) -> None:
    account.connectors = [item("one")]
    assert CliRunner().invoke(main, ["sync", "--details", "none"]).exit_code == 0

    def intercept(request: Request) -> FakeResponse | None:
        return ERRORS[kind] if request.path.count("/") > 2 and "one" in request.path else None

    api.intercept = intercept
    said = ""
    for words in (["sync", "--details", "all"], ["test", "one"]):
        result = CliRunner().invoke(main, [*words, "-vvv", "--debug"])
        said += result.output
    assert "one" in said
    for shown in (said, repr(everything(engine))):
        assert [secret for secret in SECRETS if secret in shown] == []
