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


class _Key(NamedTuple):
    """A primary or foreign key, and the words that make it anew."""

    table: str
    name: str
    definition: str


@contextmanager
def keys_afterwards(connection: Connection) -> Iterator[None]:
    """Leave the keys of empty tables out while they are filled inside; they are all there after it.

    Where that cannot be done at once, because another role owns the tables or somebody reads them,
    they are filled as ever.
    """
    keys = _keys(connection) if _is_worth_it(connection) else []
    left_out = keys if keys and _drop(connection, keys) else []
    yield
    for key in left_out:
        connection.exec_driver_sql(
            f"alter table {key.table} add constraint {key.name} {key.definition}"
        )


def _is_worth_it(connection: Connection) -> bool:
    if is_sqlite(connection):
        return False
    staged = connection.scalar(select(func.count()).select_from(STAGED["connector_status"]))
    filled = select(exists(select(CONNECTORS.current)) | exists(select(SYNC_OUTCOMES)))
    return (staged or 0) >= _WORTH_IT and not connection.scalar(filled)


def _keys(connection: Connection) -> list[_Key]:
    """The keys of what a first load fills, but for the one that all foreign keys refer to."""
    filled = [versioned.current.name for versioned in VERSIONED[1:]] + [SYNC_OUTCOMES.name]
    found = connection.execute(
        text(
            "select conrelid::regclass, quote_ident(conname), pg_get_constraintdef(oid) "
            "from pg_constraint where contype in ('p', 'f') "
            "and conrelid = any(cast(:tables as regclass[])) order by contype desc, conname"
        ),
        {"tables": filled},
    )
    return [_Key(*row) for row in found]


def _drop(connection: Connection, keys: list[_Key]) -> bool:
    """Say whether it was done; if not, nothing was."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("set local lock_timeout = '1s'")
            for key in reversed(keys):
                connection.exec_driver_sql(f"alter table {key.table} drop constraint {key.name}")
            connection.exec_driver_sql("set local lock_timeout to default")
    except DBAPIError:
        return False
    return True
