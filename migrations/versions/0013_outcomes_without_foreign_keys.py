"""On PostgreSQL, sync_outcomes without foreign keys.

An everyday run inserts a row for each connector. Each key checked each row by a statement of its
own, and wrote a lock of the row it refers to into the log.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLE = "sync_outcomes"
KEYS = {"connector_id": "connectors", "run_id": "inventory_runs"}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for column in KEYS:
        op.drop_constraint(f"fk_{TABLE}_{column}", TABLE, type_="foreignkey")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for column, target in KEYS.items():
        op.create_foreign_key(f"fk_{TABLE}_{column}", TABLE, target, [column], [column])
