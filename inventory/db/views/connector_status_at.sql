-- The states of each connector at a timestamp, and the last sync outcomes observed by then: one row
-- for each that existed.
-- Key: connector_id.
--
-- connector_id        text    The connector's id, as the API gives it
-- setup_state         text    incomplete, connected, broken, or as the API sends it
-- sync_state          text    scheduled, syncing, paused, rescheduled, or as the API sends it
-- update_state        text    on_schedule, delayed, or as the API sends it
-- schema_status       text    ready, blocked_on_capture, or as the API sends it
-- is_historical_sync  yes_no  Whether it is syncing its full history
-- last_sync_failed    yes_no  Whether the last sync to end failed: failed_at >= succeeded_at, or it
--                             failed and no sync ever succeeded
-- extra               json    Fields of the API's status that have no column, and values that do
--                             not fit their column, verbatim
-- health              text    The health in one word, as a run last judged it
-- is_down             yes_no  Whether that health counts as down
-- health_since        time    When that health began (UTC): the run that first saw it, or the
--                             deadline that passed
-- down_since          time    When the outage began (UTC): it has been down since, without a break;
--                             null = it is not down
-- rescheduled_for     time    When a rescheduled sync was due, as last seen in this version (UTC)
-- valid_from          time    When this version began: observed_at of the run that first saw it
--                             (UTC)
-- changed_after       time    observed_at of the complete run before that one (UTC): the change
--                             happened after it; null = there was none
-- valid_to            time    When this version ended: observed_at of the run that no longer saw it
--                             (UTC); null = it is the current version
-- succeeded_at        time    End of the last successful sync that a run had seen by then (UTC)
-- failed_at           time    End of the last failed sync that a run had seen by then (UTC)
{#- The end of the last sync that a run had observed by then. The clocks of the API and of the
    database may differ, by less than a day. #}
{%- macro last_finished(outcome) -%}
  (
    select o.finished_at from sync_outcomes o join inventory_runs r on r.run_id = o.run_id
    where o.connector_id = s.connector_id and o.outcome = '{{ outcome }}'
      and o.finished_at < {{ sql.add_minutes(as_of, 1440) }} and r.observed_at <= {{ as_of }}
    order by o.finished_at desc limit 1)
{%- endmacro %}
select s.connector_id, s.setup_state, s.sync_state, s.update_state, s.schema_status,
  s.is_historical_sync, s.last_sync_failed, s.extra, s.health, s.is_down, s.health_since,
  s.down_since, s.rescheduled_for, s.valid_from, s.changed_after, s.valid_to,
  {{ last_finished("succeeded") }} as succeeded_at,
  {{ last_finished("failed") }} as failed_at
from (
  select v.connector_id, v.setup_state, v.sync_state, v.update_state, v.schema_status,
    v.is_historical_sync, v.last_sync_failed, v.extra, v.health, v.is_down, v.health_since,
    v.down_since, v.rescheduled_for, v.valid_from, v.changed_after, v.valid_to
  from connectors k
  {{ sql.last_version_by("connector_status_past", as_of) }}
  where v.valid_to > {{ as_of }}
  union all
  select v.connector_id, v.setup_state, v.sync_state, v.update_state, v.schema_status,
    v.is_historical_sync, v.last_sync_failed, v.extra, v.health, v.is_down, v.health_since,
    v.down_since, v.rescheduled_for, v.valid_from, v.changed_after, null
  from connector_status v
  where v.valid_from <= {{ as_of }}
) s
order by s.connector_id
{{ sql.materialize_hint() }}
