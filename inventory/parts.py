"""Indexes and constraints that our tables are to have: which are missing, and putting them back."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Dialect, ForeignKeyConstraint, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import Constraint, CreateIndex, CreateTable, Index

from inventory.database import execute_all, is_sqlite
from inventory.errors import LookAtIt
from inventory.models import METADATA
from inventory.refusals import describe


class Part(NamedTuple):
    """An index or a constraint of a table."""

    table: str
    kind: str
    name: str
    made_of: Index | Constraint


def missing(connection: Connection) -> list[Part]:
    """Return what the tables lack, in an order in which it can be made: keys before references."""
    parts = [*_missing(connection)]
    return sorted(parts, key=lambda part: isinstance(part.made_of, ForeignKeyConstraint))


def _missing(connection: Connection) -> Iterator[Part]:
    look = inspect(connection)
    for table in METADATA.sorted_tables:
        name = table.name
        indexes = {each["name"] for each in look.get_indexes(name)}
        constraints = {
            look.get_pk_constraint(name)["name"],
            *(each["name"] for each in look.get_foreign_keys(name)),
            *(each["name"] for each in look.get_check_constraints(name)),
        }
        for index in table.indexes:
            if index.name not in indexes:
                yield Part(name, "index", str(index.name), index)
        for constraint in table.constraints:
            is_none = constraint is table.primary_key and not table.primary_key.columns
            if constraint.name not in constraints and not is_none:
                yield Part(name, "constraint", str(constraint.name), constraint)


def put_back(connection: Connection) -> None:
    """Make what is missing, in the caller's transaction.

    SQLite can lose an index only. Raises LookAtIt that names a constraint which rows break.
    """
    for part in missing(connection):
        try:
            with connection.begin_nested():
                if isinstance(part.made_of, Index):
                    connection.execute(CreateIndex(part.made_of))
                elif not is_sqlite(connection):
                    execute_all(connection, [_add(connection.dialect, part)])
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            raise LookAtIt(
                f"{describe(connection.engine)} lacks the {part.kind} {part.name}, and it cannot "
                f"be made again: {str(error.orig).splitlines()[0]}. Nothing was changed."
            ) from error


def _add(dialect: Dialect, part: Part) -> str:
    """The statement that AddConstraint makes; that one would take it out of the model's table."""
    table = METADATA.tables[part.table]
    words = dialect.ddl_compiler(dialect, CreateTable(table)).process(part.made_of)
    return f"alter table {part.table} add {words}"
