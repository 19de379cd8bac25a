"""Read-only answers as rows, for the command line and for whoever imports the package.

Each is asked of a connection of `asking`: what one command tells is of one snapshot.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    TableClause,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.sql.expression import TextualSelect

from inventory import schema
from inventory.columns import UtcDateTime
from inventory.database import reading
from inventory.health import REMOVED
from inventory.models import SYNC_RUNS
from inventory.views import VIEWS, query

_run = SYNC_RUNS.c

Row = dict[str, Any]
Rows = list[Row]

ALL_RUN_COLUMNS = tuple(column.name for column in SYNC_RUNS.columns)
RUN_COLUMNS = (
    *("run_id", "account_id", "status", "started_at", "finished_at", "connectors_seen"),
    *("added", "changed", "removed", "returned", "anomalies", "error_message"),
)
_IDS_AT_A_TIME = 500  # SQLite takes no end of bound values


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """One snapshot to ask. Raises SchemaMismatch for tables that are not of this version."""
    schema.require_current(engine)
    with reading(engine) as connection:
        yield connection


def columns(view: str) -> list[str]:
    """Name the columns of a view."""
    return list(VIEWS[view].columns)


def now(connection: Connection) -> datetime:
    """Return the instant that answers about now are given for, by the database's clock."""
    moment: datetime = connection.execute(select(_view("clock"))).scalar_one()
    return moment


def latest_runs(connection: Connection) -> Rows:
    """Return one row per account: how far its inventory can be trusted."""
    latest = _view("latest_run")
    return _rows(connection, select(latest).order_by(latest.c.account_id))


# --- about now ------------------------------------------------------------------------------


def status(
    connection: Connection, columns: Collection[str] = (), *, connector_id: str | None = None
) -> Rows:
    """Return one row per connector ever seen, or that one: the worst first, by group and name.

    `columns` are those wanted, all if none is named; severity and is_down are always there.
    """
    health = _view("connector_health")
    always = ("connector_id", "schema_name", "service", "group_id", "health", "severity", "is_down")
    names = list(dict.fromkeys((*always, *columns))) if columns else list(health.c.keys())
    wanted = select(*(health.c[name] for name in names))
    if connector_id is not None:
        wanted = wanted.where(health.c.connector_id == connector_id)
    return sorted(_rows(connection, wanted), key=worst_first)


def worst_first(row: Row) -> tuple[Any, ...]:
    # Sorted here, as the databases sort texts each in its own way.
    return -row["severity"], *place(row)


def place(row: Row) -> tuple[str, ...]:
    """Order rows about connectors by group and name."""
    return row["group_id"] or "", row["schema_name"] or "", row["connector_id"]


def chosen(
    rows: Rows,
    *,
    down: bool = False,
    health: Collection[str] = (),
    services: Collection[str] = (),
    groups: Collection[str] = (),
) -> Rows:
    """Keep the rows of status that are wanted: removed ones only if their health is.

    Filters of one kind widen, filters of two kinds narrow.
    """
    return [
        row
        for row in rows
        if (row["health"] in health if health else row["health"] not in REMOVED)
        and (row["is_down"] or not down)
        and (not services or row["service"] in services)
        and (not groups or row["group_id"] in groups)
    ]


def attention(connection: Connection) -> Rows:
    """Return one row per finding and connector, by finding."""
    findings = _rows(connection, select(_view("attention")))
    return sorted(findings, key=lambda row: (row["finding"], *place(row)))


# --- about the past -------------------------------------------------------------------------


def changes(
    connection: Connection,
    *,
    since: datetime | None = None,
    fields: Sequence[str] = (),
    connector_id: str | None = None,
) -> Rows:
    """Return one row per field that changed, oldest first.

    Without `since`, what each account's last complete run has changed. A field is also meant by
    the first part of its path: config means config.host, too.
    """
    change = _view("state_changes")
    begun = change.c.changed_at >= since if since else _by_last_run(connection, change)
    wanted = select(change).where(begun)
    if fields:
        wanted = wanted.where(or_(*(_within(change.c.field, field) for field in fields)))
    if connector_id is not None:
        wanted = wanted.where(change.c.connector_id == connector_id)
    return in_order(_rows(connection, wanted))


def in_order(rows: Rows) -> Rows:
    """Sort changes by time, those of one run by connector."""
    return sorted(
        rows,
        key=lambda row: (
            *(row["changed_at"], row["connector_id"], row["table_name"], row["field"] or ""),
            row["kind"] != "cleared",
        ),
    )


def _by_last_run(connection: Connection, change: Any) -> ColumnElement[bool]:
    complete = [run for run in latest_runs(connection) if run["observed_at"] is not None]
    of_account = (
        and_(change.c.account_id == run["account_id"], change.c.changed_at >= run["observed_at"])
        for run in complete
    )
    return or_(false(), *of_account)


def _within(path: ColumnElement[Any], field: str) -> ColumnElement[bool]:
    """Compare without LIKE, which on SQLite does not tell capitals."""
    begins = func.substr(path, 1, len(field) + 1)
    return or_(path == field, begins.in_([f"{field}{sign}" for sign in ".[:"]))


def incidents(
    connection: Connection,
    *,
    open_only: bool = False,
    since: datetime | None = None,
    connector_ids: Sequence[str] | None = None,
) -> Rows:
    """Return one row per outage, oldest first, of all connectors or of those that are named.

    `since` leaves out those that ended before.
    """
    if open_only:
        since = now(connection)
    if connector_ids is not None:
        found = [*_incidents_of(connection, connector_ids)]
    elif since is not None:
        bound = bindparam("since", since, UtcDateTime())
        asked = query("incidents_since", connection, columns_of="incidents").bindparams(bound)
        found = _rows(connection, asked)
    else:
        found = _rows(connection, select(_view("incidents")))
    kept = [
        row
        for row in found
        if row["ended_at"] is None or (not open_only and (since is None or row["ended_at"] > since))
    ]
    return sorted(kept, key=lambda row: (row["started_at"], row["connector_id"]))


def _incidents_of(connection: Connection, ids: Sequence[str]) -> Iterator[Row]:
    """Read the past of these connectors alone, and not that of all."""
    asked = query("incidents_of", connection, columns_of="incidents")
    asked = asked.bindparams(bindparam("ids", expanding=True))
    for at in range(0, len(ids), _IDS_AT_A_TIME):
        part = connection.execute(asked, {"ids": ids[at : at + _IDS_AT_A_TIME]})
        yield from (dict(row) for row in part.mappings())


def runs(connection: Connection, *, limit: int) -> Rows:
    """Return the run log, newest first."""
    return _rows(connection, select(SYNC_RUNS).order_by(_run.run_id.desc()).limit(limit))


# --- one connector --------------------------------------------------------------------------


def life(connection: Connection, connector_id: str) -> Row:
    """Return all that is known of a connector: itself, versions, incidents, changes, syncs."""

    def of_it(name: str, *order: str) -> Rows:
        view = _view(name)
        wanted = select(view).where(view.c.connector_id == connector_id)
        return _rows(connection, wanted.order_by(*(view.c[each] for each in order)))

    return {
        "connector": status(connection, connector_id=connector_id)[0],
        "versions": {
            "connector": of_it("connector_history", "valid_from"),
            "status": of_it("connector_status_history", "valid_from"),
        },
        "incidents": incidents(connection, connector_ids=[connector_id]),
        "changes": in_order(of_it("state_changes")),
        "syncs": of_it("sync_outcomes_daily", "day"),
    }


def _view(name: str) -> TableClause:
    return VIEWS[name].table


def _rows(connection: Connection, wanted: Select[Any] | TextualSelect) -> Rows:
    return [dict(row) for row in connection.execute(wanted).mappings()]
