-- One row per connector and tag that counts for it: its own, or else that of its service, its
-- group or its account.
-- Key: connector_id, name.
--
-- connector_id  text  The connector's id, as the API gives it
-- account_id    text  The Fivetran account the connector was seen in
-- group_id      text  The group, which is the destination
-- service       text  The connector type, e.g. google_sheets
-- schema_name   text  The connector's name (`schema` of the API); not unique
-- name          text  The tag's name, e.g. owner
-- value         text  Its value; a tag without one is not shown, and hides less specific ones
-- scope         text  What it is set for: connector, service, group or account
-- scope_id      text  The id of that
{%- macro tags_of(scope, scope_id, rank) %}
  select c.connector_id, c.account_id, c.group_id, c.service, c.schema_name, t.name, t.value,
    t.scope, t.scope_id, {{ rank }} as rank
  from tags t
  join connectors c on c.{{ scope_id }} = t.scope_id
  where t.scope = '{{ scope }}'
{%- endmacro %}
with applicable as (
  {{- tags_of("account", "account_id", 1) }}
  union all
  {{- tags_of("group", "group_id", 2) }}
  union all
  {{- tags_of("service", "service", 3) }}
  union all
  {{- tags_of("connector", "connector_id", 4) }}
),
ranked as (
  select a.*, row_number() over (partition by connector_id, name order by rank desc) as position
  from applicable a
)
select connector_id, account_id, group_id, service, schema_name, name, value, scope, scope_id
from ranked
where position = 1 and value <> ''
