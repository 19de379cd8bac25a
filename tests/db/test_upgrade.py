"""Upgrades respect what others own: their tables, views, schemas and grants."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, make_url, text
from support.builders import (
    Account,
    alembic,
    api_settings,
    connect,
    everything,
    item,
)
from support.databases import execute, new_database
from support.schemas import (
    TABLES,
    VIEWS,
    add_run,
    python,
    shape,
)

from inventory.db import upgrade
from inventory.db.engine import file_of, read_only
from inventory.db.revision import HEAD, VERSION_TABLE, State, require_current, state_of
from inventory.demo.fake_api import FakeApi
from inventory.errors import (
    ConfigurationError,
    NeedsAttentionError,
    SchemaVersionError,
)
from inventory.sync.prepare import prepare
from inventory.sync.run import sync

only_postgresql = pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)


def test_view_of_another_tool_is_not_taken_for_a_view_of_this_one(engine: Engine) -> None:
    """The first revisions did not have these views, whose names are common words."""
    alembic(engine, command.downgrade, "0002")
    execute(engine, "create view incidents as select 1 as theirs")
    with pytest.raises(SchemaVersionError, match="contains incidents, created by another tool"):
        upgrade.upgrade(engine)
    with read_only(engine) as connection:
        assert connection.execute(text("select theirs from incidents")).all() == [(1,)]


def test_view_that_others_built_on_a_view_is_named(postgres_url: str) -> None:
    engine = connect(postgres_url)
    execute(engine, "create view their_report as select * from task_history")
    upgrade.upgrade(engine)  # nothing to do
    execute(engine, f"update {VERSION_TABLE} set views_digest = 'changed'")
    upgrade.upgrade(engine)  # replaces the views in place
    with pytest.raises(ConfigurationError, match=r"view their_report depends on view task_history"):
        alembic(engine, command.downgrade, "-1")


@pytest.mark.parametrize("look", ["current", "history", "check"])
def test_read_only_commands_of_alembic_change_nothing(engine: Engine, look: str) -> None:
    before = shape(engine)
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    out, err = python("-m", "alembic", look, url=url).communicate(timeout=60)
    assert (err, shape(engine)) == ("", before)
    assert out or look == "current"


def test_database_with_another_encoding_is_rejected(postgres_server: str) -> None:
    latin = new_database(postgres_server, "template0 encoding 'LATIN1' locale 'C'")
    with latin as url, pytest.raises(SchemaVersionError, match="LATIN1"):
        prepare(connect(url))


def test_unknown_revision_is_reported(engine: Engine) -> None:
    execute(engine, f"update {VERSION_TABLE} set version_num = '0000'")
    with pytest.raises(SchemaVersionError, match="0000"):
        upgrade.upgrade(engine)


UPGRADE = """
import alembic.command
from inventory import settings
from inventory.db import upgrade
from inventory.db.engine import connect
engine = connect(settings.database_settings())
input("ready\\n")
upgrade.upgrade(engine)
"""


def test_upgrades_at_once_all_succeed(empty_url: str) -> None:
    hosts = [python("-c", UPGRADE, url=empty_url) for _ in range(3)]
    assert [host.stdout.readline() for host in hosts] == ["ready\n"] * 3
    for host in hosts:
        print("go", file=host.stdin, flush=True)
    assert [(*host.communicate(timeout=60), host.returncode) for host in hosts] == [("", "", 0)] * 3
    assert state_of(connect(empty_url)) is State.CURRENT


@pytest.mark.parametrize(
    ("revision", "advice"), [("0000", "run `inventory db upgrade`"), ("9999", "Upgrade the tool")]
)
def test_tables_of_another_version_are_rejected(engine: Engine, revision: str, advice: str) -> None:
    execute(engine, f"update {VERSION_TABLE} set version_num = '{revision}'")
    before = shape(engine)
    newer = [upgrade.upgrade] if revision > HEAD else []
    for attempt in (require_current, prepare, *newer):
        with pytest.raises(SchemaVersionError, match=advice) as refused:
            attempt(engine)
        assert refused.value.exit_code == 2
    assert shape(engine) == before


@pytest.mark.parametrize("theirs", ["table tasks", "view tasks", "view task_history"])
def test_objects_of_another_tool_stay_unchanged(empty_url: str, theirs: str) -> None:
    engine = connect(empty_url)
    execute(engine, f"create {theirs} as select 1 as theirs")
    before = shape(engine)
    attempts = [state_of, require_current, prepare, upgrade.upgrade]
    for attempt in (*attempts, lambda engine: alembic(engine, command.upgrade, "head")):
        with pytest.raises(SchemaVersionError, match="Name another database"):
            attempt(engine)
    assert shape(engine) == before


@only_postgresql
@pytest.mark.parametrize("name", ["inventory", "Weird-Name", "select", "50%", 'say "hi"'])
def test_all_relations_are_in_the_configured_schema(empty_url: str, name: str) -> None:
    engine, public = connect(empty_url, name), connect(empty_url)
    upgrade.upgrade(engine)
    upgrade.upgrade(engine)
    with read_only(public) as connection:
        look = inspect(connection)
        places = set(look.get_schema_names()) - {"information_schema"}
        found = [(p, n) for p in places for n in look.get_table_names(p) + look.get_view_names(p)]
    assert sorted(found) == sorted((name, each) for each in TABLES | VIEWS | {VERSION_TABLE})
    assert (state_of(engine), state_of(public)) == (State.CURRENT, State.EMPTY)


@only_postgresql
def test_two_schemas_of_one_database_are_independent(empty_url: str) -> None:
    one, two = connect(empty_url, "one"), connect(empty_url, "two")
    upgrade.upgrade(one)
    assert state_of(two) is State.EMPTY
    upgrade.upgrade(two)
    built = shape(two)
    assert shape(one) == built
    add_run(one)
    assert (len(everything(one)["inventory_runs"]), everything(two)["inventory_runs"]) == (1, [])
    alembic(one, command.downgrade, "base")
    assert (state_of(one), state_of(two)) == (State.EMPTY, State.CURRENT)
    assert shape(two) == built


@pytest.fixture
def reader(postgres_url: str) -> Iterator[str]:
    """Create a role of the server, and drop it afterwards."""
    role = f'"Reader of {make_url(postgres_url).database}"'
    execute(connect(postgres_url), f"create role {role}")
    yield role
    execute(connect(postgres_url), f"drop owned by {role}", f"drop role {role}")


def test_grants_on_views_survive_an_upgrade(postgres_url: str, reader: str) -> None:
    """An upgrade recreates the views and must restore the grants on them."""
    engine = connect(postgres_url)
    execute(
        engine,
        f"grant select on connector_history to {reader}",
        f"grant select, insert on task_history to {reader} with grant option",
        "grant select on warning_history to public",
        f"grant select (connector_id, valid_from) on setup_test_history to {reader}",
    )

    def granted() -> set[tuple[str, ...]]:
        rights = """select table_name, column_name, grantee, privilege_type, is_grantable
                    from information_schema.column_privileges where grantee <> current_user"""
        with read_only(engine) as connection:
            return {tuple(row) for row in connection.execute(text(rights)) if row[0] in VIEWS}

    before = granted()
    execute(engine, "drop view connector_history_mode")  # otherwise there would be nothing to do
    upgrade.upgrade(engine)
    assert len({view for view, *_ in before}) == 4
    assert granted() == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_upgrade_names_rows_that_refer_to_missing_ones(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """A user deletes connectors in a shell, where SQLite's foreign keys are off."""
    account.connectors = [item("one"), item("two")]
    sync(engine, api_settings(api))
    alembic(engine, command.downgrade, "-1")
    with closing(sqlite3.connect(str(file_of(engine)))) as shell:
        shell.execute("delete from connectors where connector_id = 'one'")
        shell.commit()
    with pytest.raises(NeedsAttentionError, match=r"sync_outcomes refer to missing rows.*shell"):
        upgrade.upgrade(engine)
    assert state_of(engine) is State.OLDER
