-- One row per version of a row of destinations; valid_to null = the open version.
-- Key: destination_id, valid_from.
--
-- destination_id                text    The destination's id, as the API gives it
-- account_id                    text    The Fivetran account the destination was seen in
-- group_id                      text    The group that loads into it; the API gives both one id
-- service                       text    The kind of warehouse, e.g. snowflake
-- region                        text    Where the vendor processes its data
-- time_zone_offset              text    Hours from UTC as the API writes them, e.g. -5; daily syncs
--                                       follow it
-- daylight_saving_time_enabled  yes_no  Whether an hour is added during daylight saving time
-- setup_status                  text    connected, incomplete, broken, or as the API sends it
-- networking_method             text    How it is reached, e.g. Directly
-- private_link_id               text    Private link in use
-- proxy_agent_id                text    Proxy agent in use
-- hybrid_deployment_agent_id    text    Hybrid deployment agent in use
-- extra                         json    Fields of the API that have no column, and values that do
--                                       not fit their column, verbatim; secrets masked
-- valid_from                    time    When this version began: observed_at of the run that first
--                                       saw it (UTC)
-- changed_after                 time    observed_at of the complete run before that one (UTC): the
--                                       change happened after it; null = there was none
-- valid_to                      time    When this version ended: observed_at of the run that no
--                                       longer saw it (UTC); null = it is the current version
select destination_id, account_id, group_id, service, region, time_zone_offset,
  daylight_saving_time_enabled, setup_status, networking_method, private_link_id, proxy_agent_id,
  hybrid_deployment_agent_id, extra, valid_from, changed_after, valid_to
from destinations_past
union all
select destination_id, account_id, group_id, service, region, time_zone_offset,
  daylight_saving_time_enabled, setup_status, networking_method, private_link_id, proxy_agent_id,
  hybrid_deployment_agent_id, extra, valid_from, changed_after, null
from destinations
-- A removed destination keeps its row, but the version in it is closed.
where removed_at is null
