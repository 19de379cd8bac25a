"""A database can be dumped, restored, and upgraded to a newer server."""

import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support import servers
from support.builders import (
    Account,
    api_settings,
    connect,
    everything,
    item,
)
from support.databases import execute
from support.effort import few_of

from inventory.db import revision
from inventory.db.engine import read_only
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

POSTGRESQL_15 = Path("/usr/lib/postgresql/15/bin")


def in_database(server: servers.Postgres, name: str) -> str:
    return server.url.replace("/postgres?", f"/{name}?")


CATALOG = """
    select 'relation', c.relkind::text, c.relname::text,
      case c.relkind when 'i' then pg_get_indexdef(c.oid) else
        (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || coalesce(': ' || col_description(c.oid, a.attnum), ''), ', ' order by a.attnum)
         from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
      end
    from pg_class c where c.relnamespace = 'inventory'::regnamespace
    union all
    select 'constraint', contype::text, conrelid::regclass::text, conname::text
    from pg_constraint where connamespace = 'inventory'::regnamespace and contype <> 'n'
    union all
    select 'function', proname::text, pg_get_function_arguments(oid), pg_get_function_result(oid)
    from pg_proc where pronamespace = 'inventory'::regnamespace
"""


def all_of(engine: Engine) -> dict[str, Any]:
    """Rows, what the catalog names, and what a function of an instant answers.

    Not the texts of views and constraints: a server that reads its own shows them otherwise.
    """
    answer = "select * from connector_health_at('2100-01-01') order by connector_id"
    with read_only(engine) as connection:
        catalog = sorted(tuple(row) for row in connection.execute(text(CATALOG)))
        answered = [tuple(row) for row in connection.execute(text(answer))]
    assert len(answered) == 5
    assert len([kind for kind, *_ in catalog if kind == "function"]) == 3
    return {"rows": everything(engine), "catalog": catalog, "answered": answered}


def fill(url: str, api: FakeApi, account: Account) -> dict[str, Any]:
    """Two runs in a schema of its own, which no search path leads to."""
    engine = connect(url, "inventory")
    alert = {"code": "w", "message": 'say "hi"'}
    for frequency in (60, 360):
        account.connectors = [
            item(f"c{n}", sync_frequency=frequency, status={"warnings": [alert]}) for n in range(5)
        ]
        sync(engine, api_settings(api))
    return all_of(engine)


def goes_on(url: str, api: FakeApi) -> None:
    engine = connect(url, "inventory")
    revision.require_current(engine)
    assert sync(engine, api_settings(api))["changed"] == 0


@pytest.fixture
def server() -> Iterator[servers.Postgres]:
    with servers.postgres(*servers.HURRIED) as server:
        yield server


OWNERS, FORMS = ("postgres", "somebody"), ("custom", "plain")


@pytest.mark.parametrize(
    ("owner", "form"),
    few_of(list(product(OWNERS, FORMS)), list(zip(OWNERS, FORMS, strict=True))),
)
def test_dump_is_restored_whole(
    server: servers.Postgres, api: FakeApi, account: Account, form: str, owner: str
) -> None:
    before = fill(server.url, api, account)
    restored = in_database(server, "restored")
    if owner != "postgres":
        execute(connect(server.url), f"create role {owner} login")
    server.run("createdb", "-h", server.home, "-U", "postgres", "-O", owner, "restored")
    dump, restored_by = server.home / "dump", restored.replace("postgres@", f"{owner}@")
    server.run("pg_dump", "--no-owner", "-F", form, server.url, into=dump)
    if form == "plain":
        server.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, restored_by)
    else:
        server.run("pg_restore", "--exit-on-error", "--no-owner", "-d", restored_by, dump)
    assert all_of(connect(restored_by, "inventory")) == before
    goes_on(restored_by, api)


@pytest.mark.thorough
def test_server_is_upgraded(api: FakeApi, account: Account) -> None:
    """From PostgreSQL 15, where it is installed, to the one that the tests run on."""
    older = POSTGRESQL_15 if POSTGRESQL_15.is_dir() else None
    with (
        servers.postgres(*servers.HURRIED, programs=older) as old,
        servers.postgres(*servers.HURRIED) as new,
    ):
        before = fill(old.url, api, account)
        old.stop()
        new.stop()
        folders = ("-b", old.programs, "-B", new.programs, "-d", old.data, "-D", new.data)
        new.run("pg_upgrade", *folders, "-U", "postgres", "-s", new.home, "--no-sync")
        new.start()
        assert all_of(connect(new.url, "inventory")) == before
        goes_on(new.url, api)


def test_unnamed_parameter_could_not_be_restored(server: servers.Postgres) -> None:
    """The reason for the name: if this fails one day, PostgreSQL can restore it."""
    make = "create function f(timestamptz) returns table (a timestamptz) language sql"
    execute(connect(server.url), f"{make} begin atomic select $1; end")
    dump = server.home / "dump"
    server.run("pg_dump", server.url, into=dump)
    server.run("createdb", "-h", server.home, "-U", "postgres", "restored")
    command = [server.programs / "psql", "-v", "ON_ERROR_STOP=1", "-f", dump]
    done = subprocess.run(
        [*map(str, command), in_database(server, "restored")],
        user=servers.USER,
        cwd=server.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "zero-length delimited identifier" in done.stderr
