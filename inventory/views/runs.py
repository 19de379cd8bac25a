"""The run log's answers: what time it is, and whether what the tables say can be trusted."""

from inventory.dialects import Dialect
from inventory.models import COMPLETE, SYNC_RUNS
from inventory.views.view import NUMBER, TEXT, TIME, YES_NO, Named, View

_IS_COMPLETE = f"status in {COMPLETE}"
# Who runs it twice in a minute by hand has no schedule of seconds.
SHORTEST = 300
GAP = 3  # an interval between runs that is longer than so many usual ones is a gap

CLOCK = View(
    "clock",
    "One row: the instant that all answers about now are given for",
    {"now": Named(TIME, "The database's clock; the demo's stands still (UTC)")},
    lambda sql: f"select {sql.current_time} as now",
)


def intervals(sql: Dialect, days: int) -> str:
    """Grain: one row per complete run whose time, until the next or now, touches the last days."""
    return f"""
  select r.account_id, r.observed_at as starts, coalesce(r.next_at, k.now) as ends,
    r.next_at is null as is_last,
    {sql.seconds("coalesce(r.next_at, k.now)")} - {sql.seconds("r.observed_at")} as seconds
  from (
    select account_id, observed_at,
      lead(observed_at) over (partition by account_id order by observed_at) as next_at
    from sync_runs
    where {_IS_COMPLETE}
  ) r
  cross join clock k
  where coalesce(r.next_at, k.now) > {sql.ago(days)}"""


def usual_seconds(sql: Dialect, days: int) -> str:
    """Grain: one row per account: the lower median of its intervals in the last days.

    It is five minutes at least.
    """
    return f"""
  select account_id, {sql.largest("min(seconds)", str(SHORTEST))} as seconds
  from (
    select account_id, seconds,
      row_number() over (partition by account_id order by seconds) as place,
      count(*) over (partition by account_id) as places
    from ({intervals(sql, days)}) i
    where not is_last
  ) i
  where 2 * place >= places
  group by account_id"""


def gaps(sql: Dialect, days: int) -> str:
    """Grain: one row per stretch of the last days that nothing is known of."""
    return f"""
  select i.account_id, i.starts, i.ends
  from ({intervals(sql, days)}) i
  left join ({usual_seconds(sql, days)}) u on u.account_id = i.account_id
  where i.seconds > {GAP} * coalesce(u.seconds, 0)"""


def first_success(connector: str) -> str:
    """When a run first saw a success of the connector of an alias; null = none did."""
    return f"""(
          select r.observed_at from sync_outcomes o join sync_runs r on r.run_id = o.run_id
          where o.connector_id = {connector}.connector_id and o.outcome = 'succeeded'
          order by o.finished_at limit 1)"""


def _latest_run(sql: Dialect) -> str:
    age = sql.minutes("r.observed_at", "k.now")
    return f"""
select a.account_id, r.run_id, r.status, r.observed_at, {age} as age_minutes,
  r.pages, r.connectors_seen, r.unconfirmed, r.withheld,
  (
    select min(w.observed_at) from sync_runs w
    where w.account_id = a.account_id and w.status = 'withheld'
      and w.observed_at > coalesce(a.succeeded_at, {sql.never})
  ) as withheld_since,
  u.seconds / 60 as usual_minutes,
  coalesce(
    {sql.seconds("k.now")} - {sql.seconds("r.observed_at")} > coalesce({GAP} * u.seconds, 86400),
    true
  ) as is_late,
  l.started_at as last_attempt_at, l.status as last_attempt_status,
  l.error_message as last_attempt_error,
  (
    select count(*) from sync_runs f
    where f.account_id = a.account_id and f.run_id > coalesce(r.run_id, 0)
      and f.status in ('failed', 'crashed')
  ) as attempts_since
from (
  select account_id, max(run_id) as last_id,
    max(case when {_IS_COMPLETE} then observed_at end) as complete_at,
    max(case when status = 'succeeded' then observed_at end) as succeeded_at
  from sync_runs
  where account_id is not null
  group by account_id
) a
cross join clock k
join sync_runs l on l.run_id = a.last_id
left join sync_runs r on r.account_id = a.account_id and r.observed_at = a.complete_at
left join ({usual_seconds(sql, 30)}) u on u.account_id = a.account_id"""


def _of_run(*names: str) -> dict[str, Named]:
    return {name: Named(SYNC_RUNS.c[name].type, SYNC_RUNS.c[name].comment or "") for name in names}


LATEST_RUN = View(
    "latest_run",
    "One row per account: its last complete run, and whether it can be trusted now",
    _of_run("account_id", "run_id", "status", "observed_at")
    | {"age_minutes": Named(NUMBER, "Minutes since observed_at")}
    | _of_run("pages", "connectors_seen", "unconfirmed", "withheld")
    | {
        "withheld_since": Named(
            TIME, "The first run since when removals are withheld (UTC); null = none are"
        ),
        "usual_minutes": Named(
            NUMBER, "Usual minutes from a complete run to the next: their median in 30 days"
        ),
        "is_late": Named(
            YES_NO,
            f"Whether it is older than {GAP} usual intervals, or than a day where none is known, "
            "or there is none",
        ),
        "last_attempt_at": Named(TIME, "When the last run began, complete or not (UTC)"),
        "last_attempt_status": Named(TEXT, "How that one ended"),
        "last_attempt_error": Named(TEXT, "What went wrong in it; null = nothing"),
        "attempts_since": Named(NUMBER, "Runs that failed or crashed since the last complete one"),
    },
    _latest_run,
)
