-- One row per finding and connector: non-urgent problems.
-- Key: finding, connector_id.
--
-- finding       text    incomplete (for 14 days), paused (30 days), never_synced (7 days), dormant
--                       (30 days without a success and without a schedule), each counted up to the
--                       account's last complete run; the last two only if it is not down;
--                       trial_pause, same_source, creator_gone
-- connector_id  text    The connector's id, as the API gives it
-- account_id    text    The Fivetran account the connector was seen in
-- group_id      text    The group, which is the destination
-- group_name    text    The group's name; null = unknown
-- service       text    The connector type, e.g. google_sheets
-- service_name  text    The vendor's name of the service; null = unknown
-- schema_name   text    The connector's name (`schema` of the API); not unique
-- since         time    When it began, as observed (UTC)
-- detail        text    One sentence about it
-- owner         text    Who is responsible for the connector, by its tag; null = no tag says so
-- tier          text    How important it is, by its tag; null = no tag says so
{%- macro before(at, days) %}{{ sql.add_minutes(at, -1440 * days) }}{% endmacro %}
{%- set reported_elsewhere = ["paused", "incomplete", "deleted", "not_visible"] + health.DOWN | list %}
{#- Settings that identify a source. Two connectors read the same source if they agree in at least
    one of these, and in all other settings named here. #}
{%- set identifying = [
  "host", "hosts", "server", "servers", "instance", "bucket", "folder_id", "sheet_id",
  "spreadsheet_id", "share_url", "base_id", "sub_domain", "subdomain", "base_url", "server_url",
  "site_url", "url",
  "account", "account_id", "account_ids", "accounts", "advertisables", "customer_id",
  "customer_ids", "organization", "organization_id", "organizations", "repositories", "project_id",
  "property_id", "profiles", "app_ids", "shop", "store_hash", "company_id",
] %}
{#- Settings that do not identify a source, but distinguish connectors that share one of the above. #}
{%- set narrowing = [
  "port", "database", "databases", "sid", "service_name", "container", "container_name", "prefix",
  "folder_path", "pattern", "named_range", "files", "table_name", "tables", "custom_tables",
  "reports", "projects", "dataset_id", "domain", "api_url", "tenant_id", "topics",
] %}
{%- set hosts = [
  "host", "hosts", "server", "servers", "sub_domain", "subdomain", "base_url", "server_url",
  "site_url", "domain", "api_url",
] %}
{#- A value for comparison: numbers as numbers, hosts in lower case, null for empty or masked values. #}
{%- macro comparable(value, as_text, is_number, number) -%}
  case
    when {{ value }} in ('[]', '{}') or {{ as_text }} like '%******%' then null
    when {{ is_number }} then {{ number }}
    when e.key in {{ sql.text_literals(hosts) }} then nullif(rtrim(lower(trim({{ as_text }})), './'), '')
    else nullif(trim({{ as_text }}), '')
  end
{%- endmacro %}
-- Grain: one row per setting, or per member of a list: lists are compared as sets.
with setting as (
  select distinct c.connector_id, c.account_id, c.service, c.first_seen_at as since, e.key,
    {%- if postgresql %}
    {{ comparable("m.value", "m.value #>> '{}'", "jsonb_typeof(m.value) = 'number'",
      "cast(trim_scale(cast(m.value #>> '{}' as numeric)) as text)") }} as value
  from connectors c
  cross join lateral jsonb_each(
    case when jsonb_typeof(c.config) = 'object' then c.config end
  ) e
  cross join lateral jsonb_array_elements(
    case jsonb_typeof(e.value) when 'array' then e.value else jsonb_build_array(e.value) end
  ) m
    {%- else %}
    {{ comparable("m.value", "m.value", "m.type = 'real' and m.value = cast(m.value as integer)",
      "cast(cast(m.value as integer) as text)") }} as value
  from connectors c
  cross join json_each(c.config) e
  cross join json_each(case e.type when 'array' then e.value else json_array(e.value) end) m
    {%- endif %}
  where c.removed_at is null and {{ sql.unlikely("e.key in " ~ sql.text_literals(identifying + narrowing)) }}
    and {{ sql.unlikely("m.value is not null") }}
),
source as (
  select connector_id, account_id, service, since, {{ sql.string_list("part") }} as reads
  from (
    select s.*, key || '=' || value as part from setting s where value is not null
    order by connector_id, part
  ) parts
  group by connector_id, account_id, service, since
  having max(case when key in {{ sql.text_literals(identifying) }} then 1 else 0 end) = 1
),
-- The health that the last run stored for each, overdue or not, and since when.
last_judged as (
  select h.*, coalesce(h.created_at, h.first_seen_at) as since_created, s.due_at,
    coalesce(s.health_since, h.health_since) as stored_since,
    {{ sql.json_value('s.extra', 'succeeded_at') }} is null as success_is_read,
    {{ sql.least("h.observed_at", "k.now") }} as seen_at
  from clock k
  cross join connector_health h
  left join connector_status s on s.connector_id = h.connector_id
),
classified as (
  select w.*,
    case
      when observed_health = 'incomplete' and stored_since <= {{ before("seen_at", 14) }} then 'incomplete'
      when observed_health = 'paused' and stored_since <= {{ before("seen_at", 30) }} then 'paused'
      when observed_health in {{ sql.text_literals(reported_elsewhere) }} then null
      when succeeded_at is null and success_is_read and since_created <= {{ before("seen_at", 7) }} then 'never_synced'
      when succeeded_at <= {{ before("seen_at", 30) }} and due_at is null then 'dormant'
    end as finding
  from last_judged w
),
source_reader as (
  select s.connector_id, s.account_id, s.service, s.reads,
    -- The first one shares its source only since the second one appeared.
    case when row_number() over readers = 1 then lead(s.since) over readers else s.since end
      as since
  from source s
  window readers as (
    partition by s.account_id, s.service, s.reads order by s.since, s.connector_id
  )
),
finding as (
  select finding, connector_id,
    case finding when 'never_synced' then since_created when 'dormant' then succeeded_at
      else stored_since end as since,
    case finding
      when 'never_synced' then 'no sync has succeeded since ' || {{ sql.format_timestamp("since_created") }}
      when 'dormant' then 'no success since ' || {{ sql.format_timestamp("succeeded_at") }}
        || ', and it has no schedule'
      when 'paused' then 'paused since ' || {{ sql.format_timestamp("stored_since") }}
      else case when health = 'unobserved'
        then 'setup incomplete since ' || {{ sql.format_timestamp("stored_since") }} else reason end
    end as detail
  from classified
  where finding is not null
  union all
  select 'trial_pause', t.connector_id, t.since,
    'pauses when its free trial ends; set since ' || {{ sql.format_timestamp("t.since") }}
  from (
    select c.connector_id, coalesce((
      select max(p.valid_to) from connectors_past p
      where p.connector_id = c.connector_id and not coalesce(p.pause_after_trial, false)
    ), (
      select min(p.valid_from) from connectors_past p where p.connector_id = c.connector_id
    ), c.valid_from) as since
    from connectors c
    where c.removed_at is null and c.pause_after_trial and not coalesce(c.paused, false)
  ) t
  union all
  select 'creator_gone', g.connector_id, g.since,
    'its creator was deleted; since ' || {{ sql.format_timestamp("g.since") }}
  from (
    select c.connector_id, (
      select max(p.valid_to) from connectors_past p
      where p.connector_id = c.connector_id and p.connected_by is not null
    ) as since
    from connectors c
    where c.removed_at is null and c.connected_by is null
  ) g
  where g.since is not null
  union all
  select 'same_source', o.connector_id, o.since, 'reads the same source as ' || (
    select {{ sql.string_agg() }}(connector_id, ', ')
    from (
      select s.connector_id
      from source s
      where s.account_id = o.account_id and s.service = o.service and s.reads = o.reads
        and s.connector_id <> o.connector_id
      order by 1
    ) others)
  from source_reader o
  where o.since is not null
)
select f.finding, {{ sql.identity_columns("c") }}, f.since, f.detail,
  {{ sql.tag("owner", "c") }} as owner, {{ sql.tag("tier", "c") }} as tier
from finding f
join connectors c on c.connector_id = f.connector_id
