"""The run log tells how often the list was walked, and how many removals were withheld."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ADDED = {
    "walks": "Times that the list was read from its first page; 2 = it had moved meanwhile",
    "withheld": "Missing ones, too many to be believed gone; left alone",
}


def upgrade() -> None:
    for name, comment in ADDED.items():
        count = sa.Column(
            name, sa.BigInteger(), comment=comment, nullable=False, server_default="0"
        )
        op.add_column("sync_runs", count)
    op.execute("update sync_runs set walks = 1 where pages > 0")


def downgrade() -> None:
    for name in reversed(ADDED):
        op.drop_column("sync_runs", name)
