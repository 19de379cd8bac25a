-- One row per outage: a stretch in which a connector was broken, stalled, failing, delayed or
-- stale.
--
-- connector_id   text    The connector's id, as the API gives it
-- account_id     text    The Fivetran account the connector was seen in
-- group_id       text    The group, which is the destination
-- service        text    The connector type, e.g. google_sheets
-- schema_name    text    The connector's name (`schema` of the API); not unique
-- started_after  time    The last complete run before: it began after that (UTC); null = there was
--                        none, or it is no longer known
-- started_at     time    When it was first seen, or its deadline passed (UTC)
-- ended_after    time    The last complete run before its end: it ended after that
-- ended_at       time    When it was first seen to be over (UTC); null = it is not
-- minutes        number  From started_at to ended_at, or until now
-- path           text    The health it had, one after the other, as in failing > broken
-- closed_by      text    recovered, paused or removed: how it ended; null = it has not ended
with down as (
  {% block down %}
  select connector_id, down_since, health, valid_from, changed_after, valid_to
  from connector_status_past
  where is_down
  union all
  select connector_id, down_since, health, valid_from, changed_after,
    {{ sql.forever() }}
  from connector_status
  where is_down
  {% endblock %}
),
step as (
  select d.*,
    case when lag(health) over stretch {{ sql.differs() }} health then health end as step
  from down d
  window stretch as (partition by connector_id, down_since order by valid_from)
),
stretch as (
  select s.*, max(valid_to) over whole as ends, {{ sql.concat() }}(step, ' > ') over whole as path,
    row_number() over (partition by connector_id, down_since order by valid_from) as place
  from step s
  window whole as (
    partition by connector_id, down_since order by valid_from
    rows between unbounded preceding and unbounded following
  )
),
outage as (
  select s.connector_id, s.down_since, s.valid_from, s.changed_after, s.path,
    case when s.ends < {{ sql.forever() }} then s.ends end as ended_at
  from stretch s
  where s.place = 1
)
select {{ sql.identity("c") }},
  case
    when o.valid_from = o.down_since then o.changed_after
    when o.changed_after < o.down_since then o.down_since -- its deadline
  end as started_after,
  o.down_since as started_at,
  case when o.ended_at is not null
    then coalesce(p.changed_after, s.changed_after,
      {{ sql.complete_before("o.ended_at", "c.account_id") }}) end as ended_after,
  o.ended_at,
  {{ sql.minutes("o.down_since", "coalesce(o.ended_at, k.now)") }} as minutes,
  o.path,
  {{ sql.closed_by("o.ended_at", "p.health", "s.health") }} as closed_by
from outage o
join connectors c on c.connector_id = o.connector_id
cross join clock k
left join connector_status_past p on p.connector_id = o.connector_id and p.valid_from = o.ended_at
left join connector_status s on s.connector_id = o.connector_id and s.valid_from = o.ended_at
