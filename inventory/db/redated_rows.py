"""Moves the times in all tables when runs get other times.

Every time that this tool itself wrote is mapped by one monotonic function, so that versions still
meet and keep their order: the time of a run becomes its new one, and a deadline between two runs
stays unchanged as long as it is between their new times.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from inventory.column_types import TIMESTAMP, UtcDateTime
from inventory.db.corrected_times import LONG_AGO, Run
from inventory.db.engine import is_sqlite
from inventory.errors import RetryableError
from inventory.models import (
    ACCOUNTS,
    CONNECTOR_TYPES,
    HISTORY_TABLES,
    INVENTORY_RUNS,
    NOTIFICATION_CHANNELS,
    NOTIFICATIONS,
    USERS,
    HistoryTable,
)

_run = INVENTORY_RUNS.c
_WITHOUT_HISTORY = (ACCOUNTS, USERS, CONNECTOR_TYPES, NOTIFICATION_CHANNELS)
_FAR_AHEAD = datetime(9999, 12, 31, tzinfo=UTC)
_metadata = MetaData()


def move(connection: Connection, log: Sequence[Run], right: Sequence[datetime]) -> dict[str, int]:
    """Give the runs of the log their right times; return how many rows of each table changed."""
    moved = {}
    _fill_spans(connection, log, right)
    for versioned in HISTORY_TABLES:
        current = versioned.current
        moved[current.name] = _move_times(connection, current, times_of(versioned, current))
        past = versioned.past
        moved[past.name] = _replace_rows(connection, past, times_of(versioned, past))
    for table in _WITHOUT_HISTORY:
        moved[table.name] = _move_times(connection, table, _own_times(table))
    moved[NOTIFICATIONS.name] = _replace_rows(connection, NOTIFICATIONS, _own_times(NOTIFICATIONS))
    moved[INVENTORY_RUNS.name] = _move_log(connection, log, right)
    _drop(connection, _SPANS)
    return moved


# --- the function of time -------------------------------------------------------------------


def _temporary(name: str, *columns: Column[Any]) -> Table:
    """Declare a table that ends with its transaction; on SQLite it has to be dropped."""
    return Table(name, _metadata, *columns, prefixes=["temporary"], postgresql_on_commit="DROP")


# One row per run that gets another time, or follows one that does: times in (after, until] are
# clamped to [lowest, highest]; `until` itself, which is the time of the run, becomes `highest`.
# If the last run gets another time, so do all times after it.
_SPANS = _temporary(
    "redated_spans",
    Column("until", TIMESTAMP, primary_key=True),
    *(Column(name, TIMESTAMP, nullable=False) for name in ("after", "lowest", "highest")),
)


def _fill_spans(connection: Connection, log: Sequence[Run], right: Sequence[datetime]) -> None:
    spans, after, lowest = [], LONG_AGO, LONG_AGO
    for run, highest in zip(log, right, strict=True):
        span = {"until": run.observed_at, "after": after, "lowest": lowest, "highest": highest}
        if highest != run.observed_at or lowest != after:
            spans.append(span)
        after, lowest = run.observed_at, highest
    if lowest != after:  # what was told after the last run, by the same wrong clock
        spans.append({"until": _FAR_AHEAD, "after": after, "lowest": lowest, "highest": lowest})
    _create(connection, _SPANS)
    connection.execute(insert(_SPANS), spans)


def _new(at: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """Return the new value of a time; null = it stays."""
    span = _SPANS.c
    new = case(
        (at == span.until, span.highest),
        (at > span.highest, span.highest),
        (at < span.lowest, span.lowest),
    )
    within = select(new).where(span.until >= at, span.after < at)
    return within.order_by(span.until).limit(1).scalar_subquery()


def _moves(columns: Sequence[Column[Any]]) -> ColumnElement[bool]:
    """Return the condition that any of the columns gets another time."""
    span = select(func.min(_SPANS.c.after), func.max(_SPANS.c.until)).subquery("whole")
    first, last = (select(column).scalar_subquery() for column in span.c)
    return or_(*(and_(at > first, at <= last, _new(at) != at) for at in columns))


def times_of(versioned: HistoryTable, table: Table) -> list[Column[Any]]:
    """Return the columns of a current or past table with times that this tool wrote.

    These are all times except those of the API, which are tracked or untracked columns (`due_at`, a
    deadline, is calculated from them): when a version begins and ends, when a connector was first
    seen and removed, and since when it has its health.
    """
    of_api = {*versioned.tracked, *versioned.untracked}
    return [
        column
        for column in table.columns
        if isinstance(column.type, UtcDateTime) and column.name not in of_api
    ]


# --- the rows -------------------------------------------------------------------------------

_COPIES = {
    table.name: _temporary(
        f"redated_{table.name}", *(Column(column.name, column.type) for column in table.columns)
    )
    for table in (*(of.past for of in HISTORY_TABLES), NOTIFICATIONS)
}


def _own_times(table: Table) -> list[Column[Any]]:
    """Return the columns of a table without history that have times that this tool wrote."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, UtcDateTime) and not column.info.get("untracked")
    ]


def _move_times(connection: Connection, table: Table, columns: Sequence[Column[Any]]) -> int:
    values = {column.name: func.coalesce(_new(column), column) for column in columns}
    return connection.execute(update(table).values(values).where(_moves(columns))).rowcount


def _replace_rows(connection: Connection, table: Table, columns: Sequence[Column[Any]]) -> int:
    """Delete and re-insert rows: a time is part of a unique key, and may be another row's."""
    copy = _COPIES[table.name]
    values = [
        func.coalesce(_new(column), column) if column in columns else column
        for column in table.columns
    ]
    _create(connection, copy)
    names = [column.name for column in table.columns]
    copied = insert(copy).from_select(names, select(*values).where(_moves(columns)))
    number = connection.execute(copied, execution_options={"preserve_rowcount": True}).rowcount
    if connection.execute(delete(table).where(_moves(columns))).rowcount != number:
        raise RetryableError(
            f"Rows of {table.name} changed during the re-dating, for example by a prune. Wait for "
            "it, then run this again."
        )
    connection.execute(insert(table).from_select(names, select(copy)))
    _drop(connection, copy)
    return number


def _move_log(connection: Connection, log: Sequence[Run], right: Sequence[datetime]) -> int:
    changed = [_times(run, at) for run, at in zip(log, right, strict=True) if run.observed_at != at]
    names = [name for name in changed[0] if name != "key"]
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    values["clock_behind_seconds"] = 0
    connection.execute(
        update(INVENTORY_RUNS).where(_run.run_id == bindparam("key")).values(values), changed
    )
    # With a wrong clock, runs may have judged connectors overdue that were not. Without its rules,
    # the latest run of each account makes the next one judge all connectors again.
    keys = {run["key"] for run in changed}
    accounts = {run.account_id for run in log if run.run_id in keys}
    latest = {run.account_id: run.run_id for run in log if run.account_id in accounts}
    forget = update(INVENTORY_RUNS).where(_run.run_id == bindparam("key"))
    connection.execute(
        forget.values(health_rules=None), [{"key": run_id} for run_id in latest.values()]
    )
    return len(changed)


def _times(run: Run, at: datetime) -> dict[str, Any]:
    """Return the times of a run: it began before its new time, and ended as long after it."""
    started_at = min(run.started_at, at)
    deadline_at = run.deadline_at and run.deadline_at - (run.started_at - started_at)
    return {
        "key": run.run_id,
        "observed_at": at,
        "started_at": started_at,
        "finished_at": at + (run.finished_at - run.observed_at),
        "deadline_at": deadline_at,
    }


def _create(connection: Connection, table: Table) -> None:
    _drop(connection, table)
    table.create(connection, checkfirst=False)


def _drop(connection: Connection, table: Table) -> None:
    # PostgreSQL drops it at the end of the transaction.
    if is_sqlite(connection):
        connection.exec_driver_sql(f"drop table if exists temp.{table.name}")
