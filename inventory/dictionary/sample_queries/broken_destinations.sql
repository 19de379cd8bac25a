-- Which broken destinations took connectors down since a given time, and for how long?
-- :since = 2026-10-08
select group_name, count(*) as connectors, min(started_at) as since, min(minutes) as minutes
from incidents where path like 'destination_broken%' and started_at > :since group by 1;
