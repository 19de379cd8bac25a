"""A person's own SQL is answered as it is, and can do nothing but read."""

import csv
import io
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text
from worlds import Account, api_settings, connect, everything, item

from inventory import database, query, upgrades
from inventory.cli import main
from inventory.models import METADATA
from inventory.standin import StandIn
from inventory.sync import sync
from inventory.views import VIEWS


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
def held(engine: Engine, environment: dict[str, str], api: StandIn, account: Account) -> Engine:
    """A database with a warning in it, which the user's settings name."""
    account.connectors = [item("one", status={"warnings": [{"code": "w", "message": "it's odd"}]})]
    sync(engine, api_settings(api))
    return engine


def answer(sql: str) -> Any:
    result = run("query", sql, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout, parse_constant=pytest.fail)


# --- what is answered -----------------------------------------------------------------------


def test_query_is_answered_in_every_form(held: Engine) -> None:
    sql = "select connector_id, message, 50 as \"50%\" from warnings where message like '%s odd'"
    row = {"connector_id": "one", "message": "it's odd", "50%": 50}
    assert answer(sql) == [row]
    told = csv.DictReader(io.StringIO(run("query", sql, "--format", "csv").stdout))
    assert list(told) == [row | {"50%": "50"}]
    assert run("query", sql).stdout == "connector_id  message   50%\none           it's odd  50\n"


def test_query_without_rows_still_names_its_columns(held: Engine) -> None:
    sql = "select connector_id from tasks"
    assert answer(sql) == []
    assert run("query", sql).stdout == "connector_id\n"


@pytest.mark.parametrize(
    "sql",
    [
        "  select 1 as n ;  ",
        "-- a word first\nselect 1 as n",
        "/* one */ select 1 as n -- another",
        "with x as (select 1 as n) select * from x",
        "with recursive x(n) as (select 1 union select n from x) select n from x",
        "values (1)",
    ],
)
def test_query_may_be_written_as_people_do(held: Engine, sql: str) -> None:
    [row] = answer(sql)
    assert list(row.values()) == [1]


def test_columns_of_one_name_do_not_collapse(held: Engine) -> None:
    sql = "select 1 as n, 2 as n, 3 as n_2, 4 as n"
    assert answer(sql) == [{"n": 1, "n_3": 2, "n_2": 3, "n_4": 4}]


def test_plan_of_a_query_is_shown(held: Engine) -> None:
    how = "explain query plan" if database.is_sqlite(held) else "explain"
    assert "warnings" in json.dumps(answer(f"{how} select * from warnings")).lower()


def test_json_functions_answer(held: Engine) -> None:
    """SQLite makes their tables known in the moment they are asked for."""
    sqlite = "select sum(value) as n from json_each('[1, 2]')"
    postgresql = "select sum(x::int)::int as n from jsonb_array_elements_text('[1, 2]') as x"
    assert answer(sqlite if database.is_sqlite(held) else postgresql) == [{"n": 3}]


def test_values_of_every_kind_leave_json_valid(held: Engine) -> None:
    if database.is_sqlite(held):
        sql = """select 9e999 as f, x'00ff' as b, null as z, 1.5 as n, cast(x'ff' as text) as t,
                 '2026-11-20 03:00:00.000000+00:00' as at, '2026-13-20 03:00:00.000000+00:00' as no,
                 '2026-11-20 03:00:00' as plain"""
        expected = {
            "f": "Infinity", "b": r"\x00ff", "z": None, "n": 1.5, "t": "\ufffd",
            "at": "2026-11-20T03:00:00+00:00", "no": "2026-13-20 03:00:00.000000+00:00",
            "plain": "2026-11-20 03:00:00",
        }  # fmt: skip
    else:
        sql = """select 'NaN'::float8 as f, '\\x00ff'::bytea as b, 'NaN'::numeric as g,
                 12.50::numeric as n, 12::numeric as i, 1e30::numeric as h,
                 0.1234567890123456789::numeric as d, date '2026-11-20' as day,
                 time '03:00' as hour, interval '1 day 2 hours' as long,
                 '00000000-0000-0000-0000-000000000001'::uuid as u, array[1.5, 'NaN'] as a,
                 array[array[true]] as aa, '{"k": [null]}'::jsonb as j, row(1, 'x') as r,
                 inet '10.0.0.1' as ip, int4range(1, 3) as ran,
                 timestamptz '2026-11-20 04:00:00+01' as at, timestamp '2026-11-20 03:00' as naive
              """
        expected = {
            "f": "NaN", "b": r"\x00ff", "g": "NaN", "n": 12.5, "i": 12, "h": 10**30,
            "d": "0.1234567890123456789", "day": "2026-11-20", "hour": "03:00:00",
            "long": "1 day 02:00:00", "u": "00000000-0000-0000-0000-000000000001",
            "a": [1.5, "NaN"], "aa": [[True]], "j": {"k": [None]}, "r": ["1", "x"],
            "ip": "10.0.0.1", "ran": "[1,3)", "at": "2026-11-20T03:00:00+00:00",
            "naive": "2026-11-20T03:00:00",
        }  # fmt: skip
    [row] = answer(sql)
    assert row == expected
    for form in ("table", "csv"):
        assert run("query", sql, "--format", form).exit_code == 0
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("coalesce(null, 'infinity'::timestamptz)", "infinity"),
        ("timestamptz '0044-03-15 BC'", "0044-03-15 00:00:00+00 BC"),
        ("timestamp '12000-01-01'", "12000-01-01 00:00:00"),
        ("date '-infinity'", "-infinity"),
        ("time '24:00'", "24:00:00"),
        ("timetz '24:00+05:45'", "24:00:00+05:45"),
        ("interval '1 month 2 days'", "1 mon 2 days"),
        ("interval '-1 s'", "-00:00:01"),
        ("tstzrange('2026-11-20 03:00+00', null)", '["2026-11-20 03:00:00+00",)'),
        ("int4multirange(int4range(1, 3))", "{[1,3)}"),
        ("array['infinity'::date, '2026-11-20']", ["infinity", "2026-11-20"]),
    ],
)
def test_what_python_has_no_value_for_is_told_in_the_servers_words(
    postgres_url: str, value: str, told: object
) -> None:
    engine = connect(postgres_url)
    [row] = query.ask(engine, f"select {value} as n, timestamptz '2026-11-20 03:00+00' as at").rows
    assert json.loads(json.dumps(row["n"], default=str)) == told
    assert row["at"] == datetime(2026, 11, 20, 3, tzinfo=UTC)


def test_numbers_that_are_none_have_one_name_in_every_form(held: Engine) -> None:
    infinite = "9e999" if database.is_sqlite(held) else "'Infinity'::float8"
    sql = f"select {infinite} as more, -{infinite} as less"
    assert answer(sql) == [{"more": "Infinity", "less": "-Infinity"}]
    assert run("query", sql, "--format", "csv").stdout == "more,less\nInfinity,-Infinity\n"
    assert run("query", sql).stdout.split() == ["more", "less", "Infinity", "-Infinity"]


def test_times_are_shown_in_the_users_zone_and_are_utc_elsewhere(
    held: Engine, zone: Callable[[str], None]
) -> None:
    zone("Asia/Kathmandu")
    sql = "select created_at from connectors"
    assert run("query", sql).stdout.splitlines()[1] == "2026-01-02 08:49:05+05:45"
    assert answer(sql) == [{"created_at": "2026-01-02T03:04:05.678901+00:00"}]
    assert "2026-01-02T03:04:05.678901+00:00" in run("query", sql, "--format", "csv").stdout


def test_wide_letters_keep_columns_straight(held: Engine) -> None:
    sql = "select '日本' as a, 'x' as b union all select 'ééééé', 'y'"
    lines = run("query", f"{sql} order by b").stdout.splitlines()
    assert lines == ["a      b", "日本   x", "ééééé  y"]


def test_names_and_texts_steer_no_terminal_and_run_no_formula(held: Engine) -> None:
    sql = "select '\x1b[31m' as \"\x1b[32m\", '=1+1' as f"
    assert "\x1b" not in run("query", sql).stdout
    assert "\x1b" not in run("query", sql, "--format", "json").stdout
    assert "'=1+1" in run("query", sql, "--format", "csv").stdout


# --- what is refused ------------------------------------------------------------------------

REFUSED = [
    "commit; delete from warnings",
    "select 1; delete from warnings",
    "commit",
    "begin",
    "delete from warnings",
    "delete from warnings returning *",
    "with gone as (select 1) delete from warnings",
    "insert into warnings select * from warnings",
    "create table more (x int)",
    "create temporary table more (x int)",
    "drop view warning_history",
    "explain analyze; delete from warnings",
    "selec 1",
    "select * from nowhere",
    "select",
    "",
    "-- nothing",
    ";",
    "select ?",
    "select '\udcff'",
]
REFUSED_BY = {
    "sqlite": [
        "pragma query_only = off",
        "pragma journal_mode = delete",
        "attach '{folder}/other.db' as other",
        "vacuum into '{folder}/other.db'",
        "vacuum",
        "update sqlite_master set sql = ''",
        "insert into sqlite_master select * from sqlite_master",
        "select load_extension('{folder}/other.so')",
        "reindex",
        "analyze",
        "savepoint x",
        "release x",
    ],
    "postgresql": [
        "with gone as (delete from warnings returning *) select * from gone",
        "rollback; delete from warnings",
        "set transaction read write",
        "set session characteristics as transaction read write",
        "select set_config('transaction_read_only', 'off', false)",
        "copy (select 1) to '{folder}/other.db'",
        "copy (select 1) to program 'touch {folder}/other.db'",
        "/* /* */ select */ copy (select 1) to '{folder}/other.db'",
        "explain (analyze) delete from warnings",
        "show timezone; delete from warnings",
        "do $$ begin delete from warnings; end $$",
        "do $$ begin commit; delete from warnings; end $$",
        "select * into more from warnings",
        "select * from warnings for update",
        "prepare x as select 1",
        "lock table warnings",
        "truncate warnings",
        "notify x",
        "vacuum",
        "call nothing()",
        "select 1 / 0",
        "select $1",
        "select ('1' || repeat('0', 5000))::jsonb",
        "select (repeat('[', 5000) || repeat(']', 5000))::jsonb",
    ],
}


def shape(engine: Engine) -> Any:
    """All rows, and the names of all that is there."""
    catalog = "sqlite_master" if database.is_sqlite(engine) else "pg_class"
    name = "name" if database.is_sqlite(engine) else "relname"
    with database.reading(engine) as connection:
        names = connection.scalars(text(f"select {name} from {catalog} order by 1")).all()
    return names, everything(engine)


def test_everything_but_one_query_is_refused(held: Engine, tmp_path: Path) -> None:
    before = shape(held)
    for statement in REFUSED + REFUSED_BY[held.dialect.name]:
        sql = statement.format(folder=tmp_path) if "{folder}" in statement else statement
        result = run("query", sql)
        assert (result.exit_code, result.stdout) == (2, ""), (sql, result.output)
        assert result.stderr.splitlines()[-1].startswith("Error: "), sql
        assert "Traceback" not in result.stderr
        assert shape(held) == before, sql
    assert list(tmp_path.glob("other*")) == []


def test_what_a_read_only_transaction_lets_through_is_undone(postgres_url: str) -> None:
    engine = connect(postgres_url)
    before = shape(engine)
    query.ask(engine, "explain (analyze) create table more as select 1")
    assert shape(engine) == before


def test_refusal_says_what_the_database_says_of_the_query(held: Engine) -> None:
    said = run("query", "select * from nowhere").stderr
    assert said.startswith("Error: The query is refused: ")
    assert "nowhere" in said
    assert "DECLARE" not in said
    assert said.count("\n") == 1


def test_ctrl_c_ends_a_query_that_is_at_work(held: Engine) -> None:
    counted = "with recursive x(n) as (select 1 union all select n + 1 from x limit {}) "
    sqlite = f"{counted.format(300_000_000)} select count(*) from x"
    begun = time.monotonic()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    result = run("query", sqlite if database.is_sqlite(held) else "select pg_sleep(30)")
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (1, "", "Aborted!")
    assert time.monotonic() - begun < 20


def test_query_that_was_refused_leaves_the_connection_as_it_was(empty_url: str) -> None:
    """In a pool, as the in-memory database's, it is used again."""
    engine = connect(empty_url)
    upgrades.upgrade(engine)
    for _ in range(2):
        with pytest.raises(query.QueryRefused):
            query.ask(engine, "delete from warnings")
        assert query.ask(engine, "select count(*) as n from warnings").rows == [{"n": 0}]


# --- without SQL ----------------------------------------------------------------------------


def test_query_without_sql_lists_every_view_and_table(held: Engine) -> None:
    listed = json.loads(run("query", "--format", "json").stdout)
    for kind, names in {"view": set(VIEWS), "table": set(METADATA.tables)}.items():
        assert {row["name"] for row in listed if row["kind"] == kind} == names
    assert all(row["comment"] for row in listed)
    assert run("query").stdout.splitlines()[0].split() == ["name", "kind", "comment"]


@pytest.mark.parametrize("words", [(), ("select 1",)])
def test_query_to_no_inventory_says_what_to_do_first(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run("query", *words)
    assert (result.exit_code, "run `inventory sync` first" in result.stderr) == (2, True)
