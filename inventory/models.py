"""The tables, and which of their columns make history.

A *current* table holds the open version of each row, its *past* table the superseded ones. What is
the same in both stands once, in functions: `…_facts` are the tracked columns, a change of which
opens a version. A current table's other columns move without making history.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, Table, false

from inventory.columns import (
    BYTES,
    INSTANT,
    JSON,
    NUMBER,
    SERIAL,
    SMALL_NUMBER,
    TEXT,
    YES_NO,
    Columns,
    col,
    key,
    of_connector,
)
from inventory.versions import beginnings, only_where, open_version, past_rules, past_version

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Versioned(NamedTuple):
    """A current table with its past one; `tracked`, `judged`, `moving` and `kept` name columns.

    `judged` ones are written by the judge alone, and a version carries them as it does the tracked
    ones. Those that are kept move without making history, but a version ends with what they last
    said.
    """

    history: str
    current: Table
    past: Table
    key: tuple[str, ...]
    tracked: tuple[str, ...]
    judged: tuple[str, ...]
    moving: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def versioned_columns(self) -> tuple[str, ...]:
        """What both tables have, but for the beginning of the version."""
        return (*self.key, *self.tracked, *self.judged, *self.kept)


def _versioned(
    history: str,
    facts: Callable[[], Columns],
    current: Table,
    past: Table,
    judged: tuple[str, ...] = (),
    moving: tuple[str, ...] = (),
) -> Versioned:
    return Versioned(
        history,
        current,
        past,
        key=tuple(column.name for column in current.primary_key),
        tracked=tuple(column.name for column in facts()),
        judged=judged,
        moving=moving,
        kept=tuple(name for name in moving if name in past.c),
    )


def _table(name: str, comment: str, *parts: Any) -> Table:
    return Table(name, METADATA, *parts, comment=comment)


# --- connectors -----------------------------------------------------------------------------


def _connector_facts() -> Columns:
    """What somebody has set."""
    return [
        col("account_id", TEXT, "The Fivetran account the connector was seen in", nullable=False),
        col("group_id", TEXT, "The group, which is the destination"),
        col("service", TEXT, "The connector type, e.g. google_sheets"),
        col("service_version", NUMBER, "Version of the connector type"),
        col("schema_name", TEXT, "The connector's name (`schema` of the API); not unique"),
        col("connected_by", TEXT, "User who created it; null = a program did, or the user is gone"),
        col("created_at", INSTANT, "When it was created (UTC)"),
        col("paused", YES_NO, "Whether it is paused"),
        col("pause_after_trial", YES_NO, "Whether it pauses when its free trial ends"),
        col("sync_frequency", NUMBER, "Minutes between two syncs"),
        col("daily_sync_time", TEXT, "HH:MM of the sync, where sync_frequency is 1440"),
        col("schedule_type", TEXT, "auto = the vendor's schedule, manual = by API call"),
        col("schedule", JSON, "The newer schedule, as the API gives it"),
        col("data_delay_threshold", NUMBER, "Minutes of delay that raise a notification"),
        col("data_delay_sensitivity", TEXT, "Sensitivity of the delay notification"),
        col("private_link_id", TEXT, "Private link in use"),
        col("proxy_agent_id", TEXT, "Proxy agent in use"),
        col("networking_method", TEXT, "How the source is reached, e.g. Directly"),
        col("hybrid_deployment_agent_id", TEXT, "Hybrid deployment agent in use"),
        col(
            "local_processing_agent_id",
            TEXT,
            "Older name of the hybrid deployment agent; the API dropped it in 2025",
        ),
        col("config", JSON, "Settings of the source, secrets masked; null = the API never told"),
        col(
            "connect_card_config",
            JSON,
            "Settings of the connect card, never its token; null = the API never told",
        ),
        col(
            "extra",
            JSON,
            "Fields of the API without a column, and values that do not fit theirs, "
            "verbatim; secrets masked",
        ),
    ]


CONNECTORS = _versioned(
    "connector_history",
    _connector_facts,
    _table(
        "connectors",
        "One row per connector ever seen. Removed ones keep their last version",
        key("connector_id", TEXT, "The connector's id, as the API gives it"),
        *_connector_facts(),
        col("config_volatile", JSON, "Keys of config that move by themselves; not tracked"),
        col(
            "source_sync_details",
            JSON,
            "Details of the last sync, where the API tells; not tracked",
        ),
        col("first_seen_at", INSTANT, "The first run that saw it (UTC)", nullable=False),
        col("removed_at", INSTANT, "The run that found it gone (UTC); null = it exists"),
        col(
            "removed_reason",
            TEXT,
            "deleted = the API says it is gone, not_visible = it is hidden from this key",
        ),
        *open_version(),
        CheckConstraint("(removed_at is null) = (removed_reason is null)", name="removed"),
        CheckConstraint("removed_reason in ('deleted', 'not_visible')", name="removed_reason"),
        Index("ix_connectors_account_id", "account_id"),
    ),
    _table(
        "connectors_past",
        "One row per superseded version of a connector",
        of_connector(),
        *_connector_facts(),
        *past_version(),
        *past_rules("connectors_past"),
        beginnings("connectors_past"),
    ),
    moving=("config_volatile", "source_sync_details"),
)


# --- connector_status -----------------------------------------------------------------------


def _status_facts() -> Columns:
    """The states."""
    return [
        col("setup_state", TEXT, "incomplete, connected, broken, or as the API sends it"),
        col("sync_state", TEXT, "scheduled, syncing, paused, rescheduled, or as the API sends it"),
        col("update_state", TEXT, "on_schedule, delayed, or as the API sends it"),
        col("schema_status", TEXT, "ready, blocked_on_capture, or as the API sends it"),
        col("is_historical_sync", YES_NO, "Whether it syncs its history"),
        col(
            "last_sync_failed",
            YES_NO,
            "Whether the last sync to end failed: failed_at >= succeeded_at, or failed and "
            "never succeeded",
            nullable=False,
        ),
        col(
            "extra",
            JSON,
            "Fields of the API's status without a column, and values that do not fit theirs, "
            "verbatim",
        ),
    ]


def _judged() -> Columns:
    """What a run makes of the facts: see `inventory.health`.

    A row is written before it is judged, in one transaction: until then it is unknown.
    """
    return [
        col(
            "health",
            TEXT,
            "The one word that its facts came to when a run last judged it",
            nullable=False,
            server_default="unknown",
        ),
        col(
            "is_down",
            YES_NO,
            "Whether that health counts as down",
            nullable=False,
            server_default=false(),
        ),
        col(
            "health_since",
            INSTANT,
            "Since when it has that health (UTC): the run that saw it, or the deadline that passed",
        ),
        col(
            "down_since",
            INSTANT,
            "Since when it is down without a break (UTC); null = it is not down",
        ),
    ]


CONNECTOR_STATUS = _versioned(
    "connector_status_history",
    _status_facts,
    _table(
        "connector_status",
        "One row per connector that exists: its states, its health, the times of its syncs",
        of_connector(),
        *_status_facts(),
        col(
            "succeeded_at",
            INSTANT,
            "End of the last successful sync (UTC); not tracked, see sync_outcomes",
        ),
        col(
            "failed_at",
            INSTANT,
            "End of the last failed sync (UTC), not cleared by a success; not tracked",
        ),
        col("rescheduled_for", INSTANT, "When a rescheduled sync is due (UTC); not tracked"),
        col(
            "fingerprints",
            BYTES,
            "What the API last said, as digests: an answer that matches is not read again",
            nullable=False,
        ),
        *open_version(),
        *_judged(),
        col(
            "due_at",
            INSTANT,
            "When the next success is overdue, by its schedule (UTC); not tracked; null = nobody "
            "can tell",
        ),
    ),
    _table(
        "connector_status_past",
        "One row per superseded version of a connector's states",
        of_connector(),
        *_status_facts(),
        *past_version(),
        col(
            "rescheduled_for",
            INSTANT,
            "When a rescheduled sync was due, as last seen in this version (UTC)",
        ),
        *_judged(),
        *past_rules("connector_status_past"),
        # With all that outages are made of: the rows themselves lie far apart.
        only_where(
            "ix_connector_status_past_down",
            "is_down",
            *("valid_to", "connector_id", "down_since"),
        ),
    ),
    judged=tuple(column.name for column in _judged()),
    moving=("succeeded_at", "failed_at", "rescheduled_for", "due_at", "fingerprints"),
)


# --- warnings, tasks ------------------------------------------------------------------------


def _alert_key() -> Columns:
    return [
        of_connector(),
        key("fingerprint", TEXT, "Digest of the alert's content; alerts have no id"),
        key("ordinal", SMALL_NUMBER, "0, 1, … among equal alerts of one connector"),
    ]


def _alert_facts() -> Columns:
    return [
        col("code", TEXT, "Kind of condition; may repeat within one connector"),
        col("message", TEXT, "The API's words"),
        col("details", JSON, "Any JSON the API adds"),
        col("extra", JSON, "Fields without a column, and values that do not fit theirs, verbatim"),
    ]


def _alerts(history: str, name: str, comment: str, past_comment: str) -> Versioned:
    past = f"{name}_past"
    return _versioned(
        history,
        _alert_facts,
        _table(name, comment, *_alert_key(), *_alert_facts(), *open_version()),
        _table(
            past,
            past_comment,
            *_alert_key(),
            *_alert_facts(),
            *past_version(),
            *past_rules(past),
            beginnings(past),
            Index(f"ix_{past}_connector_id_valid_to", "connector_id", "valid_to"),
        ),
    )


WARNINGS = _alerts(
    "warning_history",
    "warnings",
    "One row per warning that is open now",
    "One row per time that a warning was open and is no more",
)
TASKS = _alerts(
    "task_history",
    "tasks",
    "One row per task that is open now: what a person must do",
    "One row per time that a task was open and is no more",
)


# --- setup_tests ----------------------------------------------------------------------------


def _setup_test_key() -> Columns:
    return [
        of_connector(),
        key("title", TEXT, "The test's title; empty where the API sent none"),
        key("ordinal", SMALL_NUMBER, "0, 1, … among equal titles of one connector"),
    ]


def _setup_test_facts() -> Columns:
    return [
        col("status", TEXT, "PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it"),
        col("message", TEXT, "The API's words"),
        col("details", JSON, "Any JSON the API adds"),
        col("extra", JSON, "Fields without a column, and values that do not fit theirs, verbatim"),
    ]


SETUP_TESTS = _versioned(
    "setup_test_history",
    _setup_test_facts,
    _table(
        "setup_tests",
        "One row per setup test that the API last told of",
        *_setup_test_key(),
        *_setup_test_facts(),
        *open_version(),
    ),
    _table(
        "setup_tests_past",
        "One row per superseded version of a setup test",
        *_setup_test_key(),
        *_setup_test_facts(),
        *past_version(),
        *past_rules("setup_tests_past"),
        beginnings("setup_tests_past"),
    ),
)

VERSIONED = (CONNECTORS, CONNECTOR_STATUS, WARNINGS, TASKS, SETUP_TESTS)


# --- runs and outcomes ----------------------------------------------------------------------

# The statuses of runs whose walk was complete and whose snapshot was merged.
COMPLETE = ("succeeded", "withheld")


def _count(name: str, comment: str, **options: Any) -> Column[Any]:
    return col(name, NUMBER, comment, nullable=False, default=0, **options)


SYNC_RUNS = _table(
    "sync_runs",
    "One row per attempted run. Only succeeded and withheld ones are complete",
    col("run_id", SERIAL, "Counts up", primary_key=True),
    col("account_id", TEXT, "The account; null = the run ended before it was known"),
    col("status", TEXT, "running, succeeded, withheld, failed or crashed", nullable=False),
    col("started_at", INSTANT, "When it began (UTC)", nullable=False),
    col(
        "observed_at",
        INSTANT,
        "The one timestamp of everything it changed (UTC); null = it merged nothing",
    ),
    col("finished_at", INSTANT, "When it ended (UTC)"),
    col("endpoint", TEXT, "Which list answered: connectors or connections"),
    _count("pages", "Pages read"),
    _count("requests", "Requests sent, retries included"),
    _count("retries", "Requests sent again after a failure"),
    _count("connectors_seen", "Connectors that the API showed"),
    _count("duplicates", "Connectors shown again; the later one counts"),
    _count("added", "Connectors never seen before"),
    _count("changed", "Connectors with a change in any tracked column"),
    _count("removed", "Connectors found gone"),
    _count("returned", "Connectors that had been removed and are back"),
    _count("unconfirmed", "Missing ones without a clear answer; left alone"),
    _count(
        "anomalies",
        "Values that do not fit their column, and states not known, in what the API now shows",
    ),
    col("error_code", TEXT, "Kind of error; null = none"),
    col("error_message", TEXT, "What was tried, what came back, what to do next"),
    col("tool_version", TEXT, "Version of the tool", nullable=False),
    _count(
        "walks",
        "Times that the list was read from its first page; 2 = it had moved meanwhile",
        server_default="0",
    ),
    _count(
        "withheld",
        "Missing ones, too many to be believed gone; left alone",
        server_default="0",
    ),
    col("health_rules", TEXT, "Digest of the rules that it judged health by; null = it did not"),
    CheckConstraint(
        "status in ('running', 'succeeded', 'withheld', 'failed', 'crashed')", name="status"
    ),
    Index("ix_sync_runs_account_id_observed_at", "account_id", "observed_at"),
)

SYNC_OUTCOMES = _table(
    "sync_outcomes",
    "One row per end of a sync that was observed; syncs between two runs are not",
    of_connector(),
    key("outcome", TEXT, "succeeded or failed"),
    key("finished_at", INSTANT, "When the sync ended (UTC)"),
    Column(
        "run_id",
        NUMBER,
        ForeignKey("sync_runs.run_id"),
        nullable=False,
        comment="The run that first saw it",
    ),
    CheckConstraint("outcome in ('succeeded', 'failed')", name="outcome"),
    Index("ix_sync_outcomes_run_id", "run_id"),
)
