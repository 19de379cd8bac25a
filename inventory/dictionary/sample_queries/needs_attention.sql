-- What needs attention, although nothing is down?
select finding, connector_id, since, detail
from findings
order by finding, connector_id;
