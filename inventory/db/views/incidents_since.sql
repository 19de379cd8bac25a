-- The rows of `incidents` that ended after `:since`, or are open.
--
-- The columns are those of `incidents`.
{% extends "incidents.sql" %}
{% block down %}
  select connector_id, down_since, health, valid_from, changed_after, valid_to
  from connector_status_past
  where is_down and valid_to > :since
  union all
  -- For the outages that had begun by then, also their earlier versions.
  select p.connector_id, p.down_since, p.health, p.valid_from, p.changed_after,
    p.valid_to
  from (
    select connector_id, down_since
    from connector_status_past
    where is_down and valid_to > :since and down_since <= :since
    union
    select connector_id, down_since
    from connector_status
    where is_down and down_since <= :since
  ) r
  {%- if postgresql %}
  -- One index lookup for each; a plain join would read all versions.
  cross join lateral (
    select *
    from connector_status_past v
    where v.connector_id = r.connector_id and v.valid_from between r.down_since and :since
    offset 0
  ) p
  {%- else %}
  join connector_status_past p on p.connector_id = r.connector_id
    and p.valid_from between r.down_since and :since
  {%- endif %}
  where p.is_down and p.down_since = r.down_since and p.valid_to <= :since
  union all
  select connector_id, down_since, health, valid_from, changed_after,
    {{ sql.infinity() }}
  from connector_status
  where is_down
{% endblock %}
