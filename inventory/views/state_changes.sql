-- One row per field that changed, per alert that came or went, per connector that did.
--
-- connector_id   text    The connector's id, as the API gives it
-- account_id     text    The Fivetran account the connector was seen in
-- group_id       text    The group, which is the destination
-- service        text    The connector type, e.g. google_sheets
-- schema_name    text    The connector's name (`schema` of the API); not unique
-- changed_after  time    The last complete run before: it changed after that (UTC); null = none
-- changed_at     time    The run that saw it (UTC)
-- table_name     text    Of which table's row
-- field          text    The column, health too; in JSON with the path, as in config.host; an
--                        alert's code
-- old_value      text    What it was; null = nothing, or not shown
-- new_value      text    What it became; of the last removal, the reason
-- kind           text    created, changed, removed, returned; of an alert: raised, cleared
{#- A change is found by the instant at which the version before it ended, for which there is an
    index; what is new has none before it, and is found by its own beginning. A branch of the
    answer, which begins with the table and alias that it is found by: #}
{%- macro row(first, table, kind, at, after="", field="cast(null as text)", old="cast(null as text)",
  new="cast(null as text)") %}
select {{ sql.identity("c") }},
  {% if after %}{{ after }}{% else %}{{ sql.complete_before(at, "c.account_id") }}{% endif %} as changed_after,
  {{ at }} as changed_at, '{{ table }}' as table_name, {{ field }} as field, {{ old }} as old_value,
  {{ new }} as new_value, '{{ kind }}' as kind
from {{ first }}
{%- if first != "connectors c" %}
{{ sql.then_join() }} connectors c on c.connector_id = {{ first[-1] }}.connector_id
{%- endif %}
{%- endmacro %}
{%- macro same(table, one, other) -%}
  {% for name in keys[table] %}{{ one }}.{{ name }} = {{ other }}.{{ name }}{% if not loop.last %} and {% endif %}{% endfor %}
{%- endmacro %}
{#- A removed connector's row keeps a version that stands in the past, too. #}
{%- macro there(table) %}{% if table == "connectors" %} and c.removed_at is null{% endif %}{% endmacro %}

{%- macro as_text(column, kind) -%}
  {%- if kind == "time" -%}
    {{ sql.shown(column, seconds=true) }}
  {%- elif kind == "yes_no" -%}
    case when {{ column }} then 'true' when not {{ column }} then 'false' end
  {%- else -%}
    cast({{ column }} as text)
  {%- endif -%}
{%- endmacro %}
{%- macro plain_value(table, alias) -%}
  case f.name
  {%- for name, kind in tracked[table] if kind != "json" %}
    when '{{ name }}' then {{ as_text(alias ~ "." ~ name, kind) }}
  {%- endfor %} end
{%- endmacro %}
{%- macro document(table, alias) -%}
  case f.name
  {%- for name, kind in tracked[table] if kind == "json" %} when '{{ name }}' then {{ alias }}.{{ name }}
  {%- endfor %} end
{%- endmacro %}
{#- A row for each column: one pass over the versions serves them all. #}
{%- macro fields(table, documents) -%}
  cross join (
    {%- for name, kind in tracked[table] if (kind == "json") == documents -%}
    {{ " union all " if not loop.first }}select '{{ name }}'{{ " as name" if loop.first }}
    {%- endfor %}) f
{%- endmacro %}

{#- The leaves of a JSON document: path and bare text. SQLite walks it by itself. #}
{%- macro leaves(document) %}
    with recursive node (path, value) as (
      select '', {{ document }} where {{ document }} is not null
      union all
      select node.path || child.step, child.value
      from node cross join lateral (
        select '.' || e.key as step, e.value
        from jsonb_each(case when jsonb_typeof(node.value) = 'object' then node.value end) e
        union all
        select '[' || (e.place - 1) || ']', e.value
        from jsonb_array_elements(case when jsonb_typeof(node.value) = 'array' then node.value end)
          with ordinality e (value, place)
      ) child
    )
    select path, value, jsonb_typeof(value) as kind from node
    where jsonb_typeof(value) not in ('object', 'array') or value in ('{}', '[]')
{%- endmacro %}
{%- macro is_leaf(node) %}({{ node }}.type not in ('object', 'array') or {{ node }}.value in ('{}', '[]')){% endmacro %}
{%- macro leaf_text(node) -%}
  case when {{ node }}.type in ('true', 'false', 'null') then {{ node }}.type else cast({{ node }}.value as text) end
{%- endmacro %}
{%- macro leaf_path(node) %}replace(substr({{ node }}.fullkey, 2), '"', ''){% endmacro %}

{%- macro changed(table) %}
{%- set of_what = "a.title || ': ' || " if table == "setup_tests" else "" %}
{%- set old, new = plain_value(table, "b"), plain_value(table, "a") %}
{%- set before, after = document(table, "b"), document(table, "a") %}
{%- for later in (table ~ "_past", table) %}
{%- set first = table ~ "_past b" %}
{%- set succession %}
join {{ later }} a on {{ same(table, "a", "b") }} and a.valid_from = b.valid_to
  {{- there(table) if later == table }}
{%- endset %}
union all
{{- row(first, table, "changed", "b.valid_to", "a.changed_after", of_what ~ "f.name", old, new) }}
{{- succession }}
{{ fields(table, false) }}
where {{ old }} {{ sql.differs() }} {{ new }}
{%- if postgresql %}
union all
{{- row(first, table, "changed", "b.valid_to", "a.changed_after", of_what ~ "f.name || l.path", "l.old_value", "l.new_value") }}
{{- succession }}
{{ fields(table, true) }}
cross join lateral (
  select coalesce(o.path, n.path) as path, coalesce(o.value #>> '{}', o.kind) as old_value,
    coalesce(n.value #>> '{}', n.kind) as new_value, o.value as old, n.value as new
  from ({{ leaves(before) }}) o full join ({{ leaves(after) }}) n on n.path = o.path
) l
where {{ before }} is distinct from {{ after }} and l.old is distinct from l.new
{%- else %}
union all
{{- row(first, table, "changed", "b.valid_to", "a.changed_after", of_what ~ "f.name || " ~ leaf_path("o"),
  leaf_text("o"), leaf_text("n")) }}
{{- succession }}
{{ fields(table, true) }}
cross join json_tree({{ before }}) o
left join json_tree({{ after }}) n on n.fullkey = o.fullkey and {{ is_leaf("n") }}
where {{ before }} is not {{ after }} and {{ is_leaf("o") }}
  and ({{ leaf_text("o") }} is not {{ leaf_text("n") }} or o.type is not n.type)
union all
{{- row(first, table, "changed", "b.valid_to", "a.changed_after", of_what ~ "f.name || " ~ leaf_path("n"),
  "null", leaf_text("n")) }}
{{- succession }}
{{ fields(table, true) }}
cross join json_tree({{ after }}) n
where {{ before }} is not {{ after }} and {{ is_leaf("n") }} and not exists (
  select 1 from json_tree({{ before }}) o where o.fullkey = n.fullkey and {{ is_leaf("o") }}
)
{%- endif %}
{%- endfor %}
{%- endmacro %}

{#- Versions that none touches from before, and such that none touches from behind. #}
{%- macro begun(table, kind, field, new, more="") %}
{%- for side in (table ~ "_past", table) %}
union all
{{- row(side ~ " a", table, kind, "a.valid_from", "a.changed_after", field, new=new) }}
where not exists (
  select 1 from {{ table }}_past b where {{ same(table, "b", "a") }} and b.valid_to = a.valid_from
)
{{- more }}{{ there(table) if side == table }}
{%- endfor %}
{%- endmacro %}
{%- macro ended(table, kind, field, old, new="cast(null as text)") %}
union all
{{- row(table ~ "_past b", table, kind, "b.valid_to", field=field, old=old, new=new) }}
where not exists (
  select 1 from {{ table }}_past a where {{ same(table, "a", "b") }} and a.valid_from = b.valid_to
) and not exists (
  select 1 from {{ table }} a where {{ same(table, "a", "b") }} and a.valid_from = b.valid_to
)
{%- endmacro %}

{%- set nothing = "cast(null as text)" %}
{#- Of what was pruned nobody can tell whether it touched. #}
{%- set had_gone %} and exists (
  select 1 from connectors_past b
  where b.connector_id = a.connector_id and b.valid_from < a.valid_from
)
{%- endset %}
{{- row("connectors c", "connectors", "created", "c.first_seen_at", "coalesce((
    select p.changed_after from connectors_past p
    where p.connector_id = c.connector_id and p.valid_from = c.first_seen_at
  ), case when c.valid_from = c.first_seen_at then c.changed_after end)") }}
{{- begun("connectors", "returned", nothing, nothing, had_gone) }}
{{- ended("connectors", "removed", nothing, nothing, "case when c.removed_at = b.valid_to then c.removed_reason end") }}
{{- changed("connectors") }}
{{- changed("connector_status") }}
{{- begun("setup_tests", "created", "a.title", "a.status") }}
{{- changed("setup_tests") }}
{{- ended("setup_tests", "removed", "b.title", "b.status") }}
{%- for alerts in ("warnings", "tasks") %}
{{- begun(alerts, "raised", "a.code", "a.message") }}
{{- ended(alerts, "cleared", "b.code", "b.message") }}
{%- endfor %}
