"""`inventory test`: it prints results, and its exit code says how they came out."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from support.builders import item, rows
from support.details import LOGIN_FAILED, DetailedAccount

from inventory.cli import main
from inventory.demo.fake_api import FakeApi, FakeResponse, Request

PASSED = {"title": "Connecting to host", "status": "PASSED", "message": ""}


@pytest.fixture
def account() -> DetailedAccount:
    account = DetailedAccount(item("one"), item("two"), item("rest", paused=True), item("gone"))
    account.results = {
        "one": {"setup_tests": [PASSED]},
        "two": {"setup_tests": [PASSED, LOGIN_FAILED]},
    }
    return account


@pytest.fixture(autouse=True)
def _known(environment: dict[str, str], account: DetailedAccount) -> None:
    assert run("sync", "--details", "none").exit_code == 0
    account.connectors.pop()
    assert run("sync", "--details", "none", "--accept-removals").exit_code == 0


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def posts(api: FakeApi) -> list[tuple[str, bytes]]:
    return [(each.path, each.body) for each in api.requests if each.method != "GET"]


def row(name: str, test: dict[str, Any]) -> dict[str, Any]:
    return {"connector_id": name, "schema_name": f"{name}_schema"} | test


def test_passed_tests_are_printed(api: FakeApi, engine: Engine) -> None:
    result = run("test", "one", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [row("one", PASSED)]
    assert posts(api) == [("/v1/connectors/one/test", b"{}")]
    assert [
        each[1] is not None for each in rows(engine, "connectors", "connector_id", "tested_at")
    ] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("names", [["two"], ["TWO_schema", "one", "one_schema"]])
def test_failed_test_is_exit_code_3(api: FakeApi, names: list[str]) -> None:
    result = run("test", *names, "--format", "json")
    assert result.exit_code == 3
    shown = json.loads(result.stdout)
    ones = [row("one", PASSED)] if len(names) > 1 else []
    assert shown == [*ones, row("two", PASSED), row("two", LOGIN_FAILED)]
    assert "Setup tests failed: two." in result.stderr
    assert len(posts(api)) == len(ones) + 1


@pytest.mark.parametrize("status", ["JOB_FAILED", "failed"])
def test_other_spellings_of_failed_count(account: DetailedAccount, status: str) -> None:
    account.results["one"] = {"setup_tests": [LOGIN_FAILED | {"status": status}]}
    assert run("test", "one").exit_code == 3


@pytest.mark.parametrize("status", ["SKIPPED", "WARNING"])
def test_skipped_tests_and_warnings_have_not_failed(account: DetailedAccount, status: str) -> None:
    account.results["one"] = {"setup_tests": [LOGIN_FAILED | {"status": status}]}
    assert run("test", "one").exit_code == 0


ANSWERS = {
    "an error": FakeResponse.error(500, "Oops"),
    "too many": FakeResponse.error(429, "TooManyRequests"),
    "not found": FakeResponse.error(404, "NotFound_Connector"),
    "no tests": FakeResponse.success(item("one")),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_without_results_it_is_exit_code_1(api: FakeApi, kind: str) -> None:
    def intercept(request: Request) -> FakeResponse | None:
        return ANSWERS[kind] if request.method == "POST" else None

    api.intercept = intercept
    result = run("test", "one", "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])
    assert "No results came for one." in result.stderr


def test_connector_without_setup_tests_is_no_failure(account: DetailedAccount) -> None:
    account.results["one"] = {"setup_tests": []}
    result = run("test", "one", "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert result.stderr == "one has no setup tests.\n"
    assert run("test", "one", "two").exit_code == 3


def test_old_results_are_not_shown_as_new_ones(api: FakeApi) -> None:
    assert run("test", "two").exit_code == 3
    api.intercept = lambda request: ANSWERS["an error"] if request.method == "POST" else None
    result = run("test", "two", "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("rest", "rest is paused, so its setup tests are not run."),
        ("gone", "gone was removed, so its setup tests are not run."),
        ("unknown", "There is no connector named unknown."),
    ],
)
def test_connector_that_cannot_be_tested_is_exit_code_2(api: FakeApi, name: str, why: str) -> None:
    api.requests.clear()
    result = run("test", "one", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in result.stderr
    assert api.requests == []


# --- why there are no results ---------------------------------------------------------------------


def pause(account: DetailedAccount, _: FakeApi) -> None:
    account.change("one", paused=True)


def remove(account: DetailedAccount, _: FakeApi) -> None:
    account.connectors = [each for each in account.connectors if each["id"] != "one"]


def lose_sight(account: DetailedAccount, api: FakeApi) -> None:
    """Have the list leave it out, and lookups fail."""
    remove(account, api)
    api.intercept = lambda each: FakeResponse(404, b"") if each.path.endswith("/one") else None


def change_the_key(account: DetailedAccount, _: FakeApi) -> None:
    account.account_id, account.connectors = "account_two", [item("other")]


def use_up(_: DetailedAccount, api: FakeApi) -> None:
    api.used_by_others = 17_000


def fail(_: DetailedAccount, api: FakeApi) -> None:
    def intercept(request: Request) -> FakeResponse | None:
        return ANSWERS["an error"] if request.path.endswith("/one/test") else None

    api.intercept = intercept


@pytest.mark.parametrize(
    ("cause", "code", "why"),
    [
        (pause, 2, "one is paused"),
        (remove, 2, "one was removed"),
        (lose_sight, 1, "The setup tests of 1 of 1 connectors were not run: the list lacks them."),
        (change_the_key, 2, "one belongs to account account_one, but the key to account_two"),
        (use_up, 1, "The setup tests of 1 of 1 connectors were not run: the account's quota has"),
        (fail, 1, "No results came for one."),
    ],
)
def test_missing_results_are_explained(
    api: FakeApi,
    account: DetailedAccount,
    cause: Callable[[DetailedAccount, FakeApi], None],
    code: int,
    why: str,
) -> None:
    api.requests.clear()
    cause(account, api)
    result = run("test", "one", "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (code, [])
    assert why in result.stderr
    assert ("-v shows" in result.stderr) == (cause is fail)
    assert len(posts(api)) == (1 if cause is fail else 0)


@pytest.mark.parametrize("cause", [pause, fail, lose_sight])
def test_missing_results_are_named_beside_failed_ones(
    api: FakeApi, account: DetailedAccount, cause: Callable[[DetailedAccount, FakeApi], None]
) -> None:
    cause(account, api)
    result = run("test", "two", "one")
    assert result.exit_code == 3
    assert "Setup tests failed: two." in result.stderr
    assert " one" in result.stderr


def test_all_is_reported_beside_withheld_removals(account: DetailedAccount) -> None:
    account.connectors += [item(f"c{n}") for n in range(9)]
    assert run("sync", "--details", "none").exit_code == 0
    account.connectors = account.connectors[1:2]
    result = run("test", "one", "two")
    assert result.exit_code == 3
    for what in ("Setup tests failed: two.", "the list lacks", "--accept-removals", "missing"):
        assert what in result.stderr


def test_withheld_removals_are_reported_after_the_results(account: DetailedAccount) -> None:
    account.connectors = account.connectors[:1] + [item(f"c{n}") for n in range(9)]
    assert run("sync", "--details", "none").exit_code == 0
    account.connectors = account.connectors[:2]
    result = run("test", "one", "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (3, [row("one", PASSED)])
    assert result.stderr == run("sync", "--details", "none").stderr
    assert "missing" in result.stderr


# --- sync ---------------------------------------------------------------------------------------


def test_dry_run_sends_nothing_but_get(api: FakeApi) -> None:
    result = run("sync", "--dry-run", "--setup-tests", "all")
    assert (result.exit_code, posts(api)) == (0, [])
    assert "Note: a dry run has no setup tests run" in result.stdout
    assert "setup tests" not in run("sync", "--dry-run").stdout


def test_sync_tests_on_request_only(api: FakeApi) -> None:
    assert run("sync").exit_code == 0
    assert posts(api) == []
    assert run("sync", "--setup-tests", "all").exit_code == 0
    assert sorted(posts(api)) == [(f"/v1/connectors/{name}/test", b"{}") for name in ("one", "two")]


def test_help_documents_exit_code_3_and_which_details_are_read() -> None:
    assert "a setup test failed" in " ".join(run("--help").stdout.split())
    shown = " ".join(run("sync", "--help").stdout.split())
    assert "those not read for a day, the longest first" in shown
    assert "Asks for none whose config is in the list" in shown


@pytest.mark.parametrize("words", [("test", "--help"), ("sync", "--help")])
def test_help_says_that_the_vendor_runs_them_against_the_sources(words: tuple[str, ...]) -> None:
    shown = " ".join(run(*words).stdout.split())
    assert "vendor" in shown
    assert "sources" in shown
