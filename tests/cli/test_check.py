"""`inventory check` as cron and Nagios call it: failed runs, --state, --nagios, exit codes."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from support.builders import (
    SECRET,
    Account,
    FakeMonotonic,
    api_settings,
    item,
)
from support.references import destination, group, serve

from inventory.cli import check_state, main
from inventory.db import views
from inventory.db.engine import transaction
from inventory.db.errors import display_url
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import InventoryError, RetryableError
from inventory.sync.run import sync

REFUSED, AWAY = FakeResponse.error(401, "AuthFailed"), FakeResponse(503, b"")
# For what does not depend on the database.
ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CHECK = (sys.executable, "-m", "inventory", "check", "--state")
DOWN = {"status": {"setup_state": "broken"}}


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, words)])


def problem_types(result: Result) -> list[str]:
    """Return the type of each problem printed, after what changed about it."""
    return [" ".join(line.split(": ")[:-1][:2]) for line in result.stdout.splitlines()]


def fail(engine: Engine, api: FakeApi, *answers: FakeResponse) -> None:
    for answer in answers:
        api.intercept = lambda request, answer=answer: answer
        with pytest.raises(InventoryError):
            sync(engine, api_settings(api, attempts=1), http_clock=FakeMonotonic())
    api.intercept = lambda request: None


def stop_clock(engine: Engine, now: datetime) -> None:
    with transaction(engine) as connection:
        views.stop_clock(connection, now)


@pytest.fixture
def observe(
    engine: Engine, api: FakeApi, account: Account, environment: dict[str, str]
) -> Iterator[Any]:
    """Runs a sync that sees these connectors, by name, each with these fields of its item."""

    def observe(**connectors: dict[str, Any]) -> None:
        account.connectors = [
            item(name, schedule_type="manual", **fields) for name, fields in connectors.items()
        ]
        sync(engine, api_settings(api))

    observe(one={}, two={})
    return observe


# --- failed runs ----------------------------------------------------------------------------


# Responses that fail one run each, and whether that is a problem while the data is not overdue.
FAILURES = [
    ([AWAY, AWAY], False),
    ([AWAY, AWAY, AWAY], True),
    ([REFUSED], True),
    ([FakeResponse(200, b"[]")], True),  # a person must look
    ([REFUSED, AWAY], True),  # the key is not known to work again
]


def test_failed_runs_are_a_problem_at_once_if_the_next_run_will_fail_too(
    observe: Any, engine: Engine, api: FakeApi
) -> None:
    where = f"[account account_one, {display_url(engine)}]"
    for answers, is_found in FAILURES:
        fail(engine, api, *answers)
        result = run()
        noun = "1 run has" if len(answers) == 1 else f"{len(answers)} runs have"
        begins = f"failing_runs: {noun} failed for account account_one since "
        assert result.exit_code == (3 if is_found else 0)
        assert result.stdout.startswith(begins if is_found else "All is well. ")
        assert result.stdout.endswith(f"{where}\n")
        for answer in answers if is_found and AWAY in answers else ():
            assert f"answered {answer.status}" in result.stdout
        sync(engine, api_settings(api))
        assert run().exit_code == 0


def test_one_failed_run_is_a_problem_if_the_data_is_overdue(
    observe: Any, engine: Engine, api: FakeApi
) -> None:
    fail(engine, api, AWAY)
    stop_clock(engine, datetime.now(UTC) + timedelta(days=30))
    found = [line.partition(":")[0] for line in run().stdout.splitlines()]
    assert found == ["overdue_data", "failing_runs"]


def test_failed_runs_of_a_key_of_unknown_account_are_a_problem(
    observe: Any, engine: Engine, account: Account
) -> None:
    with FakeApi(account, key="another key", secret=SECRET) as other:
        fail(engine, other, AWAY)
    result = run()
    assert (result.exit_code, result.stdout.count("\n")) == (3, 1)
    assert "failed for an API key whose account is unknown since" in result.stdout
    assert result.stdout.endswith(f" [{display_url(engine)}]\n")


def test_failed_first_run_is_a_problem_beside_the_missing_data(
    engine: Engine, api: FakeApi, environment: dict[str, str]
) -> None:
    fail(engine, api, AWAY)
    found = [line.partition(":")[0] for line in run().stdout.splitlines()]
    assert found == ["no_data", "failing_runs"]


# --- --state --------------------------------------------------------------------------------


def test_state_reports_each_problem_once(
    observe: Any, engine: Engine, api: FakeApi, tmp_path: Path
) -> None:
    results = []
    state = tmp_path / "state"

    def check() -> None:
        result = run("--state", state)
        assert result.stderr == ""
        results.append((result.exit_code, problem_types(result)))

    check()
    observe(one=DOWN, two={})
    check()
    check()
    observe(one=DOWN, two=DOWN)
    fail(engine, api, REFUSED)
    check()
    check()
    observe(one={}, two={"failed_at": "2026-11-21T00:00:00Z"})
    check()
    observe(one={}, two={})
    check()
    check()
    assert results == [
        (0, []),
        (3, ["new broken"]),
        (3, []),
        (3, ["new failing_runs", "new broken"]),
        (3, []),
        (3, ["new failing", "over failing_runs", "over broken"]),
        (0, ["over failing"]),
        (0, []),
    ]
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    others = [name for name in os.listdir(tmp_path) if not name.startswith("inventory.db")]
    assert sorted(others) == ["state", "state.lock"]


def test_state_reports_a_second_outage_of_a_connector_as_new(observe: Any, tmp_path: Path) -> None:
    observe(one=DOWN, two={})
    assert problem_types(run("--state", tmp_path / "state")) == ["new broken"]
    observe(one={}, two={})
    observe(one=DOWN, two={})
    assert problem_types(run("--state", tmp_path / "state")) == ["new broken"]


def test_state_reports_no_problem_of_an_unobserved_connector_as_over(
    observe: Any, engine: Engine, api: FakeApi, tmp_path: Path
) -> None:
    observe(one=DOWN, two={})
    assert problem_types(run("--state", tmp_path / "state")) == ["new broken"]
    now = datetime.now(UTC)
    stop_clock(engine, now + timedelta(days=30))
    assert problem_types(run("--state", tmp_path / "state")) == ["new overdue_data"]
    stop_clock(engine, now + timedelta(minutes=1))
    observe(one=DOWN, two={})
    assert problem_types(run("--state", tmp_path / "state")) == ["over overdue_data"]
    observe(one={}, two={})
    assert problem_types(run("--state", tmp_path / "state")) == ["over broken"]


def test_state_reports_a_removed_connector_that_was_down(observe: Any, tmp_path: Path) -> None:
    observe(one=DOWN, two=DOWN, three={}, four={})
    run("--state", tmp_path / "state")
    observe(two={}, three={}, four={})
    assert problem_types(run("--state", tmp_path / "state")) == [
        "over broken",
        "over (removed) broken",
    ]
    assert problem_types(run("--state", tmp_path / "state")) == []


def test_state_reports_failed_runs_again_if_their_cause_changes(
    observe: Any, engine: Engine, api: FakeApi, tmp_path: Path
) -> None:
    reported = []
    forbidden, odd = FakeResponse.error(403, "Forbidden"), FakeResponse(200, b"[]")
    for answer in (AWAY, AWAY, AWAY, AWAY, REFUSED, REFUSED, AWAY, forbidden, forbidden, odd, odd):
        fail(engine, api, answer)
        reported.append(problem_types(run("--state", tmp_path / "state")))
    new = ["new failing_runs"]
    assert reported == [[], [], new, [], new, [], [], new, [], new, []]
    observe(one={}, two={})
    assert problem_types(run("--state", tmp_path / "state")) == ["over failing_runs"]


def test_state_reports_withheld_removals_again_if_their_number_changes(
    observe: Any, tmp_path: Path
) -> None:
    everyone = {f"c{number}": {} for number in range(60)}
    reported = []
    for gone in (0, 40, 40, 50, 0):
        observe(**dict([*everyone.items()][gone:]))
        reported.append(problem_types(run("--state", tmp_path / "state")))
    assert reported == [[], ["new withheld"], [], ["new withheld"], ["over withheld"]]


def test_state_that_stays_locked_is_an_error_that_names_its_holder(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with (
        check_state.open_state(state),
        pytest.raises(RetryableError, match=f"`fuser {state}.lock` prints"),
        check_state.open_state(state, timeout=0.1),
    ):
        pass
    with check_state.open_state(state, timeout=0):
        pass


@ON_ONE
def test_state_prints_changes_in_every_format(observe: Any, tmp_path: Path) -> None:
    observe(one=DOWN, two={})
    form = ("--state", tmp_path / "state", "--format")
    [row] = json.loads(run(*form, "json").stdout)
    assert (row["change"], row["problem_type"], row["connector_id"]) == ("new", "broken", "one")
    assert json.loads(run(*form, "json").stdout) == []
    observe(one={}, two={})
    header, line = run(*form, "csv").stdout.splitlines()
    assert (header.split(",")[:2], line.split(",")[:2]) == (
        ["change", "problem_type"],
        ["over", "broken"],
    )


@ON_ONE
def test_state_waits_for_another_call_that_holds_the_lock(
    observe: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    state, other = tmp_path / "state", tmp_path / "other"
    observe(one=DOWN, two={})
    assert problem_types(run("--state", other)) == ["new broken"]
    with check_state.open_state(str(state)):
        job = subprocess.Popen([*CHECK, str(state)], stdout=subprocess.PIPE, text=True)
        while not has_open(job, Path(f"{state}.lock")):
            assert job.poll() is None
        os.replace(other, state)  # what that call leaves behind
    assert (job.communicate(timeout=60)[0], job.returncode) == ("", 3)


def has_open(job: subprocess.Popen[str], file: Path) -> bool:
    found = Path(f"/proc/{job.pid}/fd").glob("*")
    with suppress(FileNotFoundError):  # it has closed one of them meanwhile
        return file in map(Path.readlink, found)
    return False


@ON_ONE
def test_state_is_unchanged_if_the_changes_could_not_be_printed(
    observe: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    observe(one=DOWN, two={})
    command = [*CHECK, str(tmp_path / "state")]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered)
    assert (done.returncode, "stdout cannot be written to" in done.stderr) == (3, True)
    assert problem_types(run("--state", tmp_path / "state")) == ["new broken"]


DAMAGED = {
    "empty": b"",
    "broken off": b'{"format": "inventory check, 1", "datab',
    "foreign": b'{"version": 3}',
    "newer": b'{"format": "inventory check, 2", "database": "x", "findings": []}',
    "no text": b"\xff\xfe\x00",
    "of another database": b'{"format": "inventory check, 1", "database": "x", "findings": []}',
}


@ON_ONE
def test_state_file_that_is_damaged_or_foreign_is_named_and_left_alone(
    observe: Any, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    for damage in DAMAGED.values():
        state.write_bytes(damage)
        result = run("--state", state)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), damage
        assert f"--state names {state}, which " in result.stderr
        assert state.read_bytes() == damage


@ON_ONE
def test_state_file_that_cannot_be_used_is_named(observe: Any, tmp_path: Path) -> None:
    for state in (tmp_path, tmp_path / "none" / "state", "/dev/null", ""):
        result = run("--state", state)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert "Error: --state names " in result.stderr


@ON_ONE
def test_state_file_behind_a_link_is_replaced_there(observe: Any, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "state")
    observe(one=DOWN, two={})
    for expected in (["new broken"], []):
        assert problem_types(run("--state", tmp_path / "link")) == expected
    assert (tmp_path / "link").is_symlink()


# --- a destination that is broken -----------------------------------------------------------


def test_connectors_that_one_destination_took_down_are_one_line(
    observe: Any, account: Account, tmp_path: Path
) -> None:
    destinations = [destination("g1"), destination("g2"), destination("alone")]
    connectors = {"a": "g1", "b": "g1", "c": "g2", "d": "g2", "e": "alone"}
    broken = [each | {"setup_status": "broken"} for each in destinations]
    outages = [
        "destination_broken: 2 connectors: destination g2 (snowflake) broken",
        "destination_broken: 2 connectors: destination prod (snowflake) broken",
        "destination_broken: e_schema (e): destination alone (snowflake) broken",
    ]
    for listed, change in ((destinations, None), (broken, "new"), (destinations, "over")):
        serve(account, groups=[group("g1", name="prod")], destinations=listed)
        observe(**{name: {"group_id": place} for name, place in connectors.items()})
        changes = run("--state", tmp_path / "state").stdout.splitlines()
        assert sorted(line.partition(" since ")[0] for line in changes) == [
            f"{change}: {outage}" for outage in outages if change
        ]
        if change == "new":
            assert changes == [f"new: {line}" for line in run().stdout.splitlines()]
            problems = json.loads(run("--format", "json").stdout)
            assert {each["connector_id"] for each in problems} == {*connectors}


# --- --nagios -------------------------------------------------------------------------------


def test_nagios_gets_one_line_and_its_own_exit_codes(
    observe: Any, engine: Engine, api: FakeApi, zone: Any
) -> None:
    zone("UTC")
    where = f"[account account_one, {display_url(engine)}]"

    def check() -> tuple[int, str, str]:
        result = run("--nagios")
        line = result.stdout.removesuffix("\n")
        assert (line.count("\n"), result.stderr) == (0, "")
        message, bar, numbers = line.partition(" | ")
        assert bar
        assert where in message
        return result.exit_code, message, numbers

    ok = check()
    assert ok[0] == 0
    assert ok[1].startswith("INVENTORY OK - All is well. As of ")
    assert ok[2] == "connectors=2 down=0 unobserved=0 withheld=0 failed_runs=0 age=0s"
    fail(engine, api, REFUSED)
    warning = check()
    assert warning[0] == 1
    assert warning[1].startswith("INVENTORY WARNING - failing_runs: 1 run has failed for account")
    assert warning[2] == "connectors=2 down=0 unobserved=0 withheld=0 failed_runs=1 age=0s"
    observe(one={**DOWN, "schema": "a|b\n"}, two={})
    fail(engine, api, REFUSED)
    critical = check()
    assert critical[0] == 2
    assert critical[1].startswith("INVENTORY CRITICAL - broken: a/b")
    assert "; failing_runs: 1 run has failed" in critical[1]
    assert critical[2] == "connectors=2 down=1 unobserved=0 withheld=0 failed_runs=1 age=0s"


@pytest.mark.parametrize(
    "words",
    [("--for", "x"), ("--bogus",), ("--state", "x"), ("--format", "json"), ("surplus",)],
    ids=" ".join,
)
def test_nagios_gets_unknown_for_a_usage_error(words: tuple[str, ...]) -> None:
    result = run("--nagios", *words)
    assert (result.exit_code, result.stdout.count("\n"), result.stderr) == (3, 1, "")
    assert result.stdout.startswith("INVENTORY UNKNOWN - ")


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/x", "mysql://x", "sqlite:////nowhere/x.db?mode=ro"]
)
def test_nagios_gets_unknown_if_the_database_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    result = run("--nagios")
    assert (result.exit_code, result.stdout.count("\n")) == (3, 1)
    assert result.stdout.startswith("INVENTORY UNKNOWN - ")
