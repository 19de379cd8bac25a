"""What outages and ends of syncs come to: flapping, availability, repair times, counts by day."""

from inventory.dialects import Dialect
from inventory.views.down import Scope
from inventory.views.incidents import outages
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


def _flapping(sql: Dialect) -> str:
    """Grain: one row per connector with changes of is_down in 7 days."""
    week_ago = sql.ago(7)
    return with_parts(
        outages(sql, Scope(week_ago)),
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
    """Seconds that two stretches have in common, if they meet."""
    starts = sql.latest(f"{one}.starts", f"{other}.starts")
    ends = sql.earliest(f"{one}.ends", f"{other}.ends")
    return f"({sql.seconds(ends)} - {sql.seconds(starts)})"


def _availability(sql: Dialect) -> str:
    """Grain: one row per connector that was there in the last 30 days."""
    month_ago = sql.ago(30)

    length = f"{sql.seconds('ends')} - {sql.seconds('starts')}"

    def unknown(alias: str) -> str:
        return f"""coalesce((
    select sum({_overlap(sql, alias, "g")}) from gap g
    where g.account_id = {alias}.account_id and g.starts < {alias}.ends and g.ends > {alias}.starts
  ), 0)"""

    def total(name: str) -> str:
        return f"{sql.whole(f'sum({name}) over whole')} as {name}"

    def clipped(alias: str) -> str:
        starts = sql.latest(f"{alias}.starts", month_ago)
        return f"{starts} as starts, {sql.earliest(f'{alias}.ends', 'k.now')} as ends"

    parts = outages(sql, Scope(month_ago)) | {
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
  select connector_id, {length} as there, {unknown("t")} as unknown, 0 as down from there t
  union all
  select connector_id, 0, 0, {length} - {unknown("d")} from down_time d""",
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
