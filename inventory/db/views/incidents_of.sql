-- The rows of `incidents` of the connectors `:ids`. Only the history of these is read.
--
-- The columns are those of `incidents`.
{% extends "incidents.sql" %}
{% block down %}
  select connector_id, down_since, health, valid_from, changed_after, valid_to
  from connector_status_past
  where is_down and connector_id in :ids
  union all
  select connector_id, down_since, health, valid_from, changed_after,
    {{ sql.infinity() }}
  from connector_status
  where is_down and connector_id in :ids
{% endblock %}
