-- Which connectors were down for the largest share of thirty days?
select connector_id, service, down_minutes, availability, coverage
from availability_30d
order by availability, connector_id
limit 5;
