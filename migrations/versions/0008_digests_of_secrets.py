"""A key for digests of secrets, and with which API key a run was made."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

API_KEY_DIGEST = "Keyed digest of the API key that it used: equal ones are the same key"

INDEX = "ix_sync_runs_api_key_digest_run_id"


def upgrade() -> None:
    op.add_column("sync_runs", sa.Column("api_key_digest", sa.Text(), comment=API_KEY_DIGEST))
    op.create_index(INDEX, "sync_runs", ["api_key_digest", "run_id"])
    table = op.create_table(
        "digest_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="Always 1"),
        sa.Column(
            "secret",
            sa.LargeBinary(),
            nullable=False,
            comment="32 random bytes that digests are keyed with",
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_digest_key_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_key")),
        comment="The one secret of this database. No reader is granted it, and no view shows it",
    )
    op.bulk_insert(table, [{"id": 1, "secret": secrets.token_bytes(32)}])


def downgrade() -> None:
    op.drop_table("digest_key")
    op.drop_index(INDEX, "sync_runs")
    op.drop_column("sync_runs", "api_key_digest")
