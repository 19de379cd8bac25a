-- What is down, since when, who created it, and why?
select service_name, group_name, owner, reason
from connector_health where is_down order by health_since;
