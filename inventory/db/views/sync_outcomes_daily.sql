-- One row per connector and day (UTC) with an observed sync outcome.
-- Key: connector_id, day.
--
-- connector_id  text    The connector's id, as the API gives it
-- account_id    text    The Fivetran account the connector was seen in
-- group_id      text    The group, which is the destination
-- group_name    text    The group's name; null = unknown
-- service       text    The connector type, e.g. google_sheets
-- service_name  text    The vendor's name of the service; null = unknown
-- schema_name   text    The connector's name (`schema` of the API); not unique
-- day           day     The day in UTC
-- succeeded     bigint  Successful syncs that were observed
-- failed        bigint  Failed syncs that were observed; of several between two runs, only the last
with counted as (
  select connector_id, {{ sql.utc_day("finished_at") }} as day,
    sum(case when outcome = 'succeeded' then 1 else 0 end) as succeeded,
    sum(case when outcome = 'failed' then 1 else 0 end) as failed
  from sync_outcomes
  group by connector_id, {{ sql.utc_day("finished_at") }}
  {%- if not postgresql %}
  union all
  -- No row: on SQLite the last part gives the day its type. If the type were added to the result, a
  -- filter by day would apply only after all history was counted.
  select connector_id, connector_id, 0, 0
  from connectors
  where false
  {%- endif %}
)
select {{ sql.identity_columns("c") }}, o.day, o.succeeded, o.failed
from counted o
join connectors c on c.connector_id = o.connector_id
