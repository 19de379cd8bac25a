-- Which connectors had failed syncs since a given day, beside how many successful ones?
-- :day = 2026-10-23
select connector_id, service, sum(failed) as failed, sum(succeeded) as succeeded
from sync_outcomes_daily
where day > :day
group by connector_id, service
having sum(failed) > 0
order by failed desc, connector_id;
