"""The columns of each command's table, and which of them give way on a narrow terminal."""

from inventory.health import SEVERITIES
from inventory.output.screen import BAD, BY_SEVERITY, GOOD, Style
from inventory.output.tables import Column, Row


def _by_health(row: Row) -> Style:
    return BY_SEVERITY[SEVERITIES[row["health"]]]


def _by_new_health(change: Row) -> Style:
    severity = SEVERITIES.get(change["new_value"]) if change["field"] == "health" else None
    return {} if severity is None else BY_SEVERITY[severity]


def _bad_if_open(outage: Row) -> Style:
    return BAD if outage["ended_at"] is None else {}


def _by_run_status(run: Row) -> Style:
    return BAD if run["status"] in ("failed", "crashed") else {}


def _by_kind(event: Row) -> Style:
    return {"down": BAD, "recovered": GOOD}.get(event["kind"], {})


_ID, _HEALTH = Column("connector_id"), Column("health", style=_by_health)
_OWNER = Column("owner", 4, least=8, optional=True)

STATUS = (
    _HEALTH,
    Column("since", 2, is_age=True),
    _ID,
    Column("schema_name", 3, least=16),
    _OWNER,
    Column("service", 5, least=10),
    Column("group", 6, least=8),
    Column("reason", 1, least=26),
)
CHANGES = (
    Column("changed_at", 1),
    _ID,
    Column("schema_name", 2, least=14),
    Column("change", least=30, style=_by_new_health),
)
INCIDENTS = (
    Column("started_at", 1),
    Column("ended_at", 4),
    Column("lasted"),
    _ID,
    Column("schema_name", 2, least=16),
    _OWNER,
    Column("service", 5, least=10),
    Column("group", 6, least=8),
    Column("path", least=18, style=_bad_if_open),
    Column("closed_by", 3),
)
FINDINGS = (
    Column("finding"),
    Column("since", 3, is_age=True),
    _ID,
    Column("schema_name", 2, least=16),
    _OWNER,
    Column("service", 5, least=10),
    Column("group", 6, least=8),
    Column("detail", 1, least=24),
)
AT = (
    _HEALTH,
    _ID,
    Column("schema_name", 1, least=16),
    Column("service", 2, least=10),
    Column("group", 3, least=8),
    Column("paused", 7),
    Column("setup_state", 4),
    Column("sync_state", 5),
    Column("update_state", 6),
    Column("schema_status", 8, least=10),
    Column("is_historical_sync", 10, heading="historical"),
    Column("last_sync_failed", 9, heading="failed"),
)
RUNS = (
    Column("run_id", heading="run"),
    Column("account_id", 6, least=10, heading="account"),
    Column("status", style=_by_run_status),
    Column("started_at"),
    Column("finished_at", 9),
    Column("connectors_seen", 2, heading="seen"),
    Column("added", 4),
    Column("changed", 3),
    Column("removed", 5),
    Column("returned", 10),
    Column("anomalies", 11),
    Column("details_read", 7, heading="details"),
    Column("details_failed", 8, heading="failed"),
    Column("skipped", 12, least=10),
    Column("error_message", 1, least=20, heading="error"),
)
TIMELINE = (Column("at"), Column("kind", style=_by_kind), Column("what", least=20))
