"""What tests say of the world: accounts, items, settings, and the tables as plain rows."""

import copy
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from reference import Ledger, tracked
from sqlalchemy import Engine, select

from inventory import database
from inventory.models import METADATA, VERSIONED, Versioned
from inventory.settings import ApiSettings, DatabaseSettings, Secret
from inventory.standin import StandIn
from inventory.views import VIEWS

KEY, SECRET = "the-key-3f9a", "the-secret-77b1"

T0 = datetime(2026, 11, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)

Item = dict[str, Any]


class Account:
    """An account whose list a test sets at will."""

    account_id = "account_one"
    account_name = "Account One"

    def __init__(self) -> None:
        self.connectors: list[Item] = []

    def items(self) -> list[Item]:
        return self.connectors


class Calendar:
    """The database's clock, set by the test."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self, _: Any) -> datetime:
        return self.now

    def pass_a_day(self) -> None:
        self.now += timedelta(days=1)


class Patience:
    """A clock that does not wait: sleeping moves it."""

    def __init__(self, at: float = 1_790_000_000.0) -> None:
        self.now = at
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.now += seconds


def item(connector_id: str = "fair_wind", **changes: Any) -> Item:
    """An item with every known field; `status` is merged, every other change replaces."""
    whole: Item = {
        "id": connector_id,
        "group_id": "group_one",
        "service": "postgres",
        "service_version": 1,
        "schema": f"{connector_id}_schema",
        "connected_by": "user_one",
        "created_at": "2026-01-02T03:04:05.678901Z",
        "succeeded_at": "2026-11-20T01:00:00Z",
        "failed_at": None,
        "paused": False,
        "pause_after_trial": False,
        "sync_frequency": 360,
        "schedule_type": "auto",
        "data_delay_threshold": 0,
        "data_delay_sensitivity": "NORMAL",
        "private_link_id": None,
        "proxy_agent_id": None,
        "networking_method": "Directly",
        "hybrid_deployment_agent_id": None,
        "status": {
            "setup_state": "connected",
            "sync_state": "scheduled",
            "update_state": "on_schedule",
            "schema_status": "ready",
            "is_historical_sync": False,
            "rescheduled_for": None,
            "tasks": [],
            "warnings": [],
        },
    }
    status = changes.pop("status", {})
    whole = copy.deepcopy(whole) | changes
    if isinstance(status, dict):
        whole["status"] |= status
    else:
        whole["status"] = status
    return whole


def connect(url: str, schema: str | None = None) -> Engine:
    return database.connect(DatabaseSettings(url=Secret(url), schema=schema))


def api_settings(api: StandIn, **changes: Any) -> ApiSettings:
    return ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=api.url, **changes)


def variables(api: StandIn, database_url: str) -> dict[str, str]:
    """What a user sets for the command."""
    return {
        "FIVETRAN_API_KEY": KEY,
        "FIVETRAN_API_SECRET": SECRET,
        "FIVETRAN_API_URL": api.url,
        "INVENTORY_DATABASE_URL": database_url,
    }


# The process says itself what it held: what the kernel tells of a child counts its parent's fork.
PROBE = """
import re, sys
from inventory.cli import main
try:
    main(sys.argv[1:])
finally:
    with open("/proc/self/status") as status:
        print(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
"""


def measured(*words: str) -> tuple[int, str, float]:
    """Run the command in a process; return its code, its stderr and its most memory in MB."""
    command = [sys.executable, "-c", PROBE, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr, int(done.stdout) / 1024


def rows(engine: Engine, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table, sorted; all columns, or those that are named."""
    of = METADATA.tables[table]
    wanted = [of.c[name] for name in columns] or list(of.c)
    with database.reading(engine) as connection:
        return sorted(map(tuple, connection.execute(select(*wanted))), key=repr)


def everything(engine: Engine, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, but those that are named."""
    return {name: rows(engine, name) for name in METADATA.tables if name not in but}


# --- the tables beside the reference --------------------------------------------------------


# Of `incidents`, in the order in which the reference tells them: the minutes go on by themselves.
INCIDENT = (
    *("connector_id", "started_at", "ended_at", "path", "closed_by"),
    *("started_after", "ended_after"),
)
_incidents = VIEWS["incidents"].table.c
READABLE = {
    **{name: select(table) for name, table in METADATA.tables.items()},
    **{of.history: select(VIEWS[of.history].table) for of in VERSIONED},
    "incidents": select(*(_incidents[name] for name in INCIDENT)).order_by(
        _incidents.connector_id, _incidents.started_at
    ),
}

# Rows of tables and views, by name.
Contents = dict[str, list[dict[str, Any]]]
# (key, facts, valid_from, changed_after, valid_to), as the reference writes them.
Version = tuple[Any, ...]


def contents(engine: Engine) -> Contents:
    """All rows of all tables and views, in one snapshot."""
    with database.reading(engine) as connection:
        return {
            name: [row._asdict() for row in connection.execute(rows)]
            for name, rows in READABLE.items()
        }


def assert_contents_equal(held: Contents, ledger: Ledger) -> None:
    for versioned in VERSIONED:
        table = versioned.current.name
        current = {
            key_of(row, versioned): (facts_of(row, versioned), *since(row))
            for row in held[table]
            if row.get("removed_at") is None
        }
        assert current == ledger.open[table], table
        past = in_order(ledger.past[table])
        assert versions(held[versioned.past.name], versioned) == past, versioned.past.name
        still = [(key, tracked(facts), *when, None) for key, (facts, *when) in current.items()]
        assert versions(held[versioned.history], versioned) == in_order(past + still), table
    outcomes = held["sync_outcomes"]
    ends = [(row["connector_id"], row["outcome"], row["finished_at"]) for row in outcomes]
    assert sorted(ends) == sorted(ledger.outcomes)
    everyone = {row["connector_id"]: row for row in held["connectors"]}
    assert {key: row["first_seen_at"] for key, row in everyone.items()} == ledger.first_seen
    removed = {
        key: (row["removed_at"], row["removed_reason"])
        for key, row in everyone.items()
        if row["removed_at"]
    }
    assert removed == ledger.removed
    incidents = [tuple(row[name] for name in INCIDENT) for row in held["incidents"]]
    assert sorted(incidents, key=lambda row: row[:2]) == ledger.incidents()


def versions(held: list[dict[str, Any]], versioned: Versioned) -> list[Version]:
    return in_order(
        (key_of(row, versioned), tracked(facts_of(row, versioned)), *since(row), row["valid_to"])
        for row in held
    )


def in_order(of: Any) -> list[Version]:
    return sorted(of, key=lambda version: (version[0], version[2]))


def facts_of(row: dict[str, Any], versioned: Versioned) -> dict[str, Any]:
    names = {*versioned.tracked, *versioned.judged, *versioned.moving} - {"fingerprints"}
    return {name: row[name] for name in names if name in row}


def since(row: dict[str, Any]) -> tuple[datetime, datetime | None]:
    return row["valid_from"], row["changed_after"]


def key_of(row: dict[str, Any], versioned: Versioned) -> tuple[Any, ...]:
    if "fingerprint" not in versioned.key:
        return tuple(row[name] for name in versioned.key)
    content = {name: row[name] for name in ("code", "message", "details", "extra")}
    return row["connector_id"], json.dumps(content, sort_keys=True), row["ordinal"]
