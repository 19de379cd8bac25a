-- One row per finding and connector: what somebody should see to some day.
--
-- finding       text    incomplete (14 days), paused (30 days), never_synced (7 days), dormant (30
--                       days without a success, and nothing says when it should sync), trial_pause,
--                       same_source, creator_gone
-- connector_id  text    The connector's id, as the API gives it
-- account_id    text    The Fivetran account the connector was seen in
-- group_id      text    The group, which is the destination
-- service       text    The connector type, e.g. google_sheets
-- schema_name   text    The connector's name (`schema` of the API); not unique
-- since         time    Since when it is so, as observed (UTC)
-- detail        text    In one sentence
{#- Keys of config that say what is read, not how or where to. Two that agree in all that they have
    of them read the same. #}
{%- set source_keys = [
  "host", "hosts", "port", "database", "databases", "instance", "sid", "service_name",
  "bucket", "container", "container_name", "prefix", "folder_path", "folder_id", "pattern",
  "sheet_id", "spreadsheet_id", "named_range", "files", "share_url", "base_id",
  "domain", "sub_domain", "subdomain", "base_url", "api_url", "server_url", "site_url", "url",
  "account_id", "account_ids", "accounts", "advertisables", "customer_id", "customer_ids",
  "organization", "organization_id", "organizations", "repositories", "project_id",
  "dataset_id", "property_id", "profiles", "app_ids", "shop", "store_hash", "tenant_id",
  "company_id", "topics",
] %}
with source as (
  select connector_id, account_id, service, first_seen_at as since,
    nullif(
      {%- for key in source_keys %}
      coalesce('{{ key }}=' || {{ sql.member("config", key) }} || ' ', '')
      {%- if not loop.last %} ||{% endif %}
      {%- endfor %}, '') as reads
  from connectors
  where removed_at is null
),
-- What the last run made of each, be it late or not, and since when.
word as (
  select h.*, coalesce(h.created_at, h.first_seen_at) as since_created, s.due_at,
    coalesce(s.health_since, h.health_since) as word_since
  from connector_health h
  left join connector_status s on s.connector_id = h.connector_id
),
named as (
  select w.*,
    case
      when observed_health = 'incomplete' and word_since <= {{ sql.ago(14) }} then 'incomplete'
      when observed_health = 'paused' and word_since <= {{ sql.ago(30) }} then 'paused'
      when observed_health in ('paused', 'incomplete', 'deleted', 'not_visible') then null
      when succeeded_at is null and since_created <= {{ sql.ago(7) }} then 'never_synced'
      when succeeded_at <= {{ sql.ago(30) }} and due_at is null then 'dormant'
    end as finding
  from word w
),
reader as (
  select s.connector_id, s.account_id, s.service, s.reads,
    -- The first of them was alone until the second came.
    case when row_number() over readers = 1 then lead(s.since) over readers else s.since end
      as since
  from source s
  where s.reads is not null
  window readers as (
    partition by s.account_id, s.service, s.reads order by s.since, s.connector_id
  )
),
found as (
  select finding, connector_id,
    case finding when 'never_synced' then since_created when 'dormant' then succeeded_at
      else word_since end as since,
    case finding
      when 'never_synced' then 'no sync has succeeded since ' || {{ sql.shown("since_created") }}
      when 'dormant' then 'no success since ' || {{ sql.shown("succeeded_at") }}
        || ', and nothing says when it should sync'
      when 'paused' then 'paused since ' || {{ sql.shown("word_since") }}
      else case when health = 'unobserved'
        then 'setup incomplete since ' || {{ sql.shown("word_since") }} else reason end
    end as detail
  from named
  where finding is not null
  union all
  select 'trial_pause', t.connector_id, t.since,
    'pauses when its free trial ends; so since ' || {{ sql.shown("t.since") }}
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
    'its creator is gone since ' || {{ sql.shown("g.since") }}
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
    select {{ sql.concat() }}(word, ', ')
    from (
      select s.connector_id as word
      from source s
      where s.account_id = o.account_id and s.service = o.service and s.reads = o.reads
        and s.connector_id <> o.connector_id
      order by 1
    ) words)
  from reader o
  where o.since is not null
)
select f.finding, {{ sql.identity("c") }}, f.since, f.detail
from found f
join connectors c on c.connector_id = f.connector_id
