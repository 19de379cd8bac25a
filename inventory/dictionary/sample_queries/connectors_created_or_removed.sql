-- Which connectors appeared or disappeared since a given time?
-- :since = 2026-10-08 00:00:00.000000+00:00
select changed_at, connector_id, service, kind
from state_changes
where table_name = 'connectors' and kind <> 'changed' and changed_after is not null
  and changed_at > :since
order by changed_at, connector_id;
