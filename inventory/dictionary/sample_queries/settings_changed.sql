-- What was paused or reconfigured since a given time, and when?
-- :since = 2026-10-08 00:00:00.000000+00:00
select connector_id, changed_after, changed_at, field, old_value, new_value
from state_changes
where table_name = 'connectors' and kind = 'changed'
  and changed_at > :since
order by changed_at, field;
