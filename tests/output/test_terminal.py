"""What people see on a terminal, drawn by an emulator from what a real process prints."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.four_days import run
from support.terminal import CTRL_C, Terminal, marking_pager

SCREENS = Path(__file__).with_name("screens.txt")
COMMANDS = ("status", "changes --since 7d", "incidents", "findings", "history cobalt_fig")
WIDTHS = (60, 80, 100, 160)


@pytest.fixture
def database(odd_names: str, monkeypatch: pytest.MonkeyPatch, zone: Callable[[str], None]) -> str:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", odd_names)
    zone("America/New_York")
    return odd_names


def screens() -> dict[tuple[str, int], list[str]]:
    """The screens of the file, each below a line "=== WIDTH COMMAND"."""
    parts = re.split(r"^=== (\d+) (.*)\n", SCREENS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {(words, int(width)): text.rstrip("\n").split("\n") for width, words, text in found}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_screen_is_the_one_in_the_file(database: str, command: str, width: int) -> None:
    shown = Terminal(width).run(*command.split())
    assert shown == screens()[command, width]


@pytest.mark.parametrize("command", COMMANDS)
def test_screen_is_the_same_on_postgresql(
    database: str, odd_names_on_postgresql: str, command: str
) -> None:
    terminal = Terminal(80)
    terminal.run(*command.split(), INVENTORY_DATABASE_URL=odd_names_on_postgresql)
    assert terminal.text == screens()[command, 80]


def test_everything_is_whole_in_a_pipe_and_with_wide(database: str) -> None:
    piped = run("status").stdout.splitlines()
    assert len(piped) == 4  # the headings, and the three that are not well
    long_name = max(piped, key=len)
    assert "_that_goes_on_and_ends  postgres" in long_name
    assert piped[0].index("service") < 90  # the long name did not spread the other rows
    assert piped[0].index("service") == piped[2].index("postgres") + 1  # the rocket is wide
    assert piped[1].split("  ")[-1] == "setup broken since 2026-11-03 22:00-05:00: task reconnect"
    assert "2026-11-01 22:00:00-05:00" in piped[2]
    wide = Terminal(320).run("status", "--wide", NO_COLOR="1")
    assert wide[0] == "As of 2026-11-03 22:00:00-05:00 (12 min ago): 4 connectors, 2 down."
    assert wide[4:-1] == piped


def test_query_shortens_cells_but_shows_every_column(database: str) -> None:
    sql = "select connector_id, schema_name, health, reason from connector_health order by 1"
    assert Terminal(60).run("query", sql) == [
        "connector_id  schema_name          health   reason",
        "amber_oak     a_name_that_goes_o…  warning  warning open si…",
        "cobalt_fig    売上データ_東京支…   broken   setup broken si…",
        "lunar_moth    rocket 🚀 \\x1b[31m…  failing  syncs failing s…",
        "plain_elm     stripe_teal          healthy  last success 20…",
    ]


# --- colors and symbols --------------------------------------------------------------------


def test_colors_tell_the_health_and_are_not_needed_for_it(database: str) -> None:
    terminal = Terminal(80)
    colored = terminal.run("status")
    assert terminal.colors_of("failing") == terminal.colors_of("broken") == {"red"}
    assert terminal.colors_of("warning ") == {"cyan", "default"}
    plain = Terminal(80)
    assert plain.run("status", NO_COLOR="1") == colored
    assert plain.colors_of("failing") == {"default"}
    assert b"\x1b[" not in plain.output


@pytest.mark.parametrize(
    ("variables", "is_colored"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "", "NO_COLOR": ""}, False),
    ],
)
def test_colors_in_a_pipe_are_for_those_who_force_them(
    database: str, variables: dict[str, str], is_colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in run("status").stdout) == is_colored
    assert "\x1b[" not in run("status", "--format", "json").stdout


def test_terminal_without_colors_gets_none(database: str) -> None:
    dumb = Terminal(80)
    dumb.run("status", TERM="dumb")
    assert b"\x1b[" not in dumb.output


def test_encoding_without_the_symbols_gets_others(database: str) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shown = Terminal(60).run("status", **ascii_only)
    assert shown[1:3] == [
        "##############################---------------...............",
        "# 1 broken  1 failing  - 1 warning  . 1 healthy",
    ]
    assert "last failure Nov 3 21:00, la~" in shown[6]
    shown = Terminal(100).run("changes", "--since", "7d", **ascii_only)
    assert any("on_schedule -> delayed" in line for line in shown)


# --- more than a screen ---------------------------------------------------------------------


@pytest.fixture
def pager(tmp_path: Path) -> str:
    return marking_pager(tmp_path)


def test_pager_shows_what_is_longer_than_the_terminal(database: str, pager: str) -> None:
    low = Terminal(80, lines=9)
    low.run("status", PAGER=pager)
    assert b"BEGIN" in low.output
    assert low.output.count(b"cobalt_fig") == 1
    high = Terminal(80, lines=10)  # eight lines, a note, and the prompt of the shell
    high.run("status", PAGER=pager)
    assert b"BEGIN" not in high.output


def test_lines_that_a_terminal_folds_count_as_they_are_shown(database: str, pager: str) -> None:
    terminal = Terminal(80, lines=12)
    terminal.run("status", "--wide", PAGER=pager)
    assert b"BEGIN" in terminal.output


def test_facts_about_one_connector_are_paged_and_have_short_times(
    database: str, pager: str
) -> None:
    terminal = Terminal(80, lines=24)
    terminal.run("status", "cobalt_fig", PAGER=pager)
    assert b"BEGIN" in terminal.output
    assert re.search(rb"health_since +Nov  3 22:00\r", terminal.output)
    assert b"reason               setup broken since Nov 3 22:00: task" in terminal.output


@pytest.mark.parametrize("variables", [{"PAGER": ""}, {"TERM": "dumb"}, {"TERM": ""}])
def test_who_wants_no_pager_or_could_not_use_one_gets_all(
    database: str, variables: dict[str, str]
) -> None:
    terminal = Terminal(80, lines=8)
    terminal.run("status", "--all", **variables)
    assert b"(END)" not in terminal.output
    assert b"plain_elm" in terminal.output


def test_query_of_many_columns_lists_them_below_each_other(database: str) -> None:
    numbers = ", ".join(f"{number} as n{number}" for number in range(12))
    shown = Terminal(60).run("query", f"select {numbers}")
    assert shown[:3] == ["row 1", "n0   0", "n1   1"]


def test_times_of_a_query_are_never_cut(database: str) -> None:
    sql = "select connector_id, schema_name, health_since, reason from connector_health"
    shown = Terminal(60).run("query", sql)
    assert sum("2026-11-03 22:00:00-05:00" in line for line in shown) == 2


def test_nothing_found_is_said(database: str) -> None:
    shown = Terminal(80).run("changes", "--since", "1m")
    assert shown == ["Nothing changed.", "As of Nov 3 22:00 EST (12 min ago)."]


def test_no_pager_prints_all_at_once(database: str, pager: str) -> None:
    terminal = Terminal(80, lines=5)
    terminal.run("changes", "--since", "7d", "--no-pager", PAGER=pager)
    assert b"BEGIN" not in terminal.output
    assert terminal.output.count(b"plain_elm") == 5


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_less_shows_colors_and_the_first_screen(database: str) -> None:
    terminal = Terminal(80, lines=8)
    terminal.run("changes", "--since", "7d", keys=[("\n:", "q")])
    assert b"\x1b[1mchanged_at" in terminal.output
    assert b"update_state" not in terminal.output  # it is below the first screen
    assert b"ESC" not in terminal.output


def test_ctrl_c_in_a_pager_is_for_the_pager(database: str, tmp_path: Path) -> None:
    """The result is longer than a pipe holds: the command still writes when Ctrl-C comes."""
    pager = tmp_path / "pager"
    pager.write_text(
        "#!/bin/sh\ntrap 'echo HEARD' INT\necho READY\n"
        'read key <&2 || read key <&2\ncat > /dev/null\necho "GOT $key"\n'
    )
    pager.chmod(0o755)
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9999)"
    terminal = Terminal(80, lines=20)
    keys = [("READY", CTRL_C), ("HEARD", "x\n")]
    terminal.run(
        *("query", f"{sql} select i, 'a longer text' as text from n"), keys=keys, PAGER=str(pager)
    )
    assert "GOT x" in terminal.text


def test_output_that_is_not_for_a_terminal_is_not_paged(database: str, pager: str) -> None:
    command = [sys.executable, "-m", "inventory", "status", "--all"]
    environment = os.environ | {"PAGER": pager, "LINES": "3", "COLUMNS": "20"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "BEGIN" not in done.stdout
    assert "_that_goes_on_and_ends" in done.stdout
