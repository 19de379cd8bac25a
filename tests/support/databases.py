"""Databases that a test has to itself, on a server that all tests share."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from inventory.db.engine import transaction


@contextmanager
def administration(server: str) -> Iterator[Connection]:
    address = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@contextmanager
def new_database(server: str, template: str = "template0") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with_template = f"template {template}"
    connection = administrator(server)
    if connection.info.server_version >= 150000:  # else it copies files anyhow
        with_template += " strategy file_copy"  # a fourth of the work of writing all to the log
    connection.execute(f"create database {name} {with_template}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    administrator(server).execute(f"drop database {name} with (force)")


_ADMINISTRATORS: dict[str, psycopg.Connection] = {}


def administrator(server: str) -> psycopg.Connection:
    """A connection that is kept: opening one costs more than most of what is asked for here."""
    kept = _ADMINISTRATORS.get(server)
    if kept is not None:
        with suppress(psycopg.OperationalError):  # the server has been killed since
            kept.execute("select 1")
            return kept
        kept.close()
    _ADMINISTRATORS[server] = psycopg.connect(server, autocommit=True)
    return _ADMINISTRATORS[server]


def dismiss_administrators() -> None:
    while _ADMINISTRATORS:
        _ADMINISTRATORS.popitem()[1].close()


def execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
