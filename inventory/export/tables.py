"""The tables that an export copies: their columns, and the statements that read them.

Rows are of two kinds. *Settled* ones never change again: closed versions, outages that are over,
days that have passed. They are exported once, in the order of `settles_by`. All others are
*current*: each export replaces them.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Select,
    bindparam,
    select,
    type_coerce,
)
from sqlalchemy.types import NULLTYPE

from inventory.column_types import TEXT, TIMESTAMP
from inventory.db.views import VIEWS, ViewColumn, described, query
from inventory.export.months import day_at, last_of_month, months, number_of_day
from inventory.export.snapshot import Snapshot
from inventory.models import (
    CONNECTORS,
    HISTORY_TABLES,
    INVENTORY_RUNS,
    SYNC_OUTCOMES,
    HistoryTable,
)

Columns: TypeAlias = dict[str, ViewColumn]
_ACCOUNT = ViewColumn(TEXT, "The Fivetran account of the connector, as it was when exported")


class ExportedTable(NamedTuple):
    """One table of a target.

    `settles_by`: the column by which rows become settled; None = all rows are current.
    `month_of`: the column of the time or day whose month a settled row belongs to.
    `settled_until`: up to which value of `settles_by` rows are settled, as an integer; see
    `models.ExportBookmark.settled_until`. `settled` yields statements for the rows after the first
    number and up to the second, in the order of months; `current` returns the statement for the
    rows after that number. `moves_by_runs_only`: without a new complete run, no row is new.
    """

    name: str
    comment: str
    columns: Columns
    settles_by: str | None
    month_of: str | None
    settled_until: Callable[[Snapshot], int | None]
    settled: Callable[[Connection, Snapshot, int | None, int], Iterator[Select[Any]]]
    current: Callable[[Connection, Snapshot, int | None], Select[Any] | None]
    moves_by_runs_only: bool = False


def exported_tables() -> tuple[ExportedTable, ...]:
    """Return all tables, in the order in which they are exported."""
    return (
        *(_history(of) for of in HISTORY_TABLES),
        _outcomes(),
        _runs(),
        _incidents(),
        _connector_health(),
        _availability(),
    )


# --- by time --------------------------------------------------------------------------------


def _by_time(
    name: str,
    comment: str,
    columns: Columns,
    rows: Callable[[], Select[Any]],
    settles_by: ColumnElement[Any],
    *,
    has_current: bool,
    moves_by_runs_only: bool,
) -> ExportedTable:
    """Describe a table whose rows are settled from a time on; until then it is null in them."""

    def settled(
        _: Connection, snapshot: Snapshot, after: int | None, until: int
    ) -> Iterator[Select[Any]]:
        for starts, ends in months(snapshot.first_observed_at, after, until):
            part = _in_order(rows().where(settles_by <= ends), snapshot)
            yield part.order_by(settles_by) if starts is None else part.where(settles_by > starts)

    def current(_: Connection, snapshot: Snapshot, __: int | None) -> Select[Any] | None:
        return _in_order(rows().where(settles_by.is_(None)), snapshot) if has_current else None

    return ExportedTable(
        name,
        comment,
        columns,
        settles_by.key,
        settles_by.key,
        lambda snapshot: snapshot.settled_until,
        settled,
        current,
        moves_by_runs_only,
    )


def _history(of: HistoryTable) -> ExportedTable:
    """All versions of a table. A version is settled once it is closed."""
    view = VIEWS[of.history]
    versions = view.table
    return _by_time(
        view.name,
        view.comment,
        view.columns | ({} if "account_id" in view.columns else {"account_id": _ACCOUNT}),
        lambda: _with_account(versions),
        versions.c.valid_to,
        has_current=True,
        moves_by_runs_only=True,
    )


def _outcomes() -> ExportedTable:
    outcomes, runs = SYNC_OUTCOMES, INVENTORY_RUNS.c
    observed_at = ViewColumn(TIMESTAMP, "observed_at of that run (UTC)")
    return _by_time(
        outcomes.name,
        outcomes.comment or "",
        _columns_of(outcomes) | {"observed_at": observed_at, "account_id": _ACCOUNT},
        lambda: _with_account(
            outcomes, runs.observed_at, join=(INVENTORY_RUNS, runs.run_id == outcomes.c.run_id)
        ),
        runs.observed_at,
        has_current=False,
        moves_by_runs_only=True,
    )


def _incidents() -> ExportedTable:
    view = VIEWS["incidents"]
    outages = view.table
    return _by_time(
        view.name,
        view.comment,
        view.columns,
        lambda: _with_account(outages),
        outages.c.ended_at,
        has_current=True,
        moves_by_runs_only=False,  # an open one becomes longer, and tags change
    )


# --- the others -----------------------------------------------------------------------------


def _runs() -> ExportedTable:
    """The log of runs. Those that are running, and the newest, are current."""
    table, run = INVENTORY_RUNS, INVENTORY_RUNS.c

    def rows(after: int | None) -> Select[Any]:
        chosen = _untyped(select(*table.c)).order_by(run.account_id, run.started_at)
        return chosen if after is None else chosen.where(run.run_id > after)

    def settled(
        _: Connection, __: Snapshot, after: int | None, until: int
    ) -> Iterator[Select[Any]]:
        yield rows(after).where(run.run_id <= until)

    return ExportedTable(
        table.name,
        table.comment or "",
        _columns_of(table),
        "run_id",
        "started_at",
        lambda snapshot: snapshot.settled_run,
        settled,
        lambda _, __, until: rows(until),
    )


def _connector_health() -> ExportedTable:
    view = VIEWS["connector_health"]
    return ExportedTable(
        view.name,
        view.comment,
        view.columns,
        None,
        None,
        lambda _: None,
        lambda *_: iter(()),
        lambda _, snapshot, __: _in_order(_with_account(view.table), snapshot),
    )


def _availability() -> ExportedTable:
    view = described("availability_daily")

    def days(connection: Connection, snapshot: Snapshot, first: int, last: int) -> Select[Any]:
        bounds = {"first_day": day_at(first), "last_day": day_at(last)}
        params = [bindparam(name, day, Date()) for name, day in bounds.items()]
        found: Any = query(view.name, connection).bindparams(*params).subquery()
        return _in_order(_untyped(select(*found.c)), snapshot)

    def settled(
        connection: Connection, snapshot: Snapshot, after: int | None, until: int
    ) -> Iterator[Select[Any]]:
        first = _first_day(snapshot) if after is None else after + 1
        while first <= until:
            last = min(last_of_month(first), until)
            yield days(connection, snapshot, first, last)
            first = last + 1

    def current(
        connection: Connection, snapshot: Snapshot, until: int | None
    ) -> Select[Any] | None:
        if snapshot.observed_at is None:
            return None
        first = _first_day(snapshot) if until is None else until + 1
        # Of the days after the last run nothing is known, not even which connectors there were.
        return days(connection, snapshot, first, number_of_day(snapshot.observed_at.date()))

    return ExportedTable(
        view.name,
        view.comment,
        view.columns,
        "day",
        "day",
        lambda snapshot: snapshot.settled_day,
        settled,
        current,
        # Once runs have ended for good, a prune would take away what these days are made of.
        moves_by_runs_only=True,
    )


def _first_day(snapshot: Snapshot) -> int:
    assert snapshot.first_observed_at is not None
    return number_of_day(snapshot.first_observed_at.date())


# --- statements -----------------------------------------------------------------------------


def _columns_of(table: Any) -> Columns:
    return {column.name: ViewColumn(column.type, column.comment or "") for column in table.c}


def _with_account(
    rows: FromClause,
    *more: Column[Any],
    join: tuple[FromClause, ColumnElement[bool]] | None = None,
) -> Select[Any]:
    """Select all columns, then others, and the account if it is not among them."""
    source: Any = rows.join(*join) if join else rows
    columns: list[Any] = [*rows.c, *more]
    if "account_id" not in rows.c:
        connector = CONNECTORS.current.c
        source = source.join(CONNECTORS.current, connector.connector_id == rows.c.connector_id)
        columns.append(connector.account_id)
    return _untyped(select(*columns).select_from(source))


def _untyped(rows: Select[Any]) -> Select[Any]:
    """Select the same columns as the driver gives them: their texts become Arrow at once."""
    plain: list[Any] = [
        type_coerce(column, NULLTYPE).label(column.key) for column in rows.selected_columns
    ]
    return rows.with_only_columns(*plain)


def _in_order(rows: Select[Any], snapshot: Snapshot) -> Select[Any]:
    """Order by account, so that one file at a time is written; of one account, that is free."""
    if snapshot.accounts < 2:
        return rows
    account = next(each for each in rows.selected_columns if each.key == "account_id")
    return rows.order_by(account)
