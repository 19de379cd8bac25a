"""Reads the dictionary: each table, view and function with its columns, key and joins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from inventory.db.views import FUNCTIONS, PARAMETER, VIEWS, View
from inventory.dictionary.joins import Join, joins_of
from inventory.errors import ConfigurationError
from inventory.models import METADATA, readable_tables
from inventory.suggestions import did_you_mean

Kind = Literal["table", "view", "function"]


class UnknownEntityError(ConfigurationError):
    """No table, view or function has this name."""

    code = "unknown_table"


@dataclass(frozen=True)
class Column:
    """A column. The type is PostgreSQL's; a view does not say whether a column is nullable."""

    name: str
    type: str
    comment: str
    is_nullable: bool | None


@dataclass(frozen=True)
class Entity:
    """A table, view or function. The comment states the grain; no two rows agree in the key.

    `is_readable`: whether read-only roles may read it; only the secret is not.
    """

    name: str
    kind: Kind
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    joins: tuple[Join, ...]
    is_readable: bool = True

    @property
    def signature(self) -> str:
        """The name, of a function with its parameter."""
        return f"{self.name}({PARAMETER} timestamptz)" if self.kind == "function" else self.name


def all_entities() -> list[Entity]:
    """Return the tables, then the views, each after those it refers to; then the functions."""
    readable = set(readable_tables())
    return [
        *(_table(table, is_readable=table.name in readable) for table in METADATA.sorted_tables),
        *(_view(view, "view") for view in VIEWS.values()),
        *(_view(function, "function") for function in FUNCTIONS.values()),
    ]


def find(name: str, entities: Sequence[Entity]) -> Entity:
    """Return the entity of this name, in whatever case.

    Raises UnknownEntityError, with a suggestion.
    """
    by_name = {entity.name: entity for entity in entities}
    found = by_name.get(name.casefold())
    if found is None:
        hint = did_you_mean(name, by_name) or "`inventory schema` lists all."
        raise UnknownEntityError(f"There is no table, view or function named {name}. {hint}")
    return found


def _table(table: Table, *, is_readable: bool) -> Entity:
    columns = tuple(
        Column(each.name, _type(each.type), each.comment or "", each.nullable)
        for each in table.columns
    )
    foreign_keys = [
        tuple((part.parent.name, part.column.name) for part in each.elements)
        for each in table.foreign_key_constraints
    ]
    return Entity(
        table.name,
        "table",
        table.comment or "",
        tuple(each.name for each in table.primary_key),
        columns,
        joins_of(table.name, table.columns.keys(), foreign_keys),
        is_readable,
    )


def _view(view: View, kind: Kind) -> Entity:
    columns = tuple(
        Column(name, _type(each.type), each.comment, None) for name, each in view.columns.items()
    )
    return Entity(
        view.name, kind, view.comment, view.key, columns, joins_of(view.name, view.columns, ())
    )


def _type(kind: TypeEngine[Any]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    words = str(kind.compile(dialect)).lower()
    return words.replace("timestamp with time zone", "timestamptz")
