"""The views that people and BI tools read, as data: made from the tables, never from a run.

Neither database alters a table under a view, so an upgrade drops them all and makes them anew.
"""

from typing import NamedTuple

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    inspect,
    null,
    select,
    text,
    type_coerce,
    union_all,
)

from inventory.models import CONNECTORS, VERSIONED, Versioned


class View(NamedTuple):
    """A view with the comments that BI tools show; `columns` maps each name to its comment."""

    name: str
    comment: str
    columns: dict[str, str]
    statement: str


def all_views(connection: Connection) -> list[View]:
    """Return every view, its statement in the connection's dialect."""
    return [_history(versioned, connection) for versioned in VERSIONED]


def _history(versioned: Versioned, connection: Connection) -> View:
    """Grain: one row per version, past and open ones together; the open one's valid_to is null."""
    names = (*versioned.key, *versioned.tracked, "valid_from", "changed_after")
    past, current = versioned.past, versioned.current
    valid_to = past.c.valid_to
    open_rows: Select[tuple[object, ...]] = select(
        *(current.c[name] for name in names), type_coerce(null(), valid_to.type).label("valid_to")
    )
    if versioned is CONNECTORS:
        # A removed connector keeps its row, but the version in it has ended.
        open_rows = open_rows.where(current.c.removed_at.is_(None))
    statement: CompoundSelect[tuple[object, ...]] = union_all(
        select(*(past.c[name] for name in names), valid_to), open_rows
    )
    columns = {name: past.c[name].comment or "" for name in names}
    return View(
        versioned.history,
        f"One row per version of a row of {current.name}; valid_to null = it is so now",
        columns | {"valid_to": f"{valid_to.comment}; null = it is so now"},
        str(statement.compile(connection, compile_kwargs={"literal_binds": True})),
    )


def create(connection: Connection) -> None:
    """Make every view; on PostgreSQL with its comments."""
    quote = connection.dialect.identifier_preparer.quote
    for view in all_views(connection):
        connection.exec_driver_sql(f"create view {quote(view.name)} as {view.statement}")
        if connection.dialect.name == "postgresql":
            comment(connection, f"view {quote(view.name)}", view.comment)
            for name, words in view.columns.items():
                comment(connection, f"column {quote(view.name)}.{quote(name)}", words)


def are_there(connection: Connection) -> bool:
    """Say whether none of the views is missing."""
    there = set(inspect(connection).get_view_names())
    return all(view.name in there for view in all_views(connection))


def comment(connection: Connection, target: str, words: str) -> None:
    literal = "'" + words.replace("'", "''") + "'"  # DDL takes no parameters
    connection.execute(text(f"comment on {target} is {literal}".replace(":", r"\:")))


def drop(connection: Connection) -> None:
    """Drop those of the views that are there."""
    quote = connection.dialect.identifier_preparer.quote
    there = set(inspect(connection).get_view_names())
    for view in reversed(all_views(connection)):
        if view.name in there:
            connection.exec_driver_sql(f"drop view {quote(view.name)}")
