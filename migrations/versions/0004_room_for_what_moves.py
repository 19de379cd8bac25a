"""Leaves free space on the pages of connector_status.

Columns that change with every sync are then updated in place (HOT), without touching the indexes.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table connector_status set (fillfactor = 45)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table connector_status reset (fillfactor)")
