"""The views that people and BI tools read, one SQL file each; only an upgrade creates them.

A file's header states the grain, the key (no two rows agree in it), and the name, type and comment
of each column. The rest is SQL, with Jinja2 for what differs between the databases (macros.sql).
Neither database can alter a table under a view, so a revision drops all views and creates them
again. A digest of their texts is stored beside the revision: if it differs, an upgrade renews the
views.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Date,
    Dialect,
    Double,
    Integer,
    Text,
    column,
    inspect,
    table,
    text,
)
from sqlalchemy.sql.expression import TableClause, TextualSelect
from sqlalchemy.types import TypeEngine

from inventory import health
from inventory.column_types import Json, UtcDateTime
from inventory.db.engine import execute_all
from inventory.db.views import declared_types

if TYPE_CHECKING:
    from inventory.models import HistoryTable

# In the order of creation: a view reads only those before it.
_VIEWS = (
    *("connector_history", "connector_status_history", "warning_history", "task_history"),
    *("setup_test_history", "group_history", "destination_history"),
    "clock",
    "latest_run",
    "connector_tags",
    "connector_health",
    "destination_health",
    "state_changes",
    "incidents",
    "flapping",
    "availability_30d",
    "service_reliability",
    "sync_outcomes_daily",
    "findings",
    "fivetran_platform__connection_status",
    "connector_history_mode",
)
# Statements with a timestamp as parameter; on PostgreSQL also functions.
_FUNCTIONS = ("connectors_at", "connector_status_at", "connector_health_at")
# The functions' parameter. No table has a column of this name, which would take precedence. An
# unnamed parameter would break pg_dump and pg_upgrade, which could not create the function again.
PARAMETER = "as_of"

# Revisions that had history views only: a view with another of these names belongs to others.
ONLY_HISTORIES = ("0001", "0002")

_HERE = Path(__file__).parent
_TYPES: dict[str, TypeEngine[Any]] = {
    "text": Text(),
    "number": Integer(),
    "bigint": BigInteger(),
    "share": Double(),
    "yes_no": Boolean(),
    "time": UtcDateTime(),
    "day": Date(),
    "json": Json(),
}
_TYPE_NAMES = {type(of): name for name, of in _TYPES.items()}
_HEADER = re.compile(r"\A(--.*\n)+")
_KEY = "\n-- Key: "
_COLUMN = re.compile(r"-- (\w+) +(\w+) *(.*)")


class ViewColumn(NamedTuple):
    """The type of a column, and the comment that BI tools show."""

    type: TypeEngine[Any]
    comment: str


class View(NamedTuple):
    """The header of a file. The comment states the grain; a view without a key has an empty one."""

    name: str
    comment: str
    key: tuple[str, ...]
    columns: dict[str, ViewColumn]

    @property
    def table(self) -> TableClause:
        """The view for SQLAlchemy, typed so that values are equal on both databases."""
        return table(self.name, *(column(name, each.type) for name, each in self.columns.items()))


def described(name: str) -> View:
    """Read the header of a file: of a view, a function, or a query with columns of its own."""
    grain, _, rest = (_HERE / f"{name}.sql").read_text("utf-8").partition("\n--\n")
    columns: dict[str, ViewColumn] = {}
    for line in rest.splitlines():
        if not line.startswith("-- "):
            break
        if found := _COLUMN.fullmatch(line):
            last, type_name, comment = found.groups()
            columns[last] = ViewColumn(_TYPES[type_name], comment)
        else:
            so_far = columns[last]
            columns[last] = so_far._replace(comment=f"{so_far.comment} {line[2:].strip()}")
    comment, _, key = grain.removeprefix("-- ").rstrip(".").partition(_KEY)
    return View(
        name,
        comment.replace("\n--", "").rstrip("."),
        tuple(key.split(", ")) if key else (),
        columns,
    )


VIEWS = {name: described(name) for name in _VIEWS}
FUNCTIONS = {name: described(name) for name in _FUNCTIONS}


# --- texts ----------------------------------------------------------------------------------


@cache
def _templates(dialect: str) -> Any:
    """The Jinja2 environment for the files. It is loaded only to create views, or by a query.

    So are the models: what only reads a view does not need them.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    from inventory.models import HISTORY_TABLES

    templates = Environment(loader=FunctionLoader(_body), undefined=StrictUndefined)
    templates.globals |= {
        "postgresql": dialect == "postgresql",
        "health": health,
        "keys": {of.current.name: of.key for of in HISTORY_TABLES},
        "tracked": {of.current.name: _tracked(of) for of in HISTORY_TABLES},
    }
    templates.globals["sql"] = templates.get_template("macros.sql").module
    return templates


def _tracked(of: "HistoryTable") -> list[tuple[str, str]]:
    """The columns whose changes are shown, with the names of their types."""
    names = (*of.tracked, "health") if of.judged else of.tracked
    return [(name, _TYPE_NAMES[type(of.current.c[name].type)]) for name in names]


def _rendered(name: str, dialect: str, **values: object) -> str:
    statement: str = _templates(dialect).get_template(f"{name}.sql").render(values)
    return statement.strip()


def _body(file: str) -> str:
    """Return a file without its header."""
    return _HEADER.sub("", (_HERE / file).read_text("utf-8"))


def query(name: str, connection: Connection, *, columns_of: str = "") -> TextualSelect:
    """Return a statement with typed columns; the caller binds its parameters."""
    columns = described(columns_of or name).columns
    statement = _rendered(name, connection.dialect.name, as_of=f":{PARAMETER}")
    return text(statement).columns(**{each: column.type for each, column in columns.items()})


def _statements(dialect: Dialect, *, replace: bool = False) -> Iterator[str]:
    quote = dialect.identifier_preparer.quote
    create = "create or replace view" if replace else "create view"
    for view in VIEWS.values():
        yield f"{create} {quote(view.name)} as {_rendered(view.name, dialect.name)}"
        if dialect.name == "postgresql":
            yield _comment(f"view {quote(view.name)}", view.comment)
            for name, each in view.columns.items():
                yield _comment(f"column {quote(view.name)}.{quote(name)}", each.comment)
    if dialect.name == "postgresql":
        for function in FUNCTIONS.values():
            yield _function(function, dialect, replace=replace)
            yield _comment(f"function {function.name}(timestamptz)", function.comment)


def _function(function: View, dialect: Dialect, *, replace: bool) -> str:
    """Create a function that is bound to our tables, whatever the search path of its caller."""
    columns = ", ".join(
        f"{name} {each.type.compile(dialect)}" for name, each in function.columns.items()
    )
    statement = _rendered(function.name, dialect.name, as_of=PARAMETER)
    create = "create or replace function" if replace else "create function"
    return (
        f"{create} {function.name}({PARAMETER} timestamptz) returns table ({columns}) "
        f"language sql stable begin atomic {statement}; end"
    )


def _comment(target: str, comment: str) -> str:
    literal = "'" + comment.replace("'", "''") + "'"  # DDL takes no parameters
    return f"comment on {target} is {literal}"


def digest(dialect: Dialect) -> str:
    """Return a digest of the texts of all views and functions."""
    texts = "\0".join(_statements(dialect))
    if dialect.name == "sqlite":
        texts += declared_types.digested()
    return blake2b(texts.encode(), digest_size=16).hexdigest()


# --- in a database --------------------------------------------------------------------------


def create(connection: Connection, *, replace: bool = False) -> None:
    """Create every view; on PostgreSQL also the comments and the functions of a timestamp.

    On PostgreSQL, `replace` keeps existing views with their grants and the objects that depend on
    them. It fails if a view would lose a column, or a column would change its type.
    """
    if connection.dialect.name == "sqlite":
        for name in VIEWS:
            _create_on_sqlite(connection, name)
    else:
        execute_all(connection, _statements(connection.dialect, replace=replace))


def _create_on_sqlite(connection: Connection, name: str, **values: object) -> None:
    types = {name_of: column.type for name_of, column in VIEWS[name].columns.items()}
    declared_types.create_view(connection, name, _rendered(name, "sqlite", **values), types)


def stop_clock(connection: Connection, at: datetime) -> None:
    """Evaluate the views for a fixed time until the next upgrade, as the demo does."""
    stopped_at = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00:00}"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("drop view clock")
        _create_on_sqlite(connection, "clock", stopped_at=stopped_at)
    else:  # it cannot be dropped, because other views depend on it
        statement = _rendered("clock", "postgresql", stopped_at=stopped_at)
        execute_all(connection, [f"create or replace view clock as {statement}"])


def exist(connection: Connection) -> bool:
    """Return whether all views and functions exist."""
    return VIEWS.keys() <= set(inspect(connection).get_view_names()) and (
        connection.dialect.name != "postgresql"
        or all(
            connection.scalar(text(f"select to_regprocedure('{name}(timestamptz)')"))
            for name in FUNCTIONS
        )
    )


def drop_functions(connection: Connection) -> None:
    """Drop the existing functions of a timestamp, which only PostgreSQL has."""
    if connection.dialect.name == "postgresql":
        for name in FUNCTIONS:
            connection.exec_driver_sql(f"drop function if exists {name}(timestamptz)")


def drop(connection: Connection) -> None:
    """Drop the existing views and functions."""
    quote = connection.dialect.identifier_preparer.quote
    drop_functions(connection)
    existing = set(inspect(connection).get_view_names())
    for name in reversed(VIEWS):
        if name in existing:
            connection.exec_driver_sql(f"drop view {quote(name)}")
