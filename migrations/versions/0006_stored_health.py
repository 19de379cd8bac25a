"""Stores health: adds columns for it, and fills them for the existing history.

The health of a past version follows from its states and from whether the connector was paused when
it began. An open version is split at the last time that the connector was paused or unpaused within
it. Earlier revisions stored neither when a sync was due nor how many tasks were open, so no old
version is stale, stalled or action_required. The next run judges every connector by all rules.
"""

import logging

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
JUDGED = {
    "health": "The one word that its facts came to when a run last judged it",
    "is_down": "Whether that health counts as down",
    "health_since": "Since when it has that health (UTC): the run that saw it, or the deadline that passed",
    "down_since": "Since when it is down without a break (UTC); null = it is not down",
}
DUE_AT = (
    "When the next success is overdue, by its schedule (UTC); not tracked; null = nobody can tell"
)
RULES = "Digest of the rules that it judged health by; null = it did not"
STATUS_COMMENTS = (
    "One row per connector that exists: its states and the times of its syncs",
    "One row per connector that exists: its states, its health, the times of its syncs",
)
DOWN_INDEX = "ix_connector_status_past_down"
OVERDUE = {
    "connectors_past": "The deadline that its next success had passed when this version ended (UTC), where a complete run saw it late; null = it was in time",
    "sync_outcomes": "The deadline that the success before it had passed (UTC), where a complete run saw it late; null = it was in time",
}
EVENTFUL = (
    "(setup_state is null or setup_state <> 'connected'"
    " or sync_state = 'paused' or sync_state = 'rescheduled' or is_historical_sync"
    " or substr(schema_status, 1, 7) = 'blocked' or last_sync_failed or update_state = 'delayed')"
)
SUPERSEDED = {
    "ix_connector_status_past_eventful": (
        "connector_status_past",
        [
            *("connector_id", "valid_from", "valid_to", "setup_state", "sync_state"),
            *("update_state", "schema_status", "is_historical_sync", "last_sync_failed"),
        ],
        EVENTFUL,
    ),
    "ix_connector_status_past_rescheduled": (
        "connector_status_past",
        ["connector_id"],
        "sync_state = 'rescheduled'",
    ),
    "ix_connectors_past_overdue": (
        "connectors_past",
        ["connector_id"],
        "overdue_since is not null",
    ),
    "ix_sync_outcomes_overdue": ("sync_outcomes", ["connector_id"], "overdue_since is not null"),
    "ix_connectors_past_phases": (
        "connectors_past",
        ["connector_id", "valid_from", "valid_to", "paused", "schedule_type"],
        None,
    ),
}

# Split the open version of states where the connector was paused or unpaused within it: its health
# now began then, not with the version.
SPLIT = """
create temporary table last_turn as
select s.connector_id, max(v.valid_from) as turned_at
from connector_status s
join (
    select connector_id, valid_from,
        coalesce(paused, false) as paused,
        lag(coalesce(paused, false)) over life as before,
        lag(valid_to) over life as ended_before
    from (
        select connector_id, paused, valid_from, valid_to from connectors_past
        union all
        select connector_id, paused, valid_from, null from connectors where removed_at is null
    ) h
    window life as (partition by connector_id order by valid_from)
) v on v.connector_id = s.connector_id
where v.ended_before = v.valid_from and v.paused <> v.before and v.valid_from > s.valid_from
group by s.connector_id
"""
STATES = (
    "setup_state, sync_state, update_state, schema_status, is_historical_sync, last_sync_failed,"
    " extra, rescheduled_for, valid_from, changed_after"
)
SPLIT_OFF = f"""
insert into connector_status_past (connector_id, {STATES}, valid_to)
select connector_id, {STATES}, (
    select turned_at from last_turn t where t.connector_id = connector_status.connector_id)
from connector_status
where connector_id in (select connector_id from last_turn)
"""
BEGIN_ANEW = """
update connector_status set valid_from = t.turned_at, changed_after = (
    select max(r.observed_at)
    from sync_runs r
    join connectors c on c.account_id = r.account_id
    where c.connector_id = t.connector_id and r.observed_at < t.turned_at
)
from last_turn t
where t.connector_id = connector_status.connector_id
"""

# The health of each version of states, and when that health and that outage began.
JUDGE = """
create temporary table judged_history as
with connector as (
    select c.connector_id, c.paused,
        (
            select r.observed_at
            from sync_outcomes o
            join sync_runs r on r.run_id = o.run_id
            where o.connector_id = c.connector_id and o.outcome = 'succeeded'
            order by o.finished_at
            limit 1
        ) as first_success_at,
        exists (
            select 1 from connectors_past p where p.connector_id = c.connector_id and p.paused
        ) or coalesce(c.paused, false) as was_paused
    from connectors c
),
version as (
    select p.connector_id, p.valid_from, p.valid_to, p.setup_state, p.sync_state, p.update_state,
        p.schema_status, p.is_historical_sync, p.last_sync_failed,
        c.first_success_at is null or p.valid_from < c.first_success_at as never_succeeded,
        c.was_paused and (
            exists (
                select 1 from connectors_past k
                where k.connector_id = p.connector_id and k.paused
                    and k.valid_from <= p.valid_from and p.valid_from < k.valid_to
            )
            or exists (
                select 1 from connectors k
                where k.connector_id = p.connector_id and k.paused and k.removed_at is null
                    and k.valid_from <= p.valid_from
            )
        ) as paused
    from connector_status_past p
    join connector c on c.connector_id = p.connector_id
    union all
    select s.connector_id, s.valid_from, null, s.setup_state, s.sync_state, s.update_state,
        s.schema_status, s.is_historical_sync, s.last_sync_failed,
        s.succeeded_at is null, coalesce(c.paused, false)
    from connector_status s
    join connector c on c.connector_id = s.connector_id
),
judged as (
    select connector_id, valid_from, valid_to,
        case
            when paused or sync_state = 'paused' then 'paused'
            when setup_state = 'incomplete' then 'incomplete'
            when setup_state = 'broken' then 'broken'
            when setup_state is null or setup_state <> 'connected' then 'unknown'
            when sync_state = 'syncing' and never_succeeded then 'initial_sync'
            when sync_state = 'syncing' and is_historical_sync then 'historical_sync'
            when substr(schema_status, 1, 7) = 'blocked' then 'blocked'
            when last_sync_failed then 'failing'
            when update_state = 'delayed' then 'delayed'
            when never_succeeded then 'never_synced'
            when sync_state = 'rescheduled' then 'rescheduled'
            else 'healthy'
        end as health
    from version
),
counted as (
    select connector_id, valid_from, valid_to, health,
        health in ('broken', 'failing', 'delayed') as is_down
    from judged
),
turned as (
    select connector_id, valid_from, health, is_down,
        case when lag(valid_to) over life = valid_from and lag(health) over life = health
            then null else valid_from end as word_begins,
        case when lag(valid_to) over life = valid_from and lag(is_down) over life = is_down
            then null else valid_from end as stretch_begins
    from counted
    window life as (partition by connector_id order by valid_from)
)
select connector_id, valid_from, health, is_down, max(word_begins) over life as health_since,
    case when is_down then max(stretch_begins) over life end as down_since
from turned
window life as (partition by connector_id order by valid_from)
"""
FILL = """
update {table} set health = j.health, is_down = j.is_down, health_since = j.health_since,
    down_since = j.down_since
from judged_history j
where j.connector_id = {table}.connector_id and j.valid_from = {table}.valid_from
"""


def upgrade() -> None:
    for name, (table, *_) in SUPERSEDED.items():
        op.drop_index(name, table, if_exists=True)  # somebody may have dropped it
    for table in OVERDUE:
        op.drop_column(table, "overdue_since")
    for table in ("connector_status", "connector_status_past"):
        for column in judged_columns():
            op.add_column(table, column)
    op.add_column("connector_status", sa.Column("due_at", INSTANT, comment=DUE_AT))
    op.add_column("sync_runs", sa.Column("health_rules", sa.Text, comment=RULES))
    fill()
    where = sa.text("is_down")
    columns = ["valid_to", "connector_id", "down_since"]
    op.create_index(
        DOWN_INDEX, "connector_status_past", columns, sqlite_where=where, postgresql_where=where
    )
    say_of_connector_status(STATUS_COMMENTS[1])


def downgrade() -> None:
    op.drop_index(DOWN_INDEX, "connector_status_past")
    op.drop_column("sync_runs", "health_rules")
    op.drop_column("connector_status", "due_at")
    for table in ("connector_status_past", "connector_status"):
        for name in reversed(JUDGED):
            op.drop_column(table, name)
    for table, comment in OVERDUE.items():
        op.add_column(table, sa.Column("overdue_since", INSTANT, comment=comment))
    for name, (table, columns, condition) in SUPERSEDED.items():
        where = None if condition is None else sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    say_of_connector_status(STATUS_COMMENTS[0])


def judged_columns() -> list[sa.Column[object]]:
    kinds = {
        "health": {"type_": sa.Text(), "nullable": False, "server_default": "unknown"},
        "is_down": {"type_": sa.Boolean(), "nullable": False, "server_default": sa.false()},
    }
    return [
        sa.Column(name, comment=comment, **kinds.get(name, {"type_": INSTANT}))
        for name, comment in JUDGED.items()
    ]


def fill() -> None:
    connection = op.get_bind()
    if not connection.scalar(sa.text("select exists (select 1 from connectors)")):
        return
    logging.getLogger("inventory.migrations").warning(
        "Health before this upgrade is derived from states and pauses only; connectors that were "
        "overdue by their schedule are not shown as stale."
    )
    for statement in (SPLIT, SPLIT_OFF, BEGIN_ANEW, "drop table last_turn", JUDGE):
        op.execute(statement)
    if connection.dialect.name == "postgresql":
        op.execute("analyze judged_history")
    else:
        op.execute("create index temp.judged_version on judged_history (connector_id, valid_from)")
    for table in ("connector_status_past", "connector_status"):
        op.execute(FILL.format(table=table))
    op.execute("drop table judged_history")


def say_of_connector_status(comment: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment("connector_status", comment)
