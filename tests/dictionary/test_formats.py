"""`inventory schema` as people see it: in each format, of everything and of one."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.terminal import Terminal, marking_pager

from inventory.cli import main
from inventory.dictionary import markdown, text
from inventory.dictionary.entities import Column, Entity, all_entities
from inventory.dictionary.joins import Join
from inventory.output.screen import of_stdout

ENTITIES = {entity.name: entity for entity in all_entities()}
FORMATS = ("text", "markdown", "dbt", "mermaid", "json", "datasette")
HOSTILE = Entity(
    "odd",
    "table",
    "One row | or two",
    ("a",),
    (Column("a", "text", "either | or\nboth", False), Column("b", "bigint", "x" * 90, True)),
    (Join("connector", "connectors", (("a", "connector_id"),), is_foreign_key=True),),
)


def schema(*words: str) -> Result:
    return CliRunner().invoke(main, ["schema", *words])


# --- text -----------------------------------------------------------------------------------

SYNC_OUTCOMES_AT_60 = """\
sync_outcomes (table)
One row per sync outcome that a run saw: between two runs,
only the last success and the last failure are seen.
Key: connector_id, outcome, finished_at

column        type         meaning
connector_id  text         The connector's id, as the API
                           gives it
outcome       text         succeeded or failed
finished_at   timestamptz  When the sync ended (UTC)
run_id        bigint       The run that first saw it

joins      on
connector  connector_id = connectors.connector_id (foreign
           key)
run        run_id = inventory_runs.run_id (foreign key)
"""


def test_terminal_shows_a_table_within_its_width() -> None:
    terminal = Terminal(60)
    assert terminal.run("schema", "sync_outcomes") == SYNC_OUTCOMES_AT_60.splitlines()
    assert b"\x1b[1mcolumn " in terminal.output
    plain = Terminal(60)
    assert plain.run("schema", "sync_outcomes", NO_COLOR="1") == SYNC_OUTCOMES_AT_60.splitlines()
    assert b"\x1b" not in plain.output


def test_list_is_longer_than_a_screen_so_it_goes_through_the_pager(tmp_path: Path) -> None:
    end = "`inventory schema NAME` shows the columns and joins of one."
    pager = marking_pager(tmp_path)
    assert Terminal(80, 10).run("schema", PAGER=pager)[-2:] == [end, "END"]
    assert Terminal(80, 10).run("schema", "--no-pager", PAGER=pager)[-1] == end


def test_list_has_all_names_under_headings() -> None:
    terminal = Terminal(80, 150)
    lines = terminal.run("schema", "--no-pager")
    names = [found[1] for line in lines if (found := re.match(r"  (\w+)", line))]
    assert sorted(names) == sorted(ENTITIES)
    headings = [line for line in lines if line and not line.startswith((" ", "`"))]
    assert headings == ["Views", "Tables", "Functions NAME(as_of timestamptz), on PostgreSQL only"]


PIPE = of_stdout()._replace(is_terminal=False, has_colors=False)


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_lines_fit_any_width_and_break_between_words(entity: Entity) -> None:
    name, kind = (max(len(getattr(each, of)) for each in entity.columns) for of in ("name", "type"))
    whole = words(text.entity_lines(entity, PIPE))
    for width in range(max(name, len("column")) + kind + 28, 140):
        lines = list(text.entity_lines(entity, PIPE._replace(is_terminal=True, width=width)))
        assert max(map(len, lines)) <= width
        assert words(lines) == whole


def words(lines: Iterable[str]) -> list[str]:
    return " ".join(lines).split()


def test_pipe_gets_a_line_per_column() -> None:
    lines = schema("connector_health").stdout.splitlines()
    health = ENTITIES["connector_health"]
    for column in health.columns:
        assert re.search(
            rf"(?m)^{column.name} +{column.type} +{re.escape(column.comment)}$", "\n".join(lines)
        )


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", FORMATS)
def test_name_limits_every_format(output_format: str) -> None:
    one = schema("--format", output_format, "Incidents")
    everything = schema("--format", output_format)
    assert (one.exit_code, everything.exit_code) == (0, 0)
    assert "incidents" in one.stdout
    assert "sync_outcomes_daily" not in one.stdout
    assert len(one.stdout) < len(everything.stdout) / 2


def test_unknown_name_suggests_the_nearest() -> None:
    done = schema("conector_health")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "Error: There is no table, view or function named conector_health. Did you mean "
        "connector_health "
    )
    nothing = schema("qqqq")
    assert nothing.stderr == (
        "Error: There is no table, view or function named qqqq. `inventory schema` lists all.\n"
    )
    assert "\x1b" not in schema("\x1b[31m").stderr


@pytest.mark.parametrize("name", ["connectors_at", "digest_key"])
@pytest.mark.parametrize("output_format", ["dbt", "mermaid", "datasette"])
def test_format_refuses_what_it_leaves_out(output_format: str, name: str) -> None:
    done = schema("--format", output_format, name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{name} is left out of the format {output_format}" in done.stderr


def test_json_marks_the_secret() -> None:
    shown = json.loads(schema("--format", "json").stdout)
    assert [each["name"] for each in shown if each["secret"]] == ["digest_key"]


def test_dbt_source_of_one_table_refers_to_no_other() -> None:
    one = schema("--format", "dbt", "sync_outcomes").stdout
    assert "relationships" not in one
    assert "relationships" in schema("--format", "dbt").stdout


@pytest.mark.parametrize("output_format", FORMATS)
def test_no_database_is_needed(output_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "postgresql://nobody:pa55word@127.0.0.1:1/nothing")
    done = schema("--format", output_format)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "secret@" not in done.stdout


def test_datasette_is_told_the_name_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def databases() -> list[str]:
        return [*json.loads(schema("--format", "datasette").stdout)["databases"]]

    assert databases() == ["inventory"]  # the default file
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "sqlite:////data/fivetran account.sqlite3")
    assert databases() == ["fivetran account"]
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "postgresql://db.example.com/observability")
    assert databases() == ["inventory"]


# --- markdown -------------------------------------------------------------------------------


def test_cells_of_markdown_stay_in_their_cells() -> None:
    lines = list(markdown.section(HOSTILE))
    assert "| `a` (key) | text | either \\| or both |" in lines
    assert lines[-1] == "Joins: connector on `a` = `connectors.connector_id` (foreign key)."
    assert not any("\n" in line for line in lines)


def cells(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line.strip("|"))


def test_each_row_of_markdown_has_the_cells_of_its_table() -> None:
    tables = re.findall(r"(?m)^(?:\|.*\n)+", schema("--format", "markdown").stdout)
    assert len(tables) == 1 + len(ENTITIES)
    for table in tables:
        head, *rows = table.splitlines()
        assert {len(cells(row)) for row in rows} == {len(cells(head))}


# --- mermaid --------------------------------------------------------------------------------

# Mermaid's grammar of an entity-relationship diagram, as far as a diagram of tables needs it.
WORD = r"[A-Za-z_][A-Za-z0-9_]*"
ATTRIBUTE = re.compile(rf"        ({WORD}) ({WORD})(?: ((?:PK|FK)(?:, (?:PK|FK))?))?")
RELATIONSHIP = re.compile(rf'    ({WORD}) (\|\||\|o)(--|\.\.)(o\||o\{{) ({WORD}) : "(\w+)"')
Diagram = tuple[dict[str, dict[str, str]], set[tuple[str, str, str]]]


def parsed(lines: Iterator[str]) -> Diagram:
    """Read a diagram: the columns of each entity with their marks, and the relationships."""
    assert next(lines) == "erDiagram"
    entities: dict[str, dict[str, str]] = {}
    relationships = set()
    for line in lines:
        if found := re.fullmatch(rf"    ({WORD}) \{{", line):
            columns = entities[found[1]] = {}
        elif found := ATTRIBUTE.fullmatch(line):
            columns[found[2]] = found[3] or ""
        elif found := RELATIONSHIP.fullmatch(line):
            relationships.add((found[5], found[6], found[1]))
        else:
            assert line == "    }"
    return entities, relationships


def test_diagram_has_all_tables_and_their_joins() -> None:
    entities, relationships = parsed(iter(schema("--format", "mermaid").stdout.splitlines()))
    tables = [each for each in ENTITIES.values() if each.kind == "table" and each.is_readable]
    assert entities.keys() == {table.name for table in tables}
    drawn_from_groups = ("destinations", "group", "groups")
    assert relationships == {
        (table.name, join.name, join.target) for table in tables for join in table.joins
    } - {drawn_from_groups}
    assert entities["connector_status"] == {"connector_id": "PK, FK"}
    assert entities["sync_outcomes"]["run_id"] == "FK"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), '    destinations |o..o| groups : "destination"'),
        (("groups",), '    destinations |o..o| groups : "destination"'),
        (("destinations",), '    groups |o..o| destinations : "group"'),
    ],
)
def test_group_has_one_destination_which_has_one_group(words: tuple[str, ...], line: str) -> None:
    shown = schema("--format", "mermaid", *words).stdout
    between = r" (?:groups .* destinations|destinations .* groups) : .*"
    assert re.findall(rf"(?m)^   {between}$", shown) == [line]


@pytest.mark.parametrize("name", [n for n, each in ENTITIES.items() if each.kind == "view"])
def test_diagram_of_a_view_has_its_columns_and_the_tables_that_it_joins(name: str) -> None:
    entities, relationships = parsed(iter(schema("--format", "mermaid", name).stdout.splitlines()))
    view = ENTITIES[name]
    assert [*entities.pop(name)] == [column.name for column in view.columns]
    assert entities.keys() == {join.target for join in view.joins}
    assert relationships == {(name, join.name, join.target) for join in view.joins}
