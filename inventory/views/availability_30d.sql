-- One row per connector that was there in the last 30 days: the share of time it was up.
--
-- connector_id      text    The connector's id, as the API gives it
-- account_id        text    The Fivetran account the connector was seen in
-- group_id          text    The group, which is the destination
-- service           text    The connector type, e.g. google_sheets
-- schema_name       text    The connector's name (`schema` of the API); not unique
-- minutes           number  Minutes of the last 30 days in which it was there
-- observed_minutes  number  Those that are known of: no run was missing for three usual intervals
-- down_minutes      number  Observed minutes in which it was down
-- up_minutes        number  Observed minutes in which it was not down; pauses count
-- availability      share   up_minutes / observed_minutes; null = nothing is known
-- observed_share    share   observed_minutes / minutes
{%- macro clipped(starts, ends) -%}
  {{ sql.latest(starts, sql.ago(30)) }} as starts, {{ sql.earliest(ends, "k.now") }} as ends
{%- endmacro %}
{%- macro unknown(of) -%}
  coalesce((
      select sum({{ sql.seconds(sql.earliest(of ~ ".ends", "g.ends")) }}
        - {{ sql.seconds(sql.latest(of ~ ".starts", "g.starts")) }})
      from gap g
      where g.account_id = {{ of }}.account_id and g.starts < {{ of }}.ends
        and g.ends > {{ of }}.starts
    ), 0)
{%- endmacro %}
with interval_30d as ({{ sql.intervals(30) }}
),
usual as ({{ sql.usual("interval_30d") }}
),
-- Nothing is known of what lies between two runs that are three usual intervals apart.
gap as (
  select i.account_id, {{ clipped("i.starts", "i.ends") }}
  from interval_30d i
  cross join clock k
  left join usual u on u.account_id = i.account_id
  where i.seconds > 3 * coalesce(u.seconds, 0)
),
version as (
  select connector_id, valid_from, valid_to
  from connectors_past
  where valid_to > {{ sql.ago(30) }}
  union all
  select connector_id, valid_from, {{ sql.forever() }}
  from connectors
  where removed_at is null
),
there as (
  select v.connector_id, c.account_id, {{ clipped("v.valid_from", "v.valid_to") }}
  from version v
  join connectors c on c.connector_id = v.connector_id
  cross join clock k
  where v.valid_from < k.now
),
outage as ({{ sql.outages(30) }}
),
down as (
  select o.connector_id, c.account_id, {{ clipped("o.starts", "o.ends") }}
  from outage o
  join connectors c on c.connector_id = o.connector_id
  cross join clock k
  where o.starts < k.now
),
counted as (
  select connector_id, {{ sql.seconds("t.ends") }} - {{ sql.seconds("t.starts") }} as there,
    {{ unknown("t") }} as unknown, 0 as down
  from there t
  union all
  select connector_id, 0, 0,
    {{ sql.seconds("d.ends") }} - {{ sql.seconds("d.starts") }} - {{ unknown("d") }}
  from down d
),
total as (
  select connector_id, {{ sql.whole("sum(there)") }} as there,
    {{ sql.whole("sum(unknown)") }} as unknown, {{ sql.whole("sum(down)") }} as down
  from counted
  group by connector_id
)
select {{ sql.identity("c") }}, t.there / 60 as minutes,
  (t.there - t.unknown) / 60 as observed_minutes, t.down / 60 as down_minutes,
  (t.there - t.unknown - t.down) / 60 as up_minutes,
  {{ sql.share("t.there - t.unknown - t.down", "t.there - t.unknown") }} as availability,
  {{ sql.share("t.there - t.unknown", "t.there") }} as observed_share
from total t
join connectors c on c.connector_id = t.connector_id
