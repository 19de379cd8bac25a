"""What nobody is woken up for, and somebody should see to."""

from inventory.dialects import Dialect
from inventory.views.view import IDENTITY, TEXT, TIME, Named, View, identity

# Keys of config that say what is read, not how or where to. Two that agree in all that they have
# of them read the same.
SOURCE_KEYS = (
    *("host", "hosts", "port", "database", "databases", "instance", "sid", "service_name"),
    *("bucket", "container", "container_name", "prefix", "folder_path", "folder_id", "pattern"),
    *("sheet_id", "spreadsheet_id", "named_range", "files", "share_url", "base_id"),
    *("domain", "sub_domain", "subdomain", "base_url", "api_url", "server_url", "site_url", "url"),
    *("account_id", "account_ids", "accounts", "advertisables", "customer_id", "customer_ids"),
    *("organization", "organization_id", "organizations", "repositories", "project_id"),
    *("dataset_id", "property_id", "profiles", "app_ids", "shop", "store_hash", "tenant_id"),
    *("company_id", "topics"),
)


def _source(sql: Dialect) -> str:
    """What a connector reads, as a text; null where its config does not tell."""
    parts = " || ".join(
        f"coalesce('{key}=' || {sql.member('config', key)} || ' ', '')" for key in SOURCE_KEYS
    )
    return f"nullif({parts}, '')"


def _same_source(sql: Dialect) -> str:
    """Grain: one row per connector that reads what another reads."""
    others = f"""(
    select {sql.concat}(word, ', ') from (
      select s.connector_id as word from source s
      where s.account_id = o.account_id and s.service = o.service and s.reads = o.reads
        and s.connector_id <> o.connector_id
      order by 1
    ) words)"""
    return f"""
  select 'same_source', o.connector_id, o.since, 'reads the same source as ' || {others}
  from (
    select s.connector_id, s.account_id, s.service, s.reads,
      -- The first of them was alone until the second came.
      case when row_number() over readers = 1 then lead(s.since) over readers else s.since end
        as since
    from source s
    where s.reads is not null
    window readers as (
      partition by s.account_id, s.service, s.reads order by s.since, s.connector_id
    )
  ) o
  where o.since is not null"""


def _statement(sql: Dialect) -> str:
    """Grain: one row per finding and connector."""
    created = "coalesce(created_at, first_seen_at)"
    return f"""
with source as (
  select connector_id, account_id, service, first_seen_at as since, {_source(sql)} as reads
  from connectors
  where removed_at is null
)
select f.finding, {identity("c")}, f.since, f.detail
from (
  select finding, connector_id,
    case when finding = 'never_synced' then {created} else health_since end as since,
    case when finding = 'never_synced'
      then 'no sync has succeeded since ' || {sql.shown(created)} else reason end as detail
  from (
    select h.*,
      case
        when health = 'incomplete' and health_since <= {sql.ago(14)} then 'incomplete'
        when health = 'paused' and health_since <= {sql.ago(30)} then 'paused'
        when health not in ('paused', 'incomplete', 'deleted', 'not_visible')
          and succeeded_at is null and {created} <= {sql.ago(7)} then 'never_synced'
      end as finding
    from connector_health h
  ) h
  where finding is not null
  union all
  select 'trial_pause', t.connector_id, t.since,
    'pauses when its free trial ends; so since ' || {sql.shown("t.since")}
  from (
    select c.connector_id, coalesce((
      select max(p.valid_to) from connectors_past p
      where p.connector_id = c.connector_id and not coalesce(p.pause_after_trial, false)
    ), c.first_seen_at) as since
    from connectors c
    where c.removed_at is null and c.pause_after_trial and not coalesce(c.paused, false)
  ) t
  union all
  select 'creator_gone', g.connector_id, g.since,
    'its creator is gone since ' || {sql.shown("g.since")}
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
  {_same_source(sql)}
) f
join connectors c on c.connector_id = f.connector_id"""


ATTENTION = View(
    "attention",
    "One row per finding and connector: what somebody should see to, though nothing is down",
    {
        "finding": Named(
            TEXT,
            "incomplete (14 days), paused (30 days), never_synced (7 days), trial_pause, "
            "same_source, creator_gone",
        )
    }
    | IDENTITY
    | {
        "since": Named(TIME, "Since when it is so, as observed (UTC)"),
        "detail": Named(TEXT, "In one sentence"),
    },
    _statement,
)
