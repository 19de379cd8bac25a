-- One row per outage: an interval in which a connector was broken, destination_broken, stalled,
-- failing, delayed or stale.
-- Key: connector_id, started_at.
--
-- connector_id   text    The connector's id, as the API gives it
-- account_id     text    The Fivetran account the connector was seen in
-- group_id       text    The group, which is the destination
-- group_name     text    The group's name; null = unknown
-- service        text    The connector type, e.g. google_sheets
-- service_name   text    The vendor's name of the service; null = unknown
-- schema_name    text    The connector's name (`schema` of the API); not unique
-- started_after  time    The outage began after this: the last complete run before it (UTC); null =
--                        there was none, or it is no longer known
-- started_at     time    When a run first observed it, or its deadline passed (UTC)
-- ended_after    time    The outage ended after this: the last complete run before its end (UTC)
-- ended_at       time    When a run first observed that it was over (UTC); null = it is open
-- minutes        bigint  Minutes from started_at to ended_at, or to now
-- path           text    The health values in order, as in failing > broken
-- closed_by      text    How it ended: recovered, paused or removed; null = it is open
-- owner          text    Who is responsible for the connector now, by its tag; null = no tag says so
-- tier           text    How important it is now, by its tag; null = no tag says so
{#- The versions of an outage. Found by the key: one pass over all would read the whole history,
    whatever is asked. No version of it began before down_since. #}
{%- macro versions_of(o) %}
  select health, valid_from, changed_after
  from connector_status_past
  where connector_id = {{ o }}.connector_id and down_since = {{ o }}.down_since
    and valid_from >= {{ o }}.down_since and valid_from < coalesce({{ o }}.ended_at, {{ sql.infinity() }})
  union all
  select health, valid_from, changed_after
  from connector_status
  where connector_id = {{ o }}.connector_id and down_since = {{ o }}.down_since
{%- endmacro %}
with outage as (
  select v.connector_id, v.down_since, null as ended_at
  from connector_status v
  where v.is_down{% block of_these %}{% endblock %}
  union all
  -- Over at the end of a version that no other one of the same outage follows. On SQLite the last
  -- part gives the column its type; if it were computed, no index would be used to filter by it.
  select v.connector_id, v.down_since, v.valid_to
  from connector_status_past v
  where v.is_down{{ self.of_these() }} and not exists (
    select 1 from connector_status_past n
    where n.connector_id = v.connector_id and n.valid_from = v.valid_to and n.is_down
      and n.down_since = v.down_since
  ) and not exists (
    select 1 from connector_status n
    where n.connector_id = v.connector_id and n.valid_from = v.valid_to and n.is_down
      and n.down_since = v.down_since
  )
)
select {{ sql.identity_columns("c") }},
  (
    select case
      when v.valid_from = o.down_since then v.changed_after
      when v.changed_after < o.down_since then o.down_since -- its deadline
    end
    from ({{ versions_of("o") }}) v
    order by v.valid_from limit 1
  ) as started_after,
  o.down_since as started_at,
  case when o.ended_at is not null
    then coalesce(p.changed_after, s.changed_after,
      {{ sql.last_complete_run_before("o.ended_at", "c.account_id") }}) end as ended_after,
  o.ended_at,
  {{ sql.elapsed_minutes("o.down_since", "coalesce(o.ended_at, k.now)", "k.now") }} as minutes,
  (
    select {{ sql.string_agg() }}(step, ' > '{{ " order by valid_from" if postgresql }})
    from (
      select valid_from, case
        when lag(health) over (order by valid_from) {{ sql.is_distinct_from() }} health then health end as step
      from ({{ versions_of("o") }}) v
      order by valid_from
    ) w
  ) as path,
  {{ sql.closed_by("o.ended_at", "p.health", "s.health") }} as closed_by,
  {{ sql.tag("owner", "c") }} as owner, {{ sql.tag("tier", "c") }} as tier
from outage o
join connectors c on c.connector_id = o.connector_id
cross join clock k
left join connector_status_past p on p.connector_id = o.connector_id and p.valid_from = o.ended_at
left join connector_status s on s.connector_id = o.connector_id and s.valid_from = o.ended_at
