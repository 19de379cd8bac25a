"""A reader's role reads all of ours, now and after upgrades, and can do nothing else."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, inspect, make_url, text
from worlds import Account, api_settings, connect, item

from inventory import database, schema, upgrades
from inventory.cli import main
from inventory.errors import FixSettings
from inventory.standin import StandIn
from inventory.sync import sync

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def execute(engine: Engine, *statements: str) -> None:
    with database.transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def relations(engine: Engine) -> set[str]:
    with database.reading(engine) as connection:
        look = inspect(connection)
        return {*look.get_table_names(), *look.get_view_names()}


def readable(engine: Engine, names: set[str]) -> set[str]:
    """Those that the engine's own user can read, found out by trying."""
    able = set()
    for name in names:
        with contextlib.suppress(FixSettings), database.reading(engine) as connection:
            connection.execute(text(f'select * from "{name}" limit 1')).all()
            able.add(name)
    return able


@pytest.fixture
def owner(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", postgres_url)
    return connect(postgres_url)


@pytest.fixture(params=["reader", 'Weird "role" of 50%'])
def role(request: pytest.FixtureRequest, owner: Engine) -> Iterator[str]:
    """A role that may log in and nothing else; it belongs to the server, and is gone afterwards."""
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
    assert result.stdout == f"{role} may read all tables and views.\n"
    assert readable(reader, names) == names
    for statement in (
        "insert into sync_runs (status) values ('running')",
        "update connectors set paused = true",
        "delete from warnings",
        "truncate tasks",
        "drop view connector_history",
        "create table more (x int)",
        "create view more as select 1",
        "alter table tasks add more int",
    ):
        with pytest.raises(FixSettings):
            execute(reader, statement)
    assert relations(owner) == names


def test_reader_runs_every_question(
    owner: Engine, role: str, api: StandIn, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item("one")]
    sync(owner, api_settings(api))
    assert run("db", "grant-reader", role).exit_code == 0
    url = as_role(owner, role).url.render_as_string(hide_password=False)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url.replace("+psycopg", ""))
    [told] = json.loads(run("status", "--format", "json").stdout)
    assert told["connector_id"] == "one"
    assert run("query", "select * from connector_history").exit_code == 0


def test_reader_may_call_our_functions(owner: Engine, role: str, tmp_path: Path) -> None:
    """By default everybody may call a function, but not where somebody has put an end to that."""
    execute(
        owner,
        "revoke execute on all functions in schema public from public",
        "alter default privileges revoke execute on functions from public",
    )
    reader, call = as_role(owner, role), text("select * from connectors_at(now())")
    upgrades.grant_reader(owner, role)
    for upgraded in (False, True):
        if upgraded:
            upgrade_to_next_version(tmp_path)
        with database.reading(reader) as connection:
            assert connection.execute(call).all() == []


def test_reader_of_a_schema_that_is_named(postgres_url: str, owner: Engine, role: str) -> None:
    named = connect(postgres_url, "50% Of It")
    upgrades.upgrade(named)
    upgrades.grant_reader(named, role)
    assert readable(as_role(owner, role, "50% Of It"), relations(named)) == relations(named)
    assert readable(as_role(owner, role), relations(owner)) == set()


# --- after an upgrade -----------------------------------------------------------------------

# The next version of this tool: a process in which the models have one table more.
NEXT_VERSION = """
import sys
from alembic import command
from alembic.config import Config
from sqlalchemy import Column, Integer, Table
from inventory import database, schema, settings, upgrades
from inventory.models import METADATA

Table("more", METADATA, Column("x", Integer))
schema.HEAD = "9999"
config = Config()
config.set_main_option("script_location", sys.argv[1])
config.attributes["engine"] = database.connect(settings.database_settings())
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
    upgrades.grant_reader(owner, role)
    upgrade_to_next_version(tmp_path)
    names = relations(owner)
    assert "more" in names
    assert readable(as_role(owner, role), names) == names


def test_who_was_given_single_tables_gets_no_more(owner: Engine, role: str, tmp_path: Path) -> None:
    execute(
        owner,
        f"grant select on tasks, connector_history to {quoted(role)}",
        f"grant insert on {schema.VERSION_TABLE} to {quoted(role)}",
    )
    upgrade_to_next_version(tmp_path)
    readers = readable(as_role(owner, role), relations(owner))
    assert readers == {"tasks", "connector_history"}


# --- what cannot be done --------------------------------------------------------------------


def test_role_that_is_not_there_is_named(owner: Engine) -> None:
    for name in ("no such \x1b[1m one", "public", "50%"):
        result = run("db", "grant-reader", name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "There is no role " in result.stderr
        assert "\x1b" not in result.stderr


def test_right_that_this_user_may_not_give_is_missed(owner: Engine, role: str) -> None:
    """PostgreSQL only warns of it where the user has any right to the table."""
    upgrades.grant_reader(owner, role)
    other = f"other of {owner.url.database}"
    execute(owner, f'create role "{other}" login')
    try:
        with pytest.raises(FixSettings, match="run it as their owner"):
            upgrades.grant_reader(as_role(owner, role), other)
        assert readable(as_role(owner, other), relations(owner)) == set()
    finally:
        execute(owner, f'drop owned by "{other}"', f'drop role "{other}"')


def test_grant_reader_on_sqlite_says_why_not(
    sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{sqlite_template}")
    result = run("db", "grant-reader", "someone")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "SQLite knows no roles" in result.stderr


def test_grant_reader_without_tables_says_what_to_do_first(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", postgres_server)
    result = run("db", "grant-reader", "someone")
    assert (result.exit_code, "run `inventory sync` first" in result.stderr) == (2, True)
