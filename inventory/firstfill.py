"""The first fill of empty tables: on PostgreSQL their keys are built after it, not row by row.

To look each row of a first load up in the table that it refers to takes longer than to write it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Constraint, exists, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint, DropConstraint

from inventory.database import is_sqlite
from inventory.models import CONNECTORS, SYNC_OUTCOMES, VERSIONED
from inventory.staging import STAGED

# Connectors: to build the keys anew takes as long as to look so many up.
_WORTH_IT = 3_000


@contextmanager
def keys_afterwards(connection: Connection) -> Iterator[None]:
    """Leave the keys of empty tables out while they are filled inside; they are all there after it.

    Where that cannot be done at once, because another role owns the tables or somebody reads them,
    they are filled as ever.
    """
    left_out = _KEYS if _is_worth_it(connection) and _drop(connection) else ()
    yield
    for key in left_out:
        connection.execute(AddConstraint(key, isolate_from_table=False))


def _is_worth_it(connection: Connection) -> bool:
    if is_sqlite(connection):
        return False
    staged = connection.scalar(select(func.count()).select_from(STAGED["connector_status"]))
    filled = select(exists(select(CONNECTORS.current)) | exists(select(SYNC_OUTCOMES)))
    return (staged or 0) >= _WORTH_IT and not connection.scalar(filled)


def _drop(connection: Connection) -> bool:
    """Say whether it was done; if not, nothing was."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("set local lock_timeout = '1s'")
            for key in reversed(_KEYS):
                connection.execute(DropConstraint(key, isolate_from_table=False))
            connection.exec_driver_sql("set local lock_timeout to default")
    except DBAPIError:
        return False
    return True


def _keys() -> Iterator[Constraint]:
    """The keys of what a first load fills, but for the one that all foreign keys refer to."""
    filled = (*(versioned.current for versioned in VERSIONED[1:]), SYNC_OUTCOMES)
    for table in filled:
        yield table.primary_key
        yield from sorted(table.foreign_key_constraints, key=lambda key: str(key.name))


_KEYS = tuple(_keys())
