-- One row per version of a connector, with the columns of Fivetran's history mode.
-- Key: connector_id, _fivetran_start.
--
-- connector_id                text    The connector's id, as the API gives it
-- _fivetran_start             time    When the version began (UTC)
-- _fivetran_end               time    The last microsecond of the version (UTC); in the year 9999
--                                     if it is the current one
-- _fivetran_active            yes_no  Whether it is the current version
-- account_id                  text    The Fivetran account the connector was seen in
-- group_id                    text    The group, which is the destination
-- service                     text    The connector type, e.g. google_sheets
-- service_version             bigint  Version of the connector type
-- schema_name                 text    The connector's name (`schema` of the API); not unique
-- connected_by                text    User who created it; null = created by a program, or the user
--                                     no longer exists
-- created_at                  time    When it was created (UTC)
-- paused                      yes_no  Whether it is paused
-- pause_after_trial           yes_no  Whether it pauses when its free trial ends
-- sync_frequency              bigint  Minutes between two syncs
-- daily_sync_time             text    Time of day of the sync (HH:MM), if sync_frequency is 1440
-- schedule_type               text    auto = the vendor's schedule, manual = by API call
-- schedule                    json    The newer kind of schedule, as the API sends it
-- data_delay_threshold        bigint  Minutes of delay that raise a notification
-- data_delay_sensitivity      text    Sensitivity of the delay notification
-- private_link_id             text    Private link in use
-- proxy_agent_id              text    Proxy agent in use
-- networking_method           text    How the source is reached, e.g. Directly
-- hybrid_deployment_agent_id  text    Hybrid deployment agent in use
-- local_processing_agent_id   text    Older name of the hybrid deployment agent; the API dropped it
--                                     in 2025
-- config                      json    Settings of the source, secrets masked; null = the API never
--                                     sent them
-- connect_card_config         json    Settings of the connect card, without its token; null = the
--                                     API never sent them
-- extra                       json    Fields of the API that have no column, and values that do not
--                                     fit their column, verbatim; secrets masked
select connector_id, valid_from as _fivetran_start,
  case when valid_to is null
    then cast('9999-12-31 23:59:59.999999+00:00' as {{ sql.timestamp() }})
    else {{ sql.just_before("valid_to") }} end as _fivetran_end,
  valid_to is null as _fivetran_active,
  account_id, group_id, service, service_version, schema_name, connected_by, created_at, paused,
  pause_after_trial, sync_frequency, daily_sync_time, schedule_type, schedule,
  data_delay_threshold, data_delay_sensitivity, private_link_id, proxy_agent_id,
  networking_method, hybrid_deployment_agent_id, local_processing_agent_id, config,
  connect_card_config, extra
from connector_history
