"""The first tables: connectors, their states, alerts and tests, the past of each, and the run log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "connectors",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "account_id",
            sa.Text(),
            nullable=False,
            comment="The Fivetran account the connector was seen in",
        ),
        sa.Column(
            "group_id", sa.Text(), nullable=True, comment="The group, which is the destination"
        ),
        sa.Column(
            "service", sa.Text(), nullable=True, comment="The connector type, e.g. google_sheets"
        ),
        sa.Column(
            "service_version",
            sa.BigInteger(),
            nullable=True,
            comment="Version of the connector type",
        ),
        sa.Column(
            "schema_name",
            sa.Text(),
            nullable=True,
            comment="The connector's name (`schema` of the API); not unique",
        ),
        sa.Column(
            "connected_by",
            sa.Text(),
            nullable=True,
            comment="User who created it; null = a program did, or the user is gone",
        ),
        sa.Column("created_at", INSTANT, nullable=True, comment="When it was created (UTC)"),
        sa.Column("paused", sa.Boolean(), nullable=True, comment="Whether it is paused"),
        sa.Column(
            "pause_after_trial",
            sa.Boolean(),
            nullable=True,
            comment="Whether it pauses when its free trial ends",
        ),
        sa.Column(
            "sync_frequency", sa.BigInteger(), nullable=True, comment="Minutes between two syncs"
        ),
        sa.Column(
            "daily_sync_time",
            sa.Text(),
            nullable=True,
            comment="HH:MM of the sync, where sync_frequency is 1440",
        ),
        sa.Column(
            "schedule_type",
            sa.Text(),
            nullable=True,
            comment="auto = the vendor's schedule, manual = by API call",
        ),
        sa.Column(
            "schedule", JSON, nullable=True, comment="The newer schedule, as the API gives it"
        ),
        sa.Column(
            "data_delay_threshold",
            sa.BigInteger(),
            nullable=True,
            comment="Minutes of delay that raise a notification",
        ),
        sa.Column(
            "data_delay_sensitivity",
            sa.Text(),
            nullable=True,
            comment="Sensitivity of the delay notification",
        ),
        sa.Column("private_link_id", sa.Text(), nullable=True, comment="Private link in use"),
        sa.Column("proxy_agent_id", sa.Text(), nullable=True, comment="Proxy agent in use"),
        sa.Column(
            "networking_method",
            sa.Text(),
            nullable=True,
            comment="How the source is reached, e.g. Directly",
        ),
        sa.Column(
            "hybrid_deployment_agent_id",
            sa.Text(),
            nullable=True,
            comment="Hybrid deployment agent in use",
        ),
        sa.Column(
            "local_processing_agent_id",
            sa.Text(),
            nullable=True,
            comment="Older name of the hybrid deployment agent; the API dropped it in 2025",
        ),
        sa.Column(
            "config",
            JSON,
            nullable=True,
            comment="Settings of the source, secrets masked; null = the API never told",
        ),
        sa.Column(
            "connect_card_config",
            JSON,
            nullable=True,
            comment="Settings of the connect card, never its token; null = the API never told",
        ),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields of the API without a column, and values that do not fit theirs, verbatim; secrets masked",
        ),
        sa.Column(
            "config_volatile",
            JSON,
            nullable=True,
            comment="Keys of config that move by themselves; not tracked",
        ),
        sa.Column(
            "source_sync_details",
            JSON,
            nullable=True,
            comment="Details of the last sync, where the API tells; not tracked",
        ),
        sa.Column(
            "first_seen_at", INSTANT, nullable=False, comment="The first run that saw it (UTC)"
        ),
        sa.Column(
            "removed_at",
            INSTANT,
            nullable=True,
            comment="The run that found it gone (UTC); null = it exists",
        ),
        sa.Column(
            "removed_reason",
            sa.Text(),
            nullable=True,
            comment="deleted = the API says it is gone, not_visible = it is hidden from this key",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.CheckConstraint(
            "removed_reason in ('deleted', 'not_visible')",
            name=op.f("ck_connectors_removed_reason"),
        ),
        sa.CheckConstraint(
            "(removed_at is null) = (removed_reason is null)", name=op.f("ck_connectors_removed")
        ),
        sa.PrimaryKeyConstraint("connector_id", name=op.f("pk_connectors")),
        comment="One row per connector ever seen. Removed ones keep their last version",
    )
    op.create_index("ix_connectors_account_id", "connectors", ["account_id"])

    op.create_table(
        "sync_runs",
        sa.Column(
            "run_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Counts up",
        ),
        sa.Column(
            "account_id",
            sa.Text(),
            nullable=True,
            comment="The account; null = the run ended before it was known",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="running, succeeded, withheld, failed or crashed",
        ),
        sa.Column("started_at", INSTANT, nullable=False, comment="When it began (UTC)"),
        sa.Column(
            "observed_at",
            INSTANT,
            nullable=True,
            comment="The one timestamp of everything it changed (UTC); null = it merged nothing",
        ),
        sa.Column("finished_at", INSTANT, nullable=True, comment="When it ended (UTC)"),
        sa.Column(
            "endpoint",
            sa.Text(),
            nullable=True,
            comment="Which list answered: connectors or connections",
        ),
        sa.Column("pages", sa.BigInteger(), nullable=False, comment="Pages read"),
        sa.Column(
            "requests", sa.BigInteger(), nullable=False, comment="Requests sent, retries included"
        ),
        sa.Column(
            "retries",
            sa.BigInteger(),
            nullable=False,
            comment="Requests sent again after a failure",
        ),
        sa.Column(
            "connectors_seen",
            sa.BigInteger(),
            nullable=False,
            comment="Connectors that the API showed",
        ),
        sa.Column(
            "duplicates",
            sa.BigInteger(),
            nullable=False,
            comment="Connectors shown again; the later one counts",
        ),
        sa.Column("added", sa.BigInteger(), nullable=False, comment="Connectors never seen before"),
        sa.Column(
            "changed",
            sa.BigInteger(),
            nullable=False,
            comment="Connectors with a change in any tracked column",
        ),
        sa.Column("removed", sa.BigInteger(), nullable=False, comment="Connectors found gone"),
        sa.Column(
            "returned",
            sa.BigInteger(),
            nullable=False,
            comment="Connectors that had been removed and are back",
        ),
        sa.Column(
            "unconfirmed",
            sa.BigInteger(),
            nullable=False,
            comment="Missing ones without a clear answer; left alone",
        ),
        sa.Column(
            "anomalies",
            sa.BigInteger(),
            nullable=False,
            comment="Values that do not fit their column, and states not known, in what the API now shows",
        ),
        sa.Column("error_code", sa.Text(), nullable=True, comment="Kind of error; null = none"),
        sa.Column(
            "error_message",
            sa.Text(),
            nullable=True,
            comment="What was tried, what came back, what to do next",
        ),
        sa.Column("tool_version", sa.Text(), nullable=False, comment="Version of the tool"),
        sa.CheckConstraint(
            "status in ('running', 'succeeded', 'withheld', 'failed', 'crashed')",
            name=op.f("ck_sync_runs_status"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sync_runs")),
        comment="One row per attempted run. Only succeeded and withheld ones are complete",
    )
    op.create_index(
        "ix_sync_runs_account_id_observed_at", "sync_runs", ["account_id", "observed_at"]
    )

    op.create_table(
        "connector_status",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "setup_state",
            sa.Text(),
            nullable=True,
            comment="incomplete, connected, broken, or as the API sends it",
        ),
        sa.Column(
            "sync_state",
            sa.Text(),
            nullable=True,
            comment="scheduled, syncing, paused, rescheduled, or as the API sends it",
        ),
        sa.Column(
            "update_state",
            sa.Text(),
            nullable=True,
            comment="on_schedule, delayed, or as the API sends it",
        ),
        sa.Column(
            "schema_status",
            sa.Text(),
            nullable=True,
            comment="ready, blocked_on_capture, or as the API sends it",
        ),
        sa.Column(
            "is_historical_sync",
            sa.Boolean(),
            nullable=True,
            comment="Whether it syncs its history",
        ),
        sa.Column(
            "last_sync_failed",
            sa.Boolean(),
            nullable=False,
            comment="Whether the last sync to end failed: failed_at >= succeeded_at, or failed and never succeeded",
        ),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields of the API's status without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "succeeded_at",
            INSTANT,
            nullable=True,
            comment="End of the last successful sync (UTC); not tracked, see sync_outcomes",
        ),
        sa.Column(
            "failed_at",
            INSTANT,
            nullable=True,
            comment="End of the last failed sync (UTC), not cleared by a success; not tracked",
        ),
        sa.Column(
            "rescheduled_for",
            INSTANT,
            nullable=True,
            comment="When a rescheduled sync is due (UTC); not tracked",
        ),
        sa.Column(
            "fingerprints",
            sa.LargeBinary(),
            nullable=False,
            comment="What the API last said, as digests: an answer that matches is not read again",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"],
            ["connectors.connector_id"],
            name=op.f("fk_connector_status_connector_id"),
        ),
        sa.PrimaryKeyConstraint("connector_id", name=op.f("pk_connector_status")),
        comment="One row per connector that exists: its states and the times of its syncs",
    )
    op.create_table(
        "connector_status_past",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "setup_state",
            sa.Text(),
            nullable=True,
            comment="incomplete, connected, broken, or as the API sends it",
        ),
        sa.Column(
            "sync_state",
            sa.Text(),
            nullable=True,
            comment="scheduled, syncing, paused, rescheduled, or as the API sends it",
        ),
        sa.Column(
            "update_state",
            sa.Text(),
            nullable=True,
            comment="on_schedule, delayed, or as the API sends it",
        ),
        sa.Column(
            "schema_status",
            sa.Text(),
            nullable=True,
            comment="ready, blocked_on_capture, or as the API sends it",
        ),
        sa.Column(
            "is_historical_sync",
            sa.Boolean(),
            nullable=True,
            comment="Whether it syncs its history",
        ),
        sa.Column(
            "last_sync_failed",
            sa.Boolean(),
            nullable=False,
            comment="Whether the last sync to end failed: failed_at >= succeeded_at, or failed and never succeeded",
        ),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields of the API's status without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.Column(
            "valid_to",
            INSTANT,
            nullable=False,
            comment="When this version ended: observed_at of the run that no longer saw it (UTC)",
        ),
        sa.CheckConstraint(
            "valid_from < valid_to", name=op.f("ck_connector_status_past_not_empty")
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"],
            ["connectors.connector_id"],
            name=op.f("fk_connector_status_past_connector_id"),
        ),
        sa.PrimaryKeyConstraint(
            "connector_id", "valid_from", name=op.f("pk_connector_status_past")
        ),
        comment="One row per superseded version of a connector's states",
    )
    op.create_index("ix_connector_status_past_valid_to", "connector_status_past", ["valid_to"])

    op.create_table(
        "connectors_past",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "account_id",
            sa.Text(),
            nullable=False,
            comment="The Fivetran account the connector was seen in",
        ),
        sa.Column(
            "group_id", sa.Text(), nullable=True, comment="The group, which is the destination"
        ),
        sa.Column(
            "service", sa.Text(), nullable=True, comment="The connector type, e.g. google_sheets"
        ),
        sa.Column(
            "service_version",
            sa.BigInteger(),
            nullable=True,
            comment="Version of the connector type",
        ),
        sa.Column(
            "schema_name",
            sa.Text(),
            nullable=True,
            comment="The connector's name (`schema` of the API); not unique",
        ),
        sa.Column(
            "connected_by",
            sa.Text(),
            nullable=True,
            comment="User who created it; null = a program did, or the user is gone",
        ),
        sa.Column("created_at", INSTANT, nullable=True, comment="When it was created (UTC)"),
        sa.Column("paused", sa.Boolean(), nullable=True, comment="Whether it is paused"),
        sa.Column(
            "pause_after_trial",
            sa.Boolean(),
            nullable=True,
            comment="Whether it pauses when its free trial ends",
        ),
        sa.Column(
            "sync_frequency", sa.BigInteger(), nullable=True, comment="Minutes between two syncs"
        ),
        sa.Column(
            "daily_sync_time",
            sa.Text(),
            nullable=True,
            comment="HH:MM of the sync, where sync_frequency is 1440",
        ),
        sa.Column(
            "schedule_type",
            sa.Text(),
            nullable=True,
            comment="auto = the vendor's schedule, manual = by API call",
        ),
        sa.Column(
            "schedule", JSON, nullable=True, comment="The newer schedule, as the API gives it"
        ),
        sa.Column(
            "data_delay_threshold",
            sa.BigInteger(),
            nullable=True,
            comment="Minutes of delay that raise a notification",
        ),
        sa.Column(
            "data_delay_sensitivity",
            sa.Text(),
            nullable=True,
            comment="Sensitivity of the delay notification",
        ),
        sa.Column("private_link_id", sa.Text(), nullable=True, comment="Private link in use"),
        sa.Column("proxy_agent_id", sa.Text(), nullable=True, comment="Proxy agent in use"),
        sa.Column(
            "networking_method",
            sa.Text(),
            nullable=True,
            comment="How the source is reached, e.g. Directly",
        ),
        sa.Column(
            "hybrid_deployment_agent_id",
            sa.Text(),
            nullable=True,
            comment="Hybrid deployment agent in use",
        ),
        sa.Column(
            "local_processing_agent_id",
            sa.Text(),
            nullable=True,
            comment="Older name of the hybrid deployment agent; the API dropped it in 2025",
        ),
        sa.Column(
            "config",
            JSON,
            nullable=True,
            comment="Settings of the source, secrets masked; null = the API never told",
        ),
        sa.Column(
            "connect_card_config",
            JSON,
            nullable=True,
            comment="Settings of the connect card, never its token; null = the API never told",
        ),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields of the API without a column, and values that do not fit theirs, verbatim; secrets masked",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.Column(
            "valid_to",
            INSTANT,
            nullable=False,
            comment="When this version ended: observed_at of the run that no longer saw it (UTC)",
        ),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_connectors_past_not_empty")),
        sa.ForeignKeyConstraint(
            ["connector_id"],
            ["connectors.connector_id"],
            name=op.f("fk_connectors_past_connector_id"),
        ),
        sa.PrimaryKeyConstraint("connector_id", "valid_from", name=op.f("pk_connectors_past")),
        comment="One row per superseded version of a connector",
    )
    op.create_index("ix_connectors_past_valid_to", "connectors_past", ["valid_to"])

    op.create_table(
        "setup_tests",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "title",
            sa.Text(),
            nullable=False,
            comment="The test's title; empty where the API sent none",
        ),
        sa.Column(
            "ordinal",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0, 1, … among equal titles of one connector",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=True,
            comment="PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it",
        ),
        sa.Column("message", sa.Text(), nullable=True, comment="The API's words"),
        sa.Column("details", JSON, nullable=True, comment="Any JSON the API adds"),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.connector_id"], name=op.f("fk_setup_tests_connector_id")
        ),
        sa.PrimaryKeyConstraint("connector_id", "title", "ordinal", name=op.f("pk_setup_tests")),
        comment="One row per setup test that the API last told of",
    )
    op.create_table(
        "setup_tests_past",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "title",
            sa.Text(),
            nullable=False,
            comment="The test's title; empty where the API sent none",
        ),
        sa.Column(
            "ordinal",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0, 1, … among equal titles of one connector",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=True,
            comment="PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it",
        ),
        sa.Column("message", sa.Text(), nullable=True, comment="The API's words"),
        sa.Column("details", JSON, nullable=True, comment="Any JSON the API adds"),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.Column(
            "valid_to",
            INSTANT,
            nullable=False,
            comment="When this version ended: observed_at of the run that no longer saw it (UTC)",
        ),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_setup_tests_past_not_empty")),
        sa.ForeignKeyConstraint(
            ["connector_id"],
            ["connectors.connector_id"],
            name=op.f("fk_setup_tests_past_connector_id"),
        ),
        sa.PrimaryKeyConstraint(
            "connector_id", "title", "ordinal", "valid_from", name=op.f("pk_setup_tests_past")
        ),
        comment="One row per superseded version of a setup test",
    )
    op.create_index("ix_setup_tests_past_valid_to", "setup_tests_past", ["valid_to"])

    op.create_table(
        "sync_outcomes",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column("outcome", sa.Text(), nullable=False, comment="succeeded or failed"),
        sa.Column("finished_at", INSTANT, nullable=False, comment="When the sync ended (UTC)"),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="The run that first saw it"),
        sa.CheckConstraint(
            "outcome in ('succeeded', 'failed')", name=op.f("ck_sync_outcomes_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"],
            ["connectors.connector_id"],
            name=op.f("fk_sync_outcomes_connector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["sync_runs.run_id"], name=op.f("fk_sync_outcomes_run_id")
        ),
        sa.PrimaryKeyConstraint(
            "connector_id", "outcome", "finished_at", name=op.f("pk_sync_outcomes")
        ),
        comment="One row per end of a sync that was observed; syncs between two runs are not",
    )
    op.create_index("ix_sync_outcomes_run_id", "sync_outcomes", ["run_id"])

    op.create_table(
        "tasks",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="Digest of the alert's content; alerts have no id",
        ),
        sa.Column(
            "ordinal",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0, 1, … among equal alerts of one connector",
        ),
        sa.Column(
            "code",
            sa.Text(),
            nullable=True,
            comment="Kind of condition; may repeat within one connector",
        ),
        sa.Column("message", sa.Text(), nullable=True, comment="The API's words"),
        sa.Column("details", JSON, nullable=True, comment="Any JSON the API adds"),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.connector_id"], name=op.f("fk_tasks_connector_id")
        ),
        sa.PrimaryKeyConstraint("connector_id", "fingerprint", "ordinal", name=op.f("pk_tasks")),
        comment="One row per task that is open now: what a person must do",
    )
    op.create_table(
        "tasks_past",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="Digest of the alert's content; alerts have no id",
        ),
        sa.Column(
            "ordinal",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0, 1, … among equal alerts of one connector",
        ),
        sa.Column(
            "code",
            sa.Text(),
            nullable=True,
            comment="Kind of condition; may repeat within one connector",
        ),
        sa.Column("message", sa.Text(), nullable=True, comment="The API's words"),
        sa.Column("details", JSON, nullable=True, comment="Any JSON the API adds"),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.Column(
            "valid_to",
            INSTANT,
            nullable=False,
            comment="When this version ended: observed_at of the run that no longer saw it (UTC)",
        ),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_tasks_past_not_empty")),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.connector_id"], name=op.f("fk_tasks_past_connector_id")
        ),
        sa.PrimaryKeyConstraint(
            "connector_id", "fingerprint", "ordinal", "valid_from", name=op.f("pk_tasks_past")
        ),
        comment="One row per time that a task was open and is no more",
    )
    op.create_index("ix_tasks_past_valid_to", "tasks_past", ["valid_to"])

    op.create_table(
        "warnings",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="Digest of the alert's content; alerts have no id",
        ),
        sa.Column(
            "ordinal",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0, 1, … among equal alerts of one connector",
        ),
        sa.Column(
            "code",
            sa.Text(),
            nullable=True,
            comment="Kind of condition; may repeat within one connector",
        ),
        sa.Column("message", sa.Text(), nullable=True, comment="The API's words"),
        sa.Column("details", JSON, nullable=True, comment="Any JSON the API adds"),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.connector_id"], name=op.f("fk_warnings_connector_id")
        ),
        sa.PrimaryKeyConstraint("connector_id", "fingerprint", "ordinal", name=op.f("pk_warnings")),
        comment="One row per warning that is open now",
    )
    op.create_table(
        "warnings_past",
        sa.Column(
            "connector_id",
            sa.Text(),
            nullable=False,
            comment="The connector's id, as the API gives it",
        ),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="Digest of the alert's content; alerts have no id",
        ),
        sa.Column(
            "ordinal",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0, 1, … among equal alerts of one connector",
        ),
        sa.Column(
            "code",
            sa.Text(),
            nullable=True,
            comment="Kind of condition; may repeat within one connector",
        ),
        sa.Column("message", sa.Text(), nullable=True, comment="The API's words"),
        sa.Column("details", JSON, nullable=True, comment="Any JSON the API adds"),
        sa.Column(
            "extra",
            JSON,
            nullable=True,
            comment="Fields without a column, and values that do not fit theirs, verbatim",
        ),
        sa.Column(
            "valid_from",
            INSTANT,
            nullable=False,
            comment="When this version began: observed_at of the run that first saw it (UTC)",
        ),
        sa.Column(
            "changed_after",
            INSTANT,
            nullable=True,
            comment="The last complete run before that one: the change happened after it (UTC); null = there was none",
        ),
        sa.Column(
            "valid_to",
            INSTANT,
            nullable=False,
            comment="When this version ended: observed_at of the run that no longer saw it (UTC)",
        ),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_warnings_past_not_empty")),
        sa.ForeignKeyConstraint(
            ["connector_id"],
            ["connectors.connector_id"],
            name=op.f("fk_warnings_past_connector_id"),
        ),
        sa.PrimaryKeyConstraint(
            "connector_id", "fingerprint", "ordinal", "valid_from", name=op.f("pk_warnings_past")
        ),
        comment="One row per time that a warning was open and is no more",
    )
    op.create_index("ix_warnings_past_valid_to", "warnings_past", ["valid_to"])


def downgrade() -> None:
    op.drop_table("warnings_past")
    op.drop_table("warnings")
    op.drop_table("tasks_past")
    op.drop_table("tasks")
    op.drop_table("sync_outcomes")
    op.drop_table("setup_tests_past")
    op.drop_table("setup_tests")
    op.drop_table("connectors_past")
    op.drop_table("connector_status_past")
    op.drop_table("connector_status")
    op.drop_table("sync_runs")
    op.drop_table("connectors")
