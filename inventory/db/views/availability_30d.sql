-- One row per connector that existed in the last 30 days: the share of observed time it was up.
-- Key: connector_id.
--
-- connector_id      text    The connector's id, as the API gives it
-- account_id        text    The Fivetran account the connector was seen in
-- group_id          text    The group, which is the destination
-- group_name        text    The group's name; null = unknown
-- service           text    The connector type, e.g. google_sheets
-- service_name      text    The vendor's name of the service; null = unknown
-- schema_name       text    The connector's name (`schema` of the API); not unique
-- minutes           bigint  Minutes of the last 30 days in which it existed
-- observed_minutes  bigint  Minutes that runs covered: gaps of over three typical intervals do not
--                           count
-- down_minutes      bigint  Observed minutes in which it was down
-- up_minutes        bigint  Observed minutes in which it was not down; pauses count as up
-- availability      share   up_minutes / observed_minutes; null = nothing was observed
-- coverage          share   observed_minutes / minutes
{%- macro clipped(starts, ends) -%}
  {{ sql.greatest(starts, sql.days_ago(30)) }} as starts, {{ sql.least(ends, "k.now") }} as ends
{%- endmacro %}
{%- macro unobserved_seconds(of) -%}
  coalesce((
      select sum({{ sql.epoch_seconds(sql.least(of ~ ".ends", "g.ends")) }}
        - {{ sql.epoch_seconds(sql.greatest(of ~ ".starts", "g.starts")) }})
      from gap g
      where g.account_id = {{ of }}.account_id and g.starts < {{ of }}.ends
        and g.ends > {{ of }}.starts
    ), 0)
{%- endmacro %}
with interval_30d as ({{ sql.run_intervals(sql.days_ago(30)) }}
),
typical as ({{ sql.typical_interval("interval_30d") }}
),
gap as (
  select g.account_id, {{ clipped("g.starts", "g.ends") }}
  from ({{ sql.gaps("interval_30d", "typical") }}) g
  cross join clock k
),
version as ({{ sql.connector_versions(sql.days_ago(30)) }}
),
lifetime as (
  select v.connector_id, c.account_id, {{ clipped("v.valid_from", "v.valid_to") }}
  from version v
  join connectors c on c.connector_id = v.connector_id
  cross join clock k
  where v.valid_from < k.now
),
outage as ({{ sql.outages(sql.days_ago(30)) }}
),
down as (
  select o.connector_id, c.account_id, {{ clipped("o.starts", "o.ends") }}
  from outage o
  join connectors c on c.connector_id = o.connector_id
  cross join clock k
  where o.starts < k.now
),
measured as (
  select connector_id, {{ sql.epoch_seconds("t.ends") }} - {{ sql.epoch_seconds("t.starts") }} as total_seconds,
    {{ unobserved_seconds("t") }} as unobserved_seconds, 0 as down_seconds
  from lifetime t
  union all
  select connector_id, 0, 0,
    {{ sql.epoch_seconds("d.ends") }} - {{ sql.epoch_seconds("d.starts") }} - {{ unobserved_seconds("d") }}
  from down d
),
total as (
  select connector_id, {{ sql.as_bigint("sum(total_seconds)") }} as total_seconds,
    {{ sql.as_bigint("sum(unobserved_seconds)") }} as unobserved_seconds,
    {{ sql.as_bigint("sum(down_seconds)") }} as down_seconds
  from measured
  group by connector_id
),
observed as (
  select connector_id, total_seconds, total_seconds - unobserved_seconds as observed_seconds, down_seconds
  from total
)
select {{ sql.identity_columns("c") }}, t.total_seconds / 60 as minutes,
  t.observed_seconds / 60 as observed_minutes, t.down_seconds / 60 as down_minutes,
  (t.observed_seconds - t.down_seconds) / 60 as up_minutes,
  {{ sql.ratio("t.observed_seconds - t.down_seconds", "t.observed_seconds") }} as availability,
  {{ sql.ratio("t.observed_seconds", "t.total_seconds") }} as coverage
from observed t
join connectors c on c.connector_id = t.connector_id
