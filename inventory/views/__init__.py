"""The views that people and BI tools read, as data: made from the tables, never from a run.

Neither database alters a table under a view, so an upgrade drops them all and makes them anew.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, Dialect, inspect

from inventory.database import execute_all
from inventory.dialects import DIALECTS
from inventory.views.attention import ATTENTION
from inventory.views.changes import STATE_CHANGES
from inventory.views.health import CONNECTOR_HEALTH
from inventory.views.history import HISTORIES
from inventory.views.incidents import INCIDENTS
from inventory.views.instants import QUESTIONS, Question
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


def create(connection: Connection) -> None:
    """Make every view; on PostgreSQL with its comments, and the functions of an instant."""
    execute_all(connection, _statements(connection.dialect))


def _statements(dialect: Dialect) -> Iterator[str]:
    quote = dialect.identifier_preparer.quote
    for view in VIEWS.values():
        statement = view.statement(DIALECTS[dialect.name]).strip()
        yield f"create view {quote(view.name)} as {statement}"
        if dialect.name == "postgresql":
            yield _comment(f"view {quote(view.name)}", view.comment)
            for name, column in view.columns.items():
                yield _comment(f"column {quote(view.name)}.{quote(name)}", column.comment)
    if dialect.name == "postgresql":
        for question in QUESTIONS:
            yield _function(question, dialect)
            yield _comment(f"function {question.name}(timestamptz)", question.comment)


def _function(question: Question, dialect: Dialect) -> str:
    """Make a function whose text is bound to our tables now, whatever its caller's search path."""
    columns = ", ".join(
        f"{name} {column.type.compile(dialect)}" for name, column in question.columns.items()
    )
    statement = question.statement(DIALECTS["postgresql"], "$1").strip()
    return (
        f"create function {question.name}(timestamptz) returns table ({columns}) "
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
    """Say whether none of the views is missing."""
    return VIEWS.keys() <= set(inspect(connection).get_view_names())


def drop(connection: Connection) -> None:
    """Drop those of the views and functions that are there."""
    quote = connection.dialect.identifier_preparer.quote
    if connection.dialect.name == "postgresql":
        for question in QUESTIONS:
            connection.exec_driver_sql(f"drop function if exists {question.name}(timestamptz)")
    there = set(inspect(connection).get_view_names())
    for name in reversed(VIEWS):
        if name in there:
            connection.exec_driver_sql(f"drop view {quote(name)}")
