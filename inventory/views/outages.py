"""Outages: when connectors were down, for how long, and what that comes to."""

from inventory.dialects import Dialect
from inventory.health import BY_STATES, DOWN, EVENTFUL, case, late_at
from inventory.views.runs import gaps
from inventory.views.view import (
    DAY,
    IDENTITY,
    NUMBER,
    SHARE,
    TEXT,
    TIME,
    YES_NO,
    Named,
    View,
    identity,
    of_table,
    with_parts,
)

_STATUS = (
    "setup_state, sync_state, update_state, schema_status, is_historical_sync, last_sync_failed, "
    "rescheduled_for"
)
_BLOCKED = "substr(schema_status, 1, 7) = 'blocked'"
# Rules by states alone that come before stale: what they hold for is not stale, whatever it is.
_BEFORE_STALE = {name: rule for name, rule in BY_STATES.items() if name != "rescheduled"}


# Each part below is a named part of a statement: it asks the parts before it by their names.


def _starting_anew(columns: str, source: str, number: str) -> str:
    """Number a connector's stretches so that overlapping and touching ones have one number."""
    return f"""
  select {columns},
    sum(begins) over (
      partition by connector_id order by starts, ends rows unbounded preceding
    ) as {number}
  from (
    select {columns},
      case when max(ends) over (
        partition by connector_id order by starts, ends
        rows between unbounded preceding and 1 preceding
      ) >= starts then 0 else 1 end as begins
    from {source}
  ) b"""


def _islands(source: str) -> str:
    """Grain: one row per connector and stretch: overlapping and touching ones made one."""
    return f"""
  select connector_id, min(starts) as starts, max(ends) as ends
  from ({_starting_anew("connector_id, starts, ends", source, "island")}) n
  group by connector_id, island"""


def _free(sql: Dialect, source: str) -> dict[str, str]:
    """Grain: one row per connector and stretch that none of some others covers.

    Each connector gets an empty stretch before all others, so that those without any are free.
    """
    return {
        f"{source}_or_none": f"""
  select connector_id, {sql.never} as starts, {sql.never} as ends from connectors
  union all
  select connector_id, starts, ends from {source}""",
        f"{source}_islands": _islands(f"{source}_or_none"),
        f"no_{source}": f"""
  select connector_id, starts, ends
  from (
    select connector_id, ends as starts,
      lead(starts, 1, {sql.forever}) over (partition by connector_id order by starts) as ends
    from {source}_islands
  ) f
  where starts < ends""",
    }


def _phases(sql: Dialect) -> dict[str, str]:
    """Grain of phase: one row per connector and stretch in which it was there, scheduled alike.

    `after`: what an outage that ends with the phase was ended by.
    """
    return {
        "scheduled": f"""
  select connector_id, coalesce(paused, false) as paused, schedule_type,
    valid_from as starts, coalesce(valid_to, {sql.forever}) as ends
  from connector_history""",
        "numbered": f"""
  select connector_id, paused, schedule_type, starts, ends,
    sum(begins) over (
      partition by connector_id order by starts rows unbounded preceding
    ) as number
  from (
    select connector_id, paused, schedule_type, starts, ends,
      case when lag(ends) over versions = starts
        and lag(paused) over versions = paused
        and not lag(schedule_type) over versions {sql.differs} schedule_type
        then 0 else 1 end as begins
    from scheduled
    window versions as (partition by connector_id order by starts)
  ) b""",
        "phase": f"""
  select connector_id, paused, schedule_type, starts, ends,
    case
      when lead(starts, 1, {sql.forever}) over phases > ends then 'removed'
      when lead(paused) over phases then 'paused'
      else 'recovered'
    end as after
  from (
    select connector_id, paused, schedule_type, min(starts) as starts, max(ends) as ends
    from numbered
    group by connector_id, number, paused, schedule_type
  ) p
  window phases as (partition by connector_id order by starts)""",
    }


def _states(sql: Dialect, since: str) -> dict[str, str]:
    """Grain of by_states: one row per stretch that states, pause and schedule make of versions.

    `stalls_at`: from when on it is stalled, if it is. What syncs before its first success is not
    down: that is its first sync.
    """
    first_success = """(
      select r.observed_at from sync_outcomes o join sync_runs r on r.run_id = o.run_id
      where o.connector_id = e.connector_id and o.outcome = 'succeeded'
      order by o.finished_at limit 1)"""
    began = sql.latest("e.starts", "p.starts")
    first_sync_over = sql.latest(began, f"coalesce({first_success}, {sql.forever})")
    return {
        "eventful": f"""
  select connector_id, valid_from as starts, valid_to as ends, {_STATUS}
  from connector_status_past
  where {EVENTFUL} and valid_to > {since}
  union all
  select connector_id, valid_from, {sql.forever}, {_STATUS}
  from connector_status
  where {EVENTFUL}""",
        "by_states": f"""
  select e.connector_id, {case(BY_STATES.items())} as health,
    case when sync_state = 'syncing' then {first_sync_over} else {began} end as starts,
    {sql.earliest("e.ends", "p.ends")} as ends,
    case
      when sync_state = 'rescheduled' and schedule_type = 'manual'
        and setup_state = 'connected' and not coalesce({_BLOCKED}, false)
        and rescheduled_for is not null
      then {sql.latest(began, "rescheduled_for")}
    end as stalls_at,
    rescheduled_for,
    case when p.ends <= e.ends then p.after else 'recovered' end as after
  from eventful e
  join phase p on p.connector_id = e.connector_id and p.starts < e.ends and p.ends > e.starts
  where not p.paused""",
    }


def _alerts(sql: Dialect, since: str) -> dict[str, str]:
    """Grain of task: one row per stretch in which a task was open."""
    return {
        "task": f"""
  select connector_id, valid_from as starts, {sql.forever} as ends from tasks
  union all
  select connector_id, valid_from, valid_to from tasks_past where valid_to > {since}"""
    } | _free(sql, "task")


def _overdue(sql: Dialect, since: str) -> dict[str, str]:
    """Grain of overdue: one row per stretch past the deadline, whatever else was so then.

    In the past only what a complete run saw is taken for so; now, only the clock is asked.
    """
    late = late_at(sql, "c", "s")
    return {
        "overdue": f"""
  select o.connector_id, o.overdue_since as starts, r.observed_at as ends
  from sync_outcomes o join sync_runs r on r.run_id = o.run_id
  where o.overdue_since is not null and r.observed_at > {since}
  union all
  select connector_id, late_at, {sql.forever}
  from (
    select c.connector_id, {late} as late_at, k.now
    from clock k cross join connectors c
    join connector_status s on s.connector_id = c.connector_id
  ) l
  where late_at < now""",
        "before_stale": f"""
  select connector_id, starts, ends from eventful e
  where {case(_BEFORE_STALE.items())} is not null
  union all
  select connector_id, starts, ends from task""",
    } | _free(sql, "before_stale")


def _down(sql: Dialect, since: str) -> dict[str, str]:
    """Grain of down: one row per stretch of one health that counts as down; they may overlap.

    `by_clock`: it begins when time is up, and not when a run saw something. `after`: what an outage
    that ends with it was ended by. Whatever ended before `since` is left out.
    """
    told = f"""
  select s.connector_id, s.health, false as by_clock,
    case when s.health = 'delayed' then {sql.latest("s.starts", "f.starts")}
      else s.starts end as starts,
    case when s.health = 'delayed' then {sql.earliest("s.ends", "f.ends")}
      else s.ends end as ends,
    case when s.health = 'delayed' and f.ends < s.ends then 'recovered' else s.after end as after
  from by_states s
  left join no_task f
    on s.health = 'delayed' and f.connector_id = s.connector_id
    and f.starts < s.ends and f.ends > s.starts
  where s.starts < s.ends
    and (s.health in ('broken', 'failing') or s.health = 'delayed' and f.starts is not null)"""
    last_look = _last_complete_before("s.ends", "c.account_id")
    stalled = f"""
  select s.connector_id, 'stalled', s.stalls_at = s.rescheduled_for, s.stalls_at, s.ends, s.after
  from by_states s
  join connectors c on c.connector_id = s.connector_id
  cross join clock k
  where s.stalls_at < case when s.ends = {sql.forever} then k.now else {last_look} end"""
    stale = f"""
  select o.connector_id, 'stale', o.starts >= p.starts and o.starts >= f.starts,
    {sql.latest("o.starts", "p.starts", "f.starts")},
    {sql.earliest("o.ends", "p.ends", "f.ends")},
    case when p.ends <= o.ends and p.ends <= f.ends then p.after else 'recovered' end
  from overdue o
  join phase p
    on p.connector_id = o.connector_id and p.starts < o.ends and p.ends > o.starts
  join no_before_stale f
    on f.connector_id = o.connector_id and f.starts < o.ends and f.ends > o.starts
    and f.starts < p.ends and f.ends > p.starts
  where not p.paused and p.schedule_type = 'auto'"""
    return (
        _phases(sql)
        | _states(sql, since)
        | _alerts(sql, since)
        | _overdue(sql, since)
        | {"down": f"{told}\n  union all{stalled}\n  union all{stale}"}
    )


def _last_complete_before(instant: str, account: str) -> str:
    return f"""(
      select max(observed_at) from sync_runs
      where account_id = {account} and observed_at < {instant})"""


# --- incidents ------------------------------------------------------------------------------


def _outages(sql: Dialect, since: str) -> dict[str, str]:
    """Grain of outage: one row per outage: stretches that touch or overlap, whatever their health.

    Those still on end with `forever`. One that time alone made, and that no run saw before it was
    over, is none: somebody may have paused the connector before its deadline.
    """
    columns = "connector_id, starts, ends, health, by_clock, after"
    of_one = "partition by connector_id, number"
    return _down(sql, since) | {
        "of_outage": _starting_anew(columns, "down", "number"),
        "step": f"""
  select connector_id, number, starts, ends,
    case when by_clock then 1 else 0 end as by_clock, after,
    case when lag(health) over ({of_one} order by starts, ends) {sql.differs} health
      then health end as step
  from of_outage""",
        "joined": f"""
  select connector_id, min(starts) as starts, max(ends) as ends, min(path) as path,
    min(by_clock) as by_clock, min(after) as after
  from (
    select connector_id, number, starts, ends,
      {sql.concat}(step, ' > ') over whole as path,
      first_value(by_clock) over whole as by_clock,
      first_value(after) over (
        {of_one} order by ends desc rows between unbounded preceding and unbounded following
      ) as after
    from step
    window whole as (
      {of_one} order by starts, ends rows between unbounded preceding and unbounded following
    )
  ) o
  group by connector_id, number""",
        "outage": f"""
  select o.connector_id, o.starts, o.ends, o.path, o.by_clock, o.after, o.last_look
  from (
    select j.connector_id, j.starts, j.ends, j.path, j.by_clock, j.after,
      {_last_complete_before("j.ends", "c.account_id")} as last_look
    from joined j
    join connectors c on c.connector_id = j.connector_id
  ) o
  where o.ends = {sql.forever} or o.last_look >= o.starts""",
    }


def _incidents(sql: Dialect) -> str:
    """Grain: one row per outage."""
    is_over = f"o.ends < {sql.forever}"
    return with_parts(
        _outages(sql, sql.never),
        f"""
select {identity("c")},
  case when o.by_clock = 1 then o.starts
    else {_last_complete_before("o.starts", "c.account_id")} end as started_after,
  o.starts as started_at,
  case when {is_over} then o.last_look end as ended_after,
  case when {is_over} then o.ends end as ended_at,
  {sql.minutes("o.starts", f"case when {is_over} then o.ends else k.now end")} as minutes,
  o.path,
  case
    when not {is_over} then null
    when o.after = 'recovered' and exists (
      select 1 from connector_status_history h
      where h.connector_id = o.connector_id and h.valid_from = o.ends and h.sync_state = 'paused'
    ) then 'paused'
    else o.after
  end as closed_by
from outage o
join connectors c on c.connector_id = o.connector_id
cross join clock k""",
    )


INCIDENTS = View(
    "incidents",
    f"One row per outage: a stretch in which a connector was {', '.join(DOWN[:-1])} or {DOWN[-1]}",
    IDENTITY
    | {
        "started_after": Named(
            TIME, "The last complete run before: it began after that (UTC); null = there was none"
        ),
        "started_at": Named(TIME, "When it was first seen, or time was up (UTC)"),
        "ended_after": Named(TIME, "The last complete run before its end: it ended after that"),
        "ended_at": Named(TIME, "When it was first seen to be over (UTC); null = it is not"),
        "minutes": Named(NUMBER, "From started_at to ended_at, or until now"),
        "path": Named(TEXT, "The health it had, one after the other, as in failing > broken"),
        "closed_by": Named(
            TEXT, "recovered, paused or removed: how it ended; null = it has not ended"
        ),
    },
    _incidents,
)


# --- what they come to ----------------------------------------------------------------------


def _flapping(sql: Dialect) -> str:
    """Grain: one row per connector with changes of is_down in 7 days."""
    week_ago = sql.ago(7)
    return with_parts(
        _outages(sql, week_ago),
        f"""
select {identity("c")}, f.flips, f.last_flip_at, f.is_down
from (
  select connector_id, count(*) as flips, max(at) as last_flip_at,
    max(is_down) = 1 as is_down
  from (
    select connector_id, starts as at, case when ends = {sql.forever} then 1 else 0 end as is_down
    from outage where starts > {week_ago}
    union all
    select connector_id, ends, 0 from outage where ends > {week_ago} and ends < {sql.forever}
  ) o
  group by connector_id
) f
join connectors c on c.connector_id = f.connector_id""",
    )


FLAPPING = View(
    "flapping",
    "One row per connector that went down or came up in the last 7 days",
    IDENTITY
    | {
        "flips": Named(NUMBER, "Beginnings and ends of outages in the last 7 days"),
        "last_flip_at": Named(TIME, "The last of them (UTC)"),
        "is_down": Named(YES_NO, "Whether it is down now"),
    },
    _flapping,
)


def _overlap(sql: Dialect, one: str, other: str) -> str:
    """Seconds that two stretches have in common; null where they do not meet."""
    starts = sql.latest(f"{one}.starts", f"{other}.starts")
    ends = sql.earliest(f"{one}.ends", f"{other}.ends")
    return f"({sql.seconds(ends)} - {sql.seconds(starts)})"


def _meet(one: str, other: str) -> str:
    return f"{one}.starts < {other}.ends and {one}.ends > {other}.starts"


def _availability(sql: Dialect) -> str:
    """Grain: one row per connector that was there in the last 30 days."""
    month_ago = sql.ago(30)

    def clipped(alias: str) -> str:
        starts = sql.latest(f"{alias}.starts", month_ago)
        return f"{starts} as starts, {sql.earliest(f'{alias}.ends', 'k.now')} as ends"

    parts = _outages(sql, month_ago) | {
        "there": f"""
  select p.connector_id, c.account_id, {clipped("p")}
  from phase p join connectors c on c.connector_id = p.connector_id cross join clock k
  where p.ends > {month_ago} and p.starts < k.now""",
        "gap": f"""
  select g.account_id, {clipped("g")} from ({gaps(sql, 30)}) g cross join clock k""",
        "down_time": f"""
  select o.connector_id, c.account_id, {clipped("o")}
  from outage o join connectors c on c.connector_id = o.connector_id cross join clock k
  where o.ends > {month_ago} and o.starts < k.now""",
        "counted": f"""
  select connector_id, {sql.seconds("ends")} - {sql.seconds("starts")} as there,
    0 as unknown, 0 as down
  from there
  union all
  select t.connector_id, 0, {_overlap(sql, "t", "g")}, 0
  from there t join gap g on g.account_id = t.account_id and {_meet("t", "g")}
  union all
  select connector_id, 0, 0, {sql.seconds("ends")} - {sql.seconds("starts")} from down_time
  union all
  select d.connector_id, 0, 0, -{_overlap(sql, "d", "g")}
  from down_time d join gap g on g.account_id = d.account_id and {_meet("d", "g")}""",
    }
    return with_parts(
        parts,
        f"""
select {identity("c")}, a.there / 60 as minutes, (a.there - a.unknown) / 60 as observed_minutes,
  a.down / 60 as down_minutes, (a.there - a.unknown - a.down) / 60 as up_minutes,
  {sql.share("a.there - a.unknown - a.down", "a.there - a.unknown")} as availability,
  {sql.share("a.there - a.unknown", "a.there")} as observed_share
from (
  select connector_id, {sql.whole("sum(there)")} as there, {sql.whole("sum(unknown)")} as unknown,
    {sql.whole("sum(down)")} as down
  from counted
  group by connector_id
) a
join connectors c on c.connector_id = a.connector_id""",
    )


AVAILABILITY_30D = View(
    "availability_30d",
    "One row per connector that was there in the last 30 days: the share of time it was up",
    IDENTITY
    | {
        "minutes": Named(NUMBER, "Minutes of the last 30 days in which it was there"),
        "observed_minutes": Named(
            NUMBER, "Those that are known of: no run was missing for three usual intervals"
        ),
        "down_minutes": Named(NUMBER, "Observed minutes in which it was down"),
        "up_minutes": Named(NUMBER, "Observed minutes in which it was not down; pauses count"),
        "availability": Named(SHARE, "up_minutes / observed_minutes; null = nothing is known"),
        "observed_share": Named(SHARE, "observed_minutes / minutes"),
    },
    _availability,
)


def _reliability(sql: Dialect) -> str:
    """Grain: one row per service, and one per service and group."""
    month_ago = sql.ago(30)
    return f"""
select f.service, f.group_id, f.scope, sum(f.connectors) as connectors, sum(f.down_now) as down_now,
  sum(f.incidents) as incidents, sum(f.repaired) as repaired,
  {sql.rounded("1.0 * sum(f.repair_minutes) / nullif(sum(f.repaired), 0)", 1)} as mttr_minutes,
  {sql.whole("sum(f.up_minutes)")} / nullif({sql.whole("sum(f.incidents)")}, 0) as mtbf_minutes
from (
  select e.service, case when g.scope = 'group' then e.group_id end as group_id, g.scope,
    e.connectors, e.down_now, e.incidents, e.repaired, e.repair_minutes, e.up_minutes
  from (
    select service, group_id, case when removed_at is null then 1 else 0 end as connectors,
      case when is_down then 1 else 0 end as down_now,
      0 as incidents, 0 as repaired, 0 as repair_minutes, 0 as up_minutes
    from connector_health
    union all
    select service, group_id, 0, 0, case when started_at > {month_ago} then 1 else 0 end,
      case when closed_by = 'recovered' and ended_at > {month_ago} then 1 else 0 end,
      case when closed_by = 'recovered' and ended_at > {month_ago} then minutes else 0 end, 0
    from incidents
    where ended_at is null or ended_at > {month_ago}
    union all
    select service, group_id, 0, 0, 0, 0, 0, up_minutes
    from availability_30d
  ) e
  cross join (select 'service' as scope union all select 'group') g
) f
group by f.service, f.group_id, f.scope
having sum(f.connectors) + sum(f.incidents) + sum(f.repaired) + sum(f.up_minutes) > 0"""


SERVICE_RELIABILITY = View(
    "service_reliability",
    "One row per service, and one per service and group: outages and repairs of 30 days",
    of_table("service", "group_id")
    | {
        "scope": Named(TEXT, "service = all its groups together, group = one of them"),
        "connectors": Named(NUMBER, "Connectors that exist now"),
        "down_now": Named(NUMBER, "Those of them that are down"),
        "incidents": Named(NUMBER, "Outages that began in the last 30 days"),
        "repaired": Named(
            NUMBER, "Outages that ended in them by recovery, not by a pause or a removal"
        ),
        "mttr_minutes": Named(SHARE, "Mean minutes of the repaired ones; null = none"),
        "mtbf_minutes": Named(
            NUMBER, "Minutes that its connectors were up in 30 days, for each outage; null = none"
        ),
    },
    _reliability,
)


def _outcomes_daily(sql: Dialect) -> str:
    """Grain: one row per connector and day in UTC."""
    return f"""
select {identity("c")}, o.day, o.succeeded, o.failed
from (
  select connector_id, {sql.day("finished_at")} as day,
    sum(case when outcome = 'succeeded' then 1 else 0 end) as succeeded,
    sum(case when outcome = 'failed' then 1 else 0 end) as failed
  from sync_outcomes
  group by connector_id, {sql.day("finished_at")}
) o
join connectors c on c.connector_id = o.connector_id"""


SYNC_OUTCOMES_DAILY = View(
    "sync_outcomes_daily",
    "One row per connector and day (UTC) on which a sync was seen to end",
    IDENTITY
    | {
        "day": Named(DAY, "The day in UTC"),
        "succeeded": Named(NUMBER, "Successful ends of syncs that were observed"),
        "failed": Named(NUMBER, "Failed ones; syncs between two runs are not seen"),
    },
    _outcomes_daily,
)
