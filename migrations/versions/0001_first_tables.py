"""The first tables: connectors, their states, alerts and tests, the past of each, the run log."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(JSONB(), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts up there

Columns = list[sa.Column[Any]]


def column(name: str, kind: Any, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, **options)


def of_connector() -> sa.Column[Any]:
    comment = "The connector's id, as the API gives it"
    return column("connector_id", sa.Text(), comment, nullable=False)


def open_version() -> Columns:
    return [
        column(
            "valid_from",
            INSTANT,
            "When this version began: observed_at of the run that first saw it (UTC)",
            nullable=False,
        ),
        column(
            "changed_after",
            INSTANT,
            "The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
    ]


def past_version() -> Columns:
    return [
        *open_version(),
        column(
            "valid_to",
            INSTANT,
            "When this version ended: observed_at of the run that no longer saw it (UTC)",
            nullable=False,
        ),
    ]


def rules(table: str, *key: str) -> list[sa.Constraint]:
    """The primary key, and the foreign key to the connector."""
    return [
        sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.connector_id"], name=f"fk_{table}_connector_id"
        ),
    ]


def create_past(table: str, key: Columns, facts: Columns, comment: str) -> None:
    names = [part.name for part in key]
    op.create_table(
        table,
        *key,
        *facts,
        *past_version(),
        *rules(table, *names, "valid_from"),
        sa.CheckConstraint("valid_from < valid_to", name=op.f(f"ck_{table}_not_empty")),
        comment=comment,
    )
    op.create_index(f"ix_{table}_valid_to", table, ["valid_to"])


def create_versioned(
    table: str, key: Callable[[], Columns], facts: Callable[[], Columns], *comments: str
) -> None:
    """A current table without columns of its own, and its past."""
    of_current, of_past = comments
    names = [part.name for part in key()]
    op.create_table(
        table, *key(), *facts(), *open_version(), *rules(table, *names), comment=of_current
    )
    create_past(f"{table}_past", key(), facts(), of_past)


def connector_facts() -> Columns:
    return [
        column(
            "account_id",
            sa.Text(),
            "The Fivetran account the connector was seen in",
            nullable=False,
        ),
        column("group_id", sa.Text(), "The group, which is the destination"),
        column("service", sa.Text(), "The connector type, e.g. google_sheets"),
        column("service_version", sa.BigInteger(), "Version of the connector type"),
        column("schema_name", sa.Text(), "The connector's name (`schema` of the API); not unique"),
        column(
            "connected_by",
            sa.Text(),
            "User who created it; null = a program did, or the user is gone",
        ),
        column("created_at", INSTANT, "When it was created (UTC)"),
        column("paused", sa.Boolean(), "Whether it is paused"),
        column("pause_after_trial", sa.Boolean(), "Whether it pauses when its free trial ends"),
        column("sync_frequency", sa.BigInteger(), "Minutes between two syncs"),
        column("daily_sync_time", sa.Text(), "HH:MM of the sync, where sync_frequency is 1440"),
        column("schedule_type", sa.Text(), "auto = the vendor's schedule, manual = by API call"),
        column("schedule", JSON, "The newer schedule, as the API gives it"),
        column(
            "data_delay_threshold", sa.BigInteger(), "Minutes of delay that raise a notification"
        ),
        column("data_delay_sensitivity", sa.Text(), "Sensitivity of the delay notification"),
        column("private_link_id", sa.Text(), "Private link in use"),
        column("proxy_agent_id", sa.Text(), "Proxy agent in use"),
        column("networking_method", sa.Text(), "How the source is reached, e.g. Directly"),
        column("hybrid_deployment_agent_id", sa.Text(), "Hybrid deployment agent in use"),
        column(
            "local_processing_agent_id",
            sa.Text(),
            "Older name of the hybrid deployment agent; the API dropped it in 2025",
        ),
        column("config", JSON, "Settings of the source, secrets masked; null = the API never told"),
        column(
            "connect_card_config",
            JSON,
            "Settings of the connect card, never its token; null = the API never told",
        ),
        column(
            "extra",
            JSON,
            "Fields of the API without a column, and values that do not fit theirs, verbatim; secrets masked",
        ),
    ]


def status_facts() -> Columns:
    return [
        column("setup_state", sa.Text(), "incomplete, connected, broken, or as the API sends it"),
        column(
            "sync_state",
            sa.Text(),
            "scheduled, syncing, paused, rescheduled, or as the API sends it",
        ),
        column("update_state", sa.Text(), "on_schedule, delayed, or as the API sends it"),
        column("schema_status", sa.Text(), "ready, blocked_on_capture, or as the API sends it"),
        column("is_historical_sync", sa.Boolean(), "Whether it syncs its history"),
        column(
            "last_sync_failed",
            sa.Boolean(),
            "Whether the last sync to end failed: failed_at >= succeeded_at, or failed and never succeeded",
            nullable=False,
        ),
        column(
            "extra",
            JSON,
            "Fields of the API's status without a column, and values that do not fit theirs, verbatim",
        ),
    ]


def alert_key() -> Columns:
    return [
        of_connector(),
        column(
            "fingerprint",
            sa.Text(),
            "Digest of the alert's content; alerts have no id",
            nullable=False,
        ),
        column(
            "ordinal",
            sa.Integer(),
            "0, 1, … among equal alerts of one connector",
            nullable=False,
            autoincrement=False,
        ),
    ]


def alert_facts() -> Columns:
    return [
        column("code", sa.Text(), "Kind of condition; may repeat within one connector"),
        column("message", sa.Text(), "The API's words"),
        column("details", JSON, "Any JSON the API adds"),
        column(
            "extra", JSON, "Fields without a column, and values that do not fit theirs, verbatim"
        ),
    ]


def setup_test_key() -> Columns:
    return [
        of_connector(),
        column(
            "title", sa.Text(), "The test's title; empty where the API sent none", nullable=False
        ),
        column(
            "ordinal",
            sa.Integer(),
            "0, 1, … among equal titles of one connector",
            nullable=False,
            autoincrement=False,
        ),
    ]


def setup_test_facts() -> Columns:
    return [
        column(
            "status",
            sa.Text(),
            "PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it",
        ),
        column("message", sa.Text(), "The API's words"),
        column("details", JSON, "Any JSON the API adds"),
        column(
            "extra", JSON, "Fields without a column, and values that do not fit theirs, verbatim"
        ),
    ]


def upgrade() -> None:
    op.create_table(
        "connectors",
        of_connector(),
        *connector_facts(),
        column("config_volatile", JSON, "Keys of config that move by themselves; not tracked"),
        column(
            "source_sync_details",
            JSON,
            "Details of the last sync, where the API tells; not tracked",
        ),
        column("first_seen_at", INSTANT, "The first run that saw it (UTC)", nullable=False),
        column("removed_at", INSTANT, "The run that found it gone (UTC); null = it exists"),
        column(
            "removed_reason",
            sa.Text(),
            "deleted = the API says it is gone, not_visible = it is hidden from this key",
        ),
        *open_version(),
        sa.PrimaryKeyConstraint("connector_id", name="pk_connectors"),
        sa.CheckConstraint(
            "(removed_at is null) = (removed_reason is null)", name=op.f("ck_connectors_removed")
        ),
        sa.CheckConstraint(
            "removed_reason in ('deleted', 'not_visible')",
            name=op.f("ck_connectors_removed_reason"),
        ),
        comment="One row per connector ever seen. Removed ones keep their last version",
    )
    op.create_index("ix_connectors_account_id", "connectors", ["account_id"])
    create_past(
        "connectors_past",
        [of_connector()],
        connector_facts(),
        "One row per superseded version of a connector",
    )

    op.create_table(
        "connector_status",
        of_connector(),
        *status_facts(),
        column(
            "succeeded_at",
            INSTANT,
            "End of the last successful sync (UTC); not tracked, see sync_outcomes",
        ),
        column(
            "failed_at",
            INSTANT,
            "End of the last failed sync (UTC), not cleared by a success; not tracked",
        ),
        column("rescheduled_for", INSTANT, "When a rescheduled sync is due (UTC); not tracked"),
        column(
            "fingerprints",
            sa.LargeBinary(),
            "What the API last said, as digests: an answer that matches is not read again",
            nullable=False,
        ),
        *open_version(),
        *rules("connector_status", "connector_id"),
        comment="One row per connector that exists: its states and the times of its syncs",
    )
    create_past(
        "connector_status_past",
        [of_connector()],
        status_facts(),
        "One row per superseded version of a connector's states",
    )

    create_versioned(
        "warnings",
        alert_key,
        alert_facts,
        "One row per warning that is open now",
        "One row per time that a warning was open and is no more",
    )
    create_versioned(
        "tasks",
        alert_key,
        alert_facts,
        "One row per task that is open now: what a person must do",
        "One row per time that a task was open and is no more",
    )
    create_versioned(
        "setup_tests",
        setup_test_key,
        setup_test_facts,
        "One row per setup test that the API last told of",
        "One row per superseded version of a setup test",
    )

    op.create_table(
        "sync_runs",
        column("run_id", SERIAL, "Counts up", nullable=False),
        column("account_id", sa.Text(), "The account; null = the run ended before it was known"),
        column(
            "status", sa.Text(), "running, succeeded, withheld, failed or crashed", nullable=False
        ),
        column("started_at", INSTANT, "When it began (UTC)", nullable=False),
        column(
            "observed_at",
            INSTANT,
            "The one timestamp of everything it changed (UTC); null = it merged nothing",
        ),
        column("finished_at", INSTANT, "When it ended (UTC)"),
        column("endpoint", sa.Text(), "Which list answered: connectors or connections"),
        column("pages", sa.BigInteger(), "Pages read", nullable=False),
        column("requests", sa.BigInteger(), "Requests sent, retries included", nullable=False),
        column("retries", sa.BigInteger(), "Requests sent again after a failure", nullable=False),
        column(
            "connectors_seen", sa.BigInteger(), "Connectors that the API showed", nullable=False
        ),
        column(
            "duplicates",
            sa.BigInteger(),
            "Connectors shown again; the later one counts",
            nullable=False,
        ),
        column("added", sa.BigInteger(), "Connectors never seen before", nullable=False),
        column(
            "changed",
            sa.BigInteger(),
            "Connectors with a change in any tracked column",
            nullable=False,
        ),
        column("removed", sa.BigInteger(), "Connectors found gone", nullable=False),
        column(
            "returned",
            sa.BigInteger(),
            "Connectors that had been removed and are back",
            nullable=False,
        ),
        column(
            "unconfirmed",
            sa.BigInteger(),
            "Missing ones without a clear answer; left alone",
            nullable=False,
        ),
        column(
            "anomalies",
            sa.BigInteger(),
            "Values that do not fit their column, and states not known, in what the API now shows",
            nullable=False,
        ),
        column("error_code", sa.Text(), "Kind of error; null = none"),
        column("error_message", sa.Text(), "What was tried, what came back, what to do next"),
        column("tool_version", sa.Text(), "Version of the tool", nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_sync_runs"),
        sa.CheckConstraint(
            "status in ('running', 'succeeded', 'withheld', 'failed', 'crashed')",
            name=op.f("ck_sync_runs_status"),
        ),
        comment="One row per attempted run. Only succeeded and withheld ones are complete",
    )
    op.create_index(
        "ix_sync_runs_account_id_observed_at", "sync_runs", ["account_id", "observed_at"]
    )

    op.create_table(
        "sync_outcomes",
        of_connector(),
        column("outcome", sa.Text(), "succeeded or failed", nullable=False),
        column("finished_at", INSTANT, "When the sync ended (UTC)", nullable=False),
        column("run_id", sa.BigInteger(), "The run that first saw it", nullable=False),
        *rules("sync_outcomes", "connector_id", "outcome", "finished_at"),
        sa.ForeignKeyConstraint(["run_id"], ["sync_runs.run_id"], name="fk_sync_outcomes_run_id"),
        sa.CheckConstraint(
            "outcome in ('succeeded', 'failed')", name=op.f("ck_sync_outcomes_outcome")
        ),
        comment="One row per end of a sync that was observed; syncs between two runs are not",
    )
    op.create_index("ix_sync_outcomes_run_id", "sync_outcomes", ["run_id"])


def downgrade() -> None:
    op.drop_table("sync_outcomes")
    op.drop_table("sync_runs")
    for table in ("setup_tests", "tasks", "warnings", "connector_status", "connectors"):
        op.drop_table(f"{table}_past")
        op.drop_table(table)
