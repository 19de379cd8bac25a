"""A read-only role reads all tables and views, now and after upgrades, and does nothing else."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from click.testing import CliRunner, Result
from sqlalchemy import Engine, inspect, make_url, text
from support.builders import (
    MIGRATIONS,
    Account,
    alembic,
    api_settings,
    connect,
    item,
)
from support.effort import few_of

from inventory.cli import main
from inventory.db import revision as schema
from inventory.db import upgrade
from inventory.db.engine import read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError
from inventory.queries.sql import QueryRejectedError, run_query
from inventory.sync.run import sync


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


SECRET = "digest_key"
WEIRD = 'Weird "role" of 50%'


def relations(engine: Engine) -> set[str]:
    """Return the relations that a read-only role may read."""
    with read_only(engine) as connection:
        look = inspect(connection)
        return {*look.get_table_names(), *look.get_view_names()} - {SECRET}


def readable(engine: Engine, names: set[str]) -> set[str]:
    """Return the relations that the user of the engine can read, by trying each."""
    able = set()
    for name in names:
        with contextlib.suppress(ConfigurationError), read_only(engine) as connection:
            connection.execute(text(f'select * from "{name}" limit 1')).all()
            able.add(name)
    return able


@pytest.fixture
def owner(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", postgres_url)
    return connect(postgres_url)


@pytest.fixture(params=few_of(["reader", WEIRD], [WEIRD]))
def role(request: pytest.FixtureRequest, owner: Engine) -> Iterator[str]:
    """Create a role that may only log in, and drop it afterwards."""
    name = f"{request.param} {owner.url.database}"
    quoted = '"' + name.replace('"', '""') + '"'
    execute(owner, f"create role {quoted} login")
    yield name
    execute(owner, f"drop owned by {quoted}", f"drop role {quoted}")


def as_role(owner: Engine, role: str, named: str | None = None) -> Engine:
    url = make_url(owner.url.render_as_string(hide_password=False)).set(username=role)
    return connect(url.render_as_string(hide_password=False), named)


def quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def test_reader_reads_all_and_changes_nothing(owner: Engine, role: str) -> None:
    reader, names = as_role(owner, role), relations(owner)
    assert readable(reader, names) == set()
    result = run("db", "grant-reader", role)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{role} may read all tables and views.",
        "jit is off for it in this database (--keep-jit leaves it on).",
    ]
    assert readable(reader, {*names, SECRET}) == names
    for statement in (
        "insert into inventory_runs (status) values ('running')",
        "update connectors set paused = true",
        "delete from warnings",
        "truncate tasks",
        "drop view connector_history",
        "create table more (x int)",
        "create view more as select 1",
        "alter table tasks add more int",
    ):
        with pytest.raises(ConfigurationError):
            execute(reader, statement)
    assert relations(owner) == names


def test_reader_runs_every_query_command(
    owner: Engine, role: str, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item("one")]
    sync(owner, api_settings(api))
    assert run("db", "grant-reader", role).exit_code == 0
    url = as_role(owner, role).url.render_as_string(hide_password=False)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url.replace("+psycopg", ""))
    [status] = json.loads(run("status", "--format", "json").stdout)
    assert status["connector_id"] == "one"
    assert run("query", "select * from connector_history").exit_code == 0
    assert (run("tag", "list").exit_code, run("tag", "set", "owner=x", "one").exit_code) == (0, 2)


def test_reader_may_call_the_functions(owner: Engine, role: str, tmp_path: Path) -> None:
    """By default every role may call a function, but default privileges can revoke that."""
    execute(
        owner,
        "revoke execute on all functions in schema public from public",
        "alter default privileges revoke execute on functions from public",
    )
    reader, call = as_role(owner, role), text("select * from connectors_at(now())")
    upgrade.grant_reader(owner, role)
    for upgraded in (False, True):
        if upgraded:
            upgrade_to_next_version(tmp_path)
        with read_only(reader) as connection:
            assert connection.execute(call).all() == []


def test_reader_of_a_schema_that_is_named(postgres_url: str, owner: Engine, role: str) -> None:
    named = connect(postgres_url, "50% Of It")
    upgrade.upgrade(named)
    upgrade.grant_reader(named, role)
    assert readable(as_role(owner, role, "50% Of It"), relations(named)) == relations(named)
    assert readable(as_role(owner, role), relations(owner)) == set()


def jit_of(engine: Engine) -> str:
    with engine.connect() as connection:  # before a transaction of this tool sets its own
        cursor = connection.connection.driver_connection.cursor()
        return str(cursor.execute("show jit").fetchone()[0])


def test_jit_is_off_for_a_reader(owner: Engine, role: str) -> None:
    reader = as_role(owner, role)
    assert run("db", "grant-reader", role, "--keep-jit").stdout.count("\n") == 1
    assert jit_of(reader) == "on"
    assert run("db", "grant-reader", role).exit_code == 0
    assert jit_of(reader) == "off"
    assert jit_of(owner) == "on"


def test_user_who_may_not_alter_the_role_gets_the_statement(
    owner: Engine, role: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(owner, f"create schema of_other authorization {quoted(other)}")
    made = as_role(owner, other, "of_other")
    upgrade.upgrade(made)
    url = made.url.render_as_string(hide_password=False)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    monkeypatch.setenv("INVENTORY_SCHEMA", "of_other")
    result = run("db", "grant-reader", role)
    statement = f'alter role {quoted(role)} in database "{owner.url.database}" set jit = off'
    assert (result.exit_code, result.stdout.endswith(f"can run: {statement};\n")) == (0, True)
    reader = as_role(owner, role, "of_other")
    assert "tasks" in readable(reader, {"tasks"})
    execute(owner, statement)
    assert jit_of(reader) == "off"


# --- after an upgrade -----------------------------------------------------------------------

# The next version of this tool: a process in which the models have one table more.
NEXT_VERSION = """
import sys
from alembic import command
from alembic.config import Config
from sqlalchemy import Column, Integer, Table
from inventory import settings
from inventory.db import revision
from inventory.db.engine import connect
from inventory.models import METADATA

Table("more", METADATA, Column("x", Integer))
revision.HEAD = "9999"
config = Config()
config.set_main_option("script_location", sys.argv[1])
config.attributes["engine"] = connect(settings.database_settings())
command.upgrade(config, "head")
"""
REVISION = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{schema.HEAD}"
def upgrade():
    op.create_table("more", sa.Column("x", sa.Integer()))
"""


def upgrade_to_next_version(folder: Path) -> None:
    scripts = shutil.copytree(MIGRATIONS, folder / "scripts")
    (scripts / "versions" / "9999_more.py").write_text(REVISION)
    command = [sys.executable, "-W", "error", "-c", NEXT_VERSION, str(scripts)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_reader_reads_all_after_an_upgrade_too(owner: Engine, role: str, tmp_path: Path) -> None:
    upgrade.grant_reader(owner, role)
    upgrade_to_next_version(tmp_path)
    names = relations(owner)
    assert "more" in names
    assert readable(as_role(owner, role), names) == names


@pytest.mark.parametrize("built", [True, False], ids=["built", "upgraded"])
def test_nobody_reads_the_secret_by_default_privileges(
    owner: Engine, role: str, built: bool
) -> None:
    """Default privileges of the owner can let others read every new table."""
    alembic(owner, command.downgrade, "base" if built else "0007")
    for grantee in (quoted(role), "public"):
        execute(owner, f"alter default privileges grant select on tables to {grantee}")
    upgrade.upgrade(owner)
    assert readable(as_role(owner, role), {"findings", SECRET}) == {"findings"}


def test_role_that_executes_runs_but_owns_nothing_can_read_the_secret(
    owner: Engine, role: str, api: FakeApi, account: Account
) -> None:
    alembic(owner, command.downgrade, "0007")
    may, whom = "select, insert, update, delete on", quoted(role)
    execute(owner, f"grant {may} all tables in schema public to {whom}")
    execute(owner, f"alter default privileges grant {may} tables to {whom}")
    execute(owner, f"grant usage on all sequences in schema public to {whom}")
    upgrade.upgrade(owner)
    account.connectors = [item("one", config={"password": "x"})]
    assert sync(as_role(owner, role), api_settings(api))["added"] == 1


def test_role_with_grants_on_single_tables_gets_no_more(
    owner: Engine, role: str, tmp_path: Path
) -> None:
    execute(
        owner,
        f"grant select on tasks, connector_history to {quoted(role)}",
        f"grant insert on {schema.VERSION_TABLE} to {quoted(role)}",
    )
    upgrade_to_next_version(tmp_path)
    readers = readable(as_role(owner, role), relations(owner))
    assert readers == {"tasks", "connector_history"}


# --- `inventory query` asks as a reader -----------------------------------------------------


@pytest.fixture
def other(owner: Engine) -> Iterator[str]:
    """A second role that may log in and nothing else."""
    name = f"other {owner.url.database}"
    execute(owner, f"create role {quoted(name)} login")
    yield name
    execute(owner, f"drop owned by {quoted(name)}", f"drop role {quoted(name)}")


def asks_as(engine: Engine) -> str:
    [row] = run_query(engine, "select current_user as name").rows
    return str(row["name"])


def rejection(engine: Engine, sql: str) -> str:
    with pytest.raises(QueryRejectedError) as rejected:
        run_query(engine, sql)
    return str(rejected.value)


def test_query_of_the_superuser_runs_as_a_reader(owner: Engine, role: str) -> None:
    assert asks_as(owner) == "postgres"
    execute(owner, "create table more (x int)", "create table shown (x int)")
    assert run_query(owner, "select * from more").rows == []
    upgrade.grant_reader(owner, role)
    execute(owner, f"grant select on shown to {quoted(role)}")
    assert asks_as(owner) == role
    assert run_query(owner, "select * from shown").rows == []
    assert run_query(owner, "select * from connectors_at(now())").rows == []
    assert run_query(owner, "explain analyze select * from connector_health").rows
    said = rejection(owner, "select * from more")
    assert f"permission denied for table more (run as role {role})" in said
    assert asks_as(owner) == role


def test_query_cannot_leave_the_reader(owner: Engine, role: str) -> None:
    """It is tried within one statement, before the next call is checked."""
    execute(
        owner,
        "create function run(t text) returns int language plpgsql as "
        "'begin execute t; return 1; end'",
        "create function stable_run(t text) returns int stable language plpgsql as "
        "'begin execute t; return 1; end'",
    )
    upgrade.grant_reader(owner, role)
    execute(owner, f"grant execute on all functions in schema public to {quoted(role)}")
    for sql in (
        "reset role",
        "set role none",
        "set local session authorization default",
        "discard all",
        "select set_config('role', 'none', true)",
        "select set_config('role', 'none', true), run('select pg_reload_conf()')",
        "select set_config('session_authorization', session_user, true)",
        "select run('reset role'), run('select pg_reload_conf()')",
        "select ('reset role'::text).stable_run",
        "select * from ts_stat('select set_config(''role'', ''none'', true)::tsvector')",
        "select query_to_xml('select set_config(''role'', ''none'', true)', true, true, '')",
        "explain analyze select set_config('role', 'none', true)",
        "update pg_settings set setting = 'none' where name = 'role'",
    ):
        rejection(owner, sql)
    assert asks_as(owner) == role


def test_query_of_an_owner_runs_as_a_reader_that_it_belongs_to(
    owner: Engine, role: str, other: str
) -> None:
    execute(owner, f"create schema of_other authorization {quoted(other)}")
    made = as_role(owner, other, "of_other")
    upgrade.upgrade(made)
    upgrade.grant_reader(made, role)
    assert asks_as(made) == other  # it may not switch to that role
    execute(owner, f"grant {quoted(role)} to {quoted(other)}")
    assert asks_as(made) == role
    assert "permission denied" in rejection(made, "select * from public.tasks")


def test_query_as_a_reader_finds_what_its_user_finds(owner: Engine, role: str, other: str) -> None:
    """`$user` in the search path is the schema of the current user."""
    execute(
        owner,
        f"create schema home authorization {quoted(other)}",
        f"create schema {quoted(other)} create table mine (x int)",
        f"create schema {quoted(role)} create table mine (of_the_reader int)",
        f"grant usage on schema {quoted(other)}, {quoted(role)} to {quoted(other)}, {quoted(role)}",
        f"grant select on {quoted(other)}.mine to {quoted(other)}, {quoted(role)}",
        f"grant select on {quoted(role)}.mine to {quoted(role)}",
    )
    its_own = as_role(owner, other, "home")
    upgrade.upgrade(its_own)
    assert run_query(its_own, "select * from mine").columns == ["x"]
    upgrade.grant_reader(its_own, role)
    execute(owner, f"grant {quoted(role)} to {quoted(other)}")
    assert asks_as(its_own) == role
    assert run_query(its_own, "select * from mine").columns == ["x"]
    assert "connector_id" in run_query(its_own, "select * from tasks").columns


@pytest.mark.parametrize(
    "more",
    [
        "grant insert on connectors to {role}",
        "grant pg_execute_server_program to {role}",
        "grant postgres to {role}",
        "alter role {role} createrole",
        "alter role {role} superuser",
        "revoke select on tasks from {role}",
    ],
)
def test_query_does_not_run_as_a_role_that_can_do_more_or_less(
    owner: Engine, role: str, more: str
) -> None:
    upgrade.grant_reader(owner, role)
    assert asks_as(owner) == role
    execute(owner, more.format(role=quoted(role)))
    assert asks_as(owner) == "postgres"
    if "superuser" in more:
        execute(owner, f"alter role {quoted(role)} nosuperuser")


def test_session_of_a_reader_calls_what_its_privileges_allow(owner: Engine, role: str) -> None:
    execute(
        owner,
        "create function mine() returns int language sql as 'select 1'",
        "create view shown as select mine() as n",
        "create view locking as select pg_try_advisory_xact_lock(1) as n",
        "grant select on shown, locking to public",
        "create extension dblink",
    )
    upgrade.grant_reader(owner, role)
    reader = as_role(owner, role)
    assert "is volatile" in rejection(owner, "select mine()")
    assert run_query(reader, "select mine() as n").rows == [{"n": 1}]
    for each in (owner, reader):
        assert run_query(each, "select * from shown").rows == [{"n": 1}]
        assert run_query(each, "select * from locking").rows == [{"n": True}]
    assert run_query(reader, "select * from connectors_at(now())").rows == []
    for sql in (
        "select pg_reload_conf()",
        "select pg_logical_emit_message(false, 'a', 'b')",
        "select dblink_connect('host=localhost user=a password=b')",
    ):
        assert "may write or reach out" in rejection(reader, sql)


# --- what cannot be done --------------------------------------------------------------------


def test_role_that_does_not_exist_is_named(owner: Engine) -> None:
    for name in ("no such \x1b[1m one", "public", "50%"):
        result = run("db", "grant-reader", name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert " does not exist (names are case-sensitive)" in result.stderr
        assert "\x1b" not in result.stderr


def test_privilege_that_this_user_may_not_grant_is_noticed(owner: Engine, role: str) -> None:
    """PostgreSQL only warns if the user has any privilege on the table."""
    upgrade.grant_reader(owner, role)
    other = f"other of {owner.url.database}"
    execute(owner, f'create role "{other}" login')
    try:
        with pytest.raises(ConfigurationError, match="Run the command as their owner"):
            upgrade.grant_reader(as_role(owner, role), other)
        assert readable(as_role(owner, other), relations(owner)) == set()
    finally:
        execute(owner, f'drop owned by "{other}"', f'drop role "{other}"')


def test_grant_reader_on_sqlite_is_rejected(
    sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{sqlite_template}")
    result = run("db", "grant-reader", "someone")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "SQLite has no roles" in result.stderr


def test_grant_reader_without_tables_advises_a_first_run(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", postgres_server)
    result = run("db", "grant-reader", "someone")
    assert (result.exit_code, "run `inventory sync` first" in result.stderr) == (2, True)
