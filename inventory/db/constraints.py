"""Finds indexes and constraints that the tables lack, and restores them."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Dialect, ForeignKeyConstraint, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import Constraint, CreateIndex, CreateTable, Index, SchemaItem

from inventory.db.engine import execute_all, is_sqlite
from inventory.db.errors import display_url
from inventory.errors import NeedsAttentionError
from inventory.models import METADATA


class Missing(NamedTuple):
    """An index or a constraint that a table lacks."""

    table: str
    kind: str
    name: str
    definition: Index | Constraint


def missing(connection: Connection) -> list[Missing]:
    """Return what the tables lack, in an order to create it in: keys before references.

    Raises NeedsAttentionError if a table itself is missing.
    """
    found = [*_missing(connection)]
    return sorted(found, key=lambda each: isinstance(each.definition, ForeignKeyConstraint))


def _missing(connection: Connection) -> Iterator[Missing]:
    inspector, dialect = inspect(connection), connection.dialect.name
    if tables := METADATA.tables.keys() - inspector.get_table_names():
        raise NeedsAttentionError(
            f"{display_url(connection.engine)} lacks tables that were dropped or renamed: "
            f"{', '.join(sorted(tables))}. Restore them from a backup."
        )
    for table in METADATA.sorted_tables:
        name = table.name
        indexes = {each["name"] for each in inspector.get_indexes(name)}
        constraints = {
            inspector.get_pk_constraint(name)["name"],
            *(each["name"] for each in inspector.get_foreign_keys(name)),
            *(each["name"] for each in inspector.get_check_constraints(name)),
        }
        for index in table.indexes:
            if index.name not in indexes:
                yield Missing(name, "index", str(index.name), index)
        for constraint in table.constraints:
            is_empty = constraint is table.primary_key and not table.primary_key.columns
            is_made = is_made_on(dialect, constraint) and not is_empty
            if is_made and constraint.name not in constraints:
                yield Missing(name, "constraint", str(constraint.name), constraint)


def is_made_on(dialect: str, part: SchemaItem) -> bool:
    """Say whether the tables of this dialect have a part of the models."""
    return bool(part.info.get("only_on", dialect) == dialect)


def restore(connection: Connection) -> None:
    """Create what is missing, in the caller's transaction.

    On SQLite only an index can be missing. Raises NeedsAttentionError with the name of a constraint
    that rows violate.
    """
    for each in missing(connection):
        try:
            with connection.begin_nested():
                if isinstance(each.definition, Index):
                    connection.execute(CreateIndex(each.definition))
                elif not is_sqlite(connection):
                    execute_all(connection, [_add(connection.dialect, each)])
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            raise NeedsAttentionError(
                f"{display_url(connection.engine)} lacks the {each.kind} {each.name}, and it "
                f"cannot be created: {str(error.orig).splitlines()[0]}. Nothing was changed."
            ) from error


def _add(dialect: Dialect, lacking: Missing) -> str:
    """Return the statement of AddConstraint, which itself would remove it from the model."""
    table = METADATA.tables[lacking.table]
    definition = dialect.ddl_compiler(dialect, CreateTable(table)).process(lacking.definition)
    return f"alter table {lacking.table} add {definition}"
