-- Which connectors appeared or disappeared?
select changed_at, connector_id, service, kind
from state_changes
where table_name = 'connectors' and kind <> 'changed' and changed_after is not null
order by changed_at, connector_id;
