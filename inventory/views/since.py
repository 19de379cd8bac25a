"""Since when a connector has had the health that it has."""

from inventory.dialects import Dialect
from inventory.health import BY_STATES, EVENTFUL, RULES, case, rank, scheduled_since
from inventory.views.runs import first_success

# A health holds since the last instant at which an earlier rule matched or its own did not. Each
# part below finds the last such instant in one table. The many versions that only tell of syncs
# are never gone through: an index holds the others.

_CLASS = case(BY_STATES.items(), ranks=True)  # of a version of the states, by themselves
_OF_STATES = ", ".join(f"'{name}'" for name in BY_STATES if name != "paused")


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


def _begin_of_last(stretches: str) -> str:
    """The begin of the last of some stretches; those that overlap or touch are one."""
    return f"""(
        select max(i.valid_from) from (
          select valid_from, max(valid_to) over (
            order by valid_from rows between unbounded preceding and 1 preceding
          ) as reached
          from ({stretches}
          ) a
        ) i
        where i.reached is null or i.reached < i.valid_from)"""


def _pause_since(sql: Dialect) -> str:
    """Since when it is paused, or is not: by what somebody has set, or by what it does."""
    paused = f"""
            select valid_from, {sql.forever} as valid_to
            from connectors where connector_id = j.connector_id and paused
            union all
            select valid_from, valid_to
            from connectors_past where connector_id = j.connector_id and paused
            union all
            select valid_from, {sql.forever}
            from connector_status where connector_id = j.connector_id and sync_state = 'paused'
            union all
            select valid_from, valid_to from connector_status_past
            where connector_id = j.connector_id and {EVENTFUL} and sync_state = 'paused'"""
    return f"""case
      when j.health = 'paused' then {_begin_of_last(paused)}
      else j.switched_at
    end"""


def _stalled_until(sql: Dialect) -> str:
    """The end of the last stretch in which a run saw it stalled: what its states alone hide."""
    ends = sql.earliest("p.ends", "q.ends")
    of_it = "connector_id = j.connector_id"
    can_stall = f"sync_state = 'rescheduled' and {_CLASS} > {rank('stalled')}"
    is_started_by_hand = "schedule_type = 'manual' and not coalesce(paused, false)"
    return f"""case when j.place > {rank("stalled")} then (
        select max({ends}) from (
          select valid_from as starts, valid_to as ends, rescheduled_for
          from connector_status_past where {of_it} and {can_stall}
          union all
          select valid_from, {sql.forever}, rescheduled_for
          from connector_status where {of_it} and {can_stall}
        ) p
        join (
          select valid_from as starts, valid_to as ends
          from connectors_past where {of_it} and {is_started_by_hand}
          union all
          select valid_from, {sql.forever}
          from connectors where {of_it} and {is_started_by_hand} and removed_at is null
        ) q on q.starts < p.ends and q.ends > p.starts
        where {ends} < {sql.forever} and exists (
          select 1 from sync_runs r
          where r.account_id = j.account_id and r.observed_at < {ends}
            and r.observed_at > p.rescheduled_for
            and r.observed_at >= {sql.latest("p.starts", "q.starts")})
      ) end"""


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
    open_alerts = f"""
            select valid_from, {sql.forever} as valid_to
            from {table} where connector_id = j.connector_id
            union all
            select valid_from, valid_to
            from {table}_past where connector_id = j.connector_id"""
    return f"""case
      when j.health = '{health}' then {_begin_of_last(open_alerts)}
      when j.place > {rank(health)} then (
        select max(valid_to) from {table}_past where connector_id = j.connector_id)
    end"""


def since_when(sql: Dialect, judged: str) -> str:
    """Grain: one row per connector, of those that are judged."""
    parts = (
        "j.removed_at",
        _pause_since(sql),
        _last_other_states(),
        _stalled_until(sql),
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
        f"case when j.health = 'stale' then {scheduled_since(sql, 'j')} end",
        f"""case when j.health = 'stalled' then (
        select max(q.valid_to) from connectors_past q
        where q.connector_id = j.connector_id and q.schedule_type {sql.differs} 'manual') end""",
    )
    places = "".join(f"\n when '{rule.name}' then {rank(rule.name)}" for rule in RULES)
    return f"""
  select j.connector_id, max({sql.latest(*parts)}) as at
  from (
    select h.*, case h.health {places} end as place, e.switched_at, e.first_success_at
    from ({judged}) h
    join (
      -- since when it has been there, and been paused or not
      select connector_id,
        max(case when begins or switches then valid_from end) as switched_at,
        {first_success("v")} as first_success_at
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
