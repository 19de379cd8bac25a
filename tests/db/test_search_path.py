"""On PostgreSQL all relations are in one schema, whatever the search path of the user is."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, make_url, text
from support.builders import (
    Account,
    api_settings,
    connect,
    everything,
    item,
)

from inventory import queries
from inventory.db import revision, session, upgrade
from inventory.db.engine import execute_all, read_only, transaction
from inventory.db.verify import problems
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError
from inventory.sync.run import sync


def execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        execute_all(connection, statements)


def relations_of(engine: Engine) -> dict[str, set[str]]:
    """Return tables, views and functions by their schema."""
    names = """
        select relnamespace::regnamespace::text, relname from pg_class where relkind in ('r', 'v')
        union all select pronamespace::regnamespace::text, proname from pg_proc"""
    found: dict[str, set[str]] = {}
    with read_only(engine) as connection:
        for place, name in connection.execute(text(names)):
            if not place.startswith(("pg_", "information_schema")):
                found.setdefault(place, set()).add(name)
    return found


def with_path(url: str, path: str) -> Engine:
    """Return an engine with this search path."""
    option = "-c search_path=" + path.replace(" ", r"\ ")
    return connect(str(make_url(url).update_query_dict({"options": option})))


@pytest.fixture
def reader(postgres_url: str) -> Iterator[str]:
    """A role, which belongs to the whole server, and is gone afterwards."""
    role = f"reader_of_{make_url(postgres_url).database}"
    engine = connect(postgres_url)
    execute(engine, f"create role {role}")
    yield role
    execute(engine, f"drop owned by {role}", f"drop role {role}")


def test_schema_that_comes_first_in_the_path_changes_nothing(
    postgres_url: str, reader: str, api: FakeApi, account: Account
) -> None:
    engine = connect(postgres_url)
    account.connectors = [item("one")]
    sync(engine, api_settings(api))
    upgrade.grant_reader(engine, reader)
    before = relations_of(engine)
    execute(engine, "create schema postgres", "create table postgres.connectors (theirs int)")
    execute(engine, "update inventory_version set release = '0', views_digest = 'other'")
    again = connect(postgres_url)  # its path is "$user", public
    upgrade.upgrade(again)
    assert relations_of(again) == before | {"postgres": {"connectors"}}
    upgrade.grant_reader(again, reader)
    assert problems(again) == []
    account.connectors = [item("one", paused=True)]
    assert sync(again, api_settings(api))["changed"] == 1
    with transaction(again) as connection:
        connection.exec_driver_sql(f"set local role {reader}")
        assert connection.scalar(text("select count(*) from public.connector_history")) == 2


@pytest.mark.parametrize("path", ["elsewhere,public", "public,pg_temp", "pg_temp,public"])
def test_run_is_the_same_whatever_else_the_path_holds(
    postgres_url: str, api: FakeApi, account: Account, path: str
) -> None:
    engine = connect(postgres_url)
    account.connectors = [item("one")]
    sync(engine, api_settings(api))
    execute(engine, "create schema elsewhere")
    for place in ("public", "elsewhere"):
        execute(engine, f"create table {place}.staged_connectors (theirs int)")
    execute(engine, "create view elsewhere.connector_health as select 1 as theirs")
    execute(engine, "create function elsewhere.now() returns int language sql as 'select 1'")
    theirs = with_path(postgres_url, path)
    account.connectors = [item("one", paused=True)]
    assert sync(theirs, api_settings(api))["changed"] == 1
    upgrade.upgrade(theirs)
    with session.open_session(theirs) as connection:
        assert [row["connector_id"] for row in queries.status(connection)] == ["one"]


def test_two_inventories_on_one_path_are_rejected_with_both_names(
    postgres_url: str, api: FakeApi
) -> None:
    engine = connect(postgres_url)
    upgrade.upgrade(connect(postgres_url, "Second One"))
    both = with_path(postgres_url, '"Second One",public')
    for attempt in (
        lambda: sync(both, api_settings(api)),
        lambda: upgrade.upgrade(both),
        lambda: revision.require_current(both),
    ):
        with pytest.raises(
            ConfigurationError,
            match="more than one schema of the search path: Second One and public",
        ):
            attempt()
    assert everything(engine)["inventory_runs"] == []
    named = make_url(both.url.render_as_string(hide_password=False))
    assert sync(connect(str(named), "Second One"), api_settings(api))["status"] == "succeeded"
    assert everything(engine)["inventory_runs"] == []
