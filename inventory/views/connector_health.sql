-- One row per connector ever seen: how it is now, since when, and why.
--
-- connector_id         text    The connector's id, as the API gives it
-- account_id           text    The Fivetran account the connector was seen in
-- group_id             text    The group, which is the destination
-- service              text    The connector type, e.g. google_sheets
-- schema_name          text    The connector's name (`schema` of the API); not unique
-- health               text    deleted, not_visible, paused, incomplete, broken, unknown,
--                              initial_sync, historical_sync, blocked, stalled, failing, delayed,
--                              stale, action_required, never_synced, rescheduled, warning, healthy:
--                              the first that held when a run last judged it; unobserved = nobody
--                              can vouch for it now
-- is_down              yes_no  Whether it is broken, stalled, failing, delayed or stale, as far as
--                              anybody has seen
-- severity             number  3 = down, 2 = somebody must act, 1 = worth a look, 0 = as it should
--                              be
-- reason               text    Why, in one sentence
-- health_since         time    Since when it has this health (UTC): the run that saw it, or the
--                              deadline that passed
-- down_since           time    Since when it is down without a break (UTC); null = it is not down
-- observed_health      text    The health that a run last saw
-- observed_at          time    The account's last complete run (UTC)
-- freshness_deadline   time    When it is overdue, unless it syncs before that (UTC); null = nobody
--                              can tell
-- minutes_late         number  Minutes since that deadline; 0 = not late
-- open_warnings        number  Warnings that are open now
-- open_tasks           number  Tasks that are open now
-- failing_setup_tests  number  Setup tests that failed when last run
-- paused               yes_no  Whether it is paused
-- setup_state          text    incomplete, connected, broken, or as the API sends it
-- sync_state           text    scheduled, syncing, paused, rescheduled, or as the API sends it
-- update_state         text    on_schedule, delayed, or as the API sends it
-- schema_status        text    ready, blocked_on_capture, or as the API sends it
-- is_historical_sync   yes_no  Whether it syncs its history
-- last_sync_failed     yes_no  Whether the last sync to end failed: failed_at >= succeeded_at, or
--                              failed and never succeeded
-- schedule_type        text    auto = the vendor's schedule, manual = by API call
-- sync_frequency       number  Minutes between two syncs
-- succeeded_at         time    End of the last successful sync (UTC); not tracked, see
--                              sync_outcomes
-- failed_at            time    End of the last failed sync (UTC), not cleared by a success; not
--                              tracked
-- rescheduled_for      time    When a rescheduled sync is due (UTC); not tracked
-- connected_by         text    User who created it; null = a program did, or the user is gone
-- created_at           time    When it was created (UTC)
-- first_seen_at        time    The first run that saw it (UTC)
-- removed_at           time    The run that found it gone (UTC); null = it exists
{%- macro codes(table) -%}
  (
      select {{ sql.concat() }}(word, ', ')
      from (
        select distinct coalesce(code, 'without a code') as word
        from {{ table }} where connector_id = h.connector_id order by 1
      ) words)
{%- endmacro %}
{%- macro since(words) %}'{{ words }} since ' || {{ sql.shown("h.health_since") }}{% endmacro %}
{%- set task = "case when h.open_tasks > 0 then 'task ' || " ~ codes("tasks") ~ " end" %}
{%- set alerts = "coalesce(': ' || " ~ task ~ " || coalesce('; ' || h.failed_tests, ''), ': ' || h.failed_tests, '')" %}
{%- set tasks = "coalesce('; ' || " ~ task ~ ", '')" %}
{%- set success = "coalesce('last success ' || " ~ sql.shown("h.succeeded_at") ~ ", 'never a success')" %}
with fact as (
  select c.connector_id, c.account_id, c.group_id, c.service, c.schema_name,
    c.paused, c.schedule_type, c.sync_frequency, c.schedule, c.connected_by, c.created_at,
    c.first_seen_at, c.removed_at, s.setup_state, s.sync_state, s.update_state, s.schema_status,
    s.is_historical_sync, s.last_sync_failed, s.succeeded_at, s.failed_at, s.rescheduled_for,
    s.due_at, s.health_since as judged_since, s.down_since as judged_down_since,
    coalesce(c.removed_reason, s.health) as observed_health, r.observed_at, r.is_late, k.now,
    case
      when c.removed_at is not null or c.paused or s.sync_state = 'paused' then null
      when c.schedule_type = 'manual' and s.sync_state = 'rescheduled' then s.rescheduled_for
      else s.due_at
    end as freshness_deadline,
    coalesce(w.alerts, 0) as open_warnings, coalesce(t.alerts, 0) as open_tasks,
    coalesce(x.tests, 0) as failing_setup_tests
  from clock k
  cross join connectors c
  left join connector_status s on s.connector_id = c.connector_id
  left join latest_run r on r.account_id = c.account_id
  left join (
    select connector_id, count(*) as alerts from warnings group by connector_id
  ) w on w.connector_id = c.connector_id
  left join (
    select connector_id, count(*) as alerts from tasks group by connector_id
  ) t on t.connector_id = c.connector_id
  left join (
    select connector_id, count(*) as tests
    from setup_tests where status in ('FAILED', 'JOB_FAILED') group by connector_id
  ) x on x.connector_id = c.connector_id
),
-- Why nobody can vouch for the word: the run is late, or a deadline passed that would change it.
doubt as (
  select f.*,
    case
      when f.removed_at is not null then null
      when f.is_late then 'late'
      when f.rescheduled_for < f.now and f.schedule_type = 'manual' and f.sync_state = 'rescheduled'
        and f.observed_health in {{ sql.ranks_below("stalled") }} then 'passed'
      when f.due_at < f.now and f.observed_health in {{ sql.ranks_below("stale") }} then 'passed'
    end as doubt
  from fact f
),
shown as (
  select d.*, case when d.doubt is null then d.observed_health else 'unobserved' end as health,
    case
      when d.removed_at is not null then d.removed_at
      when d.doubt = 'late' then d.observed_at
      when d.doubt = 'passed' then d.freshness_deadline
      else d.judged_since
    end as health_since,
    case when d.failing_setup_tests > 0 then 'test ' || (
      select {{ sql.concat() }}(word, ', ')
      from (
        select distinct title as word from setup_tests
        where connector_id = d.connector_id and status in ('FAILED', 'JOB_FAILED') order by 1
      ) words) end as failed_tests
  from doubt d
)
select h.connector_id, h.account_id, h.group_id, h.service, h.schema_name, h.health,
  h.health in {{ health.DOWN }} as is_down,
  {{ sql.severity("h.health") }} as severity,
  case h.health
    when 'deleted' then 'deleted, as the API said at ' || {{ sql.shown("h.health_since") }}
    when 'not_visible' then {{ since("hidden from this key") }}
    when 'paused' then {{ since("paused") }}
    when 'incomplete' then {{ since("setup incomplete") }} || {{ alerts }}
    when 'broken' then {{ since("setup broken") }} || {{ alerts }}
    when 'unknown' then 'setup state ' || coalesce(h.setup_state || ', which is not known,', 'not told')
      || {{ since("") }}
    when 'initial_sync' then {{ since("first sync under way") }}
    when 'historical_sync' then {{ since("historical sync under way") }}
    when 'blocked' then {{ since("blocked") }} || ': schema status ' || h.schema_status
    when 'stalled' then 'not started since ' || {{ sql.shown("h.rescheduled_for") }}
      || ': rescheduled, and its schedule is manual' || {{ tasks }}
    when 'failing' then {{ since("syncs failing") }}
      || coalesce(': last failure ' || {{ sql.shown("h.failed_at") }}, '') || ', ' || {{ success }}
      || {{ tasks }}
    when 'delayed' then {{ since("delayed") }} || ': ' || {{ success }} || {{ tasks }}
    when 'stale' then 'no success since ' || {{ sql.shown("h.succeeded_at") }}
      || case when h.schedule is null
        then ': due every ' || cast(h.sync_frequency as text) || ' minutes, late since '
        else ', late by its schedule since ' end
      || {{ sql.shown("h.due_at") }} || {{ tasks }}
    when 'action_required' then {{ since("task open") }} || ': ' || {{ codes("tasks") }}
    when 'never_synced' then 'no sync has succeeded since '
      || {{ sql.shown("coalesce(h.created_at, h.first_seen_at)") }}
    when 'rescheduled' then coalesce(
      'rescheduled for ' || {{ sql.shown("h.rescheduled_for") }}, {{ since("rescheduled") }})
    when 'warning' then {{ since("warning open") }} || ': ' || {{ codes("warnings") }}
    when 'healthy' then 'last success ' || {{ sql.shown("h.succeeded_at") }}
    when 'unobserved' then 'not observed since ' || {{ sql.shown("h.observed_at") }} || ': '
      || case when h.doubt = 'late' then 'the last complete run is late'
        else 'due by ' || {{ sql.shown("h.freshness_deadline") }} end
      || '; it was ' || h.observed_health
  end as reason,
  h.health_since,
  case when h.doubt is null then h.judged_down_since end as down_since,
  h.observed_health, h.observed_at, h.freshness_deadline,
  case
    when h.freshness_deadline < h.now then {{ sql.minutes("h.freshness_deadline", "h.now") }}
    when h.freshness_deadline is not null then 0
  end as minutes_late,
  h.open_warnings, h.open_tasks, h.failing_setup_tests, h.paused, h.setup_state, h.sync_state,
  h.update_state, h.schema_status, h.is_historical_sync, h.last_sync_failed, h.schedule_type,
  h.sync_frequency, h.succeeded_at, h.failed_at, h.rescheduled_for, h.connected_by, h.created_at,
  h.first_seen_at, h.removed_at
from shown h
