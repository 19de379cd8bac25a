"""Adds what the views need: when a sync was due and since when it was overdue, and indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EVENTFUL = (
    "(setup_state is null or setup_state <> 'connected'"
    " or sync_state = 'paused' or sync_state = 'rescheduled' or is_historical_sync"
    " or substr(schema_status, 1, 7) = 'blocked' or last_sync_failed or update_state = 'delayed')"
)
NOT_IN_TIME = "overdue_since is not null"
PARTIAL = {
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
    "ix_connectors_past_overdue": ("connectors_past", ["connector_id"], NOT_IN_TIME),
    "ix_sync_outcomes_overdue": ("sync_outcomes", ["connector_id"], NOT_IN_TIME),
}
WHOLE = {
    "ix_connectors_past_phases": (
        "connectors_past",
        ["connector_id", "valid_from", "valid_to", "paused", "schedule_type"],
    ),
    "ix_connectors_past_valid_from": ("connectors_past", ["valid_from"]),
    "ix_warnings_past_valid_from": ("warnings_past", ["valid_from"]),
    "ix_warnings_past_connector_id_valid_to": ("warnings_past", ["connector_id", "valid_to"]),
    "ix_tasks_past_valid_from": ("tasks_past", ["valid_from"]),
    "ix_tasks_past_connector_id_valid_to": ("tasks_past", ["connector_id", "valid_to"]),
    "ix_setup_tests_past_valid_from": ("setup_tests_past", ["valid_from"]),
}
ADDED = {
    "connector_status_past": (
        "rescheduled_for",
        "When a rescheduled sync was due, as last seen in this version (UTC)",
    ),
    "connectors_past": (
        "overdue_since",
        "The deadline that its next success had passed when this version ended (UTC), where a complete run saw it late; null = it was in time",
    ),
    "sync_outcomes": (
        "overdue_since",
        "The deadline that the success before it had passed (UTC), where a complete run saw it late; null = it was in time",
    ),
}


def upgrade() -> None:
    for table, (name, comment) in ADDED.items():
        op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), comment=comment))
    for name, (table, columns, condition) in PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    for name, (table, columns) in WHOLE.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, *_) in reversed({**PARTIAL, **WHOLE}.items()):
        op.drop_index(name, table)
    for table, (name, _) in reversed(ADDED.items()):
        op.drop_column(table, name)
