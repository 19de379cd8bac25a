"""What holds for every query: all output formats, and databases without data."""

import csv
import io
import json
import subprocess
import sys

import pytest
from sqlalchemy import Engine, text
from support.builders import (
    connect,
)
from support.effort import THOROUGH
from support.four_days import (
    HOSTILE,
    run,
)
from support.terminal import Terminal

from inventory.db.engine import read_only

QUERIES = [
    ("status",),
    ("status", "--down"),
    ("changes", "--since", "7d"),
    ("changes", "--since", "last-run"),
    ("incidents",),
    ("incidents", "--open"),
    ("at", "1h"),
    ("findings",),
    ("runs",),
    ("query", "select connector_id, schema_name, first_seen_at from connectors"),
    ("query",),
]


@pytest.mark.parametrize("words", [*QUERIES, ("status", "odd"), ("history", "odd"), ("check",)])
def test_names_cannot_control_a_terminal(database: str, words: tuple[str, ...]) -> None:
    for form in ("table", "json"):
        result = run(*words, "--format", form)
        assert result.exit_code == (3 if words == ("check",) else 0)
        assert all(line.isprintable() for line in result.output.split("\n")), result.output


@pytest.mark.parametrize("words", QUERIES)
def test_json_and_csv_have_the_same_rows_in_utc(database: str, words: tuple[str, ...]) -> None:
    as_json = json.loads(run(*words, "--format", "json").stdout)
    as_csv = list(csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout, newline="")))
    assert len(as_json) == len(as_csv)
    for row, line in zip(as_json, as_csv, strict=True):
        assert list(row) == list(line)
        assert [line[name] == "" for name in row] == [value in (None, "") for value in row.values()]
    assert "+05:45" not in json.dumps([as_json, as_csv])


@pytest.mark.parametrize("words", [*QUERIES, ("check", "--for", "1m"), ("history", "x")])
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_database_without_a_run_gives_empty_results(
    engine: Engine,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    form: str,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    result = run(*words, "--format", form)
    if words[0] == "history":
        said = "Error: There is no connector named x. `inventory status` lists all.\n"
        assert (result.exit_code, result.stderr) == (2, said)
    elif words[0] == "check":
        assert (result.exit_code, result.stderr) == (3, "")
        assert "run `inventory sync`" in result.stdout
    else:
        assert result.exit_code == 0
        if form == "json" and words != ("query",):
            assert json.loads(result.stdout) == []
        says_age = words[0] in ("status", "changes", "incidents", "findings") and form == "table"
        says_so = words[0] == "at" or says_age
        assert ("No run has completed yet" in result.stderr) == says_so


@pytest.mark.parametrize("words", [*QUERIES, ("check",), ("history", "x"), ("status", "x")])
def test_database_without_tables_says_what_to_do_first(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "run `inventory sync` first" in result.stderr


def test_queries_change_nothing(database: str) -> None:
    engine = connect(database)
    everything = text("select count(*), max(run_id) from inventory_runs")
    with read_only(engine) as connection:
        before = connection.execute(everything).one()
    for words in (*QUERIES, ("check",), ("history", "two")):
        run(*words)
    with read_only(engine) as connection:
        assert connection.execute(everything).one() == before


def test_colors_and_width_are_for_terminals_only(database: str) -> None:
    terminal = Terminal(60)
    shown = terminal.run("status", "--all")
    assert terminal.colors_of("broken") == {"red"}
    assert HOSTILE.strip().encode() not in terminal.output
    assert max(map(len, shown)) <= 60
    piped = run("status").stdout
    assert "\x1b" not in piped
    assert max(map(len, piped.splitlines())) > 100
    for data_format in ("json", "csv"):
        terminal = Terminal(200)
        terminal.run("status", "--format", data_format)
        assert b"\x1b" not in terminal.output


PROBE = """
import sys
from inventory.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, 3, None), end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


COMMANDS = (*QUERIES, ("check",), ("history", "two"), ("status", "two"))
SOME = (("status",), ("at", "1h"), ("query",), ("check",))


@pytest.mark.parametrize(
    "words",
    [words if words in SOME else pytest.param(words, marks=THOROUGH) for words in COMMANDS],
    ids=" ".join,
)
def test_query_loads_only_what_it_needs(database: str, words: tuple[str, ...]) -> None:
    """Each is to take no more than twice the time of importing SQLAlchemy and its driver."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert not loaded & {"alembic", "mako", "requests", "urllib3", "msgspec", "rich"}
    assert ("psycopg" in loaded) == database.startswith("postgresql")


@pytest.mark.parametrize("words", [("status",), ("check",), ("history",), ("at",)], ids=" ".join)
def test_help_of_a_query_loads_no_database(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words, "--help"], capture_output=True, text=True, check=True
    )
    assert "sqlalchemy" not in done.stderr.splitlines()[-1].split()
    assert words != ("check",) or "healthy" in done.stdout
