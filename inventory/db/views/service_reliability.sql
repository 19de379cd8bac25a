-- One row per service, and one per service and group: outages and recoveries in 30 days.
-- Key: service, group_id, scope.
--
-- service       text    The connector type, e.g. google_sheets; null = unknown
-- service_name  text    The vendor's name of the service; null = unknown
-- group_id      text    The group, which is the destination; null = all its groups, or unknown
-- group_name    text    The group's name; null = unknown
-- scope         text    service = all its groups together, group = one group
-- connectors    bigint  Connectors that exist now
-- down_now      bigint  Connectors that are down now
-- incidents     bigint  Outages that began in the last 30 days
-- recovered     bigint  Outages that ended in the last 30 days by recovery, not by pause or removal
-- mttr_minutes  share   Mean minutes of the recovered outages; null = there are none
-- mtbf_minutes  bigint  Minutes that its connectors were up in 30 days, per outage; null = there
--                       are none
with outage as ({{ sql.outages(sql.days_ago(30)) }}
),
ended as (
  select o.connector_id, o.starts, o.ends, {{ sql.elapsed_minutes("o.starts", "o.ends", "k.now") }} as minutes,
    {{ sql.closed_by("o.ends", "p.health", "s.health") }} as closed_by
  from outage o
  cross join clock k
  left join connector_status_past p on p.connector_id = o.connector_id and p.valid_from = o.ends
  left join connector_status s on s.connector_id = o.connector_id and s.valid_from = o.ends
  where o.ends < {{ sql.infinity() }}
),
-- What each connector adds to its service: itself, outages, recoveries, and the time it was up.
contribution as (
  select connector_id, case when removed_at is null then 1 else 0 end as connectors,
    case when is_down then 1 else 0 end as down_now,
    0 as incidents, 0 as recovered, 0 as recovery_minutes, 0 as up_minutes
  from connector_health
  union all
  select connector_id, 0, 0, 1, 0, 0, 0
  from outage
  where starts > {{ sql.days_ago(30) }}
  union all
  select connector_id, 0, 0, 0, 1, minutes, 0
  from ended
  where closed_by = 'recovered'
  union all
  select connector_id, 0, 0, 0, 0, 0, up_minutes
  from availability_30d
),
scoped as (
  select c.service, case when g.scope = 'group' then c.group_id end as group_id, g.scope, p.*
  from contribution p
  join connectors c on c.connector_id = p.connector_id
  cross join (select 'service' as scope union all select 'group') g
)
select service, {{ sql.service_name("scoped.service") }} as service_name, group_id,
  {{ sql.group_name("scoped.group_id") }} as group_name, scope, sum(connectors) as connectors, sum(down_now) as down_now,
  sum(incidents) as incidents, sum(recovered) as recovered,
  {{ sql.round_to("1.0 * sum(recovery_minutes) / nullif(sum(recovered), 0)", 1) }} as mttr_minutes,
  {{ sql.as_bigint("sum(up_minutes)") }} / nullif({{ sql.as_bigint("sum(incidents)") }}, 0) as mtbf_minutes
from scoped
group by service, group_id, scope
having sum(connectors) + sum(incidents) + sum(recovered) + sum(up_minutes) > 0
