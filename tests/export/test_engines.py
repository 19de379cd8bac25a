"""DuckDB, Polars and pandas read what is exported as the README says, and find what is there.

The snippets of the README are what reads, and the questions of its second page are what is asked:
DuckDB and Polars run their SQL, pandas has its own expressions, the database runs the SQL, too, and
answers once more from views of other names.
"""

import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from sqlalchemy import Engine, make_url
from support import pandas_answers
from support.builders import DAY, KEY, SECRET, T0, Account, api_settings, connect, item
from support.databases import new_database
from support.effort import KINDS
from support.lake_pages import AVAILABILITY, plain, questions, run_snippet, snippets
from support.older_release import export_by_two_releases

from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.export.run import export
from inventory.export.tables import exported_tables
from inventory.output.formats import Output
from inventory.output.listing import write_rows
from inventory.queries.sql import run_query
from inventory.sync.run import sync

QUESTIONS = questions()
SNIPPETS = [each for each in snippets() if not each.is_for_spark]
Rows = list[tuple[Any, ...]]


class Readers(NamedTuple):
    """The engines, each with the tables of one export."""

    duckdb: Callable[[str], Rows]
    polars: Callable[[str], Rows]
    frame: Callable[[str], pandas.DataFrame]


class Exported(NamedTuple):
    """A database, and a folder with its exports `lake` and `delta`."""

    engine: Engine
    folder: Path
    printed: list[str]
    readers: dict[str, Readers]


def export_once(engine: Engine, folder: Path, output_format: str) -> None:
    export(engine, str(folder), output_format=output_format)


def exported(
    engine: Engine, folder: Path, export: Callable[[Engine, Path, str], None] = export_once
) -> Exported:
    """Export a database, and open the exports with the snippets of the README."""
    for name, output_format in (("lake", "parquet"), ("delta", "delta")):
        export(engine, folder / name, output_format)
    names: dict[str, Any] = {}
    printed, readers = [], {}
    for snippet in SNIPPETS:
        printed.append(run_snippet(snippet.code, names, folder))
        if "frame" in names:
            kind = "delta" if "DeltaTable" in snippet.code else "parquet"
            readers[kind] = _readers(names, kind)
    return Exported(engine, folder, printed, readers)


def _readers(names: dict[str, Any], kind: str) -> Readers:
    lake, context = names["lake"], names["context"]
    return Readers(
        lambda sql: lake.sql(sql).fetchall(),
        lambda sql: context.execute(sql).collect().rows(),
        names["frame"]
        if kind == "parquet"
        else lambda table: DeltaTable(f"delta/{table}").to_pandas(),
    )


# --- the demo's database, exported by two releases -------------------------------------------


@pytest.fixture(scope="module", params=KINDS)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Exported by an older release, then by this one: some files are old, some superseded."""
    folder = tmp_path_factory.mktemp("engines")
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            original = make_url(request.getfixturevalue("demo_file")).database
            assert original
            shutil.copyfile(original, folder / "inventory.db")
            url = f"sqlite:///{folder / 'inventory.db'}"
        else:
            server = request.getfixturevalue("postgres_server")
            template = make_url(request.getfixturevalue("demo_postgres")).database
            url = stack.enter_context(new_database(server, str(template)))
        engine = connect(url)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PGTZ", "Asia/Kathmandu")  # in any zone of a session
        yield exported(engine, folder, export_by_two_releases)


@pytest.fixture
def in_folder(demo: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets name the exports by relative paths."""
    monkeypatch.chdir(demo.folder)


def test_snippets_print_what_the_readme_shows(demo: Exported) -> None:
    assert demo.printed == [each.shown for each in SNIPPETS]
    assert len(SNIPPETS) == 5


def test_results_are_those_that_the_page_shows(
    demo: Exported, in_folder: None, zone: Callable[[str], None]
) -> None:
    zone("UTC")
    assert sorted(QUESTIONS) == list(range(1, 11))
    for number, question in QUESTIONS.items():
        answer = demo.readers["parquet"].duckdb(question.sql)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            names = columns_of(number, demo)
            write_rows([dict(zip(names, row, strict=True)) for row in answer], names, Output())
        assert printed.getvalue() == question.shown


def columns_of(number: int, demo: Exported) -> list[str]:
    select = QUESTIONS[number].sql
    return [each[0] for each in demo.readers["parquet"].duckdb(f"describe {select}")]


@pytest.mark.parametrize("number", QUESTIONS)
def test_engines_answer_as_the_database(number: int, demo: Exported, in_folder: None) -> None:
    sql = QUESTIONS[number].sql
    expected = plain(demo.readers["parquet"].duckdb(sql))
    assert len(expected) > 0
    if number != AVAILABILITY:
        assert plain(run_query(demo.engine, sql).rows) == expected
    for readers in demo.readers.values():
        assert plain(readers.duckdb(sql)) == expected
        assert plain(readers.polars(sql)) == expected
        assert plain(pandas_answers.ANSWERS[number](readers.frame)) == expected


# The same answers from what the database alone has. Some have fewer columns.
FROM_OTHER_VIEWS = {
    2: """select changed_at, connector_id, old_value, new_value from state_changes
        where field = 'health' and kind = 'changed'
          and changed_at > '2026-10-29 12:00:00'""",
    4: "select account_id, observed_at, connectors_seen, withheld from latest_run",
    6: """select service, incidents, mttr_minutes from service_reliability
        where scope = 'service' and incidents > 0""",
    7: """select distinct changed_at, connector_id from state_changes
        where table_name = 'connectors' and kind = 'changed'
          and changed_at > '2026-10-08 00:00:00'""",
    8: """select sum(failed) as failed, sum(failed) + sum(succeeded) as syncs
        from sync_outcomes_daily where day >= '2026-10-25' group by day order by day""",
    9: """select service, sum(down_minutes) as down_minutes,
          round(100.0 * sum(up_minutes) / sum(observed_minutes), 2) as percent_up
        from availability_30d group by service having sum(down_minutes) > 0""",
    10: """select changed_at as removed_at, connector_id, service from state_changes
        where table_name = 'connectors' and kind = 'removed'""",
}
RENAMED = {"incidents": "outages"}


@pytest.mark.parametrize("number", FROM_OTHER_VIEWS)
def test_other_views_of_the_database_say_the_same(
    number: int, demo: Exported, in_folder: None
) -> None:
    own = run_query(demo.engine, FROM_OTHER_VIEWS[number])
    names = columns_of(number, demo)
    places = [names.index(RENAMED.get(name, name)) for name in own.columns]
    answer = demo.readers["parquet"].duckdb(QUESTIONS[number].sql)
    found = plain([tuple(row[place] for place in places) for row in answer])
    assert sorted(found) == sorted(plain(own.rows))


# --- columns and types -----------------------------------------------------------------------


def test_column_that_old_files_lack_is_null_there(demo: Exported, in_folder: None) -> None:
    for readers in demo.readers.values():
        of_rows = "select connector_id, tier from incidents where ended_at is {} null"
        closed, opened = of_rows.format("not"), of_rows.format("")
        frame = readers.frame("incidents")
        for found in (readers.duckdb(closed), readers.polars(closed)):
            assert {tier for _, tier in found} == {None}
        assert frame[frame["ended_at"].notna()]["tier"].isna().all()
        owned = run_query(demo.engine, "select connector_id, tier from connector_health").rows
        tiers = {row["connector_id"]: row["tier"] for row in owned}
        for found in (readers.duckdb(opened), readers.polars(opened)):
            assert [tiers[connector] for connector, _ in found] == [tier for _, tier in found]
        assert len(frame) == len(readers.duckdb("select 1 from incidents"))


@pytest.mark.parametrize(("kind", "json_type"), [("parquet", "JSON"), ("delta", "VARCHAR")])
def test_types_are_those_of_the_columns(
    kind: str, json_type: str, demo: Exported, in_folder: None
) -> None:
    shown = {
        name: shown_type
        for table in ("connector_history", "availability_daily")
        for name, shown_type, *_ in demo.readers[kind].duckdb(f"describe {table}")
    }
    expected = {
        "config": json_type,
        "paused": "BOOLEAN",
        "sync_frequency": "BIGINT",
        "valid_to": "TIMESTAMP WITH TIME ZONE",
        "day": "DATE",
        "availability": "DOUBLE",
    }
    assert {name: shown[name] for name in expected} == expected


def test_comments_go_with_tables_and_columns(demo: Exported, in_folder: None) -> None:
    view = VIEWS["connector_history"]
    comments = {name: column.comment for name, column in view.columns.items()}
    assert comments["valid_to"].startswith("When this version ended: observed_at of the run")
    for file in Path("lake/connector_history").rglob("*.parquet"):
        fields = pq.read_schema(file)
        found = {field.name: field.metadata[b"comment"].decode() for field in fields}
        assert found == comments
    table = DeltaTable("delta/connector_history")
    in_delta = {field.name: field.metadata["comment"] for field in table.schema().fields}
    assert in_delta.pop("month").startswith("Month (UTC)")
    assert in_delta == comments
    assert table.metadata().description == view.comment


# --- an account with a name that no path can hold, and nothing that is down ------------------

HOSTILE = "Ünï/Co 50% = a+b #'\""


@pytest.fixture
def hostile(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    account = Account()
    account.account_id = HOSTILE
    account.connectors = [item("calm", config={"list": [1, None], "text": 'a "b"\n'})]
    with FakeApi(account, key=KEY, secret=SECRET) as api:
        sync(engine, api_settings(api), clock=lambda _: T0 + DAY)
    monkeypatch.chdir(tmp_path)
    return exported(engine, tmp_path)


def test_hostile_account_and_empty_tables_are_read(hostile: Exported) -> None:
    sql = "select account_id, connector_id from connector_history"
    for readers in hostile.readers.values():
        assert readers.duckdb(sql) == readers.polars(sql) == [(HOSTILE, "calm")]
        assert list(readers.frame("connector_history")["account_id"]) == [HOSTILE]
        for name in (table.name for table in exported_tables()):
            counted = f"select count(*) from {name}"
            length = len(readers.frame(name))
            assert readers.duckdb(counted) == readers.polars(counted) == [(length,)]
        assert readers.duckdb("select service from incidents") == []
    value = "select config ->> '$.text', json_extract(config, '$.list') from connector_history"
    assert hostile.readers["parquet"].duckdb(value) == [('a "b"\n', "[1,null]")]
    assert not [name for name in os.listdir("lake/connector_history/month=current") if "%" in name]
