"""The README is part of the feature: what it shows is run here, and compared with what it shows."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from worlds import KEY, SECRET, Account, connect, item, variables

from inventory import database, refusals
from inventory.cli import main
from inventory.health import SHOWN
from inventory.models import METADATA, VERSIONED
from inventory.standin import StandIn
from inventory.views import FUNCTIONS, VIEWS, View

README = (Path(__file__).parent.parent / "README.md").read_text()
# What is another each time, and how it is shown.
VARYING = {
    r"took [\d.]+ s": "took 0.3 s",
    r"\(\d min ago\)": "(0 min ago)",
    r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+0[12]:00": "2026-11-20 04:00:00+01:00",
    r"20\d\d-\d\d-\d\d \d\d:\d\d UTC": "2026-11-20 03:00 UTC",
}
VIEWS_SHOWN = README.partition("## The views")[2].partition("\n## ")[0]
SHOWN_DATABASE = "postgresql://inventory:***@db.example.com/observability"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


class Example(Account):
    """The account of the transcript."""

    account_id = "example_account"

    def __init__(self) -> None:
        reconnect = {"code": "reconnect", "message": "Access was revoked"}
        just_now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # or they would be stale
        late = {"setup_state": "broken", "update_state": "delayed", "tasks": [reconnect]}
        self.connectors = [
            item("amber_acorn", succeeded_at=just_now),
            item(
                "brisk_badger",
                succeeded_at=just_now,
                status={"warnings": [{"code": "resync_table_warning"}]},
            ),
            item(
                "calm_compass",
                schema="hubspot_sales",
                service="hubspot",
                group_id="sales",
                status=late,
                succeeded_at="2026-11-18T05:00:00Z",
                failed_at="2026-11-20T01:00:00Z",
            ),
        ]


def test_transcript_is_what_the_commands_print(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, zone: Callable[[str], None]
) -> None:
    where = refusals.describe(connect(empty_url))
    zone("Europe/Berlin")
    with StandIn(Example(), key=KEY, secret=SECRET) as api:
        for name, value in variables(api, empty_url).items():
            monkeypatch.setenv(name, value)
        [transcript] = blocks("console")
        for command, shown in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", transcript, re.MULTILINE):
            if command.startswith("export"):
                continue
            name, *words = shlex.split(command)
            result = CliRunner().invoke(main, words)
            exit_code = 3 if words == ["check"] else 0
            assert (name, result.exit_code) == ("inventory", exit_code)
            printed = result.output.replace(where, SHOWN_DATABASE)
            for varying, as_shown in VARYING.items():
                printed = re.sub(varying, as_shown, printed)
            assert printed == shown


def test_line_for_cron_says_nothing_when_all_is_well(
    database_url: str, api: StandIn, tmp_path: Path
) -> None:
    """In a shell without any variable but HOME, as cron runs it."""
    *_, variables = (block for block in blocks("sh") if block.startswith("export"))
    values = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}
    values["INVENTORY_DATABASE_URL"] = database_url
    for name, value in values.items():
        variables = re.sub(rf"(?<={name}=).*", shlex.quote(value), variables)
    (tmp_path / ".inventory.env").write_text(f"{variables}export FIVETRAN_API_URL={api.url}\n")
    bin_folder = tmp_path / "inventory" / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    script = f'#!/bin/sh\nexec {sys.executable} -m inventory "$@"\n'
    (bin_folder / "inventory").write_text(script)
    (bin_folder / "inventory").chmod(0o700)
    [line] = blocks("cron")
    command = line.split(maxsplit=5)[5]
    home = {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(["/bin/sh", "-c", command], env=home, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with database.reading(connect(database_url)) as connection:
        assert connection.scalar(text("select count(*) from sync_runs")) == 1


EXAMPLES = re.findall(
    r"^```sql\n(.*?);\n```\n\n```text\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE
)


def test_every_query_stands_with_its_answer() -> None:
    assert [f"{sql};\n" for sql, _ in EXAMPLES] == blocks("sql")
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize("kind", ["demo_file", "demo_postgres"])
@pytest.mark.parametrize("example", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_query_answers_as_shown(
    example: tuple[str, str],
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    zone: Callable[[str], None],
) -> None:
    sql, shown = example
    zone("UTC")
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")  # in any zone of a session
    monkeypatch.setenv("INVENTORY_DATABASE_URL", request.getfixturevalue(kind))
    result = CliRunner().invoke(main, ["query", sql])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == shown
    assert len(shown.splitlines()) > 1


def test_each_health_is_in_the_readme_in_its_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (down)? ?\| (\d) \| (.*) \|$", README, re.MULTILINE)
    assert rows == [
        (rule.name, "down" if rule.is_down else "", str(rule.severity), rule.meaning)
        for rule in SHOWN
    ]


def test_every_command_is_in_the_readme_and_no_other() -> None:
    def commands(group: click.Group, prefix: str) -> set[str]:
        found: set[str] = set()
        for name, command in group.commands.items():
            words = f"{prefix} {name}"
            found |= commands(command, words) if isinstance(command, click.Group) else {words}
        return found

    shown = set(re.findall(r"^\| `(inventory [a-z -]+?)` \|", README, re.MULTILINE))
    assert shown == commands(main, "inventory")


def test_every_table_and_view_is_in_the_readme_and_no_other() -> None:
    section = README.partition("## The tables")[2].partition("A connector has one health")[0]
    shown = re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", section, re.M)))
    assert sorted(shown) == sorted([*METADATA.tables, *VIEWS])
    functions = re.findall(r"`(\w+)\(t\)`", section)
    assert functions == list(FUNCTIONS)


@pytest.mark.parametrize("view", [view for view in VIEWS.values() if view.name != "clock"])
def test_key_of_a_view_is_one(view: View, demo_file: str) -> None:
    """As the README states it: no two rows agree in it, and it is made of columns there are."""
    [line] = re.findall(rf"^\| [^|]*`{view.name}`[^|]* \| (.*?) \|", VIEWS_SHOWN, re.MULTILINE)
    if line.startswith("none"):
        return
    names = re.findall(r"`(\w+)`", line)
    if line.startswith("the table's key"):
        [versioned] = (each for each in VERSIONED if each.history == view.name)
        names += versioned.key
    columns = view.table.c
    with database.reading(connect(demo_file)) as connection:
        rows = connection.execute(select(*(columns[name] for name in names))).all()
    assert len(set(rows)) == len(rows) > 0


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:test_)?\w+\.py)`", README.partition("## What is promised")[2]))
    assert len(named) > 10
    assert [name for name in named if not (Path(__file__).parent / name).exists()] == []
