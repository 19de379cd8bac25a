"""The first load on PostgreSQL, of many connectors: it keeps to rows, and touches no key."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, inspect, text
from support.builders import (
    Account,
    api_settings,
    connect,
    everything,
    item,
)

from inventory.db import upgrade
from inventory.db.engine import read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import NeedsAttentionError
from inventory.models import METADATA
from inventory.sync.preview import preview
from inventory.sync.run import sync

MANY = 3_000


@pytest.fixture
def engine(postgres_url: str) -> Engine:
    return connect(postgres_url)


@pytest.fixture(autouse=True)
def crowd(account: Account) -> None:
    alerts = {"warnings": [{"code": "w"}], "tasks": [{"code": "t"}]}
    test = {"title": "Connecting", "status": "PASSED"}
    account.connectors = [
        item(f"c{number}", status=alerts, setup_tests=[test], failed_at="2026-11-19T00:00:00Z")
        for number in range(MANY)
    ]


def keys(engine: Engine) -> dict[str, Any]:
    with read_only(engine) as connection:
        rows = connection.execute(
            text(
                "select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
                " from pg_constraint where connamespace = current_schema()::regnamespace"
            )
        )
        found = {(row[0], row[1]): tuple(row[2:]) for row in rows}
        look = inspect(connection)
        return found | {name: look.get_indexes(name) for name in METADATA.tables}


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_first_load_sends_no_ddl_but_for_temporary_tables(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    before = keys(engine)
    with statements(engine) as sent:
        assert sync(engine, api_settings(api))["added"] == MANY
    assert not any("alter table" in statement.lower() for statement in sent)
    assert keys(engine) == before
    account.connectors += [item("one_more")]
    with statements(engine) as sent:
        assert sync(engine, api_settings(api))["added"] == 1
    assert not any("constraint" in statement for statement in sent)


def test_first_run_of_another_account_keeps_the_keys(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    sync(engine, api_settings(api))
    account.account_id = "account_two"
    account.connectors = [each | {"id": f"x{each['id']}"} for each in account.connectors]
    with statements(engine) as sent:
        assert sync(engine, api_settings(api))["added"] == MANY
    assert not any("constraint" in statement for statement in sent)


def test_tables_that_somebody_reads_keep_their_keys(engine: Engine, api: FakeApi) -> None:
    before = keys(engine)
    with read_only(engine) as reader:
        assert reader.execute(text("select * from warnings")).all() == []
        assert sync(engine, api_settings(api))["added"] == MANY
        assert reader.execute(text("select * from warnings")).all() == []
    assert keys(engine) == before
    assert len(everything(engine)["warnings"]) == MANY


def test_tables_that_another_role_owns_keep_their_keys(engine: Engine, api: FakeApi) -> None:
    before = keys(engine)
    role = "writer_of_first_load"
    name = engine.url.database
    with transaction(engine) as connection:
        connection.execute(text(f"drop role if exists {role}"))
        connection.execute(text(f"create role {role} login password 'x'"))
        connection.execute(text(f'grant temporary on database "{name}" to {role}'))
        rights = "select, insert, update, delete"
        connection.execute(text(f"grant {rights} on all tables in schema public to {role}"))
        connection.execute(text(f"grant usage on all sequences in schema public to {role}"))
    try:
        url = engine.url.set(username=role, password="x")
        writer = connect(url.render_as_string(hide_password=False))
        assert sync(writer, api_settings(api))["added"] == MANY
    finally:
        with transaction(engine) as connection:
            connection.execute(text(f"drop owned by {role}"))
            connection.execute(text(f"drop role {role}"))
    assert keys(engine) == before


def test_tables_whose_owner_cannot_create_keys_keep_theirs(postgres_url: str, api: FakeApi) -> None:
    admin = connect(postgres_url)
    role, name = "owner_of_first_load", admin.url.database
    with transaction(admin) as connection:
        connection.execute(text(f"drop role if exists {role}"))
        connection.execute(text(f"create role {role} login password 'x'"))
        connection.execute(text(f'grant create, temporary on database "{name}" to {role}'))
        connection.execute(text(f"create schema theirs authorization {role}"))
    url = admin.url.set(username=role, password="x").render_as_string(hide_password=False)
    owner = connect(url, "theirs")
    try:
        upgrade.upgrade(owner)
        with transaction(admin) as connection:
            connection.execute(text("alter schema theirs owner to current_user"))
            connection.execute(text(f"grant usage on schema theirs to {role}"))
        before = keys(owner)
        assert sync(owner, api_settings(api))["added"] == MANY
        assert keys(owner) == before
    finally:
        with transaction(admin) as connection:
            connection.execute(text(f"drop owned by {role} cascade"))
            connection.execute(text(f"drop role {role}"))


def test_tables_that_are_published_keep_their_keys(engine: Engine, api: FakeApi) -> None:
    before = keys(engine)
    with transaction(engine) as connection:
        connection.execute(text("create publication everything for all tables"))
    assert sync(engine, api_settings(api))["added"] == MANY
    assert keys(engine) == before


def test_load_that_fails_leaves_the_keys_and_nothing_else(engine: Engine, api: FakeApi) -> None:
    before, content = keys(engine), everything(engine, but=("inventory_runs",))
    with transaction(engine) as connection:
        connection.execute(
            text(
                "create function no() returns trigger language plpgsql as "
                "$$ begin raise exception using errcode = '22000'; end $$"
            )
        )
        connection.execute(
            text("create trigger no before insert on setup_tests execute function no()")
        )
    with pytest.raises(NeedsAttentionError):
        sync(engine, api_settings(api))
    assert (keys(engine), everything(engine, but=("inventory_runs",))) == (before, content)


def test_preview_of_a_first_run_leaves_the_keys(engine: Engine, api: FakeApi) -> None:
    upgrade.upgrade(engine)
    before = keys(engine)
    with statements(engine) as sent:
        run, changes = preview(engine, api_settings(api))
    assert (run["added"], len(changes)) == (MANY, MANY)
    assert not any("constraint" in statement for statement in sent)
    assert keys(engine) == before
