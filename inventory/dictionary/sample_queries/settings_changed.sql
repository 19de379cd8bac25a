-- What was paused or reconfigured, and when?
select connector_id, changed_after, changed_at, field, old_value, new_value
from state_changes
where table_name = 'connectors' and kind = 'changed'
order by changed_at, field;
