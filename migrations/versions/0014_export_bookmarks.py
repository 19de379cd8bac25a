"""How far each target of `inventory export` holds each table."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)


def column(name: str, kind: Any, comment: str, *, required: bool = False, **more: Any) -> Any:
    return sa.Column(name, kind, comment=comment, nullable=not required, **more)


def upgrade() -> None:
    op.create_table(
        "export_bookmarks",
        column("target", sa.Text(), "The folder or the URL that it is exported to", required=True),
        column("table_name", sa.Text(), "The table in the target", required=True),
        column(
            "edition",
            sa.BigInteger(),
            "How often closed history has been rewritten, as by `inventory db redate`, since the first export; the target keeps the edition that it holds",
            required=True,
            server_default="0",
        ),
        column(
            "run_id",
            sa.BigInteger(),
            "The last complete run that the target holds; null = none",
        ),
        column("observed_at", TIMESTAMP, "observed_at of that run (UTC); null = none"),
        column(
            "settled_until",
            sa.BigInteger(),
            "Up to here rows are in the target for good; what follows is replaced. By the table: microseconds or days since 1970, or the number of a run; null = none are",
        ),
        column(
            "pruned_until",
            sa.BigInteger(),
            "Up to here the target may hold more than the database, which has been pruned; counted as settled_until; null = it does not",
        ),
        column("exported_at", TIMESTAMP, "When it was last exported (UTC); null = it has not been"),
        sa.PrimaryKeyConstraint("target", "table_name", name="pk_export_bookmarks"),
        comment="One row per target of `inventory export` and table: how far it is exported",
    )


def downgrade() -> None:
    op.drop_table("export_bookmarks")
