"""The newcomer's first minute, and trying by hand."""

import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from worlds import connect

from inventory import database, views
from inventory.cli import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def demo(*words: str) -> Result:
    return CliRunner().invoke(main, ["demo", *words])


def asked(sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect("inventory-demo.db")) as file:
        return file.execute(sql).fetchall()


def test_demo_lives_thirty_days_and_answers_four_questions() -> None:
    result = demo()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n-- ") == 4
    runs = asked("select status, observed_at from sync_runs order by run_id")
    assert len(runs) == 30
    assert {status for status, _ in runs} == {"succeeded"}
    assert (runs[0][1], runs[-1][1]) == (
        "2026-10-01 03:00:00.000000+00:00",
        "2026-10-30 03:00:00.000000+00:00",
    )
    assert asked("select max(finished_at) from sync_runs") == [(runs[-1][1],)]
    assert asked("select sum(removed) >= 2, sum(returned) from sync_runs") == [(1, 1)]
    for table in ("connectors", "connector_status", "warnings", "tasks"):
        assert asked(f"select count(*) > 0 from {table}_past") == [(1,)], table


def test_demo_shows_the_answers_that_its_file_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = demo().stdout
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "sqlite:///inventory-demo.db")
    answers = re.findall(r"\n-- .*?\n(select.*?);\n\n(.*?)\n(?=\n)", shown, re.DOTALL)
    assert len(answers) == 4
    for sql, answer in answers:
        assert CliRunner().invoke(main, ["query", sql]).stdout == f"{answer}\n"
        assert 1 < len(answer.splitlines()) == 1 + len(asked(sql))
        assert max(map(len, answer.splitlines())) <= 100


def test_ways_on_that_the_demo_names_lead_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    named = re.findall(r"^(?:export|inventory) .*", demo("--seed", "2").stdout, re.MULTILINE)
    path, url, *commands = (shlex.split(line)[1:] for line in named)
    assert path == [f"PATH={Path(sys.executable).parent}:$PATH"]
    monkeypatch.setenv(*url[0].split("=", 1))
    assert [words[0] for words in commands] == ["status", "history", "query"]
    for words in commands:
        result = CliRunner().invoke(main, words)
        assert (result.exit_code, len(result.stdout.splitlines()) > 1) == (0, True)


def test_demo_says_nothing_of_a_path_that_leads_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert "PATH" not in demo().stdout


def test_demo_stands_still_at_its_last_run() -> None:
    demo()
    assert asked("select now, age_minutes, is_late from clock, latest_run") == [
        ("2026-10-30 03:00:00.000000+00:00", 0, 0)
    ]
    assert asked("select distinct health from connector_health where is_down order by 1") == [
        ("broken",),
        ("failing",),
    ]


def test_demo_calls_nothing_down_nine_hours_later_that_was_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demo()
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "sqlite:///inventory-demo.db")
    down = "select connector_id from connector_health where is_down order by 1"
    was_down = asked(down)
    with database.transaction(connect("sqlite:///inventory-demo.db")) as connection:
        views.stop_clock(connection, datetime(2026, 10, 30, 12, tzinfo=UTC))
    assert asked(down) == was_down != []
    unobserved = "select count(*) from connector_health where health = 'unobserved'"
    [(count,)] = asked(unobserved)
    shown = CliRunner().invoke(main, ["status"])
    last = shown.stderr.splitlines()[-1]
    assert last.endswith(
        f"30 connectors, {len(was_down)} down, {count} unobserved: "
        "no run has looked since they were due."
    )
    assert count > 10  # all those that were due within nine hours
    found = CliRunner().invoke(main, ["check", "--format", "json"]).stdout
    assert {each["connector_id"] for each in json.loads(found)} == {name for (name,) in was_down}
    # By the day after, nobody can vouch for any of them.
    with database.transaction(connect("sqlite:///inventory-demo.db")) as connection:
        views.stop_clock(connection, datetime(2026, 11, 2, 3, 0, 1, tzinfo=UTC))
    assert asked("select distinct health from connector_health where removed_at is null") == [
        ("unobserved",)
    ]
    late = CliRunner().invoke(main, ["check", "--format", "json"])
    assert (late.exit_code, [each["kind"] for each in json.loads(late.stdout)]) == (
        3,
        ["old_data"],
    )


def test_demo_has_something_that_needs_attention() -> None:
    demo()
    assert asked("select finding, count(*) from attention group by finding order by finding") == [
        ("same_source", 2),
        ("trial_pause", 1),
    ]


def test_demo_is_the_same_each_time_and_another_for_another_seed() -> None:
    first, again, other = demo(), demo("--seed", "1"), demo("--seed", "2")
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout


def test_demo_leaves_a_file_that_is_none_of_its_own_alone() -> None:
    Path("inventory-demo.db").write_bytes(b"my notes")
    result = demo()
    assert result.exit_code == 2
    assert "is left alone" in result.stderr
    assert Path("inventory-demo.db").read_bytes() == b"my notes"


def test_demo_replaces_its_own_file_and_no_other() -> None:
    Path("inventory-demo.db").touch()  # of one that was ended in its first moment
    Path("inventory-demo.db.backup").write_bytes(b"mine")
    for _ in range(2):
        assert demo().exit_code == 0
    assert Path("inventory-demo.db.backup").read_bytes() == b"mine"


def test_served_port_that_is_taken_is_a_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = demo("--serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_served_account_ages_with_each_walk_until_it_is_interrupted() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "inventory", "demo", "--serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout:
        told = [server.stdout.readline() for _ in range(6)]
        exports = dict(re.findall(r"(\w+)=(\S+)", "".join(told)))
        seen = []
        for _ in range(12):
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
