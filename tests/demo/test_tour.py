"""`inventory demo`: the tour, the file it leaves, and --serve."""

import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import chdir, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.builders import connect
from support.effort import THOROUGH

import inventory.demo
from inventory.cli import main
from inventory.db import engine, views


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def demo(*words: str) -> Result:
    return CliRunner().invoke(main, ["demo", *words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, bytes]:
    """The output of the demo, and the content of its file."""
    with chdir(tmp_path_factory.mktemp("demo")):
        return demo(), Path("inventory-demo.db").read_bytes()


@pytest.fixture
def shown(made: tuple[Result, bytes]) -> Result:
    """The demo has been run in the current folder."""
    result, file = made
    Path("inventory-demo.db").write_bytes(file)
    return result


def query(sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect("inventory-demo.db")) as file:
        return file.execute(sql).fetchall()


def test_demo_simulates_thirty_days_and_runs_five_queries(shown: Result) -> None:
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.count("\n-- ") == 5
    runs = query("select status, observed_at from inventory_runs order by run_id")
    assert len(runs) == 30
    assert {status for status, _ in runs} == {"succeeded"}
    assert (runs[0][1], runs[-1][1]) == (
        "2026-10-01 03:00:00.000000+00:00",
        "2026-10-30 03:00:00.000000+00:00",
    )
    assert query("select max(finished_at) from inventory_runs") == [(runs[-1][1],)]
    assert query("select sum(removed) >= 2, sum(returned) from inventory_runs") == [(1, 1)]
    for table in ("connectors", "connector_status", "warnings", "tasks"):
        assert query(f"select count(*) > 0 from {table}_past") == [(1,)], table


def test_demo_shows_what_its_file_answers(shown: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "sqlite:///inventory-demo.db")
    answers = re.findall(r"\n-- .*?\n(select.*?);\n\n(.*?)\n(?=\n)", shown.stdout, re.DOTALL)
    assert len(answers) == 5
    for sql, answer in answers:
        assert CliRunner().invoke(main, ["query", sql]).stdout == f"{answer}\n"
        assert 1 < len(answer.splitlines()) == 1 + len(query(sql))
        assert max(map(len, answer.splitlines())) <= 100


def test_next_steps_that_the_demo_prints_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    named = re.findall(r"^(?:export|inventory) .*", demo("--seed", "2").stdout, re.MULTILINE)
    path, url, *commands = (shlex.split(line)[1:] for line in named)
    assert path == [f"PATH={Path(sys.executable).parent}:$PATH"]
    monkeypatch.setenv(*url[0].split("=", 1))
    assert [words[0] for words in commands] == ["status", "history", "query"]
    for words in commands:
        result = CliRunner().invoke(main, words)
        assert (result.exit_code, len(result.stdout.splitlines()) > 1) == (0, True)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only as many days as some queries need."""
    monkeypatch.setattr(inventory.demo.tour, "DAYS", 5)


@pytest.mark.usefixtures("brief")
def test_demo_prints_no_path_if_the_shell_finds_inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert "PATH" not in demo().stdout


@pytest.mark.usefixtures("shown")
def test_clock_of_the_demo_stands_still_at_its_last_run() -> None:
    assert query("select now, age_minutes, is_overdue from clock, latest_run") == [
        ("2026-10-30 03:00:00.000000+00:00", 0, 0)
    ]
    assert query("select distinct health from connector_health where is_down order by 1") == [
        ("broken",),
        ("failing",),
    ]


@pytest.mark.usefixtures("shown")
def test_demo_shows_nothing_else_as_down_nine_hours_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "sqlite:///inventory-demo.db")
    down = "select connector_id from connector_health where is_down order by 1"
    was_down = query(down)
    with engine.transaction(connect("sqlite:///inventory-demo.db")) as connection:
        views.stop_clock(connection, datetime(2026, 10, 30, 12, tzinfo=UTC))
    assert query(down) == was_down != []
    unobserved = "select count(*) from connector_health where health = 'unobserved'"
    [(count,)] = query(unobserved)
    shown = CliRunner().invoke(main, ["status"])
    last = shown.stderr.splitlines()[-1]
    assert last.endswith(
        f"30 connectors, {len(was_down)} down, {count} unobserved: "
        "no run has checked since they were due."
    )
    assert count > 10  # all that were due within nine hours
    found = CliRunner().invoke(main, ["check", "--format", "json"]).stdout
    assert {each["connector_id"] for each in json.loads(found)} == {name for (name,) in was_down}
    # A day later, the health of none of them is known.
    with engine.transaction(connect("sqlite:///inventory-demo.db")) as connection:
        views.stop_clock(connection, datetime(2026, 11, 2, 3, 0, 1, tzinfo=UTC))
    assert query("select distinct health from connector_health where removed_at is null") == [
        ("unobserved",)
    ]
    overdue = CliRunner().invoke(main, ["check", "--format", "json"])
    assert (overdue.exit_code, [each["problem_type"] for each in json.loads(overdue.stdout)]) == (
        3,
        ["overdue_data"],
    )


@pytest.mark.usefixtures("shown")
def test_demo_has_findings() -> None:
    assert query("select finding, count(*) from findings group by finding order by finding") == [
        ("same_source", 2),
        ("trial_pause", 1),
    ]


@THOROUGH
def test_demo_depends_on_its_seed_alone(
    made: tuple[Result, bytes],
) -> None:
    first, again, other = made[0], demo("--seed", "1"), demo("--seed", "2")
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout


def test_demo_leaves_a_file_of_others_alone() -> None:
    Path("inventory-demo.db").write_bytes(b"my notes")
    result = demo()
    assert result.exit_code == 2
    assert "is left alone" in result.stderr
    assert Path("inventory-demo.db").read_bytes() == b"my notes"


@pytest.mark.usefixtures("brief")
def test_demo_replaces_its_own_file_and_no_other() -> None:
    Path("inventory-demo.db").touch()  # of a demo that was killed at its start
    Path("inventory-demo.db.backup").write_bytes(b"mine")
    for _ in range(2):
        Path("inventory-demo.db-0a1b2c3d.lock").touch()  # of another key
        assert demo().exit_code == 0
        assert not Path("inventory-demo.db-0a1b2c3d.lock").exists()
    assert Path("inventory-demo.db.backup").read_bytes() == b"mine"


def test_serve_with_a_port_in_use_is_a_configuration_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = demo("--serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_served_account_advances_with_each_run_until_ctrl_c() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "inventory", "demo", "--serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout:
        lines = [server.stdout.readline() for _ in range(6)]
        exports = dict(re.findall(r"(\w+)=(\S+)", "".join(lines)))
        seen = []
        for _ in range(4):
            run = subprocess.run(
                [sys.executable, "-m", "inventory", "sync"],
                env=os.environ | exports,
                capture_output=True,
                text=True,
                check=True,
            )
            seen.append(run.stdout.splitlines()[1])
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    assert exports["INVENTORY_DATABASE_URL"] == "sqlite:///inventory-try.db"
    assert seen[0] == "Added 30, changed 0, removed 0."
    assert len(set(seen)) > 1
    # Its last syncs are minutes ago: what is down is down by its script, and not stale.
    with closing(sqlite3.connect("inventory-try.db")) as file:
        healths = dict(
            file.execute("select health, count(*) from connector_health group by health")
        )
        [(is_past, is_recent)] = file.execute(
            "select max(created_at) < (select now from clock), max(succeeded_at) between "
            "datetime('now', '-5 minutes') and (select now from clock) "
            "from connectors join connector_status using (connector_id)"
        )
    assert (is_past, is_recent) == (1, 1)
    assert healths["healthy"] > 20
    assert healths.keys().isdisjoint({"stale", "unobserved", "never_synced"})
