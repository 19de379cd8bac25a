"""What all queries share: rows as dictionaries, and the views as SQLAlchemy selects from them."""

from typing import Any

from sqlalchemy import Connection, Select, TableClause
from sqlalchemy.sql.expression import TextualSelect

from inventory.db.views import VIEWS

Row = dict[str, Any]
Rows = list[Row]


def view(name: str) -> TableClause:
    return VIEWS[name].table


def view_columns(name: str) -> list[str]:
    """Name the columns of a view, in order."""
    return list(VIEWS[name].columns)


def fetch(connection: Connection, statement: Select[Any] | TextualSelect) -> Rows:
    return [dict(row) for row in connection.execute(statement).mappings()]
