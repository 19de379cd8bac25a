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
with down as (
  {% block down %}
  select connector_id, down_since, health, valid_from, changed_after, valid_to
  from connector_status_past
  where is_down
  union all
  select connector_id, down_since, health, valid_from, changed_after,
    {{ sql.infinity() }}
  from connector_status
  where is_down
  {% endblock %}
),
path_step as (
  select d.*,
    case when lag(health) over island {{ sql.is_distinct_from() }} health then health end as step
  from down d
  window island as (partition by connector_id, down_since order by valid_from)
),
island as (
  select s.*, max(valid_to) over whole_island as ends, {{ sql.string_agg() }}(step, ' > ') over whole_island as path,
    row_number() over (partition by connector_id, down_since order by valid_from) as position
  from path_step s
  window whole_island as (
    partition by connector_id, down_since order by valid_from
    rows between unbounded preceding and unbounded following
  )
),
outage as (
  select s.connector_id, s.down_since, s.valid_from, s.changed_after, s.path,
    case when s.ends < {{ sql.infinity() }} then s.ends end as ended_at
  from island s
  where s.position = 1
)
select {{ sql.identity_columns("c") }},
  case
    when o.valid_from = o.down_since then o.changed_after
    when o.changed_after < o.down_since then o.down_since -- its deadline
  end as started_after,
  o.down_since as started_at,
  case when o.ended_at is not null
    then coalesce(p.changed_after, s.changed_after,
      {{ sql.last_complete_run_before("o.ended_at", "c.account_id") }}) end as ended_after,
  o.ended_at,
  {{ sql.elapsed_minutes("o.down_since", "coalesce(o.ended_at, k.now)", "k.now") }} as minutes,
  o.path,
  {{ sql.closed_by("o.ended_at", "p.health", "s.health") }} as closed_by,
  {{ sql.tag("owner", "c") }} as owner, {{ sql.tag("tier", "c") }} as tier
from outage o
join connectors c on c.connector_id = o.connector_id
cross join clock k
left join connector_status_past p on p.connector_id = o.connector_id and p.valid_from = o.ended_at
left join connector_status s on s.connector_id = o.connector_id and s.valid_from = o.ended_at
