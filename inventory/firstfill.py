"""The first fill of empty tables: on PostgreSQL their keys are built after it, not row by row.

To look each row of a first load up in the table that it refers to takes longer than to write it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, exists, func, select, text
from sqlalchemy.exc import DBAPIError

from inventory.database import is_sqlite
from inventory.models import CONNECTORS, SYNC_OUTCOMES, VERSIONED
from inventory.staging import STAGED

# Connectors: to build the keys anew takes as long as to look so many up.
_WORTH_IT = 3_000
_FILLED = [versioned.current.name for versioned in VERSIONED[1:]] + [SYNC_OUTCOMES.name]


class _Key(NamedTuple):
    """A primary or foreign key, and the words that make it anew."""

    table: str
    name: str
    definition: str


@contextmanager
def keys_afterwards(connection: Connection) -> Iterator[None]:
    """Leave the keys of empty tables out while they are filled inside, and make them after it.

    Who reads the empty tables waits for the end of the transaction meanwhile. Where keys cannot be
    left out at once (somebody is reading), or might not come back (another role owns the tables, or
    may make none in their schema), or are needed (the tables are published to a replica), the
    tables are filled as ever.
    """
    keys = _keys(connection) if _is_worth_it(connection) else []
    left_out = keys if keys and _leave_out(connection, keys) else []
    yield
    _make(connection, left_out)


def _is_worth_it(connection: Connection) -> bool:
    if is_sqlite(connection):
        return False
    staged = connection.scalar(select(func.count()).select_from(STAGED["connector_status"]))
    filled = select(exists(select(CONNECTORS.current)) | exists(select(SYNC_OUTCOMES)))
    return (staged or 0) >= _WORTH_IT and not connection.scalar(filled)


def _keys(connection: Connection) -> list[_Key]:
    """The keys of what a first load fills; none where they must stay.

    Left alone are the one of connectors, which many refer to, and the one to the run log, for which
    other accounts would wait.
    """
    tables = {"tables": _FILLED}
    published = text(
        "select exists (select from pg_publication_tables "
        "where schemaname = current_schema() and tablename = any(:tables))"
    )
    if connection.scalar(published, tables):
        return []
    found = connection.execute(
        text(
            "select conrelid::regclass, quote_ident(conname), pg_get_constraintdef(oid) "
            "from pg_constraint where contype in ('p', 'f') and confrelid <> 'sync_runs'::regclass "
            "and conrelid = any(cast(:tables as regclass[])) order by contype desc, conname"
        ),
        tables,
    )
    return [_Key(*row) for row in found]


def _leave_out(connection: Connection, keys: list[_Key]) -> bool:
    """Say whether it was done; if not, nothing was. That they can be made again is tried first."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("set local lock_timeout = '1s'")
            _drop(connection, keys)
            _make(connection, keys)
            _drop(connection, keys)
            connection.exec_driver_sql("set local lock_timeout to default")
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return False
    return True


def _drop(connection: Connection, keys: list[_Key]) -> None:
    for key in reversed(keys):
        connection.exec_driver_sql(f"alter table {key.table} drop constraint {key.name}")


def _make(connection: Connection, keys: list[_Key]) -> None:
    for key in keys:
        connection.exec_driver_sql(
            f"alter table {key.table} add constraint {key.name} {key.definition}"
        )
