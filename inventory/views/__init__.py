"""The views that people and BI tools read, one SQL file each: made from the tables, never by a run.

A file's header says what a row is, and names, types and comments of the columns; the rest is SQL,
with Jinja2 where the databases differ (macros.sql). Neither database alters a table under a view,
so a revision drops them all and makes them anew. A digest of their texts stands beside the
revision: views whose texts have changed are renewed.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    Dialect,
    Float,
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
from inventory.columns import Json, UtcDateTime
from inventory.database import execute_all
from inventory.models import VERSIONED, Versioned

# In the order in which they are made: each only asks those before it.
_VIEWS = (
    *(versioned.history for versioned in VERSIONED),
    *("clock", "latest_run", "connector_health", "state_changes", "incidents", "flapping"),
    *("availability_30d", "service_reliability", "sync_outcomes_daily", "attention"),
    *("fivetran_platform__connection_status", "connector_history_mode"),
)
# Statements that take an instant; on PostgreSQL there are functions of them.
_FUNCTIONS = ("connectors_at", "connector_status_at", "connector_health_at")
# The functions' parameter: no table has a column of that name, which would be taken first. It has
# one, without which neither pg_dump nor pg_upgrade can make the function anew.
PARAMETER = "as_of"

# Revisions whose views were those of history: another of such a name is somebody else's there.
ONLY_HISTORIES = ("0001", "0002")

_HERE = Path(__file__).parent
_TYPES: dict[str, TypeEngine[Any]] = {
    **{"text": Text(), "number": Integer(), "share": Float(), "yes_no": Boolean()},
    **{"time": UtcDateTime(), "day": Date(), "json": Json()},
}
_WORDS = {type(of): word for word, of in _TYPES.items()}
_HEADER = re.compile(r"\A(--.*\n)+")
_COLUMN = re.compile(r"-- (\w+) +(\w+) *(.*)")


class Named(NamedTuple):
    """A column: what is in it, and the comment that BI tools show."""

    type: TypeEngine[Any]
    comment: str


class View(NamedTuple):
    """What the header of a file says of a view: its comment states the grain."""

    name: str
    comment: str
    columns: dict[str, Named]

    @property
    def table(self) -> TableClause:
        """The view as SQLAlchemy selects from it, so that values are alike on both databases."""
        return table(self.name, *(column(name, each.type) for name, each in self.columns.items()))


def _read(name: str) -> View:
    """Read the header of a file."""
    grain, _, rest = (_HERE / f"{name}.sql").read_text("utf-8").partition("\n--\n")
    columns: dict[str, Named] = {}
    for line in rest.splitlines():
        if not line.startswith("-- "):
            break
        if found := _COLUMN.fullmatch(line):
            last, word, comment = found.groups()
            columns[last] = Named(_TYPES[word], comment)
        else:
            so_far = columns[last]
            columns[last] = so_far._replace(comment=f"{so_far.comment} {line[2:].strip()}")
    return View(name, grain.replace("\n--", "").removeprefix("-- ").rstrip("."), columns)


VIEWS = {name: _read(name) for name in _VIEWS}
FUNCTIONS = {name: _read(name) for name in _FUNCTIONS}


# --- their texts ----------------------------------------------------------------------------


@cache
def _templates(dialect: str) -> Any:
    """What renders the files; only a run that makes views, or a question, loads it."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    templates = Environment(loader=FunctionLoader(_body), undefined=StrictUndefined)
    templates.globals |= {
        "postgresql": dialect == "postgresql",
        "health": health,
        "keys": {of.current.name: of.key for of in VERSIONED},
        "tracked": {of.current.name: _tracked(of) for of in VERSIONED},
    }
    templates.globals["sql"] = templates.get_template("macros.sql").module
    return templates


def _tracked(of: Versioned) -> list[tuple[str, str]]:
    """The columns whose changes are told of, with the words for their types."""
    names = (*of.tracked, "health") if of.judged else of.tracked
    return [(name, _WORDS.get(type(of.current.c[name].type), "number")) for name in names]


def _rendered(name: str, dialect: str, **values: object) -> str:
    statement: str = _templates(dialect).get_template(f"{name}.sql").render(values)
    return statement.strip()


def _body(file: str) -> str:
    """What follows the header of a file."""
    return _HEADER.sub("", (_HERE / file).read_text("utf-8"))


def query(name: str, connection: Connection, *, columns_of: str = "") -> TextualSelect:
    """Return a statement with its parameters to be bound, and its columns typed."""
    columns = (VIEWS | FUNCTIONS)[columns_of or name].columns
    words = _rendered(name, connection.dialect.name, as_of=f":{PARAMETER}")
    return text(words).columns(**{each: named.type for each, named in columns.items()})


def _statements(dialect: Dialect, *, replace: bool = False) -> Iterator[str]:
    quote = dialect.identifier_preparer.quote
    make = "create or replace view" if replace else "create view"
    for view in VIEWS.values():
        yield f"{make} {quote(view.name)} as {_rendered(view.name, dialect.name)}"
        if dialect.name == "postgresql":
            yield _comment(f"view {quote(view.name)}", view.comment)
            for name, each in view.columns.items():
                yield _comment(f"column {quote(view.name)}.{quote(name)}", each.comment)
    if dialect.name == "postgresql":
        for function in FUNCTIONS.values():
            yield _function(function, dialect, replace=replace)
            yield _comment(f"function {function.name}(timestamptz)", function.comment)


def _function(function: View, dialect: Dialect, *, replace: bool) -> str:
    """Make a function whose text is bound to our tables now, whatever its caller's search path."""
    columns = ", ".join(
        f"{name} {each.type.compile(dialect)}" for name, each in function.columns.items()
    )
    statement = _rendered(function.name, dialect.name, as_of=PARAMETER)
    make = "create or replace function" if replace else "create function"
    return (
        f"{make} {function.name}({PARAMETER} timestamptz) returns table ({columns}) "
        f"language sql stable begin atomic {statement}; end"
    )


def _comment(target: str, words: str) -> str:
    literal = "'" + words.replace("'", "''") + "'"  # DDL takes no parameters
    return f"comment on {target} is {literal}"


def digest(dialect: Dialect) -> str:
    """Return what tells the texts of all views and functions from those of another release."""
    texts = "\0".join(_statements(dialect))
    return blake2b(texts.encode(), digest_size=16).hexdigest()


# --- in a database --------------------------------------------------------------------------


def create(connection: Connection, *, replace: bool = False) -> None:
    """Make every view; on PostgreSQL with its comments, and the functions of an instant.

    On PostgreSQL, `replace` keeps the views that are there, their grants and what others have made
    on them; it fails where a view would lose a column, or change the type of one.
    """
    execute_all(connection, _statements(connection.dialect, replace=replace))


def stop_clock(connection: Connection, at: datetime) -> None:
    """Give every answer about now for one instant, until the next upgrade: as in the demo."""
    make = "create or replace view"  # on PostgreSQL it cannot be dropped below the others
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("drop view clock")
        make = "create view"
    stopped_at = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00:00}"
    statement = _rendered("clock", connection.dialect.name, stopped_at=stopped_at)
    execute_all(connection, [f"{make} clock as {statement}"])


def are_there(connection: Connection) -> bool:
    """Say whether none of the views and functions is missing."""
    return VIEWS.keys() <= set(inspect(connection).get_view_names()) and (
        connection.dialect.name != "postgresql"
        or all(
            connection.scalar(text(f"select to_regprocedure('{name}(timestamptz)')"))
            for name in FUNCTIONS
        )
    )


def drop_functions(connection: Connection) -> None:
    """Drop those of the functions of an instant that are there, which PostgreSQL alone has."""
    if connection.dialect.name == "postgresql":
        for name in FUNCTIONS:
            connection.exec_driver_sql(f"drop function if exists {name}(timestamptz)")


def drop(connection: Connection) -> None:
    """Drop those of the views and functions that are there."""
    quote = connection.dialect.identifier_preparer.quote
    drop_functions(connection)
    there = set(inspect(connection).get_view_names())
    for name in reversed(VIEWS):
        if name in there:
            connection.exec_driver_sql(f"drop view {quote(name)}")
