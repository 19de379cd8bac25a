"""Columns for what is read beyond the list: details, and setup tests on request."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(JSONB(), "postgresql")

OF_CONNECTORS: dict[str, tuple[Any, str]] = {
    "details_at": (
        TIMESTAMP,
        "observed_at of the run that last read its details, beyond the list (UTC); null = none did",
    ),
    "details_fields": (
        JSON,
        "Fields of the API that only its details tell: the list does not clear them",
    ),
    "tested_at": (
        TIMESTAMP,
        "observed_at of the run that last had its setup tests run (UTC); null = none did",
    ),
}
OF_RUNS = {
    "details_read": "Connectors whose details it read, beyond the list",
    "details_failed": "Connectors whose details it could not read; left as they were",
    "tested": "Connectors whose setup tests it had the vendor run",
    "tests_failed": "Connectors whose setup tests could not be run; left as they were",
}


def upgrade() -> None:
    for name, (kind, comment) in OF_CONNECTORS.items():
        op.add_column("connectors", sa.Column(name, kind, comment=comment))
    for name, comment in OF_RUNS.items():
        op.add_column(
            "inventory_runs",
            sa.Column(name, sa.BigInteger(), comment=comment, nullable=False, server_default="0"),
        )


def downgrade() -> None:
    for name in OF_RUNS:
        op.drop_column("inventory_runs", name)
    for name in OF_CONNECTORS:
        op.drop_column("connectors", name)
