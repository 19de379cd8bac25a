{#- Expressions that differ between SQLite and PostgreSQL, and expressions that several views share.
    SQLite stores timestamps as text in one format that sorts by time. Its date functions round the
    fraction of a second, so the macros cut it off first. #}

{%- macro timestamp() %}{{ "timestamptz" if postgresql else "text" }}{% endmacro %}
{%- macro infinity() %}{{ "cast('infinity' as timestamptz)" if postgresql else "'9999-12-31 23:59:59.999999+00:00'" }}{% endmacro %}
{%- macro is_distinct_from() %}{{ "is distinct from" if postgresql else "is not" }}{% endmacro %}
{%- macro string_agg() %}{{ "string_agg" if postgresql else "group_concat" }}{% endmacro %}
{#- One text of several values, in order. On SQLite the subselect must return them in that order. #}
{%- macro string_list(value) %}{{ string_agg() }}({{ value }}, ', '{{ " order by " ~ value if postgresql }}){% endmacro %}
{%- macro text_literals(values) %}('{{ values | join("', '") }}'){% endmacro %}
{%- macro as_bigint(number) %}cast({{ number }} as bigint){% endmacro %}

{#- Lower case for comparing states, whatever the collation of the database. #}
{%- macro lower(text) %}lower({{ text }}{{ ' collate "C"' if postgresql }}){% endmacro %}

{#- Keeps the planner from merging a subselect into the query, so that it is evaluated once. #}
{%- macro materialize_hint() %}{{ "offset 0" if postgresql else "limit -1" }}{% endmacro %}

{#- A condition that PostgreSQL estimates to hold for one row in 200. A higher estimate makes it
    compile a large view just in time, which takes seconds. #}
{%- macro unlikely(condition) %}case when {{ condition }} then 1 end = 1{% endmacro %}

{#- A join whose table order SQLite keeps; without statistics it often picks a slow order. #}
{%- macro ordered_join() %}{{ "join" if postgresql else "cross join" }}{% endmacro %}

{#- A column for which SQLite uses no index; without statistics it often picks the wrong one. #}
{%- macro unindexed(column) %}{{ "" if postgresql else "+" }}{{ column }}{% endmacro %}

{%- macro truncate_to_second(at) %}substr({{ at }}, 1, 19){% endmacro %}

{%- macro add_minutes(at, minutes) -%}
  {%- if postgresql -%}
    ({{ at }} + make_interval(mins => cast({{ minutes }} as int)))
  {%- else -%}
    (datetime({{ truncate_to_second(at) }}, ({{ minutes }}) || ' minutes') || substr({{ at }}, 20))
  {%- endif -%}
{%- endmacro %}

{#- The timestamp this many days before the time that the views are evaluated for. #}
{%- macro days_ago(days) %}{{ add_minutes("(select now from clock)", -1440 * days) }}{% endmacro %}

{#- One microsecond earlier, the resolution of both databases. #}
{%- macro just_before(at) -%}
  {%- if postgresql -%}
    ({{ at }} - interval '1 microsecond')
  {%- else -%}
    case
      when cast(substr({{ at }}, 21, 6) as integer) = 0
        then datetime({{ truncate_to_second(at) }}, '-1 seconds') || '.999999+00:00'
      else substr({{ at }}, 1, 20)
        || substr('00000' || (cast(substr({{ at }}, 21, 6) as integer) - 1), -6) || '+00:00'
    end
  {%- endif -%}
{%- endmacro %}

{#- Whole seconds since 1970, and whole minutes from them: equal on both databases. #}
{%- macro epoch_seconds(at) -%}
  {%- if postgresql -%}
    cast(floor(extract(epoch from {{ at }})) as bigint)
  {%- else -%}
    cast(strftime('%s', {{ truncate_to_second(at) }}) as integer)
  {%- endif -%}
{%- endmacro %}
{%- macro minutes_between(since, until) %}(({{ epoch_seconds(until) }}) - ({{ epoch_seconds(since) }})) / 60{% endmacro %}

{#- True if a timestamp is in the future by more than the clocks of a cluster differ. #}
{%- macro in_future(at, now) %}(({{ epoch_seconds(at) }}) - ({{ epoch_seconds(now) }}) > 5){% endmacro %}
{#- Minutes from one timestamp to another, or to now if that is earlier. #}
{%- macro elapsed_minutes(since, until, now) -%}
  {{ greatest_number("0", minutes_between(since, least(until, now))) }}
{%- endmacro %}

{#- The day in UTC, whatever the session's time zone; and text for people, which names the zone. #}
{%- macro utc_day(at) -%}
  {%- if postgresql -%}
    cast({{ at }} at time zone 'UTC' as date)
  {%- else -%}
    substr({{ at }}, 1, 10)
  {%- endif -%}
{%- endmacro %}
{#- The timestamp at which a day begins in UTC, or a day so many days later. #}
{%- macro midnight(day, plus_days=0) -%}
  {%- if postgresql -%}
    ((cast({{ day }} as timestamp) + interval '{{ plus_days }} days') at time zone 'UTC')
  {%- else -%}
    (date({{ day }}, '{{ plus_days }} days') || ' 00:00:00.000000+00:00')
  {%- endif -%}
{%- endmacro %}
{#- Grain: one row per day from the first to the last; none if the last is before the first. #}
{%- macro days(first, last) -%}
  {%- if postgresql %}
  select cast({{ first }} as date) + n as day
  from generate_series(0, cast({{ last }} as date) - cast({{ first }} as date)) n
  {%- else %}
  with recursive each(day) as (
    select {{ first }} where {{ first }} <= {{ last }}
    union all
    select date(day, '+1 day') from each where day < {{ last }}
  )
  select day from each
  {%- endif -%}
{%- endmacro %}
{%- macro format_timestamp(at, seconds=false) -%}
  {%- if postgresql -%}
    to_char({{ at }} at time zone 'UTC', 'YYYY-MM-DD HH24:MI{{ ":SS" if seconds }} "UTC"')
  {%- else -%}
    (substr({{ at }}, 1, {{ 19 if seconds else 16 }}) || ' UTC')
  {%- endif -%}
{%- endmacro %}

{#- The later of two timestamps, nulls ignored; SQLite's max() returns null if one is null. #}
{%- macro greatest(one, other) -%}
  {%- if postgresql -%}
    greatest({{ one }}, {{ other }})
  {%- else -%}
    nullif(max(coalesce({{ one }}, ''), coalesce({{ other }}, '')), '')
  {%- endif -%}
{%- endmacro %}
{%- macro greatest_number(one, other) %}{{ "greatest" if postgresql else "max" }}({{ one }}, {{ other }}){% endmacro %}
{%- macro least(one, other) %}{{ "least" if postgresql else "min" }}({{ one }}, {{ other }}){% endmacro %}
{%- macro least_number(one, other) %}{{ least(one, other) }}{% endmacro %}

{%- macro round_to(number, digits) -%}
  {%- if postgresql -%}
    cast(round(cast({{ number }} as numeric), {{ digits }}) as double precision)
  {%- else -%}
    round({{ number }}, {{ digits }})
  {%- endif -%}
{%- endmacro %}
{#- A share from 0 to 1; null if the total is 0. #}
{%- macro ratio(part, total) %}{{ round_to("1.0 * (" ~ part ~ ") / nullif(" ~ total ~ ", 0)", 4) }}{% endmacro %}

{#- A value of a JSON object as text; null if there is none. #}
{%- macro json_value(document, name) -%}
  {%- if postgresql -%}
    ({{ document }} ->> '{{ name }}')
  {%- else -%}
    json_extract({{ document }}, '$.{{ name }}')
  {%- endif -%}
{%- endmacro %}

{#- Grain: one row per destination: since when it has its setup status, that is, the last version
    that began with another status, or after a time without the destination. #}
{%- macro setup_status_since(condition) -%}
  select destination_id, max(valid_from) as setup_status_since
  from (
    select destination_id, valid_from, status,
      lag(valid_to) over (partition by destination_id order by valid_from) as previous_end,
      lag(status) over (partition by destination_id order by valid_from) as previous_status
    from (
      select destination_id, valid_from, valid_to, {{ lower("coalesce(setup_status, '')") }} as status
      from destination_history
      where {{ condition }}
    ) history
  ) version
  where previous_end is null or previous_end <> valid_from or previous_status <> status
  group by destination_id
{%- endmacro %}

{%- macro group_name(group_id) %}(select nullif(n.group_name, '') from groups n where n.group_id = {{ group_id }}){% endmacro %}
{%- macro service_name(service) %}(select n.service_name from connector_types n where n.service = {{ service }}){% endmacro %}
{%- macro identity_columns(alias) -%}
  {{ alias }}.connector_id, {{ alias }}.account_id, {{ alias }}.group_id,
  {{ group_name(alias ~ ".group_id") }} as group_name, {{ alias }}.service,
  {{ service_name(alias ~ ".service") }} as service_name, {{ alias }}.schema_name
{%- endmacro %}

{#- The value of a tag of the connector in `alias`, as connector_tags has it. Found by the key: that
    view would resolve the tags of all connectors first. #}
{%- macro tag(name, alias) -%}
  nullif(coalesce(
    {%- for scope, scope_id in (("connector", "connector_id"), ("service", "service"), ("group", "group_id"), ("account", "account_id")) %}
    (select t.value from tags t where t.scope = '{{ scope }}' and t.scope_id = {{ alias }}.{{ scope_id }} and t.name = '{{ name }}')
    {{- "," if not loop.last }}
    {%- endfor %}
  ), '')
{%- endmacro %}

{#- The severity of a health. #}
{%- macro severity(health_column) -%}
  case {{ health_column }}
    {%- for rule in health.SHOWN %} when '{{ rule.name }}' then {{ rule.severity }}{% endfor %} end
{%- endmacro %}
{%- macro lower_ranked(name) %}{{ health.NAMES[health.rank(name):] }}{% endmacro %}

{#- The last complete run of an account before a timestamp. #}
{%- macro last_complete_run_before(at, account) -%}
  (
      select max(observed_at) from inventory_runs
      where account_id = {{ account }} and observed_at < {{ at }})
{%- endmacro %}

{#- Grain: one row per complete run, with the interval until the next one or now, if that interval
    overlaps the time since a timestamp. #}
{%- macro run_intervals(since) %}
  select r.account_id, r.observed_at as starts, coalesce(r.next_at, k.now) as ends,
    r.next_at is null as is_last,
    {{ epoch_seconds("coalesce(r.next_at, k.now)") }} - {{ epoch_seconds("r.observed_at") }} as seconds
  from (
    select account_id, observed_at,
      lead(observed_at) over (partition by account_id order by observed_at) as next_at
    from inventory_runs
    where status in ('succeeded', 'withheld')
  ) r
  cross join clock k
  where coalesce(r.next_at, k.now) > {{ since }}
{%- endmacro %}

{#- Grain: one row per account: the lower median of its run intervals, at least five minutes.
    Intervals that end in the future come from a wrong clock and are left out. #}
{%- macro typical_interval(interval) %}
  select account_id, {{ greatest_number("min(seconds)", 300) }} as seconds
  from (
    select account_id, seconds,
      row_number() over (partition by account_id order by seconds) as position,
      count(*) over (partition by account_id) as total
    from {{ interval }}
    where not is_last and ends <= (select now from clock)
  ) i
  where 2 * position >= total
  group by account_id
{%- endmacro %}

{#- Grain: one row per gap: an interval between runs that is longer than three typical ones. Nothing is
    known about the time between its ends. #}
{%- macro gaps(interval, typical) %}
  select i.account_id, i.starts, i.ends, i.is_last
  from {{ interval }} i
  left join {{ typical }} u on u.account_id = i.account_id
  where i.seconds > 3 * coalesce(u.seconds, 0)
{%- endmacro %}

{#- Grain: one row per version of a connector that ended after a timestamp or is open; an open one
    ends at infinity. #}
{%- macro connector_versions(since) %}
  select connector_id, valid_from, valid_to
  from connectors_past
  where valid_to > {{ since }}
  union all
  select connector_id, valid_from, {{ infinity() }}
  from connectors
  where removed_at is null
{%- endmacro %}

{#- Grain: one row per outage that ended after a timestamp or is open; an open one ends at infinity. #}
{%- macro outages(since) %}
  select connector_id, down_since as starts, max(ends) as ends
  from (
    select connector_id, down_since, valid_to as ends
    from connector_status_past
    where is_down and valid_to > {{ since }}
    union all
    select connector_id, down_since, {{ infinity() }}
    from connector_status
    where is_down
  ) d
  group by connector_id, down_since
{%- endmacro %}

{#- How an outage ended: `past` and `open` are the health of the closed or the open version that
    begins at its end. #}
{%- macro closed_by(ended_at, past, open) -%}
  case
    when {{ ended_at }} is null then null
    when coalesce({{ past }}, {{ open }}) is null then 'removed'
    when coalesce({{ past }}, {{ open }}) = 'paused' then 'paused'
    else 'recovered'
  end
{%- endmacro %}

{#- Joins to each connector `k` its last version `v` in a past table that began by a timestamp. On
    PostgreSQL by one index lookup for each: a join would read all versions that ended later. #}
{%- macro last_version_by(past, as_of) -%}
  {%- if postgresql -%}
    cross join lateral (
      select * from {{ past }} b
      where b.connector_id = k.connector_id and b.valid_from <= {{ as_of }}
      order by b.valid_from desc limit 1
    ) v
  {%- else -%}
    cross join {{ past }} v on v.connector_id = k.connector_id and v.valid_from = (
      select max(b.valid_from) from {{ past }} b
      where b.connector_id = k.connector_id and b.valid_from <= {{ as_of }})
  {%- endif -%}
{%- endmacro %}
