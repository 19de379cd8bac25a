"""The tables as mapped classes: columns, constraints and comments. It never runs SQL.

A session on these classes is for reading. Relationships are `viewonly`, and the job itself writes
set-based through the tables (`CONNECTORS.current` is `Connector.__table__`).
"""

from inventory.models.alerts import (
    TASKS,
    WARNINGS,
    ConnectorWarning,
    ConnectorWarningVersion,
    Task,
    TaskVersion,
)
from inventory.models.base import METADATA, Base, HistoryTable
from inventory.models.connectors import CONNECTORS, Connector, ConnectorVersion
from inventory.models.digest_key import DIGEST_KEY
from inventory.models.runs import (
    COMPLETE,
    INVENTORY_RUNS,
    SYNC_OUTCOMES,
    InventoryRun,
    SyncOutcome,
)
from inventory.models.setup_tests import SETUP_TESTS, SetupTest, SetupTestVersion
from inventory.models.status import CONNECTOR_STATUS, ConnectorStatus, ConnectorStatusVersion
from inventory.models.types import CASE_INSENSITIVE

__all__ = [
    "CASE_INSENSITIVE",
    "COMPLETE",
    "CONNECTORS",
    "CONNECTOR_STATUS",
    "DIGEST_KEY",
    "INVENTORY_RUNS",
    "METADATA",
    "SETUP_TESTS",
    "SYNC_OUTCOMES",
    "TASKS",
    "VERSIONED",
    "WARNINGS",
    "Base",
    "Connector",
    "ConnectorStatus",
    "ConnectorStatusVersion",
    "ConnectorVersion",
    "ConnectorWarning",
    "ConnectorWarningVersion",
    "HistoryTable",
    "InventoryRun",
    "SetupTest",
    "SetupTestVersion",
    "SyncOutcome",
    "Task",
    "TaskVersion",
    "readable_tables",
]

VERSIONED = (CONNECTORS, CONNECTOR_STATUS, WARNINGS, TASKS, SETUP_TESTS)


def readable_tables() -> list[str]:
    """Return the names of the tables that read-only roles may read: all but the secret."""
    return [name for name in METADATA.tables if name != DIGEST_KEY.name]
