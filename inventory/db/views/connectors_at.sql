-- The connectors as they were at a timestamp: one row for each that existed.
-- Key: connector_id.
--
-- connector_id                text    The connector's id, as the API gives it
-- account_id                  text    The Fivetran account the connector was seen in
-- group_id                    text    The group, which is the destination
-- service                     text    The connector type, e.g. google_sheets
-- service_version             number  Version of the connector type
-- schema_name                 text    The connector's name (`schema` of the API); not unique
-- connected_by                text    User who created it; null = created by a program, or the user
--                                     no longer exists
-- created_at                  time    When it was created (UTC)
-- paused                      yes_no  Whether it is paused
-- pause_after_trial           yes_no  Whether it pauses when its free trial ends
-- sync_frequency              number  Minutes between two syncs
-- daily_sync_time             text    Time of day of the sync (HH:MM), if sync_frequency is 1440
-- schedule_type               text    auto = the vendor's schedule, manual = by API call
-- schedule                    json    The newer kind of schedule, as the API sends it
-- data_delay_threshold        number  Minutes of delay that raise a notification
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
-- valid_from                  time    When this version began: observed_at of the run that first
--                                     saw it (UTC)
-- changed_after               time    observed_at of the complete run before that one (UTC): the
--                                     change happened after it; null = there was none
-- valid_to                    time    When this version ended: observed_at of the run that no
--                                     longer saw it (UTC); null = it is the current version
select v.connector_id, v.account_id, v.group_id, v.service, v.service_version, v.schema_name,
  v.connected_by, v.created_at, v.paused, v.pause_after_trial, v.sync_frequency,
  v.daily_sync_time, v.schedule_type, v.schedule, v.data_delay_threshold,
  v.data_delay_sensitivity, v.private_link_id, v.proxy_agent_id, v.networking_method,
  v.hybrid_deployment_agent_id, v.local_processing_agent_id, v.config, v.connect_card_config,
  v.extra, v.valid_from, v.changed_after, v.valid_to
from connectors k
{{ sql.last_version_by("connectors_past", as_of) }}
where v.valid_to > {{ as_of }}
union all
select v.connector_id, v.account_id, v.group_id, v.service, v.service_version, v.schema_name,
  v.connected_by, v.created_at, v.paused, v.pause_after_trial, v.sync_frequency,
  v.daily_sync_time, v.schedule_type, v.schedule, v.data_delay_threshold,
  v.data_delay_sensitivity, v.private_link_id, v.proxy_agent_id, v.networking_method,
  v.hybrid_deployment_agent_id, v.local_processing_agent_id, v.config, v.connect_card_config,
  v.extra, v.valid_from, v.changed_after, null
from connectors v
where v.removed_at is null and v.valid_from <= {{ as_of }}
