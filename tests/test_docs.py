"""The documentation is part of the product: its examples run here, and must print what it shows."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from support.builders import (
    KEY,
    SECRET,
    Account,
    connect,
    item,
    variables,
)
from support.docs import (
    ALL_PAGES,
    DOCS,
    EXPORT_README,
    FENCED,
    PAGES,
    QUERY,
    README,
    ROOT,
    SCHEDULE,
    SCHEDULES,
    SCHEMA,
    anchors,
    blocks,
    schedules_page,
    schema_page,
)
from support.references import connector_type, group, serve
from support.terminal import Terminal

from inventory import dictionary
from inventory.cli import main
from inventory.db import engine, errors
from inventory.db.views import FUNCTIONS, VIEWS, View
from inventory.demo.fake_api import FakeApi
from inventory.dictionary.sample_queries import sample_queries
from inventory.health import SHOWN
from inventory.models import HISTORY_TABLES, METADATA
from inventory.schedules.kinds import KINDS

# Options of other tools that the documentation names.
OTHERS_OPTIONS = {"--collector", "--env-file", "--password", "--setting", "--share", "--thorough"}
# Of this release's CHANGELOG.
RENAMED_OPTIONS = {"--max-questions", "--suspect-percent", "--suspect-count", "--suspect-group"}
RENAMED_OPTIONS |= {
    "--max-lookups",
    *(f"--max-missing-{of}" for of in ("percent", "count", "group")),
}
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
# What differs in each run, and how the documentation shows it.
VARYING = {
    r"took [\d.]+ s": "took 0.3 s",
    r"\d+ KB": "30 KB",
    r"\(\d min ago\)": "(0 min ago)",
    r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+0[12]:00": "2026-11-20 04:00:00+01:00",
    r"20\d\d-\d\d-\d\d \d\d:\d\d\+0[12]:00": "2026-11-20 04:00+01:00",
    r"As of \w{3} \d+ \d\d:\d\d CES?T": "As of Nov 20 04:00 CET",
}
SHOWN_DATABASE = "postgresql://inventory:***@db.example.com/observability"


class Example(Account):
    """The account of the transcript."""

    account_id = "example_account"

    def __init__(self) -> None:
        super().__init__()
        serve(
            self,
            groups=[group("sales", name="Sales")],
            connector_types=[connector_type("hubspot", name="HubSpot")],
            destinations=[],
            users=[],
        )
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


ON_A_TERMINAL = {"status", "changes", "history"}  # as they are shown: tables that fit it
OF_THE_DEMO = "$ export INVENTORY_DATABASE_URL=sqlite:///inventory-demo.db\n"


@pytest.mark.parametrize(
    "transcript", [each for each in blocks("console") if not each.startswith(OF_THE_DEMO)]
)
def test_transcript_is_what_the_commands_print(
    transcript: str,
    empty_url: str,
    monkeypatch: pytest.MonkeyPatch,
    zone: Callable[[str], None],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    where = errors.display_url(connect(empty_url))
    zone("Europe/Berlin")
    with FakeApi(Example(), key=KEY, secret=SECRET) as api:
        for name, value in variables(api, empty_url).items():
            monkeypatch.setenv(name, value)
        for words, shown in commands_of(transcript):
            if words[0] in ON_A_TERMINAL:
                printed = "".join(f"{line}\n" for line in Terminal(80).run(*words))
            else:
                result = CliRunner().invoke(main, words)
                assert result.exit_code == (3 if words[0] == "check" else 0)
                printed = result.output.replace(where, SHOWN_DATABASE)
            for varying, as_shown in VARYING.items():
                printed = re.sub(varying, as_shown, printed)
            assert printed == shown


def commands_of(transcript: str) -> Iterator[tuple[list[str], str]]:
    """The words after `inventory` of each command, and what it prints."""
    for command, shown in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", transcript, re.MULTILINE):
        name, *words = shlex.split(command)
        if name != "export":
            assert name == "inventory"
            yield words, shown


@pytest.mark.parametrize(
    "transcript", [each for each in blocks("console") if each.startswith(OF_THE_DEMO)]
)
def test_picture_of_the_demo_is_what_a_terminal_shows(
    transcript: str,
    demo_file: str,
    monkeypatch: pytest.MonkeyPatch,
    zone: Callable[[str], None],
) -> None:
    """A picture that ends with "..." is the beginning of what is shown."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", demo_file)
    zone("UTC")
    for words, shown in commands_of(transcript):
        printed = "".join(f"{line}\n" for line in Terminal(80).run(*words))
        assert printed == shown or printed.startswith(shown.removesuffix("...\n"))


def settings_file() -> str:
    [block] = (block for block in blocks("sh", README) if block.startswith("FIVETRAN_API_KEY="))
    return block


def test_lines_for_cron_say_nothing_when_all_is_well(
    database_url: str, api: FakeApi, tmp_path: Path
) -> None:
    """In a shell without any variable but HOME, as cron runs it."""
    variables = settings_file()
    values = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}
    values["INVENTORY_DATABASE_URL"] = database_url
    for name, value in values.items():
        variables = re.sub(rf"(?<={name}=).*", shlex.quote(value), variables)
    more = f"FIVETRAN_API_URL={api.url}\nONCALL_URL=json://localhost\nDIGEST_URL=json://localhost\n"
    (tmp_path / ".inventory.env").write_text(variables + more)
    [channels] = blocks("toml", DOCS / "notifications.md")
    config = tmp_path / ".config" / "inventory" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(channels)
    bin_folder = tmp_path / ".local" / "bin"
    bin_folder.mkdir(parents=True)
    script = f'#!/bin/sh\nexec {sys.executable} -m inventory "$@"\n'
    (bin_folder / "inventory").write_text(script)
    (bin_folder / "inventory").chmod(0o700)
    home = {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    lines = blocks("cron", *ALL_PAGES)
    assert len(lines) == 8
    for line in lines:
        command = line.split(maxsplit=5)[5]
        done = subprocess.run(["/bin/sh", "-c", command], env=home, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with engine.read_only(connect(database_url)) as connection:
        assert connection.scalar(text("select count(*) from inventory_runs")) == 4


def test_settings_file_means_the_same_to_a_shell_and_to_docker(tmp_path: Path) -> None:
    """Docker takes each line as it stands, up to the first `=` and from there."""
    as_docker_reads_it = dict(line.split("=", 1) for line in settings_file().splitlines())
    (tmp_path / "inventory.env").write_text(settings_file())
    command = ["/bin/sh", "-c", "set -a; . ./inventory.env; env"]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    as_a_shell_reads_it = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert as_docker_reads_it.items() <= as_a_shell_reads_it.items()
    assert len(as_docker_reads_it) == 3


EXAMPLES = [(sql, shown) for page in PAGES for _, sql, shown, _ in QUERY.findall(page.read_text())]


def test_every_query_stands_with_its_result() -> None:
    assert [f"{sql};\n" for sql, _ in EXAMPLES] == blocks("sql")
    assert [len(blocks("sql", page)) for page in (README, DOCS / "queries.md")] == [4, 11]


def test_every_query_is_a_sample_query_and_stands_below_its_question() -> None:
    queries = sample_queries()
    assert [f"{query.example_sql};\n" for query in queries] == blocks("sql")
    shown = "".join(page.read_text() for page in PAGES).replace("\n", " ")
    for query in queries[1:]:  # the README opens with the first one, without a question
        _, _, after = shown.partition(query.question)
        assert after.partition("```sql ")[2].startswith(query.example_sql.replace("\n", " "))
    folder = Path(dictionary.sample_queries.__file__).parent
    assert {query.name for query in queries} == {file.stem for file in folder.glob("*.sql")}


@pytest.mark.parametrize("kind", ["demo_file", "demo_postgres"])
@pytest.mark.parametrize("example", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_query_returns_what_is_shown(
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


def test_schema_page_is_what_is_generated() -> None:
    """If it fails: `.venv/bin/python tests/support/docs.py`."""
    assert SCHEMA.read_text() == schema_page()


def test_schedules_page_shows_what_is_printed() -> None:
    """If it fails: `.venv/bin/python tests/support/docs.py`."""
    page = SCHEDULES.read_text()
    assert [kind for _, kind, _, _ in SCHEDULE.findall(page)] == list(KINDS)
    assert page == schedules_page(page)


def test_each_health_is_documented_in_its_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (down)? ?\| (\d) \| (.*) \|$", SCHEMA.read_text(), re.M)
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

    cells = re.findall(r"^\| (`inventory .*?) \|", README.read_text(), re.MULTILINE)
    shown = re.findall(r"`(inventory [a-z -]+?)`", "\n".join(cells))
    assert sorted(shown) == sorted(commands(main, "inventory"))


def section(page: Path, heading: str) -> str:
    return page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_view_is_in_the_readme_and_no_other() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section(README, "Views"), re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", "\n".join(rows))) == sorted(VIEWS)


def test_every_table_view_and_function_is_documented_and_no_other() -> None:
    headings = re.findall(r"^### `(\w+)", SCHEMA.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted([*METADATA.tables, *VIEWS, *FUNCTIONS])
    functions = re.findall(r"`(\w+)\(t\)`", (DOCS / "queries.md").read_text())
    assert functions == list(FUNCTIONS)


@pytest.mark.parametrize("view", [view for view in VIEWS.values() if view.name != "clock"])
def test_key_of_a_view_is_that_of_its_header(view: View) -> None:
    row = rf"^\| [^|]*`{view.name}`[^|]* \| (.*?) \|"
    [line] = re.findall(row, section(README, "Views"), re.MULTILINE)
    names = re.findall(r"`(\w+)`", line) if not line.startswith("none") else []
    if line.startswith("the table's key"):
        [versioned] = (each for each in HISTORY_TABLES if each.history == view.name)
        names = [*versioned.key, *names]
    assert view.key == tuple(names)


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:test_)?\w+\.py)`", (DOCS / "guarantees.md").read_text()))
    assert len(named) > 10
    assert [name for name in named if not [*Path(__file__).parent.rglob(name)]] == []


def test_every_path_in_the_documentation_is_there() -> None:
    path = r"`((?:inventory|tests|migrations)/[\w/.-]+|\.\w[\w/.-]+/[\w/.-]+)`"
    named = {found for page in ALL_PAGES for found in re.findall(path, page.read_text())}
    placeholders = {name for name in named if re.search("[A-Z]{4}", name)}
    assert len(named - placeholders) > 15
    assert [name for name in named - placeholders if not (ROOT / name).exists()] == []


def links() -> Iterator[tuple[Path, str]]:
    for page in ALL_PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text())):
            if not re.match(r"\w+:", target):
                yield page, target


@pytest.mark.parametrize(
    ("page", "target"), [pytest.param(*link, id=f"{link[0].stem}-{link[1]}") for link in links()]
)
def test_link_leads_to_a_page_and_a_heading(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    linked = page.parent / name if name else page
    assert linked.is_file()
    assert not anchor or anchor in anchors(linked)


def test_every_page_is_reached_from_the_readme() -> None:
    entries = (README, EXPORT_README)
    reached = {(page.parent / target).resolve() for page, target in links() if page in entries}
    assert set(ALL_PAGES) - reached == {README}


@pytest.mark.parametrize("page", ALL_PAGES, ids=[str(page.relative_to(ROOT)) for page in ALL_PAGES])
def test_options_in_the_documentation_exist(page: Path) -> None:
    def options(group: click.Command) -> set[str]:
        flags = (name for each in group.params for name in (*each.opts, *each.secondary_opts))
        found = {"--help", "--version", *flags}
        if isinstance(group, click.Group):
            found = found.union(*(options(command) for command in group.commands.values()))
        return found

    lines = [block for language in ("console", "cron") for block in blocks(language, page)]
    used = {
        option
        for line in [*lines, *re.findall(r"`(inventory [^`]*|--[^`]*)`", page.read_text())]
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", line)
    }
    assert used - options(main) - OTHERS_OPTIONS - RENAMED_OPTIONS == set()


def test_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.read_text().splitlines()) <= 320


def test_glossary_is_short() -> None:
    words = re.findall(r"^\| (?!word |---)", section(CONTRIBUTING, "Words"), re.MULTILINE)
    assert 0 < len(words) <= 15


def test_layers_in_the_documentation_are_those_that_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [contract] = settings["tool"]["importlinter"]["contracts"]
    [shown] = (block for block in blocks("", CONTRIBUTING) if block.startswith("cli\n"))
    checked = [set(re.findall(r"\w+", layer)) - {"__main__"} for layer in contract["layers"]]
    assert [set(re.findall(r"\w+", line)) for line in shown.splitlines()] == checked
