"""Setup tests are run on request: which ones, what their answers change, and what they leave."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import T0, FakeClock, api_settings, contents, everything, item, rows
from support.details import LOGIN_FAILED, DetailedAccount, Runs, fill, one, query

from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import EnrichmentSettings
from inventory.sync.preview import preview

SOON = timedelta(minutes=15)
PASSED = {"title": "Connecting to host", "status": "PASSED", "message": ""}
BROKEN = {"setup_state": "broken"}


@pytest.fixture
def account() -> DetailedAccount:
    return DetailedAccount(
        item("healthy", setup_tests=[PASSED]),
        item("broken", status=BROKEN),
        item("failing", failed_at="2026-11-20T02:00:00Z"),
        item("incomplete", status={"setup_state": "incomplete"}),
        item("paused", paused=True, status=BROKEN),
        item("delayed", status={"update_state": "delayed"}),
    )


@pytest.fixture
def run(engine: Engine, api: FakeApi, clock: FakeClock) -> Runs:
    runs = Runs(engine, api, clock)
    runs(details="none")
    clock.now += SOON
    return runs


def results_of(engine: Engine, connector_id: str) -> list[tuple[Any, ...]]:
    found = rows(engine, "setup_tests", "connector_id", "title", "status", "message")
    return [row[1:] for row in found if row[0] == connector_id]


# --- which ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setup_tests", "asked"),
    [
        ("none", []),
        ("down", ["broken", "failing", "incomplete"]),
        ("all", ["broken", "delayed", "failing", "healthy", "incomplete"]),
    ],
)
def test_only_those_that_are_wanted_and_not_paused_are_tested(
    run: Runs, api: FakeApi, setup_tests: str, asked: list[str]
) -> None:
    report = run(details="none", setup_tests=setup_tests)
    assert (sorted(run.tested), report["tested"]) == (asked, len(asked))
    posts = [each for each in api.requests if each.method != "GET"]
    assert {(each.method, each.body) for each in posts} <= {("POST", b"{}")}
    assert {each.path for each in posts} == {f"/v1/connectors/{name}/test" for name in asked}
    assert not any(each.query for each in posts)


@pytest.mark.parametrize(
    "state", [{"paused": True}, {"paused": "true"}, None], ids=["paused", "as text", "gone"]
)
def test_connector_that_this_run_finds_paused_or_gone_is_not_tested(
    run: Runs, account: DetailedAccount, state: dict[str, Any] | None
) -> None:
    if state:
        account.change("broken", **state)
    else:
        account.connectors = [each for each in account.connectors if each["id"] != "broken"]
    run(details="none", setup_tests="down")
    assert sorted(run.tested) == ["failing", "incomplete"]


def test_named_connectors_are_tested_beside_those_that_are_down(run: Runs) -> None:
    run(details="none", setup_tests="down", tested=frozenset({"healthy", "paused"}))
    assert sorted(run.tested) == ["broken", "failing", "healthy", "incomplete"]


def test_budget_bounds_the_tests_but_not_the_named_ones(run: Runs) -> None:
    """Those tested longest ago are next."""
    report = run(
        details="none", setup_tests="down", details_budget=1, tested=frozenset({"healthy"})
    )
    seen = {*run.tested}
    assert (report["tested"], "healthy" in seen, len(seen)) == (2, True, 2)
    for _ in range(2):
        run.clock.now += SOON
        run(details="none", setup_tests="down", details_budget=1)
        assert len(run.tested) == 1
        seen |= {*run.tested}
    assert seen == {"healthy", "broken", "failing", "incomplete"}


def test_tested_connector_needs_no_details(run: Runs, account: DetailedAccount) -> None:
    account.more = {each["id"]: {"config": {"a": 1}} for each in account.connectors}
    run(setup_tests="down")
    assert sorted(run.read) == ["delayed", "healthy", "paused"]
    configs = rows(run.engine, "connectors", "config")
    assert configs == [({"a": 1},)] * 6


def test_dry_run_tests_nothing(run: Runs, api: FakeApi, engine: Engine) -> None:
    before = everything(engine)
    for settings in (
        EnrichmentSettings(setup_tests="all"),
        EnrichmentSettings(tested=frozenset({"broken"})),
    ):
        preview(engine, api_settings(api), enrichment=settings)
    assert {each.method for each in api.requests} == {"GET"}
    assert everything(engine) == before


# --- what the answers change --------------------------------------------------------------------


def test_results_replace_the_stored_ones_with_history(
    run: Runs, account: DetailedAccount, engine: Engine
) -> None:
    account.results["healthy"] = {"setup_tests": [LOGIN_FAILED]}
    run(details="none", tested=frozenset({"healthy"}))
    assert results_of(engine, "healthy") == [
        ("Validate Login", "FAILED", "Invalid login credentials")
    ]
    [past] = contents(engine)["setup_tests_past"]
    assert (past["title"], past["valid_from"], past["valid_to"]) == (
        "Connecting to host",
        T0,
        T0 + SOON,
    )
    assert one(engine, "healthy")["tested_at"] == T0 + SOON
    assert one(engine, "broken")["tested_at"] is None


def test_failed_test_is_the_reason_that_is_shown(
    run: Runs, account: DetailedAccount, engine: Engine
) -> None:
    account.results["broken"] = {"setup_tests": [PASSED, LOGIN_FAILED]}
    run.clock.now = datetime.now(UTC)  # the view compares with the time of the database
    run(details="none", setup_tests="down")
    [(reason,)] = query(engine, "select reason from connector_health where connector_id = 'broken'")
    assert "test Validate Login: Invalid login credentials" in reason
    assert "Connecting to host" not in reason


def test_states_of_the_answer_count_until_the_next_list_item(
    run: Runs, account: DetailedAccount, engine: Engine, clock: FakeClock
) -> None:
    """The list may lag behind; but what it tells next is read, even if it is the same item."""
    account.results["broken"] = {
        "setup_tests": [PASSED],
        "status": {"setup_state": "connected", "tasks": [{"code": "t"}], "warnings": []},
    }
    run(details="none", setup_tests="down")
    assert one(engine, "broken", "connector_status")["setup_state"] == "connected"
    assert [row[0] for row in rows(engine, "tasks", "connector_id")] == ["broken"]
    clock.now += SOON
    run(details="none")
    assert one(engine, "broken", "connector_status")["setup_state"] == "broken"
    assert rows(engine, "tasks") == []
    assert results_of(engine, "broken") == [("Connecting to host", "PASSED", "")]
    before = everything(engine, but=("inventory_runs",))
    clock.now += SOON
    run(details="none")
    assert everything(engine, but=("inventory_runs",)) == before
    assert rows(engine, "connectors_past") == []


def test_later_lists_and_details_keep_the_results(
    run: Runs, account: DetailedAccount, engine: Engine, clock: FakeClock
) -> None:
    account.results["broken"] = {"setup_tests": [LOGIN_FAILED]}
    run(details="none", setup_tests="down")
    held = contents(engine)["setup_tests"]
    for details in ("none", "all"):
        account.change("broken", schema=f"named_{details}")
        clock.now += SOON
        run(details=details)
        assert contents(engine)["setup_tests"] == held


FAILURES = {
    "403": FakeResponse.error(403, "Forbidden"),
    "404": FakeResponse.error(404, "NotFound_Connector"),
    "429": FakeResponse.error(429, "TooManyRequests"),
    "500": FakeResponse.error(500, "Oops"),
    "HTML": FakeResponse(200, b"<html>"),
    "of another": FakeResponse.success(item("other", setup_tests=[LOGIN_FAILED])),
    "null": FakeResponse.success(None),
    "no tests": FakeResponse.success(item("healthy", status=BROKEN)),
    "tests of null": FakeResponse.success(item("healthy", status=BROKEN, setup_tests=None)),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failure_leaves_the_connector_as_it_was(
    run: Runs, api: FakeApi, engine: Engine, kind: str
) -> None:
    def intercept(request: Request) -> FakeResponse | None:
        return FAILURES[kind] if request.method == "POST" else None

    api.intercept = intercept
    before = everything(engine, but=("inventory_runs",))
    report = run(details="none", tested=frozenset({"healthy"}))
    counts = [report[name] for name in ("status", "tested", "tests_failed", "removed")]
    assert counts == ["succeeded", 0, 1, 0]
    assert everything(engine, but=("inventory_runs",)) == before


def test_all_that_were_begun_are_counted_if_all_fail(
    run: Runs, account: DetailedAccount, api: FakeApi
) -> None:
    """What the vendor was asked to run is counted, though the run has given up meanwhile."""
    fill(account, 30)
    run(details="none")
    api.intercept = lambda each: FAILURES["500"] if each.method == "POST" else None
    report = run(details="none", setup_tests="all")
    assert (report["tested"], report["tests_failed"]) == (0, len(run.tested))
    assert 10 <= len(run.tested) <= 13
    left = 30 - len(run.tested)
    assert f"{left} of 30 connectors were not run: the first 10 requests failed" in run.notes[-1]


def test_empty_list_of_tests_is_a_result(
    run: Runs, account: DetailedAccount, engine: Engine
) -> None:
    account.results["healthy"] = {"setup_tests": []}
    report = run(details="none", tested=frozenset({"healthy"}))
    assert (report["tested"], report["tests_failed"]) == (1, 0)
    assert one(engine, "healthy")["tested_at"] == T0 + SOON
    assert results_of(engine, "healthy") == []
