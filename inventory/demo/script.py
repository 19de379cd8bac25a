"""What happens in the simulated account during its first thirty days, as data.

Owns the services, the phases a connector can be in, and the script of each service.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Item = dict[str, Any]

# By id: the name of the group; service, region and time zone of its destination.
GROUPS = {
    "teal_ledger": ("Finance", "snowflake", "GCP_EUROPE_WEST3", "+1"),
    "teal_pipeline": ("Sales", "snowflake", "GCP_EUROPE_WEST3", "+1"),
    "teal_campaign": ("Marketing", "big_query", "GCP_EUROPE_WEST3", "+1"),
    "teal_product": ("Product", "snowflake", "GCP_US_EAST4", "-5"),
    "teal_helpdesk": ("Support", "postgres_warehouse", "GCP_US_EAST4", "-5"),
}
# The destination that breaks, and the first day on which it is broken and on which it works again.
BROKEN_DESTINATION, BREAKS_ON, WORKS_ON = "teal_campaign", 16, 18
# By id: given name, family name, role.
USERS = {
    "swift_author": ("Sam", "Author", "Account Administrator"),
    "deft_analyst": ("Dana", "Analyst", "Account Analyst"),
    "kind_engineer": ("Kim", "Engineer", "Account Administrator"),
}
# What people say of the connectors: the scope, what is named in it, the tag and its value. Those of
# Marketing have no owner but who created them.
TAGS = (
    ("group", "Finance", "owner", "finance-data"),
    ("group", "Finance", "tier", "1"),
    ("group", "Sales", "owner", "growth"),
    ("group", "Product", "owner", "analytics"),
    ("group", "Support", "owner", "helpdesk"),
    ("service", "stripe", "owner", "finance-data"),
)
FIRST_WORDS = "amber brisk calm dapper eager fabled gentle hazy idle jaunty keen lucid mellow neat"
LAST_WORDS = "acorn badger compass dune ember falcon garnet harbor inlet juniper kite marmot otter"

SERVICE_NAMES = {
    "google_sheets": ("Google Sheets", "File"),
    "postgres": ("PostgreSQL", "Database"),
    "salesforce": ("Salesforce", "Application"),
    "mysql": ("MySQL", "Database"),
    "s3": ("Amazon S3", "File"),
    "hubspot": ("HubSpot", "Application"),
    "stripe": ("Stripe", "Application"),
    "zendesk": ("Zendesk Support", "Application"),
    "jira": ("Jira", "Application"),
    "snowflake_db": ("Snowflake", "Database"),
    "github": ("GitHub", "Application"),
    "google_ads": ("Google Ads", "Application"),
}
DOCS = "https://fivetran.com/docs/connectors/{service}"

SHARED_SOURCE = (0, 11)  # the numbers of two connectors that read the same source
LAST_CHANGE = "last_synced_changes__utc_"  # changes with every sync although it is in config


@dataclass(frozen=True)
class Phase:
    """A state that a connector is in for some days: changes to its item, and how its syncs end."""

    item: Item = field(default_factory=dict)
    status: Item = field(default_factory=dict)
    syncs: Literal["succeed", "fail", "none"] = "succeed"
    is_listed: bool = True


RECONNECT = {"code": "reconnect", "message": "Access was revoked", "details": "401 invalid_grant"}
RESYNC = {"code": "resync_table_warning", "message": "Resync Table Warning"}
ORDERS, REFUNDS = (RESYNC | {"details": {"table": table}} for table in ("orders", "refunds"))
QUOTA = {"code": "api_quota_warning", "message": "API quota low", "details": "83% used today"}
SETUP_TESTS = [
    {"title": "Connecting to the source", "status": "PASSED", "message": ""},
    {"title": "Checking permissions", "status": "PASSED", "details": ["read", "list"]},
]
FAILED_TESTS = [
    {"title": "Connecting to the source", "status": "FAILED", "message": "401 invalid_grant"},
    {"title": "Checking permissions", "status": "SKIPPED", "message": ""},
]
REPOSITORIES = ["northwind/{team}-shop", "northwind/{team}-warehouse"]
HISTORICAL = {"is_historical_sync": True}
DELAYED = {"update_state": "delayed"}

NORMAL = Phase()
ABSENT = Phase(syncs="none", is_listed=False)
PAUSED = Phase({"paused": True}, {"sync_state": "paused"}, "none")
BROKEN = Phase({}, DELAYED | {"setup_state": "broken", "tasks": [RECONNECT]}, "fail")
FAILING = Phase({}, DELAYED, "fail")
BLOCKED = Phase({}, DELAYED | {"schema_status": "blocked_on_capture"}, "none")
NEAR_QUOTA = Phase({}, {"warnings": [QUOTA]})
OVER_QUOTA = Phase({}, {"warnings": [QUOTA], "sync_state": "rescheduled"}, "none")
RESYNC_DUE = Phase({}, {"warnings": [ORDERS]})
RESYNC_TWICE = Phase({}, {"warnings": [ORDERS, REFUNDS]})
SLOWED_DOWN = Phase({"sync_frequency": 1440, "daily_sync_time": "06:00"})
WIDENED = Phase({"config": {"repositories": [*REPOSITORIES, "northwind/{team}-web"]}})
UNFINISHED = Phase({}, HISTORICAL | {"setup_state": "incomplete"}, "none")
FIRST_SYNC = Phase({"setup_tests": SETUP_TESTS}, HISTORICAL | {"sync_state": "syncing"}, "none")

ScriptedPhase = tuple[Phase, int, int]  # the phase, its minimum and maximum number of days
ONWARDS = (1_000_000, 1_000_000)

# One connector of each service follows the script of that service, so that no two scripts meet in
# one connector. A script must be over by day 29: before making a phase longer, add up the maximum
# days of its script.
SCRIPTS: dict[str, Sequence[ScriptedPhase]] = {
    "google_sheets": ((NORMAL, 3, 5), (BROKEN, 3, 5)),
    "postgres": ((NORMAL, 3, 5), (FAILING, 3, 4), (NORMAL, 3, 5), (BLOCKED, 3, 5)),
    "salesforce": ((NORMAL, 2, 4), (NEAR_QUOTA, 2, 3), (OVER_QUOTA, 1, 2)),
    "mysql": ((NORMAL, 3, 6), (RESYNC_TWICE, 3, 5), (NORMAL, 3, 5), (RESYNC_DUE, *ONWARDS)),
    "s3": ((NORMAL, 23, 26), (FAILING, *ONWARDS)),
    "hubspot": ((NORMAL, 22, 25), (BROKEN, *ONWARDS)),
    "stripe": ((NORMAL, 6, 9), (ABSENT, 3, 6)),
    "zendesk": ((NORMAL, 12, 16), (ABSENT, *ONWARDS)),
    "jira": ((NORMAL, 9, 12), (PAUSED, 5, 8)),
    "snowflake_db": ((NORMAL, 10, 15), (SLOWED_DOWN, *ONWARDS)),
    "github": ((NORMAL, 14, 19), (WIDENED, *ONWARDS)),
}
NEW_SERVICE = "google_ads"  # of the connector that is created during the thirty days
NEW_SCRIPT = ((ABSENT, 7, 10), (UNFINISHED, 2, 3), (FIRST_SYNC, 2, 3), (NORMAL, 5, 7))

# What happens to a connector without a script, or after its end.
INCIDENTS = ((FAILING, 1, 2), (RESYNC_DUE, 1, 4))
INCIDENT_PROBABILITY = 0.02  # per day

ON_TIME = {"setup_state": "connected", "sync_state": "scheduled", "update_state": "on_schedule"}
NO_ALERTS = {"is_historical_sync": False, "schema_status": "ready", "tasks": [], "warnings": []}
LINKS = dict.fromkeys(("private_link_id", "proxy_agent_id", "hybrid_deployment_agent_id"))
DELAY = {"data_delay_threshold": 0, "data_delay_sensitivity": "NORMAL"}
DEFAULTS: Item = {"paused": False, "pause_after_trial": False} | DELAY | LINKS
LOGIN = {"user": "fivetran", "password": "******"}
# sync_frequency in minutes, and config; {team} becomes the name of the source of each connector
SERVICES: dict[str, tuple[int, Item]] = {
    "google_sheets": (1440, {"sheet_id": "1aB2cD3_{team}", "named_range": "plan", LAST_CHANGE: ""}),
    "postgres": (5, {"host": "pg.{team}.example", "update_method": "WAL_PGOUTPUT"} | LOGIN),
    "salesforce": (60, {"domain": "{team}.example", "is_sandbox": False}),
    "mysql": (15, {"host": "mysql.{team}.example", "port": 3306, "replica_id": 4711} | LOGIN),
    "s3": (
        60,
        {"bucket": "northwind-{team}", "files": [{"table_name": "orders", "pattern": "*.csv"}]},
    ),
    "hubspot": (360, {"authorization_method": "User OAuth", "sync_mode": "AllObjects"}),
    "stripe": (60, {"secret_key": "******", "connected_accounts_to_exclude": []}),
    "zendesk": (1440, {"subdomain": "northwind-{team}", "api_token": "******"}),
    "jira": (360, {"base_url": "jira.{team}.example", "api_token": "******"}),
    "snowflake_db": (60, {"host": "snowflake.{team}.example", "role": "READER"} | LOGIN),
    "github": (360, {"username": "northwind", "pat": "******", "repositories": REPOSITORIES}),
    "google_ads": (1440, {"reports": [{"table": "daily_spend", "fields": ["campaign", "cost"]}]}),
}
