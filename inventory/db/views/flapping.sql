-- One row per connector that went down or came up in the last 7 days.
-- Key: connector_id.
--
-- connector_id  text    The connector's id, as the API gives it
-- account_id    text    The Fivetran account the connector was seen in
-- group_id      text    The group, which is the destination
-- group_name    text    The group's name; null = unknown
-- service       text    The connector type, e.g. google_sheets
-- service_name  text    The vendor's name of the service; null = unknown
-- schema_name   text    The connector's name (`schema` of the API); not unique
-- flips         bigint  Starts and ends of outages in the last 7 days
-- last_flip_at  time    The last of them (UTC)
-- is_down       yes_no  Whether its last outage is open, as the last run observed it
with outage as ({{ sql.outages(sql.days_ago(7)) }}
),
flip as (
  select connector_id, starts as at, case when ends = {{ sql.infinity() }} then 1 else 0 end as is_down
  from outage
  where starts > {{ sql.days_ago(7) }}
  union all
  select connector_id, ends, 0
  from outage
  where ends < {{ sql.infinity() }}
),
counted as (
  select connector_id, count(*) as flips, max(at) as last_flip_at, max(is_down) = 1 as is_down
  from flip
  group by connector_id
)
select {{ sql.identity_columns("c") }}, f.flips, f.last_flip_at, f.is_down
from counted f
join connectors c on c.connector_id = f.connector_id
