-- Is the data current and complete?
select observed_at, age_minutes, connectors_seen, withheld, failed_attempts,
       case when is_overdue then 'overdue' else 'in time' end as freshness
from latest_run;
