"""Tables for the names behind ids: accounts, groups, destinations, users, connector types."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(JSONB(), "postgresql")

EXTRA = "Fields of the API that have no column, and values that do not fit their column, verbatim; secrets masked"
FIRST_SEEN = "observed_at of the first run that saw it (UTC)"
REMOVED = "observed_at of the run whose list no longer had it (UTC); null = it exists"

Columns = list[sa.Column[Any]]


def column(name: str, kind: Any, comment: str, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, nullable=not required)


def group_columns() -> Columns:
    return [
        column(
            "account_id", sa.Text(), "The Fivetran account the group was seen in", required=True
        ),
        column("group_name", sa.Text(), "The group's name"),
        column("created_at", TIMESTAMP, "When it was created (UTC)"),
        column("extra", JSON, EXTRA),
    ]


def destination_columns() -> Columns:
    return [
        column(
            "account_id",
            sa.Text(),
            "The Fivetran account the destination was seen in",
            required=True,
        ),
        column("group_id", sa.Text(), "The group that loads into it; the API gives both one id"),
        column("service", sa.Text(), "The kind of warehouse, e.g. snowflake"),
        column("region", sa.Text(), "Where the vendor processes its data"),
        column(
            "time_zone_offset",
            sa.Text(),
            "Hours from UTC as the API writes them, e.g. -5; daily syncs follow it",
        ),
        column(
            "daylight_saving_time_enabled",
            sa.Boolean(),
            "Whether an hour is added during daylight saving time",
        ),
        column("setup_status", sa.Text(), "connected, incomplete, broken, or as the API sends it"),
        column("networking_method", sa.Text(), "How it is reached, e.g. Directly"),
        column("private_link_id", sa.Text(), "Private link in use"),
        column("proxy_agent_id", sa.Text(), "Proxy agent in use"),
        column("hybrid_deployment_agent_id", sa.Text(), "Hybrid deployment agent in use"),
        column("extra", JSON, EXTRA),
    ]


def open_version() -> Columns:
    return [
        column(
            "valid_from",
            TIMESTAMP,
            "When this version began: observed_at of the run that first saw it (UTC)",
            required=True,
        ),
        column(
            "changed_after",
            TIMESTAMP,
            "observed_at of the complete run before that one (UTC): the change happened after it; null = there was none",
        ),
    ]


def create_versioned(table: str, what: str, columns: Any) -> None:
    key = f"{what}_id"

    def id_column() -> sa.Column[Any]:
        return column(key, sa.Text(), f"The {what}'s id, as the API gives it", required=True)

    op.create_table(
        table,
        id_column(),
        *columns(),
        column("first_seen_at", TIMESTAMP, FIRST_SEEN, required=True),
        column("removed_at", TIMESTAMP, REMOVED),
        *open_version(),
        sa.PrimaryKeyConstraint(key, name=f"pk_{table}"),
        comment=f"One row per {what} ever listed; a removed one keeps its last version",
    )
    past = f"{table}_past"
    op.create_table(
        past,
        id_column(),
        *columns(),
        *open_version(),
        column(
            "valid_to",
            TIMESTAMP,
            "When this version ended: observed_at of the run that no longer saw it (UTC)",
            required=True,
        ),
        sa.PrimaryKeyConstraint(key, "valid_from", name=f"pk_{past}"),
        sa.CheckConstraint("valid_from < valid_to", name="not_empty"),
        comment=f"One row per closed version of a {what}",
    )
    op.create_index(f"ix_{past}_valid_to", past, ["valid_to"])


def upgrade() -> None:
    op.create_table(
        "accounts",
        column(
            "account_id",
            sa.Text(),
            "The account's id, or the name that --account gave it",
            required=True,
        ),
        column(
            "account_name",
            sa.Text(),
            "The account's name; null = the API has not been asked for it",
        ),
        column(
            "first_seen_at", TIMESTAMP, "observed_at of the first complete run (UTC)", required=True
        ),
        column(
            "list_digests",
            JSON,
            "Digest of each list of groups, destinations and users as it was last stored: an equal list is not compared again",
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        comment="One row per Fivetran account that a run has read",
    )
    create_versioned("groups", "group", group_columns)
    create_versioned("destinations", "destination", destination_columns)
    op.create_table(
        "users",
        column("account_id", sa.Text(), "The Fivetran account the user was seen in", required=True),
        column("user_id", sa.Text(), "The user's id, as the API gives it", required=True),
        column("email", sa.Text(), "E-mail address"),
        column("given_name", sa.Text(), "Given name"),
        column("family_name", sa.Text(), "Family name"),
        column("role", sa.Text(), "Role in the account"),
        column("active", sa.Boolean(), "Whether the user is active"),
        column("logged_in_at", TIMESTAMP, "Last login (UTC)"),
        column("created_at", TIMESTAMP, "When the user was created (UTC)"),
        column(
            "first_seen_at",
            TIMESTAMP,
            "observed_at of the first run that saw the user (UTC)",
            required=True,
        ),
        column(
            "removed_at",
            TIMESTAMP,
            "observed_at of the run whose list no longer had the user (UTC); null = still listed",
        ),
        sa.PrimaryKeyConstraint("account_id", "user_id", name="pk_users"),
        comment="One row per user and account; without phone and picture, which are never stored. `inventory sync --no-users` reads none",
    )
    op.create_table(
        "connector_types",
        column("service", sa.Text(), "The connector type, e.g. google_sheets", required=True),
        column("service_name", sa.Text(), "The vendor's name of it, e.g. Google Sheets"),
        column("type", sa.Text(), "What it reads, e.g. Database"),
        column("connector_class", sa.Text(), "How the vendor builds it, e.g. standard"),
        column(
            "service_status",
            sa.Text(),
            "general_availability, beta, sunset, or as the API sends it",
        ),
        column("link_to_docs", sa.Text(), "The vendor's documentation of it"),
        column(
            "fetched_at",
            TIMESTAMP,
            "observed_at of the last run whose list had it (UTC)",
            required=True,
        ),
        sa.PrimaryKeyConstraint("service", name="pk_connector_types"),
        comment="One row per connector type that the vendor has ever listed; read once a day",
    )
    op.add_column(
        "inventory_runs",
        column(
            "skipped",
            sa.Text(),
            "Lists beside the connectors that it could not read or did not believe, e.g. groups, users; nothing of them changed",
        ),
    )


def downgrade() -> None:
    op.drop_column("inventory_runs", "skipped")
    for table in (
        "connector_types",
        "users",
        "destinations_past",
        "destinations",
        "groups_past",
        "groups",
        "accounts",
    ):
        op.drop_table(table)
