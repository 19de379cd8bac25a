"""Fill a database with 400 days of history, on which views and commands are timed.

    INVENTORY_DATABASE_URL=... python tests/benchmarks/aged.py [CONNECTORS [VERSIONS]]

The present is what `inventory sync` makes of the account in crowd.py. Before that run there is one
run an hour, and closed versions that adjoin each other and the open ones; `inventory db verify`
finds nothing wrong. The database must be empty.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from crowd import Crowd
from sqlalchemy import Connection, func, select, text

from inventory.db.engine import connect, is_sqlite, transaction
from inventory.demo.fake_api import FakeApi
from inventory.models import (
    CONNECTOR_STATUS,
    CONNECTORS,
    INVENTORY_RUNS,
    SETUP_TESTS,
    TASKS,
    WARNINGS,
    HistoryTable,
)
from inventory.settings import database_settings

RUNS = 9_600  # hourly
HOUR = timedelta(hours=1)
# What share of the versions each table gets, and by what its versions differ.
TABLES = (
    (CONNECTORS, 0.02, {"sync_frequency": "60 * (1 + place % 2)", "paused": "place % 9 = 0"}),
    (SETUP_TESTS, 0.04, {"status": "case place % 2 when 0 then 'FAILED' else 'PASSED' end"}),
    (
        CONNECTOR_STATUS,
        0.80,
        {"sync_state": "case place % 2 when 0 then 'syncing' else 'scheduled' end"}
        | {"last_sync_failed": "v.health = 'failing'", "rescheduled_for": "null"}
        | {name: f"v.{name}" for name in CONNECTOR_STATUS.judged},
    ),
)
ALERTS = ((WARNINGS, 0.10), (TASKS, 0.04))
OUTCOMES = 0.6  # sync outcomes per version

# Grain: one row per connector; one per run, with the times that versions begin and end at.
NUMBERED = """
create temporary table numbered as
select connector_id, row_number() over (order by connector_id) as number from connectors"""
WALKS = """
create temporary table walks as
select run_id, started_at, observed_at, lead(observed_at) over (order by run_id) as next_at,
  lag(observed_at) over (order by run_id) as previous_at
from inventory_runs"""

# Grain: one row per version of a connector's facts. Each 40th version it goes down, for two.
STATES = """
with change as (
  select n.connector_id, c.valid_from as opens_at, c.health as open_health,
    w.run_id / {every} + 7 * n.number as place, w.observed_at as valid_from,
    w.previous_at as changed_after, lead(w.observed_at) over connector as valid_to
  from numbered n
  join connector_status c on c.connector_id = n.connector_id
  join walks w on w.run_id % {every} = n.number % {every} and w.next_at is not null
  window connector as (partition by n.connector_id order by w.run_id)
),
state as (
  select connector_id, place, valid_from, changed_after, coalesce(valid_to, opens_at) as valid_to,
    case
      when valid_to is null then case open_health when 'warning' then 'healthy' else 'warning' end
      when place % 40 = 0 then 'failing'
      when place % 40 = 1 then 'broken'
      when place % 40 = 2 then 'warning'
      else 'healthy'
    end as health
  from change
),
begun as (
  select s.*, health in ('failing', 'broken') as is_down,
    case when coalesce(lag(health) over connector, '') <> health then valid_from end as begins,
    case when coalesce(lag(health) over connector, '') not in ('failing', 'broken')
      then valid_from end as falls
  from state s
  window connector as (partition by connector_id order by valid_from)
),
version as (
  select b.*, max(begins) over connector as health_since,
    case when is_down then max(falls) over connector end as down_since
  from begun b
  window connector as (partition by connector_id order by valid_from)
)
"""
VERSIONS = """
insert into {past} ({names}, valid_from, changed_after, valid_to) {states}
select {values}, v.valid_from, v.changed_after, v.valid_to
from version v join {current} c on c.connector_id = v.connector_id order by v.valid_to"""
OPENED_AND_CLOSED = """
insert into {past}
  (connector_id, content_hash, ordinal, code, message, valid_from, changed_after, valid_to)
select n.connector_id, 'aged ' || w.run_id % 5, 0, 'aged', 'Message', w.observed_at, w.previous_at,
  w.next_at
from numbered n join walks w on w.run_id % {every} = n.number % {every} and w.next_at is not null
order by w.next_at"""
ENDED_SYNCS = """
insert into sync_outcomes (connector_id, outcome, finished_at, run_id)
select n.connector_id, case (w.run_id / {every} + n.number) % 20 when 0 then 'failed'
  else 'succeeded' end, w.started_at, w.run_id
from numbered n join walks w on w.run_id % {every} = n.number % {every} and w.next_at is not null
order by w.run_id"""
SEEN_AT_FIRST = """
update connectors set first_seen_at = (
  select min(p.valid_from) from connectors_past p where p.connector_id = connectors.connector_id)"""
OWNERS = """
insert into tags (scope, scope_id, name, value)
select distinct 'service', service, 'owner', 'team ' || length(service) from connectors
union all
select 'connector', connector_id, 'owner', 'somebody' from numbered where number % 100 = 0"""


def fill(connection: Connection, versions: int) -> None:
    """Add the history to what the last run has written."""
    for statement in (NUMBERED, WALKS):
        connection.execute(text(statement))
    for of, share, values in TABLES:
        insert(connection, VERSIONS, of, share * versions, values)
    for of, share in ALERTS:
        insert(connection, OPENED_AND_CLOSED, of, share * versions, {})
    outcomes = every(connection, CONNECTORS, OUTCOMES * versions)
    for statement in (ENDED_SYNCS.format(every=outcomes), SEEN_AT_FIRST, OWNERS):
        connection.execute(text(statement))


def insert(
    connection: Connection, statement: str, of: HistoryTable, rows: float, values: dict[str, str]
) -> None:
    names = of.versioned_columns
    often = every(connection, CONNECTORS if of in (WARNINGS, TASKS) else of, rows)
    filled = statement.format(
        past=of.past.name,
        current=of.current.name,
        names=", ".join(names),
        values=", ".join(values.get(name, f"c.{name}") for name in names),
        states=STATES.format(every=often),
        every=often,
    )
    connection.execute(text(filled))


def every(connection: Connection, of: HistoryTable, rows: float) -> int:
    """After how many runs each row of a table changes, if its versions are to be so many."""
    current = connection.scalar(select(func.count()).select_from(of.current)) or 0
    return max(2, round(RUNS * current / rows))


def runs_before(now: datetime, account: str) -> list[dict[str, object]]:
    times = (now - HOUR * number for number in range(RUNS, 0, -1))
    return [
        {"account_id": account, "status": "succeeded", "tool_version": "0", "requests": 9}
        | {"started_at": at, "observed_at": at + HOUR / 60, "finished_at": at + HOUR / 60}
        for at in times
    ]


def main(connectors: int, versions: int) -> None:
    engine = connect(database_settings(dict(os.environ)))
    inventory = (sys.executable, "-m", "inventory")
    subprocess.run((*inventory, "db", "upgrade"), check=True)
    with transaction(engine) as connection:
        connection.execute(
            INVENTORY_RUNS.insert(), runs_before(datetime.now(UTC), Crowd.account_id)
        )
    crowd = Crowd(connectors)
    with FakeApi(crowd, intercept=crowd) as api:
        key = {"FIVETRAN_API_KEY": "demo-key", "FIVETRAN_API_SECRET": "demo-secret"}
        there = os.environ | key | {"FIVETRAN_API_URL": api.url}
        subprocess.run((*inventory, "sync"), check=True, env=there)
        with transaction(engine) as connection:
            fill(connection, versions)
        for what in ("changed", "moved"):  # so that the last runs are everyday ones
            crowd.advance(what)
            subprocess.run((*inventory, "sync"), check=True, env=there)
    if not is_sqlite(engine):  # what autovacuum does by itself, later
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum (analyze)"))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]) if sys.argv[1:] else (5_000, 5_000_000))
