-- One row per gap that ended after `:since`: between two complete runs, or after the last one, more
-- time passed than three typical intervals, so nothing is known about it.
--
-- account_id  text  The Fivetran account of the runs
-- starts      time  The complete run before it (UTC)
-- ends        time  The complete run after it (UTC); null = there was none until now
with interval_30d as ({{ sql.run_intervals(sql.days_ago(30)) }}
),
typical as ({{ sql.typical_interval("interval_30d") }}
),
recent as ({{ sql.run_intervals(":since") }}
)
select g.account_id, g.starts, case when not g.is_last then g.ends end as ends
from ({{ sql.gaps("recent", "typical") }}) g
