"""Outages: when connectors were down, for how long, and what that comes to."""

from typing import NamedTuple

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

# Each part below is a named part of a statement: it asks the parts before it by their names. What
# is many is made few first: versions of states become stretches of one health before anything else
# is asked of them. Stretches are joined by windows over one connector, never by groups: SQLite asks
# a group for all connectors even where one is wanted.

_TOLD = ("broken", "failing", "delayed")  # what states alone tell of being down
_BLOCKED = "substr(schema_status, 1, 7) = 'blocked'"


def _numbered(columns: str, source: str, within: str) -> str:
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
    first_success = f"coalesce(f.at, {sql.forever})"
    of_run = "partition by connector_id, health, number"
    return {
        "first_success": f"""
  select connector_id, max((
    select r.observed_at from sync_outcomes o join sync_runs r on r.run_id = o.run_id
    where o.connector_id = c.connector_id and o.outcome = 'succeeded'
    order by o.finished_at limit 1)) over (partition by connector_id) as at
  from connectors c
  where {scope.only()}""",
        "eventful": _eventful(sql, scope),
        "told_version": f"""
  select e.connector_id, e.health, e.ends,
    case when {first_sync.format(first_success)}
      then {sql.earliest(first_success, "ends")} else starts end as starts
  from eventful e
  join first_success f on f.connector_id = e.connector_id
  where health in {_TOLD}""",
        "told_run": _numbered(
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
  select o.connector_id, o.overdue_since as starts, r.observed_at as ends
  from sync_outcomes o join sync_runs r on r.run_id = o.run_id
  where o.overdue_since is not null and {scope.ended("r.observed_at", "o")}
  union all
  select connector_id, overdue_since, valid_to
  from connectors_past
  where overdue_since is not null and {scope.ended()}
  union all
  select connector_id, late_at, {sql.forever}
  from (
    select c.connector_id, {late} as late_at, k.now
    from clock k cross join connectors c
    join connector_status s on s.connector_id = c.connector_id
    where {scope.only("c")}
  ) l
  where late_at < now""",
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


def _down(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain of down: one row per stretch of one health that counts as down; they may overlap.

    `by_clock`: it begins when time is up, and not when a run saw something. `after`: what an outage
    that ends with it was ended by.
    """
    tasks = f"""
  select connector_id, 'delayed' as hides, valid_from as starts, {sql.forever} as ends
  from tasks where {scope.only()}
  union all
  select connector_id, 'delayed', valid_from, valid_to from tasks_past where {scope.ended()}"""
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
  select connector_id, 'stale', starts, ends, 1 from overdue""",
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
            # What hides stale hides it whole; delayed is hidden by tasks alone.
            "hidden": f"""{tasks}
  union all
  select connector_id, 'stale', starts, ends from ({_eventful(sql, scope)}
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
    and h.connector_id = case
      when n.hides = 1 and p.health in ('delayed', 'stale') then p.connector_id end
    and (h.hides = p.health or p.health = 'stale') and h.starts < p.ends and h.ends > p.starts
  where n.hides = 0 or h.starts is not null""",
            "down": """
  select connector_id, health, starts, ends,
    case when by_clock = 1 and starts = first then 1 else 0 end as by_clock,
    case when ends = last then after else 'recovered' end as after
  from (
    select connector_id, health, by_clock, after, first, last,
      max(ends) over (
        partition by connector_id, health, first order by starts, ends rows unbounded preceding
      ) as starts,
      lead(starts, 1, last) over (
        partition by connector_id, health, first order by starts, ends
      ) as ends
    from cut
  ) f
  where starts < ends""",
        }
    )


def _last_complete_before(instant: str, account: str) -> str:
    return f"""(
      select max(observed_at) from sync_runs
      where account_id = {account} and observed_at < {instant})"""


# --- incidents ------------------------------------------------------------------------------


def _outages(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain of outage: one row per outage: stretches that touch or overlap, whatever their health.

    Those still on end with `forever`. One that time alone made, and that no run saw before it was
    over, is none: somebody may have paused the connector before its deadline.
    """
    columns = "connector_id, starts, ends, health, by_clock, after"
    of_one = "partition by connector_id, number"
    return _down(sql, scope) | {
        "of_outage": _numbered(columns, "down", "connector_id"),
        "step": f"""
  select connector_id, number, starts, ends, by_clock, after,
    case when lag(health) over ({of_one} order by starts, ends) {sql.differs} health
      then health end as step
  from of_outage""",
        "joined": f"""
  select connector_id, starts, ends, path, by_clock, after, only_by_clock
  from (
    select connector_id, starts, max(ends) over whole as ends, by_clock,
      {sql.concat}(step, ' > ') over whole as path,
      first_value(after) over (
        {of_one} order by ends desc rows between unbounded preceding and unbounded following
      ) as after,
      min(by_clock) over whole as only_by_clock,
      row_number() over ({of_one} order by starts, ends) as place
    from step
    window whole as (
      {of_one} order by starts, ends rows between unbounded preceding and unbounded following
    )
  ) o
  where place = 1""",
        "outage": f"""
  select j.connector_id, j.starts, j.ends, j.path, j.by_clock, j.after, c.account_id
  from joined j
  join connectors c on c.connector_id = j.connector_id
  where j.only_by_clock = 0 or j.ends = {sql.forever}
    or {_last_complete_before("j.ends", "c.account_id")} >= j.starts""",
    }


def _incidents(sql: Dialect, connectors: str = "") -> str:
    """Grain: one row per outage."""
    is_over = f"o.ends < {sql.forever}"

    def paused_in(table: str) -> str:
        return f"""exists (
        select 1 from {table} h
        where h.connector_id = o.connector_id and h.valid_from = o.ends
          and h.sync_state = 'paused')"""

    return with_parts(
        _outages(sql, Scope(connectors=connectors)),
        f"""
select {identity("c")},
  case when o.by_clock = 1 then o.starts
    else {_last_complete_before("o.starts", "c.account_id")} end as started_after,
  o.starts as started_at,
  case when {is_over}
    then {_last_complete_before("o.ends", "c.account_id")} end as ended_after,
  case when {is_over} then o.ends end as ended_at,
  {sql.minutes("o.starts", f"case when {is_over} then o.ends else k.now end")} as minutes,
  o.path,
  case
    when not {is_over} then null
    when o.after = 'recovered' and (
      {paused_in("connector_status_past")} or {paused_in("connector_status")}
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


def incidents_of(sql: Dialect, connectors: str) -> str:
    """The rows of `incidents` of some connectors, given as a list in SQL: in a moment."""
    return _incidents(sql, connectors)


def down_since(sql: Dialect, since: str) -> str:
    """The ids of connectors that were down at some time after an instant."""
    outages = with_parts(_outages(sql, Scope(since)), "select distinct connector_id from outage")
    return f"{outages} where ends > {since}"


# --- what they come to ----------------------------------------------------------------------


def _flapping(sql: Dialect) -> str:
    """Grain: one row per connector with changes of is_down in 7 days."""
    week_ago = sql.ago(7)
    return with_parts(
        _outages(sql, Scope(week_ago)),
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

    def total(name: str) -> str:
        return f"{sql.whole(f'sum({name}) over whole')} as {name}"

    def clipped(alias: str) -> str:
        starts = sql.latest(f"{alias}.starts", month_ago)
        return f"{starts} as starts, {sql.earliest(f'{alias}.ends', 'k.now')} as ends"

    parts = _outages(sql, Scope(month_ago)) | {
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
  select connector_id, {total("there")}, {total("unknown")}, {total("down")},
    row_number() over (partition by connector_id) as place
  from counted
  window whole as (partition by connector_id)
) a
join connectors c on c.connector_id = a.connector_id
where a.place = 1""",
        once=("gap",),
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
