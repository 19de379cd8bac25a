-- One row per account: its last complete run, and whether it can be trusted now.
--
-- account_id           text    The account; null = the run ended before it was known
-- run_id               number  Counts up
-- status               text    running, succeeded, withheld, failed or crashed
-- observed_at          time    The one timestamp of everything it changed (UTC); null = it merged
--                              nothing
-- age_minutes          number  Minutes since observed_at
-- pages                number  Pages read
-- connectors_seen      number  Connectors that the API showed
-- unconfirmed          number  Missing ones without a clear answer; left alone
-- withheld             number  Missing ones, too many to be believed gone; left alone
-- withheld_since       time    The first run since when removals are withheld (UTC); null = none
--                              are
-- usual_minutes        number  Usual minutes from a complete run to the next: their median in 30
--                              days
-- is_late              yes_no  Whether it is older than 3 usual intervals, or than a day where none
--                              is known, or there is none
-- last_attempt_at      time    When the last run began, complete or not (UTC)
-- last_attempt_status  text    How that one ended
-- last_attempt_error   text    What went wrong in it; null = nothing
-- attempts_since       number  Runs that failed or crashed since the last complete one
with interval_30d as ({{ sql.intervals(30) }}
),
usual as ({{ sql.usual("interval_30d") }}
),
account as (
  select account_id, max(run_id) as last_id,
    max(case when status in ('succeeded', 'withheld') then observed_at end) as complete_at,
    max(case when status = 'succeeded' then observed_at end) as succeeded_at
  from sync_runs
  where account_id is not null
  group by account_id
)
select a.account_id, r.run_id, r.status, r.observed_at,
  {{ sql.minutes("r.observed_at", "k.now") }} as age_minutes,
  r.pages, r.connectors_seen, r.unconfirmed, r.withheld,
  (
    select min(w.observed_at) from sync_runs w
    where w.account_id = a.account_id and w.status = 'withheld'
      and (a.succeeded_at is null or w.observed_at > a.succeeded_at)
  ) as withheld_since,
  u.seconds / 60 as usual_minutes,
  coalesce(
    {{ sql.seconds("k.now") }} - {{ sql.seconds("r.observed_at") }} > coalesce(3 * u.seconds, 86400),
    true
  ) as is_late,
  l.started_at as last_attempt_at, l.status as last_attempt_status,
  l.error_message as last_attempt_error,
  (
    select count(*) from sync_runs f
    where f.account_id = a.account_id and f.run_id > coalesce(r.run_id, 0)
      and f.status in ('failed', 'crashed')
  ) as attempts_since
from account a
cross join clock k
join sync_runs l on l.run_id = a.last_id
left join sync_runs r on r.account_id = a.account_id and r.observed_at = a.complete_at
left join usual u on u.account_id = a.account_id
