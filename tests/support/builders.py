"""What tests say of the world: accounts, items, settings, and the tables as plain rows."""

import copy
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from inventory.db import engine as database
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.models import (
    ACCOUNTS,
    METADATA,
    VERSIONED,
    HistoryTable,
    readable_tables,
)
from inventory.normalize.keyed_digests import DigestKey
from inventory.settings import ApiSettings, DatabaseSettings, Secret
from support.model_values import meant
from support.reference_model import ReferenceModel, tracked

KEY, SECRET = "the-key-3f9a", "the-secret-77b1"

T0 = datetime(2026, 11, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)

MIGRATIONS = Path(__file__).parents[2] / "migrations"

DIGEST_KEY = DigestKey(b"what tests key digests with")

Item = dict[str, Any]


def undigested(text: str) -> str:
    """A text with bare masks: without the digests of what is masked."""
    return re.sub(r"(\*{6}) [0-9a-f]{8}\b", r"\1", text)


class Account:
    """An account whose list a test sets at will."""

    account_id = "account_one"
    account_name = "Account One"

    def __init__(self) -> None:
        self.connectors: list[Item] = []
        self.lists: dict[str, list[Item]] = {}  # those beside the connectors, by path
        self.more: dict[str, Item] = {}  # what only the details of a connector tell

    def items(self) -> list[Item]:
        return self.connectors

    def reference_lists(self) -> dict[str, list[Item]]:
        return self.lists

    def details(self, connector_id: str) -> Item | None:
        found = [each for each in self.items() if each["id"] == connector_id]
        return found[0] | self.more.get(connector_id, {}) if found else None

    def tested(self, connector_id: str) -> Item | None:
        return self.details(connector_id)


class FakeClock:
    """The database's clock, set by the test."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self, _: Any) -> datetime:
        return self.now

    def pass_a_day(self) -> None:
        self.now += timedelta(days=1)


class FakeMonotonic:
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


def api_settings(api: FakeApi, **changes: Any) -> ApiSettings:
    return ApiSettings(key=Secret(api.key), secret=Secret(SECRET), url=api.url, **changes)


def variables(api: FakeApi, database_url: str) -> dict[str, str]:
    """What a user sets for the command."""
    return {
        "FIVETRAN_API_KEY": api.key,
        "FIVETRAN_API_SECRET": SECRET,
        "FIVETRAN_API_URL": api.url,
        "INVENTORY_DATABASE_URL": database_url,
    }


# The process says itself what it held: what the kernel tells of a child counts its parent's fork.
PROBE = """
import os, re
from inventory import __main__, process

def tell_and_leave(code, leave=process.leave):
    with open("/proc/self/status") as status:
        os.write(1, re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1].encode())
    leave(code)

process.leave = tell_and_leave
__main__.run()
"""


def measured(*words: str) -> tuple[int, str, float]:
    """Run the command in a process; return its code, its stderr and its most memory in MB."""
    command = [sys.executable, "-c", PROBE, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr, int(done.stdout.rsplit(maxsplit=1)[-1]) / 1024


def alembic(engine: Engine, act: Any, to: str, scripts: Path = MIGRATIONS) -> None:
    """Go up or down to a revision: `act` is a command of alembic's."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["engine"] = engine
    act(config, to)


def rows(engine: Engine, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table, sorted; all columns, or those that are named."""
    with database.read_only(engine) as connection:
        return _rows(connection, table, *columns)


def _rows(connection: Connection, table: str, *columns: str) -> list[tuple[Any, ...]]:
    of = METADATA.tables[table]
    wanted = [of.c[name] for name in columns] or list(of.c)
    return sorted(map(tuple, connection.execute(select(*wanted))), key=repr)


def everything(engine: Engine, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, but for the secret and those that are named.

    Without the log of runs, also without the total of the requests that runs have sent.
    """
    left_out = {"accounts": "requests"} if "inventory_runs" in but else {}
    with database.read_only(engine) as connection:
        return {
            name: _rows(connection, name, *_columns(name, left_out.get(name)))
            for name in readable_tables()
            if name not in but
        }


def _columns(table: str, left_out: str | None) -> list[str]:
    return [name for name in METADATA.tables[table].c.keys() if name != left_out]  # noqa: SIM118


# --- the tables beside the reference --------------------------------------------------------


# Of `incidents`, in the order in which the reference tells them: the minutes go on by themselves.
INCIDENT = (
    *("connector_id", "started_at", "ended_at", "path", "closed_by"),
    *("started_after", "ended_after"),
)
_incidents = VIEWS["incidents"].table.c
READABLE = {
    **{name: select(METADATA.tables[name]) for name in readable_tables()},
    # Each run writes into the row of its account, which then comes last.
    "accounts": select(ACCOUNTS).order_by(ACCOUNTS.c.account_id),
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
    with database.read_only(engine) as connection:
        return {
            name: [row._asdict() for row in connection.execute(rows)]
            for name, rows in READABLE.items()
        }


def assert_contents_equal(held: Contents, ledger: ReferenceModel) -> None:
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
    ledger.lists.assert_held(held)
    incidents = [tuple(row[name] for name in INCIDENT) for row in held["incidents"]]
    assert sorted(incidents, key=lambda row: row[:2]) == ledger.incidents()


def versions(held: list[dict[str, Any]], versioned: HistoryTable) -> list[Version]:
    return in_order(
        (key_of(row, versioned), tracked(facts_of(row, versioned)), *since(row), row["valid_to"])
        for row in held
    )


def in_order(of: Any) -> list[Version]:
    return sorted(of, key=lambda version: (version[0], version[2]))


def facts_of(row: dict[str, Any], versioned: HistoryTable) -> dict[str, Any]:
    names = {*versioned.tracked, *versioned.judged, *versioned.untracked} - {"digests"}
    return {name: row[name] for name in names if name in row}


def since(row: dict[str, Any]) -> tuple[datetime, datetime | None]:
    return row["valid_from"], row["changed_after"]


def key_of(row: dict[str, Any], versioned: HistoryTable) -> tuple[Any, ...]:
    if "content_hash" not in versioned.key:
        return tuple(row[name] for name in versioned.key)
    content = {name: row[name] for name in ("code", "message", "details", "extra")}
    return row["connector_id"], json.dumps(meant(content), sort_keys=True), row["ordinal"]
