"""Creates SQLite views whose computed columns have the types that the headers state.

SQLite gives a computed column no type. The text '1' would then not equal the number 1, and tools
send the value that a user picked as text.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Connection, Date, Double, Integer, Text
from sqlalchemy.types import TypeEngine

from inventory.column_types import Json, UtcDateTime
from inventory.db.engine import execute_all


class _Declared(NamedTuple):
    """The declared types that tables use for a type, and a column of `connectors` that has it."""

    names: tuple[str, ...]
    lender: str | None


_DECLARED: dict[type[TypeEngine[Any]], _Declared] = {
    Text: _Declared(("TEXT",), "connector_id"),
    Integer: _Declared(("BIGINT", "INTEGER"), "sync_frequency"),
    BigInteger: _Declared(("BIGINT", "INTEGER"), "sync_frequency"),
    Double: _Declared(("REAL",), None),
    Boolean: _Declared(("BOOLEAN",), "paused"),
    UtcDateTime: _Declared(("DATETIME",), "created_at"),
    Date: _Declared(("TEXT",), "connector_id"),
    Json: _Declared(("TEXT",), "config"),
}

Types = Mapping[str, TypeEngine[Any]]


def create_view(connection: Connection, name: str, query: str, types: Types) -> None:
    """Create a view with these columns.

    Only computed columns are wrapped, so that the indexes of table columns stay usable.
    """
    execute_all(connection, [f"create view {name} as {query}"])
    described = connection.exec_driver_sql(f"pragma table_info({name})").all()
    shown = {column: declared for _, column, declared, *_ in described}
    columns = [
        column if shown[column] in _DECLARED[type(of)].names else _typed(column, of)
        for column, of in types.items()
    ]
    if columns != [*types]:
        typed = f"create view {name} as select {', '.join(columns)} from ({query}) q"
        execute_all(connection, [f"drop view {name}", typed])


def _typed(column: str, of: TypeEngine[Any]) -> str:
    """Return an expression that gives a column its declared type.

    Before SQLite 3.41, a view does not show the type of a cast, and casts turn times into numbers.
    A compound subselect has the type of its last part: here an empty one with a typed column.
    """
    declared = _DECLARED[type(of)]
    if declared.lender is None:
        return f"cast({column} as {declared.names[0]}) as {column}"
    lent = f"select {declared.lender} from connectors where false"
    return f"(select q.{column} union all {lent}) as {column}"


def digested() -> str:
    """Return the declared types as text, for the digest of the views."""
    return repr(_DECLARED)
