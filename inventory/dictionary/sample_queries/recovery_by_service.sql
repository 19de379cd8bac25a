-- How long does each service take to recover, and how long is it up between two outages?
select service, connectors, down_now, incidents, recovered, mttr_minutes, mtbf_minutes
from service_reliability
where scope = 'service' and recovered > 0
order by mttr_minutes desc, service;
