"""Tables for tags and for what people were told; totals that pruning leaves alone."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # the primary key counts up

TOTALS = {
    "outages_opened": "Outages that runs have seen begin; pruning does not lower it",
    "outages_closed": "Outages that runs have seen end; pruning does not lower it",
    "requests": "Requests that runs have sent, retries included; pruning does not lower it",
}


def column(name: str, kind: Any, comment: str, *parts: Any, required: bool = False) -> Any:
    return sa.Column(name, kind, *parts, comment=comment, nullable=not required)


def create_tags() -> None:
    op.create_table(
        "tags",
        column(
            "scope",
            sa.Text(),
            "What it is set for: account, group, service or connector",
            required=True,
        ),
        column(
            "scope_id",
            sa.Text(),
            "The id of that: an account_id, group_id, service or connector_id",
            required=True,
        ),
        column(
            "name",
            sa.Text(),
            "Any name; owner, tier, runbook_url, mute_until and slo_minutes mean something",
            required=True,
        ),
        column(
            "value",
            sa.Text(),
            "The value; empty = none, which hides a less specific tag",
            required=True,
        ),
        sa.PrimaryKeyConstraint("scope", "scope_id", "name", name="pk_tags"),
        sa.CheckConstraint("scope in ('account', 'group', 'service', 'connector')", name="scope"),
        comment="One row per tag that people have set. Of tags of one name, that of the connector counts, then that of its service, its group, its account",
    )
    op.create_index("ix_tags_name", "tags", ["name"])


def create_notification_channels() -> None:
    op.create_table(
        "notification_channels",
        column("channel", sa.Text(), "The channel's name in the configuration", required=True),
        column(
            "first_used_at",
            TIMESTAMP,
            "When it was first used (UTC): it is not told what ended before",
            required=True,
        ),
        column(
            "told_until",
            TIMESTAMP,
            "observed_at of the last complete run that it has been told of (UTC)",
        ),
        column(
            "delivered_at", TIMESTAMP, "When a message was last delivered (UTC); null = none was"
        ),
        column(
            "failing_since",
            TIMESTAMP,
            "The first of the failed attempts since then (UTC); null = it works",
        ),
        column(
            "error_message",
            sa.Text(),
            "Why the last attempt failed, without the URL; null = it works",
        ),
        sa.PrimaryKeyConstraint("channel", name="pk_notification_channels"),
        comment="One row per channel that `inventory notify` has known: what it has been told",
    )


def create_notifications() -> None:
    op.create_table(
        "notifications",
        column("notification_id", SERIAL, "Number of the row, counting up", required=True),
        column("channel", sa.Text(), "The channel's name in the configuration", required=True),
        column(
            "kind",
            sa.Text(),
            "outage, flapping, or the type of a problem of the data, as `inventory check` names it",
            required=True,
        ),
        column(
            "connector_id", sa.Text(), "The connector; null = it is about the data of the account"
        ),
        column("account_id", sa.Text(), "The account; null = it is not known"),
        column(
            "started_at",
            TIMESTAMP,
            "When it began (UTC): of an outage, incidents.started_at",
            required=True,
        ),
        column(
            "announced_at", TIMESTAMP, "When the channel was first told of it (UTC)", required=True
        ),
        column("reminded_at", TIMESTAMP, "When it was last told again (UTC); null = it was not"),
        column("over_at", TIMESTAMP, "When it was told that it is over (UTC); null = it was not"),
        column(
            "cause",
            sa.Text(),
            "Of runs that fail: the error that does not pass by itself, as last told; null = there was none",
        ),
        sa.PrimaryKeyConstraint("notification_id", name="pk_notifications"),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.connector_id"], name="fk_notifications_connector_id"
        ),
        comment="One row per channel and outage, flapping connector or problem of the data that the channel has been told of; of a digest only problems",
    )
    op.create_index(
        "ix_notifications_channel_kind_connector_id_started_at",
        "notifications",
        ["channel", "kind", "connector_id", "started_at"],
        unique=True,
    )
    op.create_index("ix_notifications_announced_at", "notifications", ["announced_at"])
    open_ones = sa.text("over_at is null")
    op.create_index(
        "ix_notifications_open",
        "notifications",
        ["channel"],
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )


def upgrade() -> None:
    create_tags()
    create_notification_channels()
    create_notifications()
    op.add_column(
        "connector_status",
        column(
            "slo_minutes",
            sa.BigInteger(),
            "Minutes after a success in which the next one is due, by the tag slo_minutes, which due_at follows; null = it follows the schedule",
        ),
    )
    op.add_column(
        "inventory_runs",
        column(
            "rate_limit_remaining",
            sa.BigInteger(),
            "Requests that the account's quota of the hour had left, as its last response said; null = none said it",
        ),
    )
    for name, comment in TOTALS.items():
        op.add_column(
            "accounts",
            sa.Column(name, sa.BigInteger(), comment=comment, nullable=False, server_default="0"),
        )


def downgrade() -> None:
    for name in TOTALS:
        op.drop_column("accounts", name)
    op.drop_column("inventory_runs", "rate_limit_remaining")
    op.drop_column("connector_status", "slo_minutes")
    for table in ("notifications", "notification_channels", "tags"):
        op.drop_table(table)
