-- How many connectors does each destination have, and how many of them are down?
select group_id, count(*) as connectors, sum(case when is_down then 1 else 0 end) as down
from connector_health
where removed_at is null
group by group_id
order by down desc, group_id;
