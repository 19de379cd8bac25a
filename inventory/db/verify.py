"""Looks for violated invariants in the database. It only reads: damaged rows are evidence.

Each invariant is a query for the rows that violate it, the same on both databases.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Engine, inspect, select, text

from inventory import known_tags, times
from inventory.db import constraints, locks, redate, revision
from inventory.db.engine import CLOCK_TOLERANCE, read_only
from inventory.db.locks import Running
from inventory.errors import AlreadyRunningError
from inventory.health import IS_DOWN
from inventory.models import (
    COMPLETE,
    CONNECTOR_STATUS,
    HISTORY_TABLES,
    TAGS,
    HistoryTable,
)

# How many runs with a wrong time are listed one by one, and how to correct them.
_LISTED = 10
_ADVICE = "a clock was wrong; `inventory db redate` corrects it"


class Problem(NamedTuple):
    """A violated invariant of a table: in how many rows, and one of them as an example."""

    table: str
    what: str
    rows: int
    example: str

    def __str__(self) -> str:
        example = f", for example {self.example}" if self.example else ""
        return f"{self.table}: {self.what} ({self.rows:,}{example})"


def problems(engine: Engine) -> list[Problem]:
    """Return all problems. Writes nothing.

    Raises SchemaVersionError for tables of another version. For each run that is marked as running
    it tries for a moment to take the lock that the process of that run should hold.
    """
    state = revision.state_of(engine)
    if state is not revision.State.OTHER_RELEASE:  # its views are reported as a problem below
        revision.require_current(engine)
    with read_only(engine) as connection:
        found = [
            *_missing(connection),
            *(each for of in HISTORY_TABLES for each in _about_versions(connection, of)),
            *_about_health(connection),
            *_about_runs(connection),
            *_about_clocks(connection),
            *_about_tags(connection),
        ]
        left = locks.runs_marked_running(connection)
    return [*found, *(_abandoned(run) for run in left if _is_abandoned(engine, run))]


# --- rows -----------------------------------------------------------------------------------


def _check(connection: Connection, table: str, what: str, violations: str) -> Iterator[Problem]:
    """Count violations; the query `violations` selects a `name` for each wrong row."""
    query = text(f"select count(*), min(name) from ({violations}) w")
    rows, example = connection.execute(query).one()
    if rows:
        yield Problem(table, what, rows, example)


def _about_versions(connection: Connection, of: HistoryTable) -> Iterator[Problem]:
    current, past = of.current.name, of.past.name
    same = " and ".join(f"a.{name} = b.{name}" for name in of.key)
    yield from _check(
        connection,
        past,
        "versions of one row overlap",
        f"select a.{of.id_column} as name from {past} a join {past} b on {same} "
        "where a.valid_from < b.valid_from and b.valid_from < a.valid_to",
    )
    yield from _check(
        connection,
        past,
        "versions end before they begin",
        f"select {of.id_column} as name from {past} where valid_to <= valid_from",
    )
    open_only = "where removed_at is null" if of.keeps_removed else ""
    yield from _check(
        connection,
        current,
        "the open version begins before the previous one ended",
        f"select a.{of.id_column} as name from {past} a "
        f"join (select * from {current} {open_only}) b on {same} where a.valid_to > b.valid_from",
    )
    if not of.keeps_removed:
        yield from _check(
            connection,
            current,
            "rows of a connector that is marked as removed",
            f"select c.connector_id as name from connectors c join {current} t "
            "on t.connector_id = c.connector_id where c.removed_at is not null",
        )


def _about_health(connection: Connection) -> Iterator[Problem]:
    current, past = CONNECTOR_STATUS.current.name, CONNECTOR_STATUS.past.name
    for table in (current, past):
        yield from _check(
            connection,
            table,
            "is_down does not match health, or down_since does not match is_down",
            f"select connector_id as name from {table} where is_down <> ({IS_DOWN}) "
            "or is_down <> (down_since is not null)",
        )
        yield from _check(
            connection,
            table,
            "health_since is null, or health_since or down_since is later than valid_from",
            f"select connector_id as name from {table} "
            "where health_since is null or health_since > valid_from or down_since > valid_from",
        )
        yield from _check(
            connection,
            table,
            "down_since does not match the previous version",
            f"select a.connector_id as name from {past} b join {table} a "
            "on a.connector_id = b.connector_id and a.valid_from = b.valid_to "
            "where a.is_down and case when b.is_down then a.down_since <> b.down_since "
            "else a.down_since <> a.health_since end",
        )
        yield from _check(
            connection,
            table,
            "health_since does not match the previous version",
            f"select a.connector_id as name from {past} b join {table} a "
            "on a.connector_id = b.connector_id and a.valid_from = b.valid_to "
            "where case when a.health = b.health then a.health_since <> b.health_since "
            "else a.health_since < b.valid_from end",
        )


def _about_runs(connection: Connection) -> Iterator[Problem]:
    yield from _check(
        connection,
        "sync_outcomes",
        "outcomes first seen by a run that was never complete",
        "select o.connector_id as name from sync_outcomes o "
        f"left join inventory_runs r on r.run_id = o.run_id and r.status in {COMPLETE} "
        "where r.run_id is null",
    )
    yield from _check(
        connection,
        "sync_outcomes",
        "outcomes of connectors that are not in the table connectors",
        "select distinct o.connector_id as name from sync_outcomes o "
        "left join connectors c on c.connector_id = o.connector_id where c.connector_id is null",
    )
    for column, outcome in (("succeeded_at", "succeeded"), ("failed_at", "failed")):
        yield from _check(
            connection,
            "connector_status",
            f"{column} without a sync outcome",
            f"select s.connector_id as name from connector_status s where s.{column} is not null "
            "and not exists (select 1 from sync_outcomes o where o.connector_id = s.connector_id "
            f"and o.outcome = '{outcome}' and o.finished_at = s.{column})",
        )
    yield from _check(
        connection,
        "inventory_runs",
        "complete runs with the same time, or without a time",
        "select min(account_id) as name from inventory_runs "
        f"where status in {COMPLETE} group by observed_at "
        "having count(*) > 1 or observed_at is null",
    )


def _about_clocks(connection: Connection) -> Iterator[Problem]:
    """List the runs that `inventory db redate` would correct, the newest first."""
    if "clock" not in inspect(connection).get_view_names():
        return  # the missing view is a problem of its own
    now = redate.now(connection)
    wrong = redate.wrong(connection, now)
    for found in reversed(wrong[-_LISTED:]):
        is_future = found.observed_at > now + CLOCK_TOLERANCE
        where = "in the future" if is_future else "later than possible"
        what = (
            f"run {found.run_id} is dated {times.format_utc(found.observed_at)}, {where}: {_ADVICE}"
        )
        yield Problem("inventory_runs", what, 1, found.account_id)
    if len(wrong) > _LISTED:
        what = f"more runs with a wrong time: {_ADVICE}"
        yield Problem("inventory_runs", what, len(wrong) - _LISTED, wrong[0].account_id)


def _about_tags(connection: Connection) -> Iterator[Problem]:
    """Look for values that count as none, which only SQL can have written."""
    t = TAGS.c
    known = select(t.name, t.value, t.scope, t.scope_id).where(t.name.in_(known_tags.KNOWN))
    invalid: dict[str, list[str]] = {}
    for name, value, *place in connection.execute(known.order_by(t.scope, t.scope_id)):
        if why := known_tags.problem(name, value):
            invalid.setdefault(why, []).append(" ".join(place))
    for why, places in sorted(invalid.items()):
        yield Problem("tags", f"{why}: another value counts as none", len(places), places[0])


def _is_abandoned(engine: Engine, run: Running) -> bool:
    """Read the run again while holding its lock: it may have ended meanwhile."""
    try:
        with locks.lock_held_by(engine, run), read_only(engine) as connection:
            return run in locks.runs_marked_running(connection)
    except AlreadyRunningError:
        return False


def _abandoned(run: Running) -> Problem:
    what = (
        "a run is marked as running, but its process is gone: the next run of the same account or "
        "API key marks it as crashed, as does any other run after its deadline"
    )
    return Problem("inventory_runs", what, 1, run.account_id or "unknown account")


def _missing(connection: Connection) -> Iterator[Problem]:
    for each in constraints.missing(connection):
        what = f"{each.kind} {each.name} is missing: `inventory db upgrade` restores it"
        yield Problem(each.table, what, 1, "")
    if not revision.views_are_current(connection):
        what = "some are missing or of another release: `inventory db upgrade` recreates them"
        yield Problem("views", what, 1, "")
