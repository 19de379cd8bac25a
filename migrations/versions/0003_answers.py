"""What the views need: when a sync was due, what was overdue, and ways in for their questions."""

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
WITH_BEGINNINGS = ("connectors_past", "warnings_past", "tasks_past", "setup_tests_past")


def upgrade() -> None:
    at = sa.DateTime(timezone=True)
    op.add_column(
        "connector_status_past",
        sa.Column(
            "rescheduled_for",
            at,
            comment="When a rescheduled sync was due, as last seen in this version (UTC)",
        ),
    )
    op.add_column(
        "sync_outcomes",
        sa.Column(
            "overdue_since",
            at,
            comment="The deadline that the success before it had passed (UTC), where a complete run saw it late; null = it was in time",
        ),
    )
    op.create_index(
        "ix_connector_status_past_eventful",
        "connector_status_past",
        ["connector_id", "valid_from"],
        sqlite_where=sa.text(EVENTFUL),
        postgresql_where=sa.text(EVENTFUL),
    )
    op.create_index(
        "ix_sync_outcomes_overdue",
        "sync_outcomes",
        ["connector_id"],
        sqlite_where=sa.text("overdue_since is not null"),
        postgresql_where=sa.text("overdue_since is not null"),
    )
    for table in WITH_BEGINNINGS:
        op.create_index(f"ix_{table}_valid_from", table, ["valid_from"])


def downgrade() -> None:
    for table in reversed(WITH_BEGINNINGS):
        op.drop_index(f"ix_{table}_valid_from", table)
    op.drop_index("ix_sync_outcomes_overdue", "sync_outcomes")
    op.drop_index("ix_connector_status_past_eventful", "connector_status_past")
    op.drop_column("sync_outcomes", "overdue_since")
    op.drop_column("connector_status_past", "rescheduled_for")
