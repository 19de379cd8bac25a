"""What is down now, and why: the health of each connector."""

from inventory.dialects import Dialect
from inventory.health import (
    DOWN,
    HEALTH,
    NAMES,
    freshness_deadline,
    is_down,
    severity,
)
from inventory.views.since import since_when
from inventory.views.view import IDENTITY, NUMBER, TEXT, TIME, YES_NO, Named, View, of_table


def _facts(sql: Dialect) -> str:
    """Grain: one row per connector ever seen, with all that its health is judged by."""
    return f"""
  select
    c.connector_id, c.account_id, c.group_id, c.service, c.schema_name,
    c.removed_reason, c.removed_at, c.paused, c.schedule_type, c.sync_frequency,
    c.schedule, c.valid_from,
    c.connected_by, c.created_at, c.first_seen_at,
    s.setup_state, s.sync_state, s.update_state, s.schema_status, s.is_historical_sync,
    s.last_sync_failed, s.succeeded_at, s.failed_at, s.rescheduled_for,
    {freshness_deadline(sql)} as freshness_deadline,
    coalesce(w.alerts, 0) as open_warnings,
    coalesce(t.alerts, 0) as open_tasks,
    coalesce(x.tests, 0) as failing_setup_tests,
    k.now
  from clock k
  cross join connectors c
  left join connector_status s on s.connector_id = c.connector_id
  left join (
    select connector_id, count(*) as alerts from warnings group by connector_id
  ) w on w.connector_id = c.connector_id
  left join (
    select connector_id, count(*) as alerts from tasks group by connector_id
  ) t on t.connector_id = c.connector_id
  left join (
    select connector_id, count(*) as tests
    from setup_tests where status in ('FAILED', 'JOB_FAILED') group by connector_id
  ) x on x.connector_id = c.connector_id"""


def _judged(sql: Dialect) -> str:
    return f"select f.*, {HEALTH} as health from ({_facts(sql)}) f"


# --- why ------------------------------------------------------------------------------------


def _codes(sql: Dialect, select: str) -> str:
    return f"(select {sql.concat}(word, ', ') from ({select} order by 1) words)"


def _reasons(sql: Dialect) -> dict[str, str]:
    """A sentence for each health."""

    def codes(table: str) -> str:
        known = "coalesce(code, 'without a code')"
        return _codes(
            sql,
            f"select distinct {known} as word from {table} where connector_id = j.connector_id",
        )

    def since(words: str) -> str:
        return f"'{words} since ' || {sql.shown('s.at')}"

    tests = _codes(
        sql,
        "select distinct title as word from setup_tests where connector_id = j.connector_id"
        " and status in ('FAILED', 'JOB_FAILED')",
    )
    task_words = f"case when j.open_tasks > 0 then 'task ' || {codes('tasks')} end"
    test_words = f"case when j.failing_setup_tests > 0 then 'test ' || {tests} end"
    alerts = (
        f"coalesce(': ' || {task_words} || coalesce('; ' || {test_words}, ''),"
        f" ': ' || {test_words}, '')"
    )
    open_tasks = f"coalesce('; ' || {task_words}, '')"
    success = f"coalesce('last success ' || {sql.shown('j.succeeded_at')}, 'never a success')"
    created = "coalesce(j.created_at, j.first_seen_at)"
    return {
        "deleted": f"'deleted, as the API said at ' || {sql.shown('s.at')}",
        "not_visible": since("hidden from this key"),
        "paused": since("paused"),
        "incomplete": f"{since('setup incomplete')} || {alerts}",
        "broken": f"{since('setup broken')} || {alerts}",
        "unknown": f"'setup state ' || coalesce(j.setup_state || ', which is not known,',"
        f" 'not told') || {since('')}",
        "initial_sync": since("first sync under way"),
        "historical_sync": since("historical sync under way"),
        "blocked": f"{since('blocked')} || ': schema status ' || j.schema_status",
        "stalled": f"'not started since ' || {sql.shown('j.rescheduled_for')}"
        f" || ': rescheduled, and its schedule is manual' || {open_tasks}",
        "failing": f"{since('syncs failing')}"
        f" || coalesce(': last failure ' || {sql.shown('j.failed_at')}, '') || ', ' || {success}"
        f" || {open_tasks}",
        "action_required": f"{since('task open')} || ': ' || {codes('tasks')}",
        "delayed": f"{since('delayed')} || ': ' || {success} || {open_tasks}",
        "never_synced": f"'no sync has succeeded since ' || {sql.shown(created)}",
        "stale": f"'no success since ' || {sql.shown('j.succeeded_at')} || ': due every '"
        " || cast(j.sync_frequency as text) || ' minutes, late since '"
        f" || {sql.shown('j.freshness_deadline')} || {open_tasks}",
        "rescheduled": f"coalesce('rescheduled for ' || {sql.shown('j.rescheduled_for')},"
        f" {since('rescheduled')})",
        "warning": f"{since('warning open')} || ': ' || {codes('warnings')}",
        "healthy": f"'last success ' || {sql.shown('j.succeeded_at')}",
    }


def _statement(sql: Dialect) -> str:
    reasons = "".join(f"\n when '{name}' then {words}" for name, words in _reasons(sql).items())
    late = sql.minutes("j.freshness_deadline", "j.now")
    made = {
        "is_down": is_down("j.health"),
        "severity": severity("j.health"),
        "reason": f"case j.health {reasons} end",
        "health_since": "s.at",
        "minutes_late": "case when j.freshness_deadline < j.now"
        f" then {late} when j.freshness_deadline is not null then 0 end",
    }
    columns = ",\n  ".join(
        f"{made[name]} as {name}" if name in made else f"j.{name}"
        for name in CONNECTOR_HEALTH.columns
    )
    return f"""
select
  {columns}
from ({_judged(sql)}) j
join ({since_when(sql, _judged(sql))}) s on s.connector_id = j.connector_id"""


CONNECTOR_HEALTH = View(
    "connector_health",
    "One row per connector ever seen: how it is now, since when, and why",
    IDENTITY
    | {
        "health": Named(TEXT, f"One of {', '.join(NAMES)}: the first that holds"),
        "is_down": Named(YES_NO, f"Whether it is {' or '.join(DOWN)}"),
        "severity": Named(
            NUMBER, "3 = down, 2 = somebody must act, 1 = worth a look, 0 = as it should be"
        ),
        "reason": Named(TEXT, "Why, in one sentence"),
        "health_since": Named(TIME, "Since when it has had this health, as observed (UTC)"),
        "freshness_deadline": Named(
            TIME, "When it is late, unless it syncs before that (UTC); null = nobody can tell"
        ),
        "minutes_late": Named(NUMBER, "Minutes since that deadline; 0 = not late"),
        "open_warnings": Named(NUMBER, "Warnings that are open now"),
        "open_tasks": Named(NUMBER, "Tasks that are open now"),
        "failing_setup_tests": Named(NUMBER, "Setup tests that failed when last run"),
    }
    | of_table("paused", "setup_state", "sync_state", "update_state", "schema_status")
    | of_table("is_historical_sync", "last_sync_failed", "schedule_type", "sync_frequency")
    | of_table("succeeded_at", "failed_at", "rescheduled_for", "connected_by", "created_at")
    | of_table("first_seen_at", "removed_at"),
    _statement,
)
