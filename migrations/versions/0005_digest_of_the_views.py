"""Beside the revision: a digest of the views' texts, and the release that last compared it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inventory_version", sa.Column("views_digest", sa.Text))
    op.add_column("inventory_version", sa.Column("release", sa.Text))


def downgrade() -> None:
    op.drop_column("inventory_version", "release")
    op.drop_column("inventory_version", "views_digest")
