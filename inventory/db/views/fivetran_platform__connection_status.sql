-- One row per connector ever seen, with the columns of the dbt package's model of this name.
-- Key: connection_id.
--
-- connection_id                              text    connector_id
-- connection_name                            text    schema_name
-- connection_type                            text    service
-- destination_id                             text    group_id
-- destination_name                           text    group_name
-- connection_health                          text    deleted, paused, incomplete, initial sync in
--                                                    progress, broken or connected
-- last_successful_sync_completed_at          time    succeeded_at (UTC)
-- last_sync_started_at                       time    Always null: the list of connectors has no
--                                                    such field
-- last_sync_completed_at                     time    The later of succeeded_at and failed_at (UTC)
-- set_up_at                                  time    created_at (UTC)
-- number_of_schema_changes_last_month        number  Always null: the list of connectors has no
--                                                    such field
-- number_errors_since_last_completed_sync    bigint  Open tasks and failing setup tests
-- number_warnings_since_last_completed_sync  bigint  Open warnings
select connector_id as connection_id, schema_name as connection_name, service as connection_type,
  group_id as destination_id, group_name as destination_name,
  case
    when observed_health in ('deleted', 'not_visible') then 'deleted'
    when observed_health = 'paused' then 'paused'
    when observed_health in ('incomplete', 'never_synced') then 'incomplete'
    when observed_health = 'initial_sync' then 'initial sync in progress'
    when observed_health in ('broken', 'destination_broken', 'failing') then 'broken'
    else 'connected'
  end as connection_health,
  succeeded_at as last_successful_sync_completed_at,
  cast(null as {{ sql.timestamp() }}) as last_sync_started_at,
  {{ sql.greatest("succeeded_at", "failed_at") }} as last_sync_completed_at,
  created_at as set_up_at, cast(null as integer) as number_of_schema_changes_last_month,
  open_tasks + failing_setup_tests as number_errors_since_last_completed_sync,
  open_warnings as number_warnings_since_last_completed_sync
from connector_health
