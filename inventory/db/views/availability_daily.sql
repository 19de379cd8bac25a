-- One row per connector and day (UTC), from `:first_day` to `:last_day`, on which it existed for at
-- least a second: the share of observed time it was up.
-- Key: connector_id, day.
--
-- connector_id      text    The connector's id, as the API gives it
-- account_id        text    The Fivetran account the connector was seen in
-- group_id          text    The group, which is the destination
-- group_name        text    The group's name; null = unknown
-- service           text    The connector type, e.g. google_sheets
-- service_name      text    The vendor's name of the service; null = unknown
-- schema_name       text    The connector's name (`schema` of the API); not unique
-- day               day     The day in UTC
-- minutes           bigint  Minutes of the day in which it existed; of today, until now
-- observed_minutes  bigint  Minutes that runs covered: gaps of over three typical intervals do not
--                           count
-- down_minutes      bigint  Observed minutes in which it was down
-- up_minutes        bigint  Observed minutes in which it was not down; pauses count as up
-- availability      share   up_minutes / observed_minutes; null = nothing was observed
-- coverage          share   observed_minutes / minutes
{#- Everything is cut by day as whole seconds since 1970, which is faster than as timestamps. Days
    begin at whole seconds, so those of a period add up to the period. What is joined or looked up
    is materialized: newer releases of SQLite would otherwise compute it again inside each join:
    minutes instead of a second. #}
{#- How long an interval between runs usually is changes over the years: what counts is the month up to
    three days after the last day, by when late runs of it are known. #}
{%- set typical_until = sql.least(sql.midnight(":last_day", plus_days=4), "(select now from clock)") %}
{%- set first_midnight, last_midnight = sql.midnight(":first_day"), sql.midnight(":last_day", plus_days=1) %}
{%- macro in_seconds(starts, ends) -%}
  {{ sql.epoch_seconds(starts) }} as starts, {{ sql.epoch_seconds(sql.least(ends, last_midnight)) }} as ends
{%- endmacro %}
{%- macro overlap(one, other) -%}
  {{ sql.greatest_number(one ~ ".starts", other ~ ".starts") }} as starts,
    {{ sql.least_number(one ~ ".ends", other ~ ".ends") }} as ends
{%- endmacro %}
{%- macro overlaps(one, other) -%}
  {{ one }}.starts < {{ other }}.ends and {{ one }}.ends > {{ other }}.starts
{%- endmacro %}
{%- macro unobserved(intervals) -%}
  select t.connector_id, t.day, {{ overlap("t", "g") }}
    from {{ intervals }} t
    join gap g on g.account_id = t.account_id and g.day = t.day and {{ overlaps("t", "g") }}
{%- endmacro %}
with day as materialized (
  select d.day, {{ sql.epoch_seconds("d.day") }} as starts,
    {{ sql.least_number(sql.epoch_seconds("d.day") ~ " + 86400", sql.epoch_seconds("k.now")) }} as ends
  from ({{ sql.days(":first_day", ":last_day") }}) d
  cross join clock k
  where {{ sql.epoch_seconds("d.day") }} < {{ sql.epoch_seconds("k.now") }}
),
interval_30d as (
  select i.* from ({{ sql.run_intervals(sql.add_minutes(typical_until, -1440 * 30)) }}) i
  where i.ends <= {{ typical_until }}
),
typical as ({{ sql.typical_interval("interval_30d") }}
),
recent as ({{ sql.run_intervals(first_midnight) }}
),
gap as materialized (
  select g.account_id, d.day, {{ overlap("g", "d") }}
  from (
    select account_id, {{ in_seconds("starts", "ends") }}
    from ({{ sql.gaps("recent", "typical") }}) u
    where starts < {{ last_midnight }}
  ) g
  join day d on {{ overlaps("g", "d") }}
),
version as materialized (
  select connector_id, {{ in_seconds("valid_from", "valid_to") }}
  from ({{ sql.connector_versions(first_midnight) }}) v
  where {{ sql.unindexed("valid_from") }} < {{ last_midnight }}
),
lifetime as materialized (
  select v.connector_id, c.account_id, d.day, {{ overlap("v", "d") }}
  from version v
  {{ sql.ordered_join() }} connectors c on c.connector_id = v.connector_id
  {{ sql.ordered_join() }} day d on {{ overlaps("v", "d") }}
),
outage as materialized (
  select o.connector_id, d.day, {{ overlap("o", "d") }}
  from (
    select connector_id, {{ in_seconds("starts", "ends") }}
    from ({{ sql.outages(first_midnight) }}) o
    where starts < {{ last_midnight }}
    {{ sql.materialize_hint() }}
  ) o
  {{ sql.ordered_join() }} day d on {{ overlaps("o", "d") }}
),
-- A part of a lifetime, because pruning keeps the start of an open outage, but not older versions.
down as materialized (
  select t.connector_id, t.account_id, t.day, {{ overlap("t", "o") }}
  from outage o
  join lifetime t on t.connector_id = o.connector_id and t.day = o.day and {{ overlaps("t", "o") }}
),
measured as (
  select connector_id, day, ends - starts as total_seconds, 0 as unobserved_seconds, 0 as down_seconds
  from lifetime
  union all
  select connector_id, day, 0, ends - starts, 0
  from ({{ unobserved("lifetime") }}) u
  union all
  select connector_id, day, 0, 0, ends - starts
  from down
  union all
  select connector_id, day, 0, 0, starts - ends
  from ({{ unobserved("down") }}) u
),
total as (
  select connector_id, day, {{ sql.as_bigint("sum(total_seconds)") }} as total_seconds,
    {{ sql.as_bigint("sum(total_seconds - unobserved_seconds)") }} as observed_seconds,
    {{ sql.as_bigint("sum(down_seconds)") }} as down_seconds
  from measured
  group by connector_id, day
  having sum(total_seconds) > 0
),
-- Once per connector: the names are looked up.
identity as materialized (
  select {{ sql.identity_columns("c") }}
  from connectors c
)
select c.*, t.day, t.total_seconds / 60 as minutes,
  t.observed_seconds / 60 as observed_minutes, t.down_seconds / 60 as down_minutes,
  (t.observed_seconds - t.down_seconds) / 60 as up_minutes,
  {{ sql.ratio("t.observed_seconds - t.down_seconds", "t.observed_seconds") }} as availability,
  {{ sql.ratio("t.observed_seconds", "t.total_seconds") }} as coverage
from total t
join identity c on c.connector_id = t.connector_id
