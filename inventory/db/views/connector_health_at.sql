-- The health of each connector at a timestamp, as it was stored then: one row for each that
-- existed.
-- Key: connector_id.
--
-- connector_id        text    The connector's id, as the API gives it
-- account_id          text    The Fivetran account the connector was seen in
-- group_id            text    The group, which is the destination
-- group_name          text    The group's name, as it is now; null = unknown
-- service             text    The connector type, e.g. google_sheets
-- service_name        text    The vendor's name of the service; null = unknown
-- schema_name         text    The connector's name (`schema` of the API); not unique
-- health              text    The health that the last run before the timestamp stored
-- is_down             yes_no  Whether that health counts as down
-- severity            number  3 = down, 2 = needs action, 1 = worth a look, 0 = normal
-- health_since        time    When that health began (UTC): the run that first saw it, or the
--                             deadline that passed
-- down_since          time    When the outage began (UTC): it has been down since, without a break;
--                             null = it is not down
-- open_warnings       number  Warnings that were open
-- open_tasks          number  Tasks that were open
-- paused              yes_no  Whether it is paused
-- setup_state         text    incomplete, connected, broken, or as the API sends it
-- sync_state          text    scheduled, syncing, paused, rescheduled, or as the API sends it
-- update_state        text    on_schedule, delayed, or as the API sends it
-- schema_status       text    ready, blocked_on_capture, or as the API sends it
-- is_historical_sync  yes_no  Whether it is syncing its full history
-- last_sync_failed    yes_no  Whether the last sync to end failed: failed_at >= succeeded_at, or it
--                             failed and no sync ever succeeded
-- schedule_type       text    auto = the vendor's schedule, manual = by API call
-- sync_frequency      number  Minutes between two syncs
-- succeeded_at        time    End of the last successful sync that a run had seen by then (UTC)
-- failed_at           time    End of the last failed sync that a run had seen by then (UTC)
{%- macro open_alerts(table) -%}
  (
  select connector_id, count(*) as alerts
  from (
    select connector_id from {{ table }} where valid_from <= {{ as_of }}
    union all
    select connector_id from {{ table }}_past
    where valid_from <= {{ as_of }} and valid_to > {{ as_of }}
  ) a
  group by connector_id
)
{%- endmacro %}
select {{ sql.identity_columns("c") }}, s.health, s.is_down,
  {{ sql.severity("s.health") }} as severity, s.health_since, s.down_since,
  coalesce(w.alerts, 0) as open_warnings, coalesce(t.alerts, 0) as open_tasks, c.paused,
  s.setup_state, s.sync_state, s.update_state, s.schema_status, s.is_historical_sync,
  s.last_sync_failed, c.schedule_type, c.sync_frequency, s.succeeded_at, s.failed_at
from (
{% include "connectors_at.sql" %}
-- Sorted, so that PostgreSQL can use a merge join: it expects too few rows to use a hash join.
order by connector_id
) c
join (
{% include "connector_status_at.sql" %}
) s on s.connector_id = c.connector_id
left join {{ open_alerts("warnings") }} w on w.connector_id = c.connector_id
left join {{ open_alerts("tasks") }} t on t.connector_id = c.connector_id
