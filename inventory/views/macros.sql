{#- What SQLite and PostgreSQL spell differently, and what several views say. SQLite keeps instants
    as texts of one form, which sort as they should; its own functions read them, but round the
    fraction of a second, so that this is taken off first. #}

{%- macro timestamp() %}{{ "timestamptz" if postgresql else "text" }}{% endmacro %}
{%- macro forever() %}{{ "cast('infinity' as timestamptz)" if postgresql else "'9999-12-31 23:59:59.999999+00:00'" }}{% endmacro %}
{%- macro differs() %}{{ "is distinct from" if postgresql else "is not" }}{% endmacro %}
{%- macro concat() %}{{ "string_agg" if postgresql else "group_concat" }}{% endmacro %}
{%- macro whole(number) %}cast({{ number }} as bigint){% endmacro %}

{#- Keeps a subselect whole, so that what it works out is worked out once. #}
{%- macro fence() %}{{ "offset 0" if postgresql else "limit -1" }}{% endmacro %}

{#- The join by which SQLite keeps the order of tables; without statistics it guesses wrong. #}
{%- macro then_join() %}{{ "join" if postgresql else "cross join" }}{% endmacro %}

{%- macro whole_second(instant) %}substr({{ instant }}, 1, 19){% endmacro %}

{%- macro plus_minutes(instant, minutes) -%}
  {%- if postgresql -%}
    ({{ instant }} + make_interval(mins => cast({{ minutes }} as int)))
  {%- else -%}
    (datetime({{ whole_second(instant) }}, ({{ minutes }}) || ' minutes') || substr({{ instant }}, 20))
  {%- endif -%}
{%- endmacro %}

{#- So many days before the instant that views answer for. #}
{%- macro ago(days) %}{{ plus_minutes("(select now from clock)", -1440 * days) }}{% endmacro %}

{#- The last instant that the database can tell from this one. #}
{%- macro just_before(instant) -%}
  {%- if postgresql -%}
    ({{ instant }} - interval '1 microsecond')
  {%- else -%}
    case
      when cast(substr({{ instant }}, 21, 6) as integer) = 0
        then datetime({{ whole_second(instant) }}, '-1 seconds') || '.999999+00:00'
      else substr({{ instant }}, 1, 20)
        || substr('00000' || (cast(substr({{ instant }}, 21, 6) as integer) - 1), -6) || '+00:00'
    end
  {%- endif -%}
{%- endmacro %}

{#- Whole seconds since 1970, and whole minutes by them: the same on both databases. #}
{%- macro seconds(instant) -%}
  {%- if postgresql -%}
    cast(floor(extract(epoch from {{ instant }})) as bigint)
  {%- else -%}
    cast(strftime('%s', {{ whole_second(instant) }}) as integer)
  {%- endif -%}
{%- endmacro %}
{%- macro minutes(since, until) %}(({{ seconds(until) }}) - ({{ seconds(since) }})) / 60{% endmacro %}

{#- The day in UTC, whatever the session's zone is; and texts for people, which name the zone. #}
{%- macro day(instant) -%}
  {%- if postgresql -%}
    cast({{ instant }} at time zone 'UTC' as date)
  {%- else -%}
    substr({{ instant }}, 1, 10)
  {%- endif -%}
{%- endmacro %}
{%- macro shown(instant, seconds=false) -%}
  {%- if postgresql -%}
    to_char({{ instant }} at time zone 'UTC', 'YYYY-MM-DD HH24:MI{{ ":SS" if seconds }} "UTC"')
  {%- else -%}
    (substr({{ instant }}, 1, {{ 19 if seconds else 16 }}) || ' UTC')
  {%- endif -%}
{%- endmacro %}

{#- The later of two instants, a null left out; SQLite's max() is null if one of them is. #}
{%- macro latest(one, other) -%}
  {%- if postgresql -%}
    greatest({{ one }}, {{ other }})
  {%- else -%}
    nullif(max(coalesce({{ one }}, ''), coalesce({{ other }}, '')), '')
  {%- endif -%}
{%- endmacro %}
{%- macro largest(one, other) %}{{ "greatest" if postgresql else "max" }}({{ one }}, {{ other }}){% endmacro %}
{%- macro earliest(one, other) %}{{ "least" if postgresql else "min" }}({{ one }}, {{ other }}){% endmacro %}

{%- macro rounded(number, digits) -%}
  {%- if postgresql -%}
    cast(round(cast({{ number }} as numeric), {{ digits }}) as double precision)
  {%- else -%}
    round({{ number }}, {{ digits }})
  {%- endif -%}
{%- endmacro %}
{#- A share of 1; null where the whole is nothing. #}
{%- macro share(part, whole) %}{{ rounded("1.0 * (" ~ part ~ ") / nullif(" ~ whole ~ ", 0)", 4) }}{% endmacro %}

{#- A member of a JSON object as a text; null where there is none. #}
{%- macro member(document, name) -%}
  {%- if postgresql -%}
    ({{ document }} ->> '{{ name }}')
  {%- else -%}
    json_extract({{ document }}, '$.{{ name }}')
  {%- endif -%}
{%- endmacro %}

{%- macro identity(alias) -%}
  {{ alias }}.connector_id, {{ alias }}.account_id, {{ alias }}.group_id, {{ alias }}.service, {{ alias }}.schema_name
{%- endmacro %}

{#- What belongs to a word of health. #}
{%- macro severity(word) -%}
  case {{ word }}
    {%- for rule in health.SHOWN %} when '{{ rule.name }}' then {{ rule.severity }}{% endfor %} end
{%- endmacro %}
{%- macro ranks_below(name) %}{{ health.NAMES[health.rank(name):] }}{% endmacro %}

{#- The last complete run of an account before an instant. #}
{%- macro complete_before(instant, account) -%}
  (
      select max(observed_at) from sync_runs
      where account_id = {{ account }} and observed_at < {{ instant }})
{%- endmacro %}

{#- Grain: one row per complete run whose time, until the next or now, touches the last days. #}
{%- macro intervals(days) %}
  select r.account_id, r.observed_at as starts, coalesce(r.next_at, k.now) as ends,
    r.next_at is null as is_last,
    {{ seconds("coalesce(r.next_at, k.now)") }} - {{ seconds("r.observed_at") }} as seconds
  from (
    select account_id, observed_at,
      lead(observed_at) over (partition by account_id order by observed_at) as next_at
    from sync_runs
    where status in ('succeeded', 'withheld')
  ) r
  cross join clock k
  where coalesce(r.next_at, k.now) > {{ ago(days) }}
{%- endmacro %}

{#- Grain: one row per account: the lower median of its intervals, of five minutes at least. #}
{%- macro usual(interval) %}
  select account_id, {{ largest("min(seconds)", 300) }} as seconds
  from (
    select account_id, seconds,
      row_number() over (partition by account_id order by seconds) as place,
      count(*) over (partition by account_id) as places
    from {{ interval }}
    where not is_last
  ) i
  where 2 * place >= places
  group by account_id
{%- endmacro %}

{#- Grain: one row per outage that ended in the last days or is not over; then it ends `forever`. #}
{%- macro outages(days) %}
  select connector_id, down_since as starts, max(ends) as ends
  from (
    select connector_id, down_since, valid_to as ends
    from connector_status_past
    where is_down and valid_to > {{ ago(days) }}
    union all
    select connector_id, down_since, {{ forever() }}
    from connector_status
    where is_down
  ) d
  group by connector_id, down_since
{%- endmacro %}

{#- What ended an outage: `past` and `open` are the healths of the versions that begin at its end. #}
{%- macro closed_by(ended_at, past, open) -%}
  case
    when {{ ended_at }} is null then null
    when coalesce({{ past }}, {{ open }}) is null then 'removed'
    when coalesce({{ past }}, {{ open }}) = 'paused' then 'paused'
    else 'recovered'
  end
{%- endmacro %}
