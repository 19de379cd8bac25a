"""The tables, and which of their columns make history.

A *current* table holds the open version of each row, its *past* table the superseded ones. What is
the same in both stands once, in a mixin: `…Facts` are the tracked columns, a change of which opens
a version. A current table's other columns move without making history.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Table
from sqlalchemy.orm import Mapped, mapped_column

from inventory.columns import Base, BigSerial, Json, col, key
from inventory.health import EVENTFUL
from inventory.versions import (
    OfConnector,
    OpenVersion,
    PastVersion,
    beginnings,
    only_where,
    past_rules,
)

# --- connectors -----------------------------------------------------------------------------


class ConnectorFacts:
    """Tracked columns of `connectors`: what somebody has set."""

    account_id: Mapped[str] = col("The Fivetran account the connector was seen in")
    group_id: Mapped[str | None] = col("The group, which is the destination")
    service: Mapped[str | None] = col("The connector type, e.g. google_sheets")
    service_version: Mapped[int | None] = col("Version of the connector type")
    schema_name: Mapped[str | None] = col("The connector's name (`schema` of the API); not unique")
    connected_by: Mapped[str | None] = col(
        "User who created it; null = a program did, or the user is gone"
    )
    created_at: Mapped[datetime | None] = col("When it was created (UTC)")
    paused: Mapped[bool | None] = col("Whether it is paused")
    pause_after_trial: Mapped[bool | None] = col("Whether it pauses when its free trial ends")
    sync_frequency: Mapped[int | None] = col("Minutes between two syncs")
    daily_sync_time: Mapped[str | None] = col("HH:MM of the sync, where sync_frequency is 1440")
    schedule_type: Mapped[str | None] = col("auto = the vendor's schedule, manual = by API call")
    schedule: Mapped[dict[str, Any] | None] = col("The newer schedule, as the API gives it")
    data_delay_threshold: Mapped[int | None] = col("Minutes of delay that raise a notification")
    data_delay_sensitivity: Mapped[str | None] = col("Sensitivity of the delay notification")
    private_link_id: Mapped[str | None] = col("Private link in use")
    proxy_agent_id: Mapped[str | None] = col("Proxy agent in use")
    networking_method: Mapped[str | None] = col("How the source is reached, e.g. Directly")
    hybrid_deployment_agent_id: Mapped[str | None] = col("Hybrid deployment agent in use")
    local_processing_agent_id: Mapped[str | None] = col(
        "Older name of the hybrid deployment agent; the API dropped it in 2025"
    )
    config: Mapped[dict[str, Any] | None] = col(
        "Settings of the source, secrets masked; null = the API never told"
    )
    connect_card_config: Mapped[dict[str, Any] | None] = col(
        "Settings of the connect card, never its token; null = the API never told"
    )
    extra: Mapped[dict[str, Any] | None] = col(
        "Fields of the API without a column, and values that do not fit theirs, verbatim; "
        "secrets masked"
    )


class Connector(ConnectorFacts, OpenVersion, Base):
    __tablename__ = "connectors"
    __table_args__ = (
        CheckConstraint("(removed_at is null) = (removed_reason is null)", name="removed"),
        CheckConstraint("removed_reason in ('deleted', 'not_visible')", name="removed_reason"),
        Index("ix_connectors_account_id", "account_id"),
        {"comment": "One row per connector ever seen. Removed ones keep their last version"},
    )

    connector_id: Mapped[str] = key("The connector's id, as the API gives it")
    config_volatile: Mapped[dict[str, Any] | None] = col(
        "Keys of config that move by themselves; not tracked", sort_order=80
    )
    source_sync_details: Mapped[dict[str, Any] | None] = col(
        "Details of the last sync, where the API tells; not tracked", sort_order=80
    )
    first_seen_at: Mapped[datetime] = col("The first run that saw it (UTC)", sort_order=81)
    removed_at: Mapped[datetime | None] = col(
        "The run that found it gone (UTC); null = it exists", sort_order=82
    )
    removed_reason: Mapped[str | None] = col(
        "deleted = the API says it is gone, not_visible = it is hidden from this key",
        sort_order=83,
    )


class ConnectorPast(OfConnector, ConnectorFacts, PastVersion, Base):
    __tablename__ = "connectors_past"
    __table_args__ = (
        *past_rules("connectors_past"),
        beginnings("connectors_past"),
        # Whether it was there and scheduled, without the wide rows.
        Index(
            "ix_connectors_past_phases",
            *("connector_id", "valid_from", "valid_to", "paused", "schedule_type"),
        ),
        only_where("ix_connectors_past_overdue", "overdue_since is not null", "connector_id"),
        {"comment": "One row per superseded version of a connector"},
    )

    overdue_since: Mapped[datetime | None] = col(
        "The deadline that its next success had passed when this version ended (UTC), where a "
        "complete run saw it late; null = it was in time",
        sort_order=93,
    )


# --- connector_status -----------------------------------------------------------------------


class ConnectorStatusFacts:
    """Tracked columns of `connector_status`: the states."""

    setup_state: Mapped[str | None] = col("incomplete, connected, broken, or as the API sends it")
    sync_state: Mapped[str | None] = col(
        "scheduled, syncing, paused, rescheduled, or as the API sends it"
    )
    update_state: Mapped[str | None] = col("on_schedule, delayed, or as the API sends it")
    schema_status: Mapped[str | None] = col("ready, blocked_on_capture, or as the API sends it")
    is_historical_sync: Mapped[bool | None] = col("Whether it syncs its history")
    last_sync_failed: Mapped[bool] = col(
        "Whether the last sync to end failed: failed_at >= succeeded_at, or failed and never "
        "succeeded"
    )
    extra: Mapped[dict[str, Any] | None] = col(
        "Fields of the API's status without a column, and values that do not fit theirs, verbatim"
    )


class ConnectorStatus(OfConnector, ConnectorStatusFacts, OpenVersion, Base):
    __tablename__ = "connector_status"
    __table_args__ = (
        {"comment": "One row per connector that exists: its states and the times of its syncs"},
    )

    succeeded_at: Mapped[datetime | None] = col(
        "End of the last successful sync (UTC); not tracked, see sync_outcomes", sort_order=80
    )
    failed_at: Mapped[datetime | None] = col(
        "End of the last failed sync (UTC), not cleared by a success; not tracked", sort_order=80
    )
    rescheduled_for: Mapped[datetime | None] = col(
        "When a rescheduled sync is due (UTC); not tracked", sort_order=80
    )
    fingerprints: Mapped[bytes] = col(
        "What the API last said, as digests: an answer that matches is not read again",
        sort_order=81,
    )


class ConnectorStatusPast(OfConnector, ConnectorStatusFacts, PastVersion, Base):
    __tablename__ = "connector_status_past"
    __table_args__ = (
        *past_rules("connector_status_past"),
        # With all that outages are made of: the rows themselves lie far apart.
        only_where(
            "ix_connector_status_past_eventful",
            EVENTFUL,
            *("connector_id", "valid_from", "valid_to", "setup_state", "sync_state"),
            *("update_state", "schema_status", "is_historical_sync", "last_sync_failed"),
        ),
        only_where(
            "ix_connector_status_past_rescheduled", "sync_state = 'rescheduled'", "connector_id"
        ),
        {"comment": "One row per superseded version of a connector's states"},
    )

    rescheduled_for: Mapped[datetime | None] = col(
        "When a rescheduled sync was due, as last seen in this version (UTC)", sort_order=93
    )


# --- warnings, tasks ------------------------------------------------------------------------


class AlertKey(OfConnector):
    fingerprint: Mapped[str] = key("Digest of the alert's content; alerts have no id", place=1)
    ordinal: Mapped[int] = key(
        "0, 1, … among equal alerts of one connector", Integer, autoincrement=False, place=2
    )


class AlertFacts:
    code: Mapped[str | None] = col("Kind of condition; may repeat within one connector")
    message: Mapped[str | None] = col("The API's words")
    details: Mapped[Any | None] = mapped_column(Json(), comment="Any JSON the API adds")
    extra: Mapped[Any | None] = mapped_column(
        Json, comment="Fields without a column, and values that do not fit theirs, verbatim"
    )


class OpenWarning(AlertKey, AlertFacts, OpenVersion, Base):
    __tablename__ = "warnings"
    __table_args__ = ({"comment": "One row per warning that is open now"},)


class WarningPast(AlertKey, AlertFacts, PastVersion, Base):
    __tablename__ = "warnings_past"
    __table_args__ = (
        *past_rules("warnings_past"),
        beginnings("warnings_past"),
        Index("ix_warnings_past_connector_id_valid_to", "connector_id", "valid_to"),
        {"comment": "One row per time that a warning was open and is no more"},
    )


class OpenTask(AlertKey, AlertFacts, OpenVersion, Base):
    __tablename__ = "tasks"
    __table_args__ = ({"comment": "One row per task that is open now: what a person must do"},)


class TaskPast(AlertKey, AlertFacts, PastVersion, Base):
    __tablename__ = "tasks_past"
    __table_args__ = (
        *past_rules("tasks_past"),
        beginnings("tasks_past"),
        Index("ix_tasks_past_connector_id_valid_to", "connector_id", "valid_to"),
        {"comment": "One row per time that a task was open and is no more"},
    )


# --- setup_tests ----------------------------------------------------------------------------


class SetupTestKey(OfConnector):
    title: Mapped[str] = key("The test's title; empty where the API sent none", place=1)
    ordinal: Mapped[int] = key(
        "0, 1, … among equal titles of one connector", Integer, autoincrement=False, place=2
    )


class SetupTestFacts:
    status: Mapped[str | None] = col(
        "PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it"
    )
    message: Mapped[str | None] = col("The API's words")
    details: Mapped[Any | None] = mapped_column(Json(), comment="Any JSON the API adds")
    extra: Mapped[Any | None] = mapped_column(
        Json, comment="Fields without a column, and values that do not fit theirs, verbatim"
    )


class SetupTest(SetupTestKey, SetupTestFacts, OpenVersion, Base):
    __tablename__ = "setup_tests"
    __table_args__ = ({"comment": "One row per setup test that the API last told of"},)


class SetupTestPast(SetupTestKey, SetupTestFacts, PastVersion, Base):
    __tablename__ = "setup_tests_past"
    __table_args__ = (
        *past_rules("setup_tests_past"),
        beginnings("setup_tests_past"),
        {"comment": "One row per superseded version of a setup test"},
    )


# --- runs and outcomes ----------------------------------------------------------------------


# The statuses of runs whose walk was complete and whose snapshot was merged.
COMPLETE = ("succeeded", "withheld")


class SyncRun(Base):
    __tablename__ = "sync_runs"
    __table_args__ = (
        CheckConstraint(
            "status in ('running', 'succeeded', 'withheld', 'failed', 'crashed')", name="status"
        ),
        Index("ix_sync_runs_account_id_observed_at", "account_id", "observed_at"),
        {"comment": "One row per attempted run. Only succeeded and withheld ones are complete"},
    )

    run_id: Mapped[int] = mapped_column(BigSerial, primary_key=True, comment="Counts up")
    account_id: Mapped[str | None] = col("The account; null = the run ended before it was known")
    status: Mapped[str] = col("running, succeeded, withheld, failed or crashed")
    started_at: Mapped[datetime] = col("When it began (UTC)")
    observed_at: Mapped[datetime | None] = col(
        "The one timestamp of everything it changed (UTC); null = it merged nothing"
    )
    finished_at: Mapped[datetime | None] = col("When it ended (UTC)")
    endpoint: Mapped[str | None] = col("Which list answered: connectors or connections")
    pages: Mapped[int] = col("Pages read", default=0)
    requests: Mapped[int] = col("Requests sent, retries included", default=0)
    retries: Mapped[int] = col("Requests sent again after a failure", default=0)
    connectors_seen: Mapped[int] = col("Connectors that the API showed", default=0)
    duplicates: Mapped[int] = col("Connectors shown again; the later one counts", default=0)
    added: Mapped[int] = col("Connectors never seen before", default=0)
    changed: Mapped[int] = col("Connectors with a change in any tracked column", default=0)
    removed: Mapped[int] = col("Connectors found gone", default=0)
    returned: Mapped[int] = col("Connectors that had been removed and are back", default=0)
    unconfirmed: Mapped[int] = col("Missing ones without a clear answer; left alone", default=0)
    anomalies: Mapped[int] = col(
        "Values that do not fit their column, and states not known, in what the API now shows",
        default=0,
    )
    error_code: Mapped[str | None] = col("Kind of error; null = none")
    error_message: Mapped[str | None] = col("What was tried, what came back, what to do next")
    tool_version: Mapped[str] = col("Version of the tool")
    walks: Mapped[int] = col(
        "Times that the list was read from its first page; 2 = it had moved meanwhile",
        default=0,
        server_default="0",
    )
    withheld: Mapped[int] = col(
        "Missing ones, too many to be believed gone; left alone", default=0, server_default="0"
    )


class SyncOutcome(OfConnector, Base):
    __tablename__ = "sync_outcomes"
    __table_args__ = (
        CheckConstraint("outcome in ('succeeded', 'failed')", name="outcome"),
        Index("ix_sync_outcomes_run_id", "run_id"),
        only_where("ix_sync_outcomes_overdue", "overdue_since is not null", "connector_id"),
        {"comment": "One row per end of a sync that was observed; syncs between two runs are not"},
    )

    outcome: Mapped[str] = key("succeeded or failed", place=1)
    finished_at: Mapped[datetime] = key("When the sync ended (UTC)", place=2)
    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("sync_runs.run_id"), comment="The run that first saw it"
    )
    overdue_since: Mapped[datetime | None] = col(
        "The deadline that the success before it had passed (UTC), where a complete run saw it "
        "late; null = it was in time"
    )


# --- what the merge and the views are driven by ---------------------------------------------


class Versioned(NamedTuple):
    """A current table with its past one; `tracked`, `moving` and `kept` are names of columns.

    Those that are kept move without making history, but a version ends with what they last said.
    """

    history: str
    current: Table
    past: Table
    key: tuple[str, ...]
    tracked: tuple[str, ...]
    moving: tuple[str, ...]
    kept: tuple[str, ...]


def _versioned(
    history: str, current: type[Base], past: type[Base], facts: type, moving: tuple[str, ...] = ()
) -> Versioned:
    table = _table(current)
    keys = tuple(column.name for column in table.primary_key)
    kept = tuple(name for name in moving if name in _table(past).c)
    return Versioned(history, table, _table(past), keys, tuple(facts.__annotations__), moving, kept)


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


CONNECTORS = _versioned(
    "connector_history",
    Connector,
    ConnectorPast,
    ConnectorFacts,
    moving=("config_volatile", "source_sync_details"),
)
CONNECTOR_STATUS = _versioned(
    "connector_status_history",
    ConnectorStatus,
    ConnectorStatusPast,
    ConnectorStatusFacts,
    moving=("succeeded_at", "failed_at", "rescheduled_for", "fingerprints"),
)
WARNINGS = _versioned("warning_history", OpenWarning, WarningPast, AlertFacts)
TASKS = _versioned("task_history", OpenTask, TaskPast, AlertFacts)
SETUP_TESTS = _versioned("setup_test_history", SetupTest, SetupTestPast, SetupTestFacts)

VERSIONED = (CONNECTORS, CONNECTOR_STATUS, WARNINGS, TASKS, SETUP_TESTS)

SYNC_RUNS = _table(SyncRun)
SYNC_OUTCOMES = _table(SyncOutcome)
