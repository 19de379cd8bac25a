"""What is down now, and why: the health of each connector."""

from inventory.dialects import Dialect
from inventory.health import (
    BY_STATES,
    DOWN,
    EVENTFUL,
    HEALTH,
    NAMES,
    RULES,
    case,
    freshness_deadline,
    is_down,
    rank,
    severity,
)
from inventory.views.view import IDENTITY, NUMBER, TEXT, TIME, YES_NO, Named, View, of_table

_CLASS = case(BY_STATES.items(), ranks=True)  # of a version of the states, by themselves
_OF_STATES = ", ".join(f"'{name}'" for name in BY_STATES if name != "paused")


def _facts(sql: Dialect) -> str:
    """Grain: one row per connector ever seen, with all that its health is judged by."""
    return f"""
  select
    c.connector_id, c.account_id, c.group_id, c.service, c.schema_name,
    c.removed_reason, c.removed_at, c.paused, c.schedule_type, c.sync_frequency,
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


# --- since when -----------------------------------------------------------------------------
#
# A health holds since the last instant at which an earlier rule matched or its own did not. Each
# part below finds the last such instant in one table. The many versions that only tell of syncs
# are never gone through: an index holds the others.


def _end_of_last(where: str) -> str:
    """The end of the last past version of the states for which something holds."""
    return f"""(
      select p.valid_to from connector_status_past p
      where p.connector_id = j.connector_id and {where}
      order by p.valid_from desc limit 1)"""


def _last_other_states() -> str:
    """The end of the last version whose states made it something else."""
    other = f"coalesce({_CLASS}, 99)"
    return f"""case
      when j.health in ({_OF_STATES}) then {_end_of_last(f"{other} <> j.place")}
      when j.health = 'stalled'
      then {_end_of_last(f"(coalesce(sync_state, '') <> 'rescheduled' or {other} < j.place)")}
      when j.health = 'initial_sync'
      then {_end_of_last(f"(coalesce(sync_state, '') <> 'syncing' or {other} < j.place)")}
      when j.health = 'never_synced'
      then {_end_of_last(f"(sync_state = 'syncing' or {other} < j.place)")}
      when j.place > {rank("stalled")} then {_end_of_last(f"{EVENTFUL} and {other} < j.place")}
    end"""


def _pause_since(sql: Dialect) -> str:
    """Since when it is paused, or is not: by what somebody has set, or by what it does."""
    last_other = _end_of_last("coalesce(sync_state, '') <> 'paused'")
    by_state = f"coalesce({last_other}, j.there_at)"
    return f"""case
      when j.health <> 'paused' or coalesce(j.sync_state, '') <> 'paused' then j.switched_at
      when not coalesce(j.paused, false) then {by_state}
      else {sql.earliest("j.switched_at", by_state)}
    end"""


def _first_sync_over(sql: Dialect) -> str:
    """The end of its first sync: of the last version in which it synced and had not succeeded."""
    return f"""case when j.place > {rank("initial_sync")} then (
        select {sql.earliest("p.valid_to", f"coalesce(j.first_success_at, {sql.forever})")}
        from connector_status_past p
        where p.connector_id = j.connector_id and p.sync_state = 'syncing'
          and p.valid_from < coalesce(j.first_success_at, {sql.forever})
        order by p.valid_from desc limit 1) end"""


def _alerts_since(sql: Dialect, table: str, health: str) -> str:
    """Since when there has been an alert without a break, or, for the rules below, none."""
    return f"""case
      when j.health = '{health}' then (
        select max(i.valid_from) from (
          select valid_from, max(valid_to) over (
            order by valid_from rows between unbounded preceding and 1 preceding
          ) as reached
          from (
            select valid_from, {sql.forever} as valid_to
            from {table} where connector_id = j.connector_id
            union all
            select valid_from, valid_to
            from {table}_past where connector_id = j.connector_id
          ) a
        ) i
        where i.reached is null or i.reached < i.valid_from)
      when j.place > {rank(health)} then (
        select max(valid_to) from {table}_past where connector_id = j.connector_id)
    end"""


def _since(sql: Dialect) -> str:
    """Grain: one row per connector."""
    parts = (
        "j.removed_at",
        "j.there_at",
        _pause_since(sql),
        _last_other_states(),
        _first_sync_over(sql),
        _alerts_since(sql, "tasks", "action_required"),
        _alerts_since(sql, "warnings", "warning"),
        f"case when j.place > {rank('never_synced')} then j.first_success_at end",
        f"""case when j.place > {rank("stale")} then (
        select max(r.observed_at) from sync_outcomes o join sync_runs r on r.run_id = o.run_id
        where o.connector_id = j.connector_id and o.overdue_since is not null) end""",
        f"""case when j.place > {rank("stale")} then (
        select max(p.valid_to) from connectors_past p
        where p.connector_id = j.connector_id and p.overdue_since is not null) end""",
        "case when j.health in ('stale', 'stalled') then j.freshness_deadline end",
    )
    places = "".join(f"\n when '{rule.name}' then {rank(rule.name)}" for rule in RULES)
    return f"""
  select j.connector_id, max({sql.latest(*parts)}) as at
  from (
    select h.*, case h.health {places} end as place, e.there_at, e.switched_at, e.first_success_at
    from ({_judged(sql)}) h
    join (
      -- since when it has been there, and been paused or not
      select connector_id,
        max(case when begins then valid_from end) as there_at,
        max(case when begins or switches then valid_from end) as switched_at,
        (
          select r.observed_at from sync_outcomes o join sync_runs r on r.run_id = o.run_id
          where o.connector_id = v.connector_id and o.outcome = 'succeeded'
          order by o.finished_at limit 1
        ) as first_success_at
      from (
        select connector_id, valid_from,
          lag(valid_to) over versions {sql.differs} valid_from as begins,
          lag(paused) over versions {sql.differs} paused as switches
        from (
          select connector_id, valid_from, valid_to, coalesce(paused, false) as paused
          from connectors_past
          union all
          select connector_id, valid_from, null, coalesce(paused, false)
          from connectors where removed_at is null
        ) h
        window versions as (partition by connector_id order by valid_from)
      ) v
      group by connector_id
    ) e on e.connector_id = h.connector_id
  ) j
  group by j.connector_id"""


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
        " || ': rescheduled, and its schedule is manual'",
        "failing": f"{since('syncs failing')}"
        f" || coalesce(': last failure ' || {sql.shown('j.failed_at')}, '') || ', ' || {success}",
        "action_required": f"{since('task open')} || ': ' || {codes('tasks')}",
        "delayed": f"{since('delayed')} || ': ' || {success}",
        "never_synced": f"'no sync has succeeded since ' || {sql.shown(created)}",
        "stale": f"'no success since ' || {sql.shown('j.succeeded_at')} || ': due every '"
        " || cast(j.sync_frequency as text) || ' minutes, late since '"
        f" || {sql.shown('j.freshness_deadline')}",
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
join ({_since(sql)}) s on s.connector_id = j.connector_id"""


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
