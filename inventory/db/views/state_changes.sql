-- One row per field that changed, and per alert, setup test or connector that appeared or
-- disappeared.
--
-- connector_id   text    The connector's id, as the API gives it
-- account_id     text    The Fivetran account the connector was seen in
-- group_id       text    The group, which is the destination
-- group_name     text    The group's name; null = unknown
-- service        text    The connector type, e.g. google_sheets
-- service_name   text    The vendor's name of the service; null = unknown
-- schema_name    text    The connector's name (`schema` of the API); not unique
-- changed_after  time    It changed after this: the last complete run before (UTC); null = none
-- changed_at     time    The run that observed the change (UTC)
-- table_name     text    The table of the row that changed
-- field          text    The column, or health; in JSON with the path, as in config.host; for an
--                        alert its code
-- old_value      text    The value before; null = none, or not shown
-- new_value      text    The value after; for the last removal, the reason
-- kind           text    created, changed, removed or returned; for an alert raised or cleared
{#- One branch of the union. `first` is the table and alias that it starts from: a change starts from
    the version before it, because valid_to is indexed; a new row has none, and starts from itself. #}
{%- macro change_row(first, table, kind, at, after="", field="cast(null as text)", old="cast(null as text)",
  new="cast(null as text)") %}
select c.connector_id, c.account_id, c.group_id, c.service, c.schema_name,
  {% if after %}{{ after }}{% else %}{{ sql.last_complete_run_before(at, "c.account_id") }}{% endif %} as changed_after,
  {{ at }} as changed_at, '{{ table }}' as table_name, {{ field }} as field, {{ old }} as old_value,
  {{ new }} as new_value, '{{ kind }}' as kind
from {{ first }}
{%- if not first.startswith("connectors c") %}
{{ sql.ordered_join() }} connectors c on c.connector_id = {{ first[-1] }}.connector_id
{%- endif %}
{%- endmacro %}
{%- macro same_key(table, one, other) -%}
  {% for name in keys[table] %}{{ one }}.{{ name }} = {{ other }}.{{ name }}{% if not loop.last %} and {% endif %}{% endfor %}
{%- endmacro %}
{#- The row of a removed connector repeats its last closed version. #}
{%- macro and_exists(table) %}{% if table == "connectors" %} and c.removed_at is null{% endif %}{% endmacro %}

{%- macro as_text(column, kind) -%}
  {%- if kind == "time" -%}
    {{ sql.format_timestamp(column, seconds=true) }}
  {%- elif kind == "yes_no" -%}
    case when {{ column }} then 'true' when not {{ column }} then 'false' end
  {%- else -%}
    cast({{ column }} as text)
  {%- endif -%}
{%- endmacro %}
{%- macro as_json(column, kind) -%}
  {{ column if kind == "json" else "to_jsonb(" ~ as_text(column, kind) ~ ")" }}
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
{#- One row per column, so that one pass over the versions serves all columns. #}
{%- macro fields(table, documents) -%}
  cross join (
    {%- for name, kind in tracked[table] if (kind == "json") == documents -%}
    {{ " union all " if not loop.first }}select '{{ name }}'{{ " as name" if loop.first }}
    {%- endfor %}) f
{%- endmacro %}

{#- The leaves of a JSON document: path and value. SQLite has json_tree for this. #}
{%- macro leaves(document) %}
    with recursive node (path, value) as (
      select '', {{ document }} where {{ document }} is not null
      union all
      select node.path || child.step, child.value
      from node cross join lateral (
        select '.' || e.key as step, e.value
        from jsonb_each(case when jsonb_typeof(node.value) = 'object' then node.value end) e
        where {{ sql.unlikely("e.value is not null") }}
        union all
        select '[' || (e.place - 1) || ']', e.value
        from jsonb_array_elements(case when jsonb_typeof(node.value) = 'array' then node.value end)
          with ordinality e (value, place)
        where {{ sql.unlikely("e.value is not null") }}
      ) child
    )
    select path, value, jsonb_typeof(value) as kind from node
    where jsonb_typeof(value) not in ('object', 'array') or value in ('{}', '[]')
{%- endmacro %}
{#- A leaf as text. A string is quoted if it would look like the other value, which is not a string:
    "5432" beside 5432. #}
{%- macro leaf_display(node, beside) -%}
{%- if postgresql -%}
  case when {{ node }}.kind = 'string' and {{ beside }}.kind <> 'string'
      and {{ node }}.value #>> '{}' = coalesce({{ beside }}.value #>> '{}', {{ beside }}.kind)
    then cast({{ node }}.value as text) else coalesce({{ node }}.value #>> '{}', {{ node }}.kind) end
{%- else -%}
  case when {{ node }}.type = 'text' and {{ beside }}.type <> 'text'
      and {{ node }}.value = {{ leaf_text(beside) }}
    then json_quote({{ node }}.value) else {{ leaf_text(node) }} end
{%- endif -%}
{%- endmacro %}
{%- macro is_leaf(node) %}({{ node }}.type not in ('object', 'array') or {{ node }}.value in ('{}', '[]')){% endmacro %}
{%- macro leaf_text(node) -%}
  case when {{ node }}.type in ('true', 'false', 'null') then {{ node }}.type else cast({{ node }}.value as text) end
{%- endmacro %}
{%- macro leaf_path(node) %}replace(substr({{ node }}.fullkey, 2), '"', ''){% endmacro %}

{#- All versions of a table with their tracked columns. PostgreSQL reads them as one relation, since
    each branch of the union costs planning time; SQLite would not use the index on it. #}
{%- macro columns(table) -%}
  {{ keys[table] | join(", ") }}, valid_from, changed_after
  {%- for name, _ in tracked[table] %}, {{ name }}{% endfor %}
{%- endmacro %}
{%- macro all_versions(table) -%}
  (
  select {{ columns(table) }} from {{ table }}_past
  union all
  select {{ columns(table) }} from {{ table }}{% if table == "connectors" %} where removed_at is null{% endif %}
) a
{%- endmacro %}

{#- False if a value is masked without a digest: it may be equal to the other one. #}
{%- macro is_comparable(old, new) -%}
  ({{ old }} is null or {{ new }} is null or '******' not in ({{ old }}, {{ new }}))
{%- endmacro %}

{%- macro changed(table) %}
{%- set prefix = "a.title || ': ' || " if table == "setup_tests" else "" %}
{%- set first = table ~ "_past b" %}
{%- if postgresql %}
union all
{{- change_row(first, table, "changed", "b.valid_to", "a.changed_after", prefix ~ "f.name || l.path", "l.old_value", "l.new_value") }}
join {{ all_versions(table) }} on {{ same_key(table, "a", "b") }} and a.valid_from = b.valid_to
cross join lateral (
  values
  {%- for name, kind in tracked[table] %}
    ('{{ name }}', {{ as_json("b." ~ name, kind) }}, {{ as_json("a." ~ name, kind) }}){{ "," if not loop.last }}
  {%- endfor %}
) f (name, old, new)
cross join lateral (
  select coalesce(o.path, n.path) as path, {{ leaf_display("o", "n") }} as old_value,
    {{ leaf_display("n", "o") }} as new_value, o.value as old, n.value as new
  from ({{ leaves("f.old") }}) o full join ({{ leaves("f.new") }}) n on n.path = o.path
) l
where {{ sql.unlikely("f.old is distinct from f.new") }} and l.old is distinct from l.new
  and {{ is_comparable('l.old_value', 'l.new_value') }}
{%- else %}
{%- set old, new = plain_value(table, "b"), plain_value(table, "a") %}
{%- set before, after = document(table, "b"), document(table, "a") %}
{%- for later in (table ~ "_past", table) %}
{%- set succession %}
join {{ later }} a on {{ same_key(table, "a", "b") }} and a.valid_from = b.valid_to
  {{- and_exists(table) if later == table }}
{%- endset %}
union all
{{- change_row(first, table, "changed", "b.valid_to", "a.changed_after", prefix ~ "f.name", old, new) }}
{{- succession }}
{{ fields(table, false) }}
where {{ old }} is not {{ new }}
union all
{{- change_row(first, table, "changed", "b.valid_to", "a.changed_after", prefix ~ "f.name || " ~ leaf_path("o"),
  leaf_display("o", "n"), leaf_display("n", "o")) }}
{{- succession }}
{{ fields(table, true) }}
cross join json_tree({{ before }}) o
left join json_tree({{ after }}) n on n.fullkey = o.fullkey and {{ is_leaf("n") }}
where {{ before }} is not {{ after }} and {{ is_leaf("o") }}
  and ({{ leaf_text("o") }} is not {{ leaf_text("n") }} or o.type is not n.type)
  and {{ is_comparable(leaf_text("o"), leaf_text("n")) }}
union all
{{- change_row(first, table, "changed", "b.valid_to", "a.changed_after", prefix ~ "f.name || " ~ leaf_path("n"),
  "null", leaf_text("n")) }}
{{- succession }}
{{ fields(table, true) }}
cross join json_tree({{ after }}) n
where {{ before }} is not {{ after }} and {{ is_leaf("n") }} and not exists (
  select 1 from json_tree({{ before }}) o where o.fullkey = n.fullkey and {{ is_leaf("o") }}
)
{%- endfor %}
{%- endif %}
{%- endmacro %}

{#- Versions without a predecessor, and versions without a successor. The predecessor is found by the
    key: by valid_to, a run that changed all connectors would read all that ended with each. #}
{%- macro appeared(table, kind, field, new, more="") %}
{%- for side in ([all_versions(table)] if postgresql else [table ~ "_past a", table ~ " a"]) %}
union all
{{- change_row(side, table, kind, "a.valid_from", "a.changed_after", field, new=new) }}
where a.valid_from {{ sql.is_distinct_from() }} (
  select b.valid_to from {{ table }}_past b
  where {{ same_key(table, "b", "a") }} and b.valid_from < a.valid_from
  order by b.valid_from desc limit 1
)
{{- more }}{{ and_exists(table) if side == table ~ " a" }}
{%- endfor %}
{%- endmacro %}
{%- macro disappeared(table, kind, field, old, new="cast(null as text)") %}
union all
{{- change_row(table ~ "_past b", table, kind, "b.valid_to", field=field, old=old, new=new) }}
where not exists (
  select 1 from {{ table }}_past a where {{ same_key(table, "a", "b") }} and a.valid_from = b.valid_to
) and not exists (
  select 1 from {{ table }} a where {{ same_key(table, "a", "b") }} and a.valid_from = b.valid_to
)
{%- endmacro %}

{%- set null_text = "cast(null as text)" %}
{#- A first version whose predecessors were pruned is not a return. #}
{%- set was_removed %} and exists (
  select 1 from connectors_past b
  where b.connector_id = a.connector_id and b.valid_from < a.valid_from
)
{%- endset %}
select {{ sql.identity_columns("t") }}, t.changed_after, t.changed_at, t.table_name, t.field, t.old_value,
  t.new_value, t.kind
from (
{{- change_row("connectors c
left join connectors_past p on p.connector_id = c.connector_id and p.valid_from = c.first_seen_at",
  "connectors", "created", "c.first_seen_at",
  "coalesce(p.changed_after, case when c.valid_from = c.first_seen_at then c.changed_after end)") }}
{{- appeared("connectors", "returned", null_text, null_text, was_removed) }}
{{- disappeared("connectors", "removed", null_text, null_text, "case when c.removed_at = b.valid_to then c.removed_reason end") }}
{{- changed("connectors") }}
{{- changed("connector_status") }}
{{- appeared("setup_tests", "created", "a.title", "a.status") }}
{{- changed("setup_tests") }}
{{- disappeared("setup_tests", "removed", "b.title", "b.status") }}
{%- for alerts in ("warnings", "tasks") %}
{{- appeared(alerts, "raised", "a.code", "a.message") }}
{{- disappeared(alerts, "cleared", "b.code", "b.message") }}
{%- endfor %}
) t
