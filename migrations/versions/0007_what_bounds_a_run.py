"""Adds to the run log when a run must have ended, and by how much the clock was behind."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DEADLINE = "By when it must have ended, by its --deadline (UTC); one still at work then hangs"
BEHIND = (
    "Seconds that the database's clock was behind the newest instant of all runs; 0 = it was not"
)


def upgrade() -> None:
    op.add_column(
        "sync_runs", sa.Column("deadline_at", sa.DateTime(timezone=True), comment=DEADLINE)
    )
    op.add_column(
        "sync_runs",
        sa.Column(
            "clock_behind_seconds",
            sa.BigInteger(),
            comment=BEHIND,
            nullable=False,
            server_default="0",
        ),
    )


def downgrade() -> None:
    op.drop_column("sync_runs", "clock_behind_seconds")
    op.drop_column("sync_runs", "deadline_at")
