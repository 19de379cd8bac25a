"""What a view is."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Column, Date, Float, Integer, Text, column, table
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from inventory.columns import Json, UtcDateTime
from inventory.dialects import Dialect
from inventory.models import CONNECTOR_STATUS, CONNECTORS

TEXT, NUMBER, SHARE, YES_NO, TIME, DAY, JSON = (
    *(Text(), Integer(), Float(), Boolean()),
    *(UtcDateTime(), Date(), Json()),
)


class Named(NamedTuple):
    """A column: what is in it, and the comment that BI tools show."""

    type: TypeEngine[Any]
    comment: str


class View(NamedTuple):
    """A view as data: its comment states the grain; `statement` gives its text in a dialect."""

    name: str
    comment: str
    columns: dict[str, Named]
    statement: Callable[[Dialect], str]

    @property
    def table(self) -> TableClause:
        """The view as SQLAlchemy selects from it, so that values are alike on both databases."""
        return table(self.name, *(column(name, each.type) for name, each in self.columns.items()))


def of_table(*names: str) -> dict[str, Named]:
    """Columns that a view takes from `connectors` and `connector_status` as they are there."""
    return {name: _in_tables(name) for name in names}


def _in_tables(name: str) -> Named:
    for versioned in (CONNECTORS, CONNECTOR_STATUS):
        if name in versioned.current.c:
            there: Column[Any] = versioned.current.c[name]
            return Named(there.type, there.comment or "")
    raise KeyError(name)


IDENTITY = of_table("connector_id", "account_id", "group_id", "service", "schema_name")


def identity(alias: str) -> str:
    """The columns that say which connector it is, of a table under an alias."""
    return ", ".join(f"{alias}.{name}" for name in IDENTITY)


def with_parts(parts: dict[str, str], statement: str, once: tuple[str, ...] = ()) -> str:
    """Put named parts before a statement. Each is asked anew, for just what is wanted of it.

    Kept as tables of their own they would be made for all connectors whenever one is asked for.
    Only parts that know of no connector are made `once`.
    """
    named = ",\n".join(
        f"{name} as {'' if name in once else 'not '}materialized ({part})"
        for name, part in parts.items()
    )
    return f"with {named}\n{statement}"
