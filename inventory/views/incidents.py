"""Outages: stretches of down health that touch, with the bounds that polling leaves."""

from inventory.dialects import Dialect
from inventory.health import DOWN
from inventory.views.down import Scope, down, numbered
from inventory.views.view import IDENTITY, NUMBER, TEXT, TIME, Named, View, identity, with_parts


def _last_complete_before(instant: str, account: str) -> str:
    return f"""(
      select max(observed_at) from sync_runs
      where account_id = {account} and observed_at < {instant})"""


def outages(sql: Dialect, scope: Scope) -> dict[str, str]:
    """Grain of outage: one row per outage: stretches that touch or overlap, whatever their health.

    Those still on end with `forever`. One that time alone made, and that no run saw before it was
    over, is none: somebody may have paused the connector before its deadline.
    """
    columns = "connector_id, starts, ends, health, by_clock, after"
    of_one = "partition by connector_id, number"
    return down(sql, scope) | {
        "of_outage": numbered(columns, "down", "connector_id"),
        "step": f"""
  select connector_id, number, starts, ends, by_clock, after,
    case when lag(health) over ({of_one} order by starts, ends) {sql.differs} health
      then health end as step
  from of_outage""",
        "joined": f"""
  select connector_id, starts, ends, path, by_clock, after, only_by_clock
  from (
    select connector_id, starts, max(ends) over whole as ends, by_clock,
      {sql.concat}(step, ' > ') over whole as path,
      first_value(after) over (
        {of_one} order by ends desc rows between unbounded preceding and unbounded following
      ) as after,
      min(by_clock) over whole as only_by_clock,
      row_number() over ({of_one} order by starts, ends) as place
    from step
    window whole as (
      {of_one} order by starts, ends rows between unbounded preceding and unbounded following
    )
  ) o
  where place = 1""",
        "outage": f"""
  select j.connector_id, j.starts, j.ends, j.path, j.by_clock, j.after, c.account_id
  from joined j
  join connectors c on c.connector_id = j.connector_id
  where j.only_by_clock = 0 or j.ends = {sql.forever}
    or {_last_complete_before("j.ends", "c.account_id")} >= j.starts""",
    }


def _incidents(sql: Dialect, connectors: str = "") -> str:
    """Grain: one row per outage."""
    is_over = f"o.ends < {sql.forever}"

    def paused_in(table: str) -> str:
        return f"""exists (
        select 1 from {table} h
        where h.connector_id = o.connector_id and h.valid_from = o.ends
          and h.sync_state = 'paused')"""

    return with_parts(
        outages(sql, Scope(connectors=connectors)),
        f"""
select {identity("c")},
  case when o.by_clock = 1 then o.starts
    else {_last_complete_before("o.starts", "c.account_id")} end as started_after,
  o.starts as started_at,
  case when {is_over}
    then {_last_complete_before("o.ends", "c.account_id")} end as ended_after,
  case when {is_over} then o.ends end as ended_at,
  {sql.minutes("o.starts", f"case when {is_over} then o.ends else k.now end")} as minutes,
  o.path,
  case
    when not {is_over} then null
    when o.after = 'recovered' and (
      {paused_in("connector_status_past")} or {paused_in("connector_status")}
    ) then 'paused'
    else o.after
  end as closed_by
from outage o
join connectors c on c.connector_id = o.connector_id
cross join clock k""",
    )


INCIDENTS = View(
    "incidents",
    f"One row per outage: a stretch in which a connector was {', '.join(DOWN[:-1])} or {DOWN[-1]}",
    IDENTITY
    | {
        "started_after": Named(
            TIME, "The last complete run before: it began after that (UTC); null = there was none"
        ),
        "started_at": Named(TIME, "When it was first seen, or time was up (UTC)"),
        "ended_after": Named(TIME, "The last complete run before its end: it ended after that"),
        "ended_at": Named(TIME, "When it was first seen to be over (UTC); null = it is not"),
        "minutes": Named(NUMBER, "From started_at to ended_at, or until now"),
        "path": Named(TEXT, "The health it had, one after the other, as in failing > broken"),
        "closed_by": Named(
            TEXT, "recovered, paused or removed: how it ended; null = it has not ended"
        ),
    },
    _incidents,
)


def incidents_of(sql: Dialect, connectors: str) -> str:
    """The rows of `incidents` of some connectors, given as a list in SQL: in a moment."""
    return _incidents(sql, connectors)


def down_since(sql: Dialect, since: str) -> str:
    """The ids of connectors that were down at some time after an instant."""
    ids = f"select distinct connector_id from outage where ends > {since}"
    return with_parts(outages(sql, Scope(since)), ids)
