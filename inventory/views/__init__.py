"""The views that people and BI tools read, as data: made from the tables, never from a run.

Neither database alters a table under a view, so a revision drops them all and makes them anew. A
digest of their texts stands beside the revision: views whose texts have changed are renewed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b

from sqlalchemy import Connection, Dialect, inspect, text

from inventory.database import execute_all
from inventory.dialects import DIALECTS
from inventory.views.attention import ATTENTION
from inventory.views.changes import STATE_CHANGES
from inventory.views.health import CONNECTOR_HEALTH
from inventory.views.history import HISTORIES
from inventory.views.incidents import INCIDENTS
from inventory.views.instants import PARAMETER, QUESTIONS, Question
from inventory.views.reliability import (
    AVAILABILITY_30D,
    FLAPPING,
    SERVICE_RELIABILITY,
    SYNC_OUTCOMES_DAILY,
)
from inventory.views.runs import CLOCK, LATEST_RUN
from inventory.views.vendor import CONNECTION_STATUS, CONNECTOR_HISTORY_MODE
from inventory.views.view import View

# Revisions whose views were those of history: another of such a name is somebody else's there.
ONLY_HISTORIES = ("0001", "0002")

# In the order in which they are made: each only asks those before it.
VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        *(*HISTORIES, CLOCK, LATEST_RUN, CONNECTOR_HEALTH, STATE_CHANGES),
        *(INCIDENTS, FLAPPING, AVAILABILITY_30D, SERVICE_RELIABILITY, SYNC_OUTCOMES_DAILY),
        *(ATTENTION, CONNECTION_STATUS, CONNECTOR_HISTORY_MODE),
    )
}


def create(connection: Connection, *, replace: bool = False) -> None:
    """Make every view; on PostgreSQL with its comments, and the functions of an instant.

    On PostgreSQL, `replace` keeps the views that are there, their grants and what others have made
    on them; it fails where a view would lose a column, or change the type of one.
    """
    execute_all(connection, _statements(connection.dialect, replace=replace))


def digest(dialect: Dialect) -> str:
    """Return what tells the texts of all views and functions from those of another release."""
    texts = "\0".join(_statements(dialect))
    return blake2b(texts.encode(), digest_size=16).hexdigest()


def _statements(dialect: Dialect, *, replace: bool = False) -> Iterator[str]:
    quote = dialect.identifier_preparer.quote
    make = "create or replace view" if replace else "create view"
    for view in VIEWS.values():
        statement = view.statement(DIALECTS[dialect.name]).strip()
        yield f"{make} {quote(view.name)} as {statement}"
        if dialect.name == "postgresql":
            yield _comment(f"view {quote(view.name)}", view.comment)
            for name, column in view.columns.items():
                yield _comment(f"column {quote(view.name)}.{quote(name)}", column.comment)
    if dialect.name == "postgresql":
        for question in QUESTIONS:
            yield _function(question, dialect)
            yield _comment(f"function {question.name}(timestamptz)", question.comment)


def _function(question: Question, dialect: Dialect) -> str:
    """Make a function whose text is bound to our tables now, whatever its caller's search path.

    Its parameter has a name, without which neither pg_dump nor pg_upgrade can make it anew.
    """
    columns = ", ".join(
        f"{name} {column.type.compile(dialect)}" for name, column in question.columns.items()
    )
    statement = question.statement(DIALECTS["postgresql"], PARAMETER).strip()
    return (
        f"create function {question.name}({PARAMETER} timestamptz) returns table ({columns}) "
        f"language sql stable begin atomic {statement}; end"
    )


def _comment(target: str, words: str) -> str:
    literal = "'" + words.replace("'", "''") + "'"  # DDL takes no parameters
    return f"comment on {target} is {literal}"


def stop_clock(connection: Connection, at: datetime) -> None:
    """Give every answer about now for one instant, until the next upgrade: as in the demo."""
    sql = DIALECTS[connection.dialect.name]
    if connection.dialect.name == "postgresql":
        make = "create or replace view"  # it cannot be dropped below the others
    else:
        connection.exec_driver_sql(f"drop view {CLOCK.name}")
        make = "create view"
    instant = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00:00}"
    statement = f"{make} {CLOCK.name} as select cast('{instant}' as {sql.timestamp}) as now"
    execute_all(connection, [statement])


def are_there(connection: Connection) -> bool:
    """Say whether none of the views and functions is missing."""
    return VIEWS.keys() <= set(inspect(connection).get_view_names()) and (
        connection.dialect.name != "postgresql"
        or all(
            connection.scalar(text(f"select to_regprocedure('{question.name}(timestamptz)')"))
            for question in QUESTIONS
        )
    )


def drop_functions(connection: Connection) -> None:
    """Drop those of the functions of an instant that are there, which PostgreSQL alone has."""
    if connection.dialect.name == "postgresql":
        for question in QUESTIONS:
            connection.exec_driver_sql(f"drop function if exists {question.name}(timestamptz)")


def drop(connection: Connection) -> None:
    """Drop those of the views and functions that are there."""
    quote = connection.dialect.identifier_preparer.quote
    drop_functions(connection)
    there = set(inspect(connection).get_view_names())
    for name in reversed(VIEWS):
        if name in there:
            connection.exec_driver_sql(f"drop view {quote(name)}")
