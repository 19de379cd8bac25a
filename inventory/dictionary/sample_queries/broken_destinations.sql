-- Which broken destinations took connectors down, and for how long?
select group_name, count(*) as connectors, min(started_at) as since, min(minutes) as minutes
from incidents where path like 'destination_broken%' group by group_name;
