"""The files of views: headers match the views, and every tracked column is shown."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, insert, select, text
from support.builders import (
    DAY,
    T0,
    Account,
    connect,
    item,
)
from support.scenario import utc

from inventory import queries
from inventory.db import views
from inventory.db.engine import read_only, rollback, transaction
from inventory.db.views import FUNCTIONS, VIEWS
from inventory.health import DOWN, SHOWN
from inventory.models import (
    CONNECTOR_STATUS,
    CONNECTORS,
    HISTORY_TABLES,
    INVENTORY_RUNS,
    SETUP_TESTS,
    VERSIONED,
    HistoryTable,
)
from inventory.queries import as_of as instants
from inventory.queries.daily_health import daily_health

FOLDER = Path(views.__file__).parent
# Files that no view is made of: parts of others, and the statements with parameters.
OTHERS = {"macros", "availability_daily", "incidents_of", "observation_gaps"}
# What PostgreSQL calls a column of each type.
KINDS = {
    "Text": {"text"},
    "Integer": {"int4"},
    "BigInteger": {"int8"},
    "Double": {"float8"},
    "Boolean": {"bool"},
    "UtcDateTime": {"timestamptz"},
    "Date": {"date"},
    "Json": {"jsonb"},
}
NOW = "cast('2026-11-20 03:00:00.000000+00:00' as {})"


def columns_of(connection: Connection, relation: str) -> list[str]:
    return list(connection.execute(text(f"select * from {relation}")).keys())


def test_every_file_is_a_view_a_function_or_a_known_part() -> None:
    files = {file.stem for file in FOLDER.glob("*.sql")}
    assert files == {*VIEWS, *FUNCTIONS} | OTHERS


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The names of the files read from now on."""
    files: set[str] = set()
    body = views._body

    def note(file: str) -> str:
        files.add(file)
        return body(file)

    monkeypatch.setattr(views, "_body", note)
    views._templates.cache_clear()
    yield files
    views._templates.cache_clear()


def test_every_file_is_used(engine: Engine, read: set[str]) -> None:
    views.digest(engine.dialect)
    with read_only(engine) as connection:
        queries.list_incidents(connection, connector_ids=["one"])
        queries.list_incidents(connection, since=T0)
        instants.at(connection, T0)
        daily_health(connection, first_day=T0.date(), last_day=T0.date())
        views.query("availability_daily", connection)
    # That is what the health of an instant is made of; SQLite has no functions to be made.
    assert {f"{name}.sql" for name in FUNCTIONS} <= read
    assert read == {file.name for file in FOLDER.glob("*.sql")}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.sql")), ids=lambda file: file.stem)
def test_file_follows_the_format(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    assert "\t" not in "".join(lines)
    assert [line for line in lines if line != line.rstrip()] == []
    # text() would take what follows two colons for a parameter.
    assert [line for line in lines if "::" in line] == []


@pytest.mark.parametrize("name", VIEWS)
def test_view_has_the_columns_of_its_header(engine: Engine, name: str) -> None:
    with read_only(engine) as connection:
        assert columns_of(connection, name) == list(VIEWS[name].columns)


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if view.key])
def test_no_two_rows_agree_in_the_key_of_the_header(scenario: Engine, name: str) -> None:
    columns = VIEWS[name].table.c
    with rollback(scenario) as connection:
        views.stop_clock(connection, utc("11-20 11:00"))
        key = select(*(columns[column] for column in VIEWS[name].key))
        rows = connection.execute(key).all()
    assert len(set(rows)) == len(rows) > 0
    for place, column in enumerate(VIEWS[name].key):
        # A comment says so where a column can be null: `inventory schema --format dbt` reads it.
        if "null = " not in VIEWS[name].columns[column].comment:
            assert None not in {row[place] for row in rows}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_statement_as_of_has_the_columns_of_its_header(engine: Engine, name: str) -> None:
    dialect = engine.dialect.name
    instant = NOW.format("timestamptz" if dialect == "postgresql" else "text")
    statement = views._rendered(name, dialect, as_of=instant)
    with read_only(engine) as connection:
        answer = connection.execute(text(statement))
        assert list(answer.keys()) == list(FUNCTIONS[name].columns)


def test_statement_about_incidents_has_the_columns_of_the_view(engine: Engine) -> None:
    with read_only(engine) as connection:
        query = views.query("incidents_of", connection, columns_of="incidents")
        assert list(query.selected_columns.keys()) == list(VIEWS["incidents"].columns)


@pytest.mark.parametrize("name", VIEWS)
def test_postgresql_has_the_types_and_comments_of_the_header(postgres_url: str, name: str) -> None:
    described = text(
        """
        select a.attname, t.typname, col_description(a.attrelid, a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = cast(:name as regclass) and a.attnum > 0
        order by a.attnum
        """
    )
    said = text("select obj_description(cast(:name as regclass), 'pg_class')")
    with read_only(connect(postgres_url)) as connection:
        assert connection.scalar(said, {"name": name}) == VIEWS[name].comment
        there = connection.execute(described, {"name": name}).all()
    assert [(column, comment) for column, _, comment in there] == [
        (column, named.comment) for column, named in VIEWS[name].columns.items()
    ]
    for column, kind, _ in there:
        assert kind in KINDS[type(VIEWS[name].columns[column].type).__name__], column


# What SQLite may declare a column of each word to be, as it does in tables. None of these has
# numbers with a fraction; a cast to them has no type in a view before SQLite 3.41.
DECLARED = {
    "Text": {"TEXT"},
    "Integer": {"BIGINT", "INTEGER"},
    "BigInteger": {"BIGINT", "INTEGER"},
    "Double": {"REAL"} if sqlite3.sqlite_version_info >= (3, 41) else {""},
    "Boolean": {"BOOLEAN"},
    "UtcDateTime": {"DATETIME"},
    "Date": {"TEXT"},
    "Json": {"TEXT"},
}


@pytest.mark.parametrize("name", VIEWS)
def test_sqlite_has_the_types_of_the_header(sqlite_template: Path, name: str) -> None:
    with read_only(connect(f"sqlite:///{sqlite_template}")) as connection:
        there = connection.execute(text(f"pragma table_info({name})")).all()
    for _, column, declared, *_ in there:
        assert declared in DECLARED[type(VIEWS[name].columns[column].type).__name__], column


def test_sqlite_finds_each_value_by_its_text(lived_file: Path, tmp_path: Path) -> None:
    """As tools send what a user picks, whatever the column holds."""
    file = tmp_path / "inventory.db"
    shutil.copyfile(lived_file, file)
    with transaction(connect(f"sqlite:///{file}")) as connection:
        views.stop_clock(connection, utc("11-20 11:00"))
    tried = 0
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        for name in VIEWS:
            some = connection.execute(f"select * from {name} limit 40").fetchall()
            for column in VIEWS[name].columns:
                value = next((row[column] for row in some if row[column] is not None), None)
                if value is not None:
                    found = f"select 1 from {name} where {column} = ? limit 1"
                    assert connection.execute(found, (str(value),)).fetchone(), (name, column)
                    tried += 1
    assert tried > 180


@pytest.mark.parametrize("name", FUNCTIONS)
def test_postgresql_has_the_functions_of_the_headers(postgres_url: str, name: str) -> None:
    with read_only(connect(postgres_url)) as connection:
        assert columns_of(connection, f"{name}(now())") == list(FUNCTIONS[name].columns)
        assert columns_of(connection, f"{name}(as_of => now())")
        said = text(f"select obj_description('{name}'::regproc)")
        assert connection.scalar(said) == FUNCTIONS[name].comment


@pytest.mark.parametrize("name", FUNCTIONS)
def test_postgresql_functions_have_the_types_of_their_headers(postgres_url: str, name: str) -> None:
    """Their statements, too: what does not fit would be cast, as counts are to int4."""
    of_function = """
        select t.typname
        from pg_proc p
        cross join unnest(p.proallargtypes, p.proargmodes) with ordinality a (kind, mode, place)
        join pg_type t on t.oid = a.kind
        where p.oid = cast(:name as regproc) and a.mode = 't'
        order by a.place
        """
    of_statement = """
        select t.typname
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = cast('probe' as regclass) and a.attnum > 0
        order by a.attnum
        """
    statement = views._rendered(name, "postgresql", as_of=NOW.format("timestamptz"))
    with rollback(connect(postgres_url)) as connection:
        connection.execute(text(f"create temporary view probe as {statement}"))
        for described, cast_to_int4 in ((of_function, set()), (of_statement, {"int8"})):
            kinds = connection.scalars(text(described), {"name": name}).all()
            for kind, (column, named) in zip(kinds, FUNCTIONS[name].columns.items(), strict=True):
                header = type(named.type).__name__
                others = cast_to_int4 if header == "Integer" else set()
                assert kind in KINDS[header] | others, column


@pytest.mark.parametrize("versioned", HISTORY_TABLES, ids=lambda versioned: versioned.history)
def test_history_has_every_column_of_a_version(versioned: HistoryTable) -> None:
    version = ("valid_from", "changed_after", "valid_to")
    columns = VIEWS[versioned.history].columns
    assert set(columns) == {*versioned.versioned_columns, *version}
    for name in (*versioned.versioned_columns, "valid_from", "changed_after"):
        there = versioned.past.c[name]
        assert type(columns[name].type)._type_affinity is type(there.type)._type_affinity
        assert columns[name].comment == there.comment


@pytest.mark.parametrize("versioned", VERSIONED[:2], ids=lambda versioned: versioned.history)
def test_statement_as_of_has_every_versioned_column(versioned: HistoryTable) -> None:
    name = {"connectors": "connectors_at", "connector_status": "connector_status_at"}
    columns = FUNCTIONS[name[versioned.current.name]].columns
    assert {*versioned.versioned_columns} <= columns.keys()


def test_history_mode_has_every_tracked_column() -> None:
    [connectors, *_] = VERSIONED
    assert {*connectors.tracked} <= VIEWS["connector_history_mode"].columns.keys()


# Of each view with columns of a model: the model's table, and the columns whose comment differs,
# as they are computed.
JUDGED_NOW = {"health", "is_down", "health_since", "down_since"}  # by whether a run has looked
COMMENTED = [
    ("connectors_at", CONNECTORS.past, {"valid_to"}),  # null = open, which no closed version is
    ("connector_status_at", CONNECTOR_STATUS.past, {"valid_to"}),
    ("connector_health_at", CONNECTORS.past, set()),
    ("connector_health_at", CONNECTOR_STATUS.past, {"health"}),  # it says as of when
    ("connector_history_mode", CONNECTORS.past, set()),
    ("connector_health", CONNECTORS.current, set()),
    ("connector_health", CONNECTOR_STATUS.current, JUDGED_NOW),
    ("latest_run", INVENTORY_RUNS, {"account_id"}),  # null = several runs
]


@pytest.mark.parametrize(
    ("name", "table", "computed"), COMMENTED, ids=[f"{name}-{of.name}" for name, of, _ in COMMENTED]
)
def test_column_of_a_model_has_its_comment(name: str, table: Table, computed: set[str]) -> None:
    columns = (VIEWS | FUNCTIONS)[name].columns
    mirrored = columns.keys() & table.c.keys()
    assert {each for each in mirrored if columns[each].comment != table.c[each].comment} == computed
    assert len(mirrored) >= 8


INSTANTS = (T0, T0 + DAY, T0 + 2 * DAY)
# Three values of each type, and how a change tells of them.
VALUES: dict[str, tuple[tuple[Any, ...], tuple[str, ...]]] = {
    "Text": (("a", "b", "c"), ("a", "b", "c")),
    "Integer": ((1, 2, 3), ("1", "2", "3")),
    "BigInteger": ((1, 2, 3), ("1", "2", "3")),
    "Boolean": ((False, True, False), ("false", "true", "false")),
    "UtcDateTime": (INSTANTS, tuple(f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in INSTANTS)),
    "Json": (({"k": ["a"]}, {"k": ["b"]}, {"k": ["c"]}), ("a", "b", "c")),
    "LargeBinary": ((b"",), ()),
}


def type_of(table: Table, name: str) -> str:
    return type(table.c[name].type).__name__


def change_alone(connection: Connection, versioned: HistoryTable, name: str) -> None:
    """Insert two changes of this column, for a connector named after it."""

    def put(table: Table, **values: Any) -> None:
        needed = {
            column.name: VALUES[type_of(table, column.name)][0][0]
            for column in table.c
            if not column.nullable and column.server_default is None
        }
        connection.execute(insert(table).values(needed | {"connector_id": name} | values))

    first, second, third = (
        {name: value, "valid_from": begun}
        for value, begun in zip(VALUES[type_of(versioned.current, name)][0], INSTANTS, strict=True)
    )
    if versioned is not CONNECTORS:
        put(CONNECTORS.current)
    put(versioned.current, **third, changed_after=INSTANTS[1])
    put(versioned.past, **first, valid_to=INSTANTS[1])
    put(versioned.past, **second, valid_to=INSTANTS[2], changed_after=INSTANTS[0])


@pytest.mark.parametrize(
    "versioned", [CONNECTORS, CONNECTOR_STATUS, SETUP_TESTS], ids=lambda of: of.current.name
)
def test_state_changes_shows_every_tracked_column(engine: Engine, versioned: HistoryTable) -> None:
    table = versioned.current
    with rollback(engine) as connection:
        for name in (*versioned.tracked, *versioned.judged):
            change_alone(connection, versioned, name)
        changes = queries.list_changes(connection, since=T0)
    # Of what is judged, the word alone.
    shown = {*versioned.tracked, *({"health"} & {*versioned.judged})}
    want = set()
    for name in shown:
        kind = type_of(table, name)
        field = f"{'a: ' if versioned is SETUP_TESTS else ''}{name}{'.k[0]' * (kind == 'Json')}"
        words = VALUES[kind][1]
        for place in (0, 1):
            of_change = (field, words[place], words[place + 1])
            want.add((name, table.name, *of_change, INSTANTS[place], INSTANTS[place + 1]))
    columns = ("connector_id", "table_name", "field", "old_value", "new_value")
    found = [
        tuple(row[name] for name in (*columns, "changed_after", "changed_at"))
        for row in changes
        if row["kind"] == "changed"
    ]
    assert {row[0] for row in found} == shown
    assert sorted(found) == sorted(want)


def test_headers_name_every_health_and_those_that_mean_down() -> None:
    columns = VIEWS["connector_health"].columns
    for rule in SHOWN:
        assert rule.name in columns["health"].comment
    for name in DOWN:
        assert name in columns["is_down"].comment
        assert name in VIEWS["incidents"].comment


PROBE = """
import sys
import inventory.db.views
assert inventory.db.views.VIEWS
if sys.argv[1:]:
    from inventory.cli import main
    try:
        main(sys.argv[1:])
    except SystemExit as end:
        assert not end.code, end.code
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize("words", [(), ("sync",), ("status",)], ids=" ".join)
def test_headers_are_read_without_jinja(
    environment: dict[str, str], account: Account, words: tuple[str, ...]
) -> None:
    """Neither does a run on tables that are there, whatever it finds, nor a look at a view."""
    account.connectors = [item("one")]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "inventory" in loaded
    assert not loaded & {"jinja2", "markupsafe"}


def test_undefined_name_in_a_template_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        views._templates("sqlite").from_string("select {{ forgotten }}").render()
