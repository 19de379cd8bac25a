"""The tables as mapped classes: columns, constraints and comments. It never runs SQL.

A session on these classes is for reading. Relationships are `viewonly`, and the job itself writes
set-based through the tables (`CONNECTORS.current` is `Connector.__table__`).
"""

from inventory.column_types import CASE_INSENSITIVE
from inventory.models.accounts import ACCOUNTS, Account
from inventory.models.alerts import (
    TASKS,
    WARNINGS,
    ConnectorWarning,
    ConnectorWarningVersion,
    Task,
    TaskVersion,
)
from inventory.models.base import METADATA, Base, HistoryTable
from inventory.models.connector_types import CONNECTOR_TYPES, ConnectorType
from inventory.models.connectors import CONNECTORS, Connector, ConnectorVersion
from inventory.models.destinations import DESTINATIONS, Destination, DestinationVersion
from inventory.models.digest_key import DIGEST_KEY
from inventory.models.export_bookmarks import EXPORT_BOOKMARKS, ExportBookmark
from inventory.models.groups import GROUPS, Group, GroupVersion
from inventory.models.notifications import (
    NOTIFICATION_CHANNELS,
    NOTIFICATIONS,
    Notification,
    NotificationChannel,
)
from inventory.models.runs import (
    COMPLETE,
    INVENTORY_RUNS,
    SYNC_OUTCOMES,
    InventoryRun,
    SyncOutcome,
)
from inventory.models.setup_tests import SETUP_TESTS, SetupTest, SetupTestVersion
from inventory.models.status import CONNECTOR_STATUS, ConnectorStatus, ConnectorStatusVersion
from inventory.models.tags import SCOPES, TAGS, Tag
from inventory.models.users import USERS, User

__all__ = [
    "ACCOUNTS",
    "CASE_INSENSITIVE",
    "COMPLETE",
    "CONNECTORS",
    "CONNECTOR_STATUS",
    "CONNECTOR_TYPES",
    "DESTINATIONS",
    "DIGEST_KEY",
    "EXPORT_BOOKMARKS",
    "GROUPS",
    "HISTORY_TABLES",
    "INVENTORY_RUNS",
    "METADATA",
    "NOTIFICATIONS",
    "NOTIFICATION_CHANNELS",
    "REFERENCES",
    "SCOPES",
    "SETUP_TESTS",
    "SYNC_OUTCOMES",
    "TAGS",
    "TASKS",
    "USERS",
    "VERSIONED",
    "WARNINGS",
    "Account",
    "Base",
    "Connector",
    "ConnectorStatus",
    "ConnectorStatusVersion",
    "ConnectorType",
    "ConnectorVersion",
    "ConnectorWarning",
    "ConnectorWarningVersion",
    "Destination",
    "DestinationVersion",
    "ExportBookmark",
    "Group",
    "GroupVersion",
    "HistoryTable",
    "InventoryRun",
    "Notification",
    "NotificationChannel",
    "SetupTest",
    "SetupTestVersion",
    "SyncOutcome",
    "Tag",
    "Task",
    "TaskVersion",
    "User",
    "readable_tables",
]

# What an item of the list of connectors is stored in, and what other lists are stored in.
VERSIONED = (CONNECTORS, CONNECTOR_STATUS, WARNINGS, TASKS, SETUP_TESTS)
REFERENCES = (GROUPS, DESTINATIONS)
HISTORY_TABLES = (*VERSIONED, *REFERENCES)


def readable_tables() -> list[str]:
    """Return the names of the tables that read-only roles may read: all but the secret."""
    return [name for name in METADATA.tables if name != DIGEST_KEY.name]
