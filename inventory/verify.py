"""Looks for what must never be so in a database of ours. It only reads: rows are evidence.

Each invariant is a query for the rows that break it, the same on both databases.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from inventory import parts, runs, schema
from inventory.database import reading
from inventory.errors import AlreadyRunning
from inventory.health import IS_DOWN
from inventory.models import COMPLETE, CONNECTOR_STATUS, CONNECTORS, VERSIONED, Versioned


class Problem(NamedTuple):
    """What is wrong in a table, in how many rows, and one of them."""

    table: str
    what: str
    rows: int
    example: str

    def __str__(self) -> str:
        example = f", for example {self.example}" if self.example else ""
        return f"{self.table}: {self.what} ({self.rows:,}{example})"


def problems(engine: Engine) -> list[Problem]:
    """Return what is wrong; nothing is written.

    Raises SchemaMismatch for tables of another version. The lock of an account of which a run is
    marked as running is tried for an instant: that run's own process holds it.
    """
    state = schema.state_of(engine)
    if state is not schema.State.OTHER_RELEASE:  # whose views are a problem to name
        schema.require_current(engine)
    with reading(engine) as connection:
        found = [
            *_missing(connection),
            *(each for of in VERSIONED for each in _about_versions(connection, of)),
            *_about_health(connection),
            *_about_runs(connection),
        ]
        left = connection.scalars(
            text("select distinct account_id from sync_runs where status = 'running'")
        ).all()
    return [*found, *(_abandoned(account) for account in left if _is_abandoned(engine, account))]


# --- rows -----------------------------------------------------------------------------------


def _ask(connection: Connection, table: str, what: str, wrong: str) -> Iterator[Problem]:
    """`wrong` selects a `name` for each row that is wrong."""
    asked = text(f"select count(*), min(name) from ({wrong}) w")
    rows, example = connection.execute(asked).one()
    if rows:
        yield Problem(table, what, rows, example)


def _about_versions(connection: Connection, of: Versioned) -> Iterator[Problem]:
    current, past = of.current.name, of.past.name
    same = " and ".join(f"a.{name} = b.{name}" for name in of.key)
    yield from _ask(
        connection,
        past,
        "versions of one row overlap",
        f"select a.connector_id as name from {past} a join {past} b on {same} "
        "where a.valid_from < b.valid_from and b.valid_from < a.valid_to",
    )
    yield from _ask(
        connection,
        past,
        "versions end before they begin",
        f"select connector_id as name from {past} where valid_to <= valid_from",
    )
    exists = "where removed_at is null" if of is CONNECTORS else ""
    yield from _ask(
        connection,
        current,
        "the open version begins before the one before it ended",
        f"select a.connector_id as name from {past} a "
        f"join (select * from {current} {exists}) b on {same} where a.valid_to > b.valid_from",
    )
    if of is not CONNECTORS:
        yield from _ask(
            connection,
            current,
            "rows of a connector that is marked removed",
            f"select c.connector_id as name from connectors c join {current} t "
            "on t.connector_id = c.connector_id where c.removed_at is not null",
        )


def _about_health(connection: Connection) -> Iterator[Problem]:
    current, past = CONNECTOR_STATUS.current.name, CONNECTOR_STATUS.past.name
    for table in (current, past):
        yield from _ask(
            connection,
            table,
            "is_down does not agree with health, or down_since with is_down",
            f"select connector_id as name from {table} where is_down <> ({IS_DOWN}) "
            "or is_down <> (down_since is not null)",
        )
        yield from _ask(
            connection,
            table,
            "health_since is null, or it or down_since is later than valid_from",
            f"select connector_id as name from {table} "
            "where health_since is null or health_since > valid_from or down_since > valid_from",
        )
        yield from _ask(
            connection,
            table,
            "down_since does not agree with the stretch before",
            f"select a.connector_id as name from {past} b join {table} a "
            "on a.connector_id = b.connector_id and a.valid_from = b.valid_to "
            "where a.is_down and case when b.is_down then a.down_since <> b.down_since "
            "else a.down_since <> a.health_since end",
        )
        yield from _ask(
            connection,
            table,
            "health_since does not agree with the version before",
            f"select a.connector_id as name from {past} b join {table} a "
            "on a.connector_id = b.connector_id and a.valid_from = b.valid_to "
            "where case when a.health = b.health then a.health_since <> b.health_since "
            "else a.health_since < b.valid_from end",
        )


def _about_runs(connection: Connection) -> Iterator[Problem]:
    yield from _ask(
        connection,
        "sync_outcomes",
        "outcomes first seen by a run that was never complete",
        "select o.connector_id as name from sync_outcomes o "
        f"left join sync_runs r on r.run_id = o.run_id and r.status in {COMPLETE} "
        "where r.run_id is null",
    )
    for column, outcome in (("succeeded_at", "succeeded"), ("failed_at", "failed")):
        yield from _ask(
            connection,
            "connector_status",
            f"{column} of which there is no outcome",
            f"select s.connector_id as name from connector_status s where s.{column} is not null "
            "and not exists (select 1 from sync_outcomes o where o.connector_id = s.connector_id "
            f"and o.outcome = '{outcome}' and o.finished_at = s.{column})",
        )
    yield from _ask(
        connection,
        "sync_runs",
        "complete runs of one instant, or of none",
        "select min(account_id) as name from sync_runs "
        f"where status in {COMPLETE} group by observed_at "
        "having count(*) > 1 or observed_at is null",
    )


def _is_abandoned(engine: Engine, account_id: str) -> bool:
    """Look again under the lock: the run may have ended since."""
    running = text(
        "select 1 from sync_runs where status = 'running' and account_id = :account limit 1"
    )
    try:
        with runs.lock(engine, account_id), reading(engine) as connection:
            return connection.execute(running, {"account": account_id}).first() is not None
    except AlreadyRunning:
        return False


def _abandoned(account_id: str) -> Problem:
    what = "a run is marked as running, and none is: the next one marks it as crashed"
    return Problem("sync_runs", what, 1, account_id)


def _missing(connection: Connection) -> Iterator[Problem]:
    for part in parts.missing(connection):
        what = f"{part.kind} {part.name} is missing: `inventory db upgrade` puts it back"
        yield Problem(part.table, what, 1, "")
    if not schema.views_are_current(connection):
        what = "some are missing or of another release: `inventory db upgrade` renews them"
        yield Problem("views", what, 1, "")
