-- Which connectors have been longest without a successful sync, and when does each become overdue?
select connector_id, service, health, succeeded_at, freshness_deadline
from connector_health
where removed_at is null and succeeded_at is not null
order by succeeded_at
limit 5;
