"""What tests say of the world: accounts, items, settings, and the tables as plain rows."""

import copy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from inventory import database
from inventory.models import Base
from inventory.settings import ApiSettings, DatabaseSettings, Secret
from inventory.standin import StandIn

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
    of = Base.metadata.tables[table]
    wanted = [of.c[name] for name in columns] or list(of.c)
    with database.reading(engine) as connection:
        return sorted(map(tuple, connection.execute(select(*wanted))), key=repr)


def everything(engine: Engine, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, but those that are named."""
    return {name: rows(engine, name) for name in Base.metadata.tables if name not in but}
