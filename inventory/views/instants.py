"""The account as it was at an instant: statements that take one, and functions on PostgreSQL.

A version of an instant is found by the last beginning before it, connector by connector: that is a
step in an index each, however long ago it was.
"""

from collections.abc import Callable
from typing import NamedTuple

from inventory.dialects import Dialect
from inventory.health import HEALTH, freshness_deadline, is_down, severity
from inventory.models import CONNECTOR_STATUS, CONNECTORS, Versioned
from inventory.views.view import IDENTITY, NUMBER, TEXT, TIME, YES_NO, Named, of_table

_DAY = 1440
# The parameter of the functions: no table has a column of that name, which would be taken first.
PARAMETER = "as_of"


class Question(NamedTuple):
    """What a view is, but for an instant; `statement` takes the expression for it."""

    name: str
    comment: str
    columns: dict[str, Named]
    statement: Callable[[Dialect, str], str]


def _versions_at(of: Versioned, instant: str) -> str:
    """Grain: one row per row of a table as it was; valid_to is null where it still is so."""
    names = [*of.key, *of.tracked, *of.kept, "valid_from", "changed_after"]
    past, current = of.past.name, of.current.name
    columns = ", ".join(f"v.{name}" for name in names)
    exists = "v.removed_at is null and " if of is CONNECTORS else ""
    return f"""
select {columns}, v.valid_to
from connectors k join {past} v on v.connector_id = k.connector_id
  and v.valid_from = (
    select max(b.valid_from) from {past} b
    where b.connector_id = k.connector_id and b.valid_from <= {instant})
where v.valid_to > {instant}
union all
select {columns}, null
from {current} v
where {exists}v.valid_from <= {instant}"""


def _last_end(sql: Dialect, outcome: str, instant: str) -> str:
    """The end of the last sync that a run had seen by then."""
    # The API's clock and the database's are two: what ended a day later was not seen yet.
    return f"""(
    select o.finished_at from sync_outcomes o join sync_runs r on r.run_id = o.run_id
    where o.connector_id = s.connector_id and o.outcome = '{outcome}'
      and o.finished_at < {sql.plus_minutes(instant, str(_DAY))} and r.observed_at <= {instant}
    order by o.finished_at desc limit 1)"""


def _status_at(sql: Dialect, instant: str) -> str:
    """Grain: one row per connector that was there."""
    columns = ", ".join(f"s.{name}" for name in CONNECTOR_STATUS_AT.columns if name not in _ENDS)
    return f"""
select {columns}, {_last_end(sql, "succeeded", instant)} as succeeded_at,
  {_last_end(sql, "failed", instant)} as failed_at
from ({_versions_at(CONNECTOR_STATUS, instant)}) s
{sql.fence}"""


def _health_at(sql: Dialect, instant: str) -> str:
    """Grain: one row per connector that was there."""

    def open_alerts(table: str) -> str:
        return f"""(
      select connector_id, count(*) as alerts
      from (
        select connector_id from {table} where valid_from <= {instant}
        union all
        select connector_id from {table}_past
        where valid_from <= {instant} and valid_to > {instant}
      ) a
      group by connector_id)"""

    made = {"is_down": is_down("j.health"), "severity": severity("j.health")}
    columns = ",\n  ".join(
        f"{made[name]} as {name}" if name in made else f"j.{name}"
        for name in CONNECTOR_HEALTH_AT.columns
    )
    return f"""
select
  {columns}
from (
  select f.*, {HEALTH} as health
  from (
    select
      c.connector_id, c.account_id, c.group_id, c.service, c.schema_name,
      c.removed_at, {_NOTHING} as removed_reason, c.paused, c.schedule_type, c.sync_frequency,
      s.setup_state, s.sync_state, s.update_state, s.schema_status, s.is_historical_sync,
      s.last_sync_failed, s.succeeded_at, s.failed_at, s.rescheduled_for,
      {freshness_deadline(sql)} as freshness_deadline,
      coalesce(w.alerts, 0) as open_warnings,
      coalesce(t.alerts, 0) as open_tasks,
      {instant} as now
    from (
      select v.*, {_NOTHING} as removed_at from ({_versions_at(CONNECTORS, instant)}) v
    ) c
    join ({_status_at(sql, instant)}) s on s.connector_id = c.connector_id
    left join {open_alerts("warnings")} w on w.connector_id = c.connector_id
    left join {open_alerts("tasks")} t on t.connector_id = c.connector_id
  ) f
) j"""


_NOTHING = "cast(null as text)"
_ENDS = ("succeeded_at", "failed_at")
_VERSION = {
    name: Named(TIME, CONNECTORS.past.c[name].comment or "")
    for name in ("valid_from", "changed_after", "valid_to")
}
_DUE = CONNECTOR_STATUS.past.c.rescheduled_for

CONNECTORS_AT = Question(
    "connectors_at",
    "The connectors as they were at an instant: one row for each that was there",
    of_table("connector_id", *CONNECTORS.tracked) | _VERSION,
    lambda sql, instant: _versions_at(CONNECTORS, instant),
)
CONNECTOR_STATUS_AT = Question(
    "connector_status_at",
    "Their states at an instant, and the ends of syncs that had been seen by then",
    of_table("connector_id", *CONNECTOR_STATUS.tracked)
    | {"rescheduled_for": Named(TIME, _DUE.comment or "")}
    | _VERSION
    | of_table(*_ENDS),
    _status_at,
)
CONNECTOR_HEALTH_AT = Question(
    "connector_health_at",
    "Their health at an instant, as connector_health would have said",
    IDENTITY
    | {
        "health": Named(TEXT, "The first that held"),
        "is_down": Named(YES_NO, "Whether it counted as down"),
        "severity": Named(NUMBER, "3 = down, 2 = somebody must act, 1 = worth a look, 0 = fine"),
        "freshness_deadline": Named(TIME, "When it was late, unless it synced before that (UTC)"),
        "open_warnings": Named(NUMBER, "Warnings that were open"),
        "open_tasks": Named(NUMBER, "Tasks that were open"),
    }
    | of_table("paused", "setup_state", "sync_state", "update_state", "schema_status")
    | of_table("is_historical_sync", "last_sync_failed", "schedule_type", "sync_frequency")
    | of_table("succeeded_at", "failed_at"),
    _health_at,
)
QUESTIONS = (CONNECTORS_AT, CONNECTOR_STATUS_AT, CONNECTOR_HEALTH_AT)
