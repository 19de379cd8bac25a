-- One row per account: its last complete run, and whether its data is current. One more row,
-- without an account, covers the runs of the last 24 hours that failed before their account was
-- known.
-- Key: account_id.
--
-- account_id                text    The account; null = the runs whose account is unknown
-- run_id                    bigint  Number of the run, counting up
-- status                    text    running, succeeded, withheld, failed or crashed
-- observed_at               time    The one timestamp of everything it changed (UTC); null = it
--                                   merged nothing
-- seen_at                   time    When it read the account by its own clock (UTC): observed_at,
--                                   or started_at if that is in the future; null = both are
-- age_minutes               bigint  Minutes since seen_at
-- pages                     bigint  Pages read
-- connectors_seen           bigint  Connectors that the API listed
-- unconfirmed               bigint  Missing connectors whose lookup gave no clear result; left as
--                                   they were
-- withheld                  bigint  Missing connectors that were too many to be removed unasked;
--                                   left as they were
-- withheld_since            time    The first run since which removals are withheld (UTC); null =
--                                   none are
-- typical_interval_minutes  bigint  Median minutes between complete runs in 30 days
-- is_overdue                yes_no  Whether the run is older than 3 typical intervals, or than a
--                                   day if none is known, or there is none
-- is_in_future              yes_no  Whether observed_at is in the future: a run had a wrong clock,
--                                   see `inventory db redate`
-- last_attempt_at           time    When the last run began, complete or not (UTC)
-- last_attempt_status       text    How that run ended
-- last_attempt_error        text    Its error; null = none
-- failed_attempts           bigint  Runs that failed or crashed since the last complete one
with interval_30d as ({{ sql.run_intervals(sql.days_ago(30)) }}
),
typical as ({{ sql.typical_interval("interval_30d") }}
),
account as (
  select account_id, min(run_id) as first_id, max(run_id) as last_id,
    max(case when status in ('succeeded', 'withheld') then observed_at end) as complete_at,
    max(case when status = 'succeeded' then observed_at end) as succeeded_at
  from inventory_runs
  where account_id is not null
    -- Runs without an account expire after a day: nothing shows when their API key was corrected.
    or (status <> 'running' and started_at > {{ sql.days_ago(1) }})
  group by account_id
),
latest as (
  select a.account_id, a.first_id, a.last_id, a.succeeded_at, r.run_id, r.status, r.observed_at,
    {{ sql.in_future("r.observed_at", "k.now") }} as is_in_future,
    case
      when not {{ sql.in_future("r.observed_at", "k.now") }} then r.observed_at
      when not {{ sql.in_future("r.started_at", "k.now") }} then r.started_at
    end as seen_at,
    r.pages, r.connectors_seen, r.unconfirmed, r.withheld, k.now
  from account a
  cross join clock k
  left join inventory_runs r on r.account_id = a.account_id and r.observed_at = a.complete_at
)
select a.account_id, a.run_id, a.status, a.observed_at, a.seen_at,
  {{ sql.minutes_between("a.seen_at", "a.now") }} as age_minutes,
  a.pages, a.connectors_seen, a.unconfirmed, a.withheld,
  (
    select min(w.observed_at) from inventory_runs w
    where w.account_id = a.account_id and w.status = 'withheld'
      and (a.succeeded_at is null or w.observed_at > a.succeeded_at)
  ) as withheld_since,
  u.seconds / 60 as typical_interval_minutes,
  coalesce(
    {{ sql.epoch_seconds("a.now") }} - {{ sql.epoch_seconds("a.seen_at") }} > coalesce(3 * u.seconds, 86400),
    true
  ) as is_overdue,
  coalesce(a.is_in_future, false) as is_in_future,
  l.started_at as last_attempt_at, l.status as last_attempt_status,
  l.error_message as last_attempt_error,
  (
    select count(*) from inventory_runs f
    where (f.account_id = a.account_id or (f.account_id is null and a.account_id is null))
      and f.run_id > coalesce(a.run_id, a.first_id - 1)
      and f.status in ('failed', 'crashed')
  ) as failed_attempts
from latest a
join inventory_runs l on l.run_id = a.last_id
left join typical u on u.account_id = a.account_id
