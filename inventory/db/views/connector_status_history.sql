-- One row per version of a row of connector_status; valid_to null = the open version.
-- Key: connector_id, valid_from.
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
select connector_id, setup_state, sync_state, update_state, schema_status, is_historical_sync,
  last_sync_failed, extra, health, is_down, health_since, down_since, rescheduled_for, valid_from,
  changed_after, valid_to
from connector_status_past
union all
select connector_id, setup_state, sync_state, update_state, schema_status, is_historical_sync,
  last_sync_failed, extra, health, is_down, health_since, down_since, rescheduled_for, valid_from,
  changed_after, null
from connector_status
