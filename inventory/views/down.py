"""When connectors were down: stretches of one health, from versions, ends of syncs and time."""

from typing import NamedTuple

from inventory.dialects import Dialect
from inventory.health import BY_STATES, EVENTFUL, case, late_at, scheduled_since
from inventory.views.runs import first_success

# Each part below is a named part of a statement: it asks the parts before it by their names. What
# is many is made few first: versions of states become stretches of one health before anything else
# is asked of them. Stretches are joined by windows over one connector, never by groups: SQLite asks
# a group for all connectors even where one is wanted.

_TOLD = ("broken", "failing", "delayed")  # what states alone tell of being down
_BLOCKED = "substr(schema_status, 1, 7) = 'blocked'"


def numbered(columns: str, source: str, within: str) -> str:
    """Number stretches so that those that overlap or touch have one number."""
    return f"""
  select {columns},
    sum(begins) over (
      partition by {within} order by starts, ends rows unbounded preceding
    ) as number
  from (
    select {columns},
      case when max(ends) over (
        partition by {within} order by starts, ends
        rows between unbounded preceding and 1 preceding
      ) >= starts then 0 else 1 end as begins
    from {source}
  ) b"""


class Scope(NamedTuple):
    """What is asked for: outages that ended after `since`, of `connectors` (a list in SQL).

    Said of each table that is read, it also holds where a database does not find it out by itself.
    Empty, neither is said: a condition that always holds would lead to the wrong index.
    """

    since: str = ""
    connectors: str = ""

    def ended(self, at: str = "valid_to", alias: str = "") -> str:
        only = self.only(alias)
        return f"{at} > {self.since} and {only}" if self.since else only

    def only(self, alias: str = "") -> str:
        column = f"{alias}.connector_id" if alias else "connector_id"
        return f"{column} in {self.connectors}" if self.connectors else "true"


def _eventful(sql: Dialect, scope: Scope) -> str:
    """Grain: one row per version of states in which something is the matter."""
    return f"""
  select connector_id, valid_from as starts, valid_to as ends, sync_state,
    {case(BY_STATES.items())} as health
  from connector_status_past
  where {EVENTFUL} and {scope.ended()}
  union all
  select connector_id, valid_from, {sql.forever}, sync_state, {case(BY_STATES.items())}
  from connector_status
  where {EVENTFUL} and {scope.only()}"""


def _told(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain of told: one row per stretch of versions whose states alone say the same.

    What syncs before its first success is not down, unless it is broken: that is its first sync.
    """
    first_sync = "sync_state = 'syncing' and health in ('failing', 'delayed') and starts < {}"
    success = f"coalesce(f.at, {sql.forever})"
    of_run = "partition by connector_id, health, number"
    return {
        "first_success": f"""
  select connector_id, max({first_success("c")}) over (partition by connector_id) as at
  from connectors c
  where {scope.only()}""",
        "eventful": _eventful(sql, scope),
        "told_version": f"""
  select e.connector_id, e.health, e.ends,
    case when {first_sync.format(success)}
      then {sql.earliest(success, "ends")} else starts end as starts
  from eventful e
  join first_success f on f.connector_id = e.connector_id
  where health in {_TOLD}""",
        "told_run": numbered(
            "connector_id, health, starts, ends", "told_version", "connector_id, health"
        ),
        "told": f"""
  select connector_id, health, starts, ends
  from (
    select connector_id, health, starts, max(ends) over whole as ends,
      row_number() over ({of_run} order by starts, ends) as place
    from told_run
    where starts < ends
    window whole as ({of_run})
  ) r
  where place = 1""",
    }


def _by_clock(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain: one row per stretch past a time, whatever else was so then.

    Of the past only what a complete run saw late was noted; now, the clock alone is asked.
    """
    late = late_at(sql, "c", "s")
    can_stall = f"""sync_state = 'rescheduled' and setup_state = 'connected'
    and not coalesce({_BLOCKED}, false)"""
    by_clock = "case when rescheduled_for > valid_from then 1 else 0 end"
    return {
        "stalled": f"""
  select connector_id, {sql.latest("valid_from", "rescheduled_for")} as starts, valid_to as ends,
    {by_clock} as by_clock
  from connector_status_past
  where {can_stall} and rescheduled_for < valid_to and {scope.ended()}
  union all
  select connector_id, {sql.latest("valid_from", "rescheduled_for")}, {sql.forever}, {by_clock}
  from connector_status cross join clock k
  where {can_stall} and rescheduled_for < k.now and {scope.only()}""",
        "overdue": f"""
  select connector_id, {sql.latest("late_at", "scheduled_at")} as starts, ends,
    case when scheduled_at >= late_at then 0 else 1 end as by_clock
  from (
    select o.connector_id, o.overdue_since as late_at, r.observed_at as ends,
      {scheduled_since(sql, "v")} as scheduled_at
    from sync_outcomes o join sync_runs r on r.run_id = o.run_id
    join connectors_past v on v.connector_id = o.connector_id
      and v.valid_from < r.observed_at and v.valid_to >= r.observed_at
    where o.overdue_since is not null and {scope.ended("r.observed_at", "o")}
    union all
    select o.connector_id, o.overdue_since, r.observed_at, {scheduled_since(sql, "v")}
    from sync_outcomes o join sync_runs r on r.run_id = o.run_id
    join connectors v on v.connector_id = o.connector_id
      and v.valid_from < r.observed_at and v.removed_at is null
    where o.overdue_since is not null and {scope.ended("r.observed_at", "o")}
    union all
    select v.connector_id, v.overdue_since, v.valid_to, {scheduled_since(sql, "v")}
    from connectors_past v
    where v.overdue_since is not null and {scope.ended("v.valid_to", "v")}
    union all
    select v.connector_id, l.late_at, {sql.forever}, {scheduled_since(sql, "v")}
    from (
      select c.connector_id, {late} as late_at, k.now
      from clock k cross join connectors c
      join connector_status s on s.connector_id = c.connector_id
      where {scope.only("c")}
    ) l
    join connectors v on v.connector_id = l.connector_id
    where l.late_at < l.now
  ) o""",
    }


def _phases(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain of phase: one row per connector and stretch in which it was there, scheduled alike.

    `after`: what an outage that ends with the phase was ended by.
    """
    return {
        "turn": f"""
  select connector_id, paused, schedule_type, starts, ends_before
  from (
    select connector_id, coalesce(paused, false) as paused, schedule_type, valid_from as starts,
      lag(valid_to) over versions as ends_before,
      case when lag(valid_to) over versions = valid_from
        and lag(coalesce(paused, false)) over versions = coalesce(paused, false)
        and not lag(schedule_type) over versions {sql.differs} schedule_type
        then 0 else 1 end as begins
    from (
      select connector_id, valid_from, valid_to, paused, schedule_type
      from connectors_past where {scope.only()}
      union all
      select connector_id, valid_from, null, paused, schedule_type
      from connectors where removed_at is null and {scope.only()}
    ) h
    window versions as (partition by connector_id order by valid_from)
  ) v
  where begins = 1""",
        "phase": f"""
  select p.connector_id, p.paused, p.schedule_type, p.starts,
    coalesce(p.ends, c.removed_at, {sql.forever}) as ends,
    case
      when p.next_starts > p.ends or p.next_starts is null then 'removed'
      when p.next_paused then 'paused'
      else 'recovered'
    end as after
  from (
    select connector_id, paused, schedule_type, starts, lead(ends_before) over phases as ends,
      lead(starts) over phases as next_starts, lead(paused) over phases as next_paused
    from turn
    window phases as (partition by connector_id order by starts)
  ) p
  join connectors c on c.connector_id = p.connector_id""",
    }


def down(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain of down: one row per stretch of one health that counts as down; they may overlap.

    `by_clock`: it begins when time is up, and not when a run saw something. `after`: what an outage
    that ends with it was ended by.
    """
    return (
        _told(sql, scope)
        | _by_clock(sql, scope)
        | _phases(sql, scope)
        | {
            "candidate": """
  select connector_id, health, starts, ends, 0 as by_clock from told
  union all
  select connector_id, 'stalled', starts, ends, by_clock from stalled
  union all
  select connector_id, 'stale', starts, ends, by_clock from overdue""",
            "possible": f"""
  select c.connector_id, c.health,
    case when c.by_clock = 1 and c.starts >= p.starts then 1 else 0 end as by_clock,
    {sql.latest("c.starts", "p.starts")} as starts, {sql.earliest("c.ends", "p.ends")} as ends,
    case when p.ends <= c.ends then p.after else 'recovered' end as after
  from candidate c
  join phase p on p.connector_id = c.connector_id and p.starts < c.ends and p.ends > c.starts
  where not p.paused and (c.health in {_TOLD}
    or c.health = 'stalled' and p.schedule_type = 'manual'
    or c.health = 'stale' and p.schedule_type = 'auto')""",
            "hidden": f"""
  select connector_id, starts, ends from ({_eventful(sql, scope)}
  ) e
  where health <> 'rescheduled'""",
            "cut": """
  select p.connector_id, p.health, p.by_clock, p.after, p.starts as first, p.ends as last,
    coalesce(h.starts, p.starts) as starts, coalesce(h.ends, p.starts) as ends
  from possible p
  cross join (select 0 as hides union all select 1) n
  left join hidden h
    on h.connector_id = p.connector_id
    -- Said as a key to join by, it keeps all that cannot be hidden out of the comparisons.
    and h.connector_id = case when n.hides = 1 and p.health = 'stale' then p.connector_id end
    and h.starts < p.ends and h.ends > p.starts
  where n.hides = 0 or h.starts is not null""",
            "down": """
  select connector_id, health, starts, ends,
    case when by_clock = 1 and starts = first then 1 else 0 end as by_clock,
    case when ends = last then after else 'recovered' end as after
  from (
    select connector_id, health, by_clock, after, first, last,
      max(ends) over (
        partition by connector_id, health, first, last
        order by starts, ends rows unbounded preceding
      ) as starts,
      lead(starts, 1, last) over (
        partition by connector_id, health, first, last order by starts, ends
      ) as ends
    from cut
  ) f
  where starts < ends""",
        }
    )
