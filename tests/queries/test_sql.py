"""A user's SQL runs as written, and can only read."""

import csv
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text
from support.builders import (
    Account,
    api_settings,
    connect,
    everything,
    item,
    measured,
)
from support.effort import few_of

import inventory
from inventory.cli import main
from inventory.db import upgrade
from inventory.db.engine import is_sqlite, read_only, rollback, transaction
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.models import readable_tables
from inventory.queries import sql_guard
from inventory.queries.sql import QueryRejectedError, _admitted, run_query
from inventory.sync.run import sync


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
def held(engine: Engine, environment: dict[str, str], api: FakeApi, account: Account) -> Engine:
    """A database with a warning in it, which the user's settings name."""
    account.connectors = [item("one", status={"warnings": [{"code": "w", "message": "it's odd"}]})]
    sync(engine, api_settings(api))
    return engine


def answer(sql: str) -> Any:
    result = run("query", sql, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout, parse_constant=pytest.fail)


# --- what is answered -----------------------------------------------------------------------


def test_query_works_in_every_format(held: Engine) -> None:
    sql = "select connector_id, message, 50 as \"50%\" from warnings where message like '%s odd'"
    row = {"connector_id": "one", "message": "it's odd", "50%": 50}
    assert answer(sql) == [row]
    lines = csv.DictReader(io.StringIO(run("query", sql, "--format", "csv").stdout))
    assert list(lines) == [row | {"50%": "50"}]
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
def test_query_accepts_common_spellings(held: Engine, sql: str) -> None:
    [row] = answer(sql)
    assert list(row.values()) == [1]


def test_columns_of_the_same_name_are_kept(held: Engine) -> None:
    sql = "select 1 as n, 2 as n, 3 as n_2, 4 as n"
    assert answer(sql) == [{"n": 1, "n_3": 2, "n_2": 3, "n_4": 4}]


def test_plan_of_a_query_is_shown(held: Engine) -> None:
    how = "explain query plan" if is_sqlite(held) else "explain"
    assert "warnings" in json.dumps(answer(f"{how} select * from warnings")).lower()


@pytest.mark.parametrize("table", ["digest_key", '"digest_key"', "DIGEST_KEY"])
def test_secret_table_cannot_be_read(held: Engine, table: str) -> None:
    for sql in (f"select id from {table}", f"select count(*) from (select k.* from {table} k) x"):
        result = run("query", sql)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("Error: The query was rejected: ")
        assert "statement" not in result.stderr


def test_json_functions_work(held: Engine) -> None:
    """SQLite makes their tables known in the moment they are asked for."""
    sqlite = "select sum(value) as n from json_each('[1, 2]')"
    postgresql = "select sum(x::int)::int as n from jsonb_array_elements_text('[1, 2]') as x"
    assert answer(sqlite if is_sqlite(held) else postgresql) == [{"n": 3}]


def test_values_of_every_kind_leave_json_valid(held: Engine) -> None:
    if is_sqlite(held):
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
    ("value", "shown"),
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
def test_values_without_python_equivalent_are_the_servers_text(
    postgres_url: str, value: str, shown: object
) -> None:
    engine = connect(postgres_url)
    [row] = run_query(engine, f"select {value} as n, timestamptz '2026-11-20 03:00+00' as at").rows
    assert json.loads(json.dumps(row["n"], default=str)) == shown
    assert row["at"] == datetime(2026, 11, 20, 3, tzinfo=UTC)


def test_nan_and_infinity_have_one_name_in_every_format(held: Engine) -> None:
    infinite = "9e999" if is_sqlite(held) else "'Infinity'::float8"
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


def test_wide_characters_keep_columns_aligned(held: Engine) -> None:
    sql = "select '日本' as a, 'x' as b union all select 'ééééé', 'y'"
    lines = run("query", f"{sql} order by b").stdout.splitlines()
    assert lines == ["a      b", "日本   x", "ééééé  y"]


def test_texts_cannot_control_a_terminal_or_run_a_formula(held: Engine) -> None:
    sql = "select '\x1b[31m' as \"\x1b[32m\", '=1+1' as f"
    assert "\x1b" not in run("query", sql).stdout
    assert "\x1b" not in run("query", sql, "--format", "json").stdout
    assert "'=1+1" in run("query", sql, "--format", "spreadsheet").stdout


# --- rows as they come ----------------------------------------------------------------------


def numbers(engine: Engine, upto: int, cell: str = "n") -> str:
    """A query with a row for each number, which the database makes as it is asked for it."""
    if not is_sqlite(engine):
        return f"select {cell} as n from (select generate_series(1, {upto}) as n) as x"
    counted = f"select 1 union all select n + 1 from x where n < {upto}"
    return f"with recursive x(n) as ({counted}) select {cell} as n from x"


@pytest.mark.parametrize("form", few_of(["json", "csv"], ["json"]))
def test_memory_does_not_grow_with_the_rows(held: Engine, form: str) -> None:
    def peak(upto: int) -> float:
        cell = "'a cell of some forty letters and digits ' || n"
        code, said, peak = measured("query", numbers(held, upto, cell), "--format", form)
        assert (code, said) == (0, "")
        return peak

    assert peak(40_000) - peak(1_000) < 6  # held at once, they take 25 MB as CSV, 60 as JSON


def test_streamed_json_equals_json_of_the_whole_list(held: Engine) -> None:
    sql = numbers(held, 1200, "cast(n as text) || '\n\u2028\"'")
    written = run("query", sql, "--format", "json").stdout
    rows = json.loads(written)
    assert [row["n"] for row in rows] == [f'{n}\n\u2028"' for n in range(1, 1201)]
    whole = json.dumps(rows, indent=1, ensure_ascii=False).replace("\u2028", "\\u2028")
    assert written == whole + "\n"


@pytest.mark.parametrize(("form", "printed"), [("csv", 2000), ("json", 2000), ("table", 0)])
def test_error_after_the_first_rows_is_reported_after_them(
    held: Engine, form: str, printed: int
) -> None:
    fails = "json_extract(case n when 2500 then '{' else '1' end, '$')"
    cell = fails if is_sqlite(held) else "1 / (2500 - n)"
    result = run("query", numbers(held, 3000, cell), "--format", form)
    assert result.exit_code == 2
    assert result.stdout.count("\n") >= printed
    assert (result.stdout == "") == (printed == 0)
    [said] = result.stderr.splitlines()
    assert "not the whole answer" in said
    assert "json" in said.lower() if is_sqlite(held) else "division by zero" in said


@pytest.mark.parametrize("form", ["csv", "json"])
def test_error_of_the_first_row_prints_nothing_else(held: Engine, form: str) -> None:
    fails = "json_extract(case n when 1 then '{' else '1' end, '$')"
    cell = fails if is_sqlite(held) else "1 / (n - 1)"
    result = run("query", numbers(held, 3000, cell), "--format", form)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "not the whole answer" not in result.stderr


def test_closed_pipe_ends_the_query(held: Engine) -> None:
    """Long before its last row, and with nobody's mistake."""
    words = [sys.executable, "-m", "inventory", "query", numbers(held, 100_000_000)]
    process = subprocess.Popen(
        [*words, "--format", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(4) == b"n\n1\n"
    process.stdout.close()
    assert (process.wait(30), process.stderr.read()) == (0, b"")
    process.stderr.close()


# --- SQL from a file ------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--file", "{file}"), ("--file", "-"), ("-",)])
@pytest.mark.parametrize("sql", ["select 1 as n;\n", "\ufeff-- first\r\nselect 1 as n\r\n"])
def test_sql_is_read_from_a_file_or_stdin(
    held: Engine, tmp_path: Path, words: tuple[str, ...], sql: str
) -> None:
    file = tmp_path / "asked.sql"
    file.write_text(sql, newline="")
    given = None if "{file}" in words else sql.encode()
    named = [word.format(file=file) for word in words]
    result = CliRunner().invoke(main, ["query", *named, "--format", "csv"], input=given)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "n\n1\n", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.sql", "No such file or directory"),
        ("", "Is a directory"),
        ("latin1.sql", "is not valid UTF-8"),
        ("nul.sql", "The query "),
        ("empty.sql", "Only one statement that reads is allowed."),
        ("two.sql", "The query failed: "),
    ],
)
def test_file_that_is_not_a_query_is_rejected(
    held: Engine, tmp_path: Path, name: str, said: str
) -> None:
    contents = {
        "latin1.sql": b"select '\xe9'",
        "nul.sql": b"select 1\0",
        "empty.sql": b"",
        "two.sql": b"select 1; delete from warnings",
    }
    for each, content in contents.items():
        (tmp_path / each).write_bytes(content)
    result = run("query", "--file", f"{tmp_path}/{name}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_stdin_that_is_closed_is_named(held: Engine) -> None:
    command = f'"{sys.executable}" -m inventory query - <&-'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: stdin is closed, so it cannot be read.\n"


@pytest.mark.parametrize("sql", ["select 1", "-"])
def test_sql_and_a_file_exclude_each_other(sql: str, tmp_path: Path) -> None:
    result = run("query", sql, "--file", str(tmp_path / "missing.sql"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Pass the SQL or --file, not both." in result.stderr


# --- what is rejected -----------------------------------------------------------------------

REJECTED = [
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
REJECTED_BY = {
    "sqlite": [
        "pragma query_only = off",
        "pragma journal_mode = delete",
        "attach '{folder}/other.db' as other",
        "vacuum into '{folder}/other.db'",
        "vacuum",
        "update sqlite_master set sql = ''",
        "insert into sqlite_master select * from sqlite_master",
        "select load_extension('{folder}/other.so')",
        "select Load_Extension('{folder}/other.so')",
        "select fts3_tokenizer('other')",
        "select fts3_tokenizer('other', x'4141414141414141')",
        "select sqlite_log(1, 'other')",
        "select writefile('{folder}/other.db', 'x')",
        "select readfile('/etc/passwd')",
        "select * from pragma_optimize",
        "select * from pragma_journal_mode",
        "explain attach '{folder}/other.db' as other",
        "create virtual table temp.more using fts5(x)",
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
    catalog = "sqlite_master" if is_sqlite(engine) else "pg_class"
    name = "name" if is_sqlite(engine) else "relname"
    with read_only(engine) as connection:
        names = connection.scalars(text(f"select {name} from {catalog} order by 1")).all()
    return names, everything(engine)


def test_everything_but_one_query_is_rejected(held: Engine, tmp_path: Path) -> None:
    before = shape(held)
    for statement in REJECTED + REJECTED_BY[held.dialect.name]:
        sql = statement.format(folder=tmp_path) if "{folder}" in statement else statement
        result = run("query", sql)
        assert (result.exit_code, result.stdout) == (2, ""), (sql, result.output)
        assert result.stderr.splitlines()[-1].startswith("Error: "), sql
        assert "Traceback" not in result.stderr
        assert shape(held) == before, sql
    assert list(tmp_path.glob("other*")) == []


def test_what_a_read_only_transaction_permits_is_undone(postgres_url: str) -> None:
    engine = connect(postgres_url)
    before = shape(engine)
    run_query(engine, "explain (analyze) create table more as select 1")
    assert shape(engine) == before


# --- what PostgreSQL would let a query do all the same ------------------------------------------

DANGEROUS = [
    "select pg_reload_conf()",
    "select pg_switch_wal()",
    "select pg_stat_reset()",
    "select pg_logical_emit_message(false, 'a', 'b')",
    "select pg_notify('a', 'b')",
    "select pg_advisory_lock(1)",
    "select pg_cancel_backend(pg_backend_pid())",
    "select pg_terminate_backend(pg_backend_pid())",
    "select pg_export_snapshot()",
    "select pg_create_physical_replication_slot('more')",
    "select pg_create_restore_point('more')",
    "select pg_promote()",
    "select pg_rotate_logfile()",
    "select pg_log_backend_memory_contexts(pg_backend_pid())",
    "select pg_read_file('/etc/hostname')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/hostname')",
    "select lo_export(1, '/tmp/more')",
    "select nextval('more')",
    "select setval('more', 1)",
    "select set_config('role', 'none', true)",
    "select set_config('session_authorization', 'postgres', true)",
    "select query_to_xml('select pg_reload_conf()', true, true, '')",
    "select * from ts_stat('select pg_reload_conf()::text::tsvector')",
    "select ts_rewrite('a', 'select pg_reload_conf()')",
    "select dblink_exec('{dblink}', 'insert into more values (1)')",
    "select * from dblink('{dblink}', 'insert into more values (1) returning x') as t(x int)",
    "select * from crosstab('select 1, 2, 3') as t(a int, b int)",
]
IN_DISGUISE = [
    'select "pg_reload_conf"()',
    'select pg_catalog . "pg_reload_conf" /* /* a */ ( */ ()',
    "select PG_Reload_Conf -- (\n ()",
    "select E''\n'\\'', pg_reload_conf() -- '",
    "select '/*', pg_reload_conf() --*/",
    "select $a$ ' $a$, pg_reload_conf()",
    'select U&"pg\\005freload_conf"()',
    "select u&\"pg!005freload_conf\" uescape '!' ()",
    "select ('/etc/hostname'::text).lo_import",
    "select ('/etc/hostname'::text). -- a\n \"lo_import\"",
    "select ('/etc/hostname'::text)./* a */lo_import",
    "select * from pg_reload_conf()",
    "select * from rows from (pg_reload_conf())",
    "select 1 where pg_reload_conf()",
    "values (pg_reload_conf())",
    "select 1 limit pg_reload_conf()::int",
    "select sum(1) over (rows between pg_reload_conf()::int preceding and current row)",
    "explain select pg_reload_conf()",
    "explain (analyze, verbose) values (pg_reload_conf())",
    "explain analyze create table more as select pg_reload_conf()",
]


@pytest.fixture
def powerful(postgres_url: str) -> Engine:
    """As the superuser, in a database with all that reaches out of it, and a table called more."""
    engine = connect(postgres_url)
    execute(
        engine,
        "create extension dblink",
        "create extension tablefunc",
        "create table more (x int)",
    )
    return engine


def execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def rejection(engine: Engine, sql: str) -> str:
    with pytest.raises(QueryRejectedError) as rejected:
        run_query(engine, sql)
    return str(rejected.value)


def test_functions_that_write_or_reach_out_are_rejected_by_name(powerful: Engine) -> None:
    url = powerful.url
    itself = f"host={url.query['host']} user={url.username} dbname={url.database}"
    for statement in DANGEROUS:
        sql = statement.replace("{dblink}", itself)
        said = rejection(powerful, sql)
        assert re.search(r" it calls \S+\(.*\), which may write or reach out\. ", said), (sql, said)
    assert run_query(powerful, "select * from more").rows == []


def test_no_spelling_hides_a_call(powerful: Engine) -> None:
    for sql in IN_DISGUISE:
        said = rejection(powerful, sql)
        assert "may write or reach out" in said or "hides what is called" in said, (sql, said)


def test_functions_with_restricted_execute_are_rejected(powerful: Engine) -> None:
    """By the server's own catalog: later versions bring functions that nobody here knows of."""
    guarded = """
        select distinct proname as name from pg_proc p
        where p.oid < 16384 and proacl is not null and provolatile = 'v' and prokind = 'f'
            and not exists (select from aclexplode(proacl) where grantee = 0)
            and proname !~ '^pg_stat_(get|have)_'
    """
    names = [row["name"] for row in run_query(powerful, guarded).rows]
    assert len(names) > 40
    with read_only(powerful) as connection:
        for name in names:
            said = sql_guard.objection(connection, f"select {name}()", is_read_only=True)
            assert said is not None, name


# What users have made is volatile unless they say otherwise; each is called in another way.
USER_MADE = [
    ("f()", "select f()"),
    ("f(text)", "select ('x'::text).f"),
    ("f(text, int default 1)", "select t.f from (select 'x') as t"),
    ("connectors_at(int)", "select connectors_at(1)"),
    ('"f x"()', 'select "f x"()'),
    ('"F x"(text)', "select ('x'::text).\"F x\""),
    (f'"f {"x" * 80}"()', f'select "f {"x" * 80}"()'),
    (f"f{'X' * 80}()", f"select f{'x' * 80}()"),
]


@pytest.mark.parametrize(("signature", "sql"), USER_MADE)
def test_volatile_functions_of_users_are_rejected(
    postgres_url: str, signature: str, sql: str
) -> None:
    engine = connect(postgres_url)
    execute(engine, f"create function {signature} returns int language sql as 'select 1'")
    assert "its owner can declare it stable" in rejection(engine, sql)


@pytest.mark.parametrize(
    "sql", ["explain {}", "Explain analyze {}", "explain create table t as {}"]
)
def test_statement_prepared_in_a_pooled_session_is_rejected(powerful: Engine, sql: str) -> None:
    with rollback(powerful) as connection:
        connection.exec_driver_sql("prepare more as select pg_reload_conf()")
        connection.exec_driver_sql(sql.format("execute more"))  # which the server takes
        with pytest.raises(QueryRejectedError, match="explains a prepared statement"):
            _admitted(connection, sql.format("EXECUTE more"))


def test_views_and_operators_of_others_are_trusted(powerful: Engine) -> None:
    execute(
        powerful,
        "create function twice(x int) returns int immutable language sql as 'select 2 * x'",
        "create function noted() returns int language sql as 'select 1'",
        "create operator ### (leftarg = int, rightarg = int, function = int4pl)",
        "create view mine as select connector_id, twice(1) as two from connector_health",
        "create view noting as select noted() as n",
        "create materialized view stored as select random() as x, pg_switch_wal() as y",
        "alter table more add setval int, add nextval int",
    )
    for sql in (
        "select twice(1) ### 2, * from mine",
        "select * from noting",
        "select * from stored",
        "select m.setval, nextval from more m",
        "select proname from pg_proc where proname = 'pg_reload_conf'",
        *(f"select * from {name} limit 1" for name in [*VIEWS, *readable_tables()]),
    ):
        run_query(powerful, sql)


# As analysts write it; all of it is answered by PostgreSQL 15.
USUAL = """
    select service, row_number() over (partition by service order by created_at) as n,
           lag(paused) over w, ntile(4) over w
        from connectors window w as (order by created_at rows between 1 preceding and current row);
    select json_agg(c), jsonb_build_object('a', 1), to_jsonb(row(1)), row_to_json(row(1)),
           jsonb_path_query_array('{"a": [1]}', '$.a[*]'), jsonb_set('{}', '{a}', '1') from tasks c;
    select k, v from connectors c, lateral jsonb_each(c.config) as e(k, v);
    select l.m from connectors c left join lateral (
        select max(w.valid_from) as m from warnings w where w.connector_id = c.connector_id
        ) l on true;
    select g::date from generate_series(now() - interval '3 days', now(), interval '1 day') as g;
    select string_agg(service, ', ' order by service), array_agg(distinct service), stddev(1.0),
           count (*) filter (where paused), percentile_cont(0.5) within group (order by 1.0)
        from connectors;
    select format('%s %I', 'a', 'b'), concat_ws(',', 'a', null), split_part('a-b', '-', 1),
           substring('abc' from 2 for 1), trim(both ' ' from ' a '), position('a' in 'ba'),
           overlay('abc' placing 'x' from 2), string_to_array('a,b', ','), md5('a');
    select regexp_replace('a1', '[0-9]', ''), regexp_matches('a1', '[0-9]'),
           regexp_count('aa', 'a'), regexp_split_to_array('a b', ' '), regexp_substr('a1', 'a');
    select now(), current_date, clock_timestamp(), age(now()), date_trunc('day', now(), 'UTC'),
           extract(epoch from now()), to_char(now(), 'YYYY'), to_timestamp(0),
           make_interval(days => 1), date_bin('1 h', now(), now()), now() at time zone 'UTC';
    select current_setting('search_path'), current_user, version(), pg_backend_pid();
    select pg_size_pretty(pg_total_relation_size('connectors')), pg_is_in_recovery(),
           pg_database_size(current_database()), pg_get_viewdef('connector_history');
    select random(), setseed(0.5), gen_random_uuid(), pg_sleep(0) from connectors order by random();
    select coalesce(1, 2), nullif(1, 2), greatest(1, 2), round(1.5, 1), width_bucket(1, 0, 10, 5);
    select service, grouping(service) from connectors group by rollup (service);
    with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) table r;
    select to_tsvector('a') @@ to_tsquery('a'), ts_rank(to_tsvector('a'), to_tsquery('a'));
    select int4range(1, 5) @> 3, tstzrange(now(), null) && tstzrange(now(), null), host('10.0.0.1');
    select 1 in (1, 2), 1 = any(array[1]), exists (select 1), row(1, 2) = row(1, 2);
    select * from rows from (generate_series(1, 2), unnest(array[1])) as t(p, q);
    select * from json_to_recordset('[{"a": 1}]') as x(a int);
    select * from connectors tablesample bernoulli (50) repeatable (1);
    select * from pg_locks, pg_stat_activity, pg_stat_user_tables limit 1;
    select * from information_schema.columns limit 1;
    select * from connectors_at(now()) join connector_health using (connector_id);
    select 'please execute' as "execute" from connectors where service like '%execute%';
    explain (analyze, verbose) select * from connector_health;
    show search_path
"""


def test_common_sql_of_analysts_works(powerful: Engine) -> None:
    for sql in USUAL.split(";\n"):
        run_query(powerful, sql)


def test_panels_of_the_dashboard_are_admitted(powerful: Engine) -> None:
    board = json.loads(
        (Path(inventory.__file__).parent / "dashboards" / "grafana.json").read_text()
    )
    queries = [target["rawSql"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 5
    with read_only(powerful) as connection:
        for sql in queries:
            assert sql_guard.objection(connection, sql, is_read_only=False) is None


# --- how it is said -------------------------------------------------------------------------


def test_failure_contains_the_message_of_the_database(held: Engine) -> None:
    said = run("query", "select * from nowhere").stderr
    assert said.startswith("Error: The query failed: ")
    assert "Only one statement" not in said
    assert "nowhere" in said
    assert "DECLARE" not in said
    assert said.count("\n") == 1


def test_statement_that_writes_is_answered_with_what_is_allowed(held: Engine) -> None:
    said = run("query", "delete from warnings").stderr
    assert said.startswith(
        "Error: The query was rejected: not authorized. "
        if is_sqlite(held)
        else 'Error: The query failed: syntax error at or near "delete". '
    )
    assert said.endswith(". Only one statement that reads is allowed.\n")


def test_ctrl_c_ends_a_running_query(held: Engine) -> None:
    counted = "with recursive x(n) as (select 1 union all select n + 1 from x limit {}) "
    sqlite = f"{counted.format(300_000_000)} select count(*) from x"
    begun = time.monotonic()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    result = run("query", sqlite if is_sqlite(held) else "select pg_sleep(30)")
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (
        1,
        "",
        "Error: Interrupted.",
    )
    assert time.monotonic() - begun < 20


def test_rejected_query_leaves_the_connection_unchanged(empty_url: str) -> None:
    """In a pool, as the in-memory database's, it is used again."""
    engine = connect(empty_url)
    upgrade.upgrade(engine)
    for _ in range(2):
        with pytest.raises(QueryRejectedError):
            run_query(engine, "delete from warnings")
        assert run_query(engine, "select count(*) as n from warnings").rows == [{"n": 0}]


# --- without SQL ----------------------------------------------------------------------------


def test_query_without_sql_lists_every_view_and_table(held: Engine) -> None:
    listed = json.loads(run("query", "--format", "json").stdout)
    for kind, names in {"view": set(VIEWS), "table": set(readable_tables())}.items():
        assert {row["name"] for row in listed if row["kind"] == kind} == names
    assert all(row["comment"] for row in listed)
    assert run("query").stdout.splitlines()[0].split() == ["name", "kind", "comment"]


@pytest.mark.parametrize("words", [(), ("select 1",)])
def test_query_without_an_inventory_says_what_to_do_first(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run("query", *words)
    assert (result.exit_code, "run `inventory sync` first" in result.stderr) == (2, True)
