-- Which connectors went down or came up most often within a week?
select connector_id, service, flips, last_flip_at
from flapping
where flips > 1
order by last_flip_at desc, connector_id;
