-- One row per connector ever seen: its health now, since when, and why.
-- Key: connector_id.
--
-- connector_id         text    The connector's id, as the API gives it
-- account_id           text    The Fivetran account the connector was seen in
-- group_id             text    The group, which is the destination
-- group_name           text    The group's name; null = unknown
-- service              text    The connector type, e.g. google_sheets
-- service_name         text    The vendor's name of the service; null = unknown
-- schema_name          text    The connector's name (`schema` of the API); not unique
-- health               text    deleted, not_visible, paused, incomplete, broken,
--                              destination_broken, unknown, initial_sync, historical_sync, blocked,
--                              stalled, failing, delayed, stale, action_required, never_synced,
--                              rescheduled, warning, healthy: the first rule that matched when a
--                              run last judged it; unobserved = no run has observed its present
--                              state
-- is_down              yes_no  Whether it is broken, destination_broken, stalled, failing, delayed
--                              or stale, as a run observed it
-- severity             number  3 = down, 2 = needs action, 1 = worth a look, 0 = normal
-- reason               text    Why, in one sentence
-- health_since         time    Start of this health (UTC): the run that observed it, or the
--                              deadline that passed
-- down_since           time    Start of the present outage (UTC); null = it is not down
-- observed_health      text    The health that the last run stored
-- observed_at          time    The account's last complete run (UTC)
-- freshness_deadline   time    When it becomes overdue without a sync (UTC); null = it has no
--                              deadline
-- minutes_late         bigint  Minutes since that deadline; 0 = not overdue
-- open_warnings        bigint  Warnings that are open now
-- open_tasks           bigint  Tasks that are open now
-- failing_setup_tests  bigint  Setup tests that failed when last run
-- paused               yes_no  Whether it is paused
-- setup_state          text    incomplete, connected, broken, or as the API sends it
-- sync_state           text    scheduled, syncing, paused, rescheduled, or as the API sends it
-- update_state         text    on_schedule, delayed, or as the API sends it
-- schema_status        text    ready, blocked_on_capture, or as the API sends it
-- is_historical_sync   yes_no  Whether it is syncing its full history
-- last_sync_failed     yes_no  Whether the last sync to end failed: failed_at >= succeeded_at, or
--                              it failed and no sync ever succeeded
-- schedule_type        text    auto = the vendor's schedule, manual = by API call
-- sync_frequency       bigint  Minutes between two syncs
-- succeeded_at         time    End of the last successful sync (UTC); not tracked, see
--                              sync_outcomes
-- failed_at            time    End of the last failed sync (UTC), not cleared by a success; not
--                              tracked
-- rescheduled_for      time    When a rescheduled sync is due (UTC); not tracked
-- connected_by         text    User who created it; null = created by a program, or the user no
--                              longer exists
-- creator              text    That user's name and e-mail address; null = unknown
-- created_at           time    When it was created (UTC)
-- first_seen_at        time    observed_at of the first run that saw it (UTC)
-- removed_at           time    observed_at of the run that found it removed (UTC); null = it exists
-- destination_service  text    The kind of warehouse that it loads into, e.g. snowflake; null =
--                              unknown
-- link_to_docs         text    The vendor's documentation of the service; null = unknown
-- owner                text    Who is responsible for it, by its tag; null = no tag says so
-- tier                 text    How important it is, by its tag; null = no tag says so
{#- Grain: one row per connector with alerts: their number, and their codes as a list. #}
{%- macro alerts_of(table) -%}
  (
    select connector_id, {{ sql.as_bigint("sum(alerts)") }} as alerts, {{ sql.string_list("code") }} as codes
    from (
      select connector_id, coalesce(code, 'without a code') as code, count(*) as alerts
      from {{ table }} group by 1, 2 order by 1, 2
    ) by_code
    group by connector_id)
{%- endmacro %}
{%- set failed = sql.lower('status') ~ " in ('failed', 'job_failed')" %}
{%- macro since(phrase) %}'{{ phrase }} since ' || {{ sql.format_timestamp("h.health_since") }}{% endmacro %}
{%- set tests = "coalesce('; ' || h.failed_tests, '')" %}
{%- set alerts = "coalesce(': task ' || h.tasks || coalesce('; ' || h.failed_tests, ''), ': ' || h.failed_tests, '')" %}
{%- set tasks = "coalesce('; task ' || h.tasks, '') || " ~ tests %}
{%- set creator = "coalesce(nullif(u.given_name, '') || ' ', '') || coalesce(nullif(u.family_name, '') || ' ', '')
  || coalesce('<' || nullif(u.email, '') || '>', '')" %}
{%- set destination = "coalesce(h.group_name, h.group_id) || coalesce(' (' || h.destination_service || ')', '')" %}
{#- Only of those that are broken: this is read with every query. #}
{%- set broken = "destination_id in (select destination_id from destinations where " ~ sql.lower("setup_status") ~ " = 'broken')" %}
{%- set success = "coalesce('last success ' || " ~ sql.format_timestamp("h.succeeded_at") ~ ", case when h.success_is_unread
  then 'the time of its last success cannot be read' else 'no success so far' end)" %}
with fact as (
  select c.connector_id, c.account_id, c.group_id, nullif(g.group_name, '') as group_name, c.service, y.service_name, c.schema_name,
    c.paused, c.schedule_type, c.sync_frequency, c.schedule, c.connected_by, c.created_at,
    c.first_seen_at, c.removed_at, s.setup_state, s.sync_state, s.update_state, s.schema_status,
    s.is_historical_sync, s.last_sync_failed, s.succeeded_at, s.failed_at, s.rescheduled_for,
    {{ sql.json_value('s.extra', 'succeeded_at') }} is not null as success_is_unread,
    s.due_at, s.slo_minutes, s.health_since as judged_since, s.down_since as judged_down_since,
    coalesce(c.removed_reason, s.health) as observed_health, r.observed_at, r.seen_at, r.is_overdue, k.now,
    case
      when c.removed_at is not null or c.paused or {{ sql.lower('s.sync_state') }} = 'paused' then null
      when {{ sql.lower('c.schedule_type') }} = 'manual'
        and {{ sql.lower('s.sync_state') }} = 'rescheduled' then s.rescheduled_for
      else s.due_at
    end as freshness_deadline,
    coalesce(w.alerts, 0) as open_warnings, coalesce(t.alerts, 0) as open_tasks,
    coalesce(x.tests, 0) as failing_setup_tests,
    w.codes as warnings, t.codes as tasks, 'test ' || x.results as failed_tests,
    nullif(trim({{ creator }}), '') as creator, d.service as destination_service, b.setup_status_since as destination_since,
    y.link_to_docs
  from clock k
  cross join connectors c
  left join connector_status s on s.connector_id = c.connector_id
  left join latest_run r on r.account_id = c.account_id
  left join groups g on g.group_id = c.group_id
  left join destinations d on d.destination_id = c.group_id
  left join ({{ sql.setup_status_since(broken) }}) b on b.destination_id = c.group_id
  left join connector_types y on y.service = c.service
  left join users u on u.account_id = c.account_id and u.user_id = c.connected_by
  left join {{ alerts_of("warnings") }} w on w.connector_id = c.connector_id
  left join {{ alerts_of("tasks") }} t on t.connector_id = c.connector_id
  left join (
    select connector_id, {{ sql.as_bigint("sum(tests)") }} as tests, {{ sql.string_list("result") }} as results
    from (
      select connector_id, coalesce(nullif(title, ''), 'without a title') || coalesce(': ' || nullif(substr(message, 1, 200), ''), '') as result,
        count(*) as tests
      from setup_tests where {{ failed }} group by 1, 2 order by 1, 2
    ) by_result
    group by connector_id
  ) x on x.connector_id = c.connector_id
),
-- Why the stored health may be outdated: the run is overdue, or a deadline has passed since.
verified as (
  select f.*,
    case
      when f.removed_at is not null then null
      when f.is_overdue then 'run_overdue'
      when f.rescheduled_for < f.now and {{ sql.lower('f.schedule_type') }} = 'manual'
        and {{ sql.lower('f.sync_state') }} = 'rescheduled'
        and f.observed_health in {{ sql.lower_ranked("stalled") }} then 'deadline_passed'
      when f.due_at < f.now and f.observed_health in {{ sql.lower_ranked("stale") }} then 'deadline_passed'
    end as outdated_because
  from fact f
),
effective as (
  select d.*, case when d.outdated_because is null then d.observed_health else 'unobserved' end as health,
    case
      when d.removed_at is not null then d.removed_at
      when d.outdated_because = 'run_overdue' then coalesce(d.seen_at, d.now)
      when d.outdated_because = 'deadline_passed' then d.freshness_deadline
      else d.judged_since
    end as health_since
  from verified d
)
select h.connector_id, h.account_id, h.group_id, h.group_name, h.service, h.service_name,
  h.schema_name, h.health,
  h.health in {{ health.DOWN }} as is_down,
  {{ sql.severity("h.health") }} as severity,
  case h.health
    when 'deleted' then 'deleted, as the API reported at ' || {{ sql.format_timestamp("h.health_since") }}
    when 'not_visible' then {{ since("no longer visible to the API key") }}
    when 'paused' then {{ since("paused") }}
    when 'incomplete' then {{ since("setup incomplete") }} || {{ alerts }}
    when 'broken' then {{ since("setup broken") }} || {{ alerts }}
    when 'destination_broken' then 'destination ' || {{ destination }} || ' broken since '
      || {{ sql.format_timestamp("coalesce(h.destination_since, h.health_since)") }}
    when 'unknown' then 'setup state ' || coalesce(nullif(h.setup_state, '') || ' not recognised', 'missing')
      || {{ since("") }} || {{ tests }}
    when 'initial_sync' then {{ since("first sync in progress") }} || {{ tests }}
    when 'historical_sync' then {{ since("historical sync in progress") }} || {{ tests }}
    when 'blocked' then {{ since("blocked") }} || ': schema status ' || h.schema_status || {{ tests }}
    when 'stalled' then 'not started since ' || {{ sql.format_timestamp("h.rescheduled_for") }}
      || ': rescheduled, and its schedule is manual' || {{ tasks }}
    when 'failing' then {{ since("syncs failing") }}
      || coalesce(': last failure ' || {{ sql.format_timestamp("h.failed_at") }}, '') || ', ' || {{ success }}
      || {{ tasks }}
    when 'delayed' then {{ since("delayed") }} || ': ' || {{ success }} || {{ tasks }}
    when 'stale' then 'no success since ' || {{ sql.format_timestamp("h.succeeded_at") }}
      || case when h.slo_minutes is not null
        then ': due within ' || cast(h.slo_minutes as text) || ' minutes by its tag slo_minutes, overdue since '
        when h.schedule is null then ': due every ' || cast(h.sync_frequency as text) || ' minutes, overdue since '
        else ', overdue by its schedule since ' end
      || {{ sql.format_timestamp("h.due_at") }} || {{ tasks }}
    when 'action_required' then {{ since("task open") }} || ': ' || h.tasks || {{ tests }}
    when 'never_synced' then 'no sync has succeeded since '
      || {{ sql.format_timestamp("coalesce(h.created_at, h.first_seen_at)") }} || {{ tests }}
    when 'rescheduled' then coalesce(
      'rescheduled for ' || {{ sql.format_timestamp("h.rescheduled_for") }}, {{ since("rescheduled") }}) || {{ tests }}
    when 'warning' then {{ since("warning open") }} || ': ' || h.warnings || {{ tests }}
    when 'healthy' then {{ success }} || {{ tests }}
    when 'unobserved' then 'not observed' || coalesce(' since ' || {{ sql.format_timestamp("h.seen_at") }}, '')
      || ': ' || case
        when h.outdated_because = 'deadline_passed' then 'due by ' || {{ sql.format_timestamp("h.freshness_deadline") }}
        when h.seen_at is null then 'the last complete run is dated in the future, '
          || {{ sql.format_timestamp("h.observed_at") }}
        else 'the next run is overdue' end
      || '; it was ' || h.observed_health
  end as reason,
  h.health_since,
  case when h.outdated_because is null then h.judged_down_since end as down_since,
  h.observed_health, h.observed_at, h.freshness_deadline,
  case
    when h.freshness_deadline < h.now then {{ sql.minutes_between("h.freshness_deadline", "h.now") }}
    when h.freshness_deadline is not null then 0
  end as minutes_late,
  h.open_warnings, h.open_tasks, h.failing_setup_tests, h.paused, h.setup_state, h.sync_state,
  h.update_state, h.schema_status, h.is_historical_sync, h.last_sync_failed, h.schedule_type,
  h.sync_frequency, h.succeeded_at, h.failed_at, h.rescheduled_for, h.connected_by,
  h.creator, h.created_at, h.first_seen_at, h.removed_at, h.destination_service, h.link_to_docs,
  {{ sql.tag("owner", "h") }} as owner, {{ sql.tag("tier", "h") }} as tier
from effective h
