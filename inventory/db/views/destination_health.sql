-- One row per destination that exists: its setup status, since when, and the connectors it takes
-- down.
-- Key: destination_id.
--
-- destination_id      text    The destination's id, as the API gives it
-- account_id          text    The Fivetran account the destination was seen in
-- group_id            text    The group that loads into it
-- group_name          text    The group's name; null = unknown
-- service             text    The kind of warehouse, e.g. snowflake
-- region              text    Where the vendor processes its data
-- setup_status        text    connected, incomplete, broken, or as the API sends it
-- is_broken           yes_no  Whether its setup no longer works
-- setup_status_since  time    The run that first observed this status (UTC)
-- connectors          bigint  Connectors that exist in its group
-- down_now            bigint  Connectors of its group that are down now
-- destination_broken  bigint  Connectors of its group that are down because of it
with connector as (
  select group_id, count(*) as connectors, {{ sql.as_bigint("sum(case when is_down then 1 else 0 end)") }} as down_now,
    {{ sql.as_bigint("sum(case when health = 'destination_broken' then 1 else 0 end)") }} as destination_broken
  from connector_health
  where removed_at is null
  group by group_id
)
select d.destination_id, d.account_id, d.group_id, {{ sql.group_name("d.destination_id") }} as group_name, d.service,
  d.region, d.setup_status, coalesce({{ sql.lower("d.setup_status") }} = 'broken', false) as is_broken,
  s.setup_status_since, coalesce(c.connectors, 0) as connectors, coalesce(c.down_now, 0) as down_now,
  coalesce(c.destination_broken, 0) as destination_broken
from destinations d
left join ({{ sql.setup_status_since("true") }}) s on s.destination_id = d.destination_id
left join connector c on c.group_id = d.destination_id
where d.removed_at is null
