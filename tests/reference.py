"""What the tables must hold after each run, told by dictionaries that share no code with ours.

An item is read here in the most direct way; a version is a tuple (facts, valid_from,
changed_after). Alerts are known by their content, since their stored key is a digest.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

Item = dict[str, Any]

SCALARS = (
    *("group_id", "service", "service_version", "connected_by", "paused", "pause_after_trial"),
    *("sync_frequency", "daily_sync_time", "schedule_type", "data_delay_threshold"),
    *("data_delay_sensitivity", "private_link_id", "proxy_agent_id", "networking_method"),
    *("hybrid_deployment_agent_id", "local_processing_agent_id", "schedule"),
)
STATES = ("setup_state", "sync_state", "update_state", "schema_status", "is_historical_sync")
TOLD = ("config", "connect_card_config", "source_sync_details")
NOT_EXTRA = {*SCALARS, *TOLD, "id", "schema", "created_at", "succeeded_at", "failed_at"} | {
    *("status", "setup_tests", "connect_card")
}


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def connector_facts(item: Item, account_id: str, held: dict[str, Any]) -> dict[str, Any]:
    facts = {name: item.get(name) for name in SCALARS}
    facts |= {name: held.get(name) if item.get(name) is None else item[name] for name in TOLD}
    extra = {name: value for name, value in item.items() if name not in NOT_EXTRA}
    return facts | {
        "account_id": account_id,
        "schema_name": item.get("schema"),
        "created_at": instant(item.get("created_at")),
        "extra": extra or None,
    }


def status_facts(item: Item) -> dict[str, Any]:
    succeeded, failed = instant(item.get("succeeded_at")), instant(item.get("failed_at"))
    last_failed = failed is not None and (succeeded is None or failed >= succeeded)
    return {name: item["status"].get(name) for name in STATES} | {
        "last_sync_failed": last_failed,
        "extra": None,
        "succeeded_at": succeeded,
        "failed_at": failed,
        "rescheduled_for": instant(item["status"].get("rescheduled_for")),
    }


def alerts(connector_id: str, told: list[Item] | None) -> dict[Any, dict[str, Any]] | None:
    if told is None:
        return None
    rows, seen = {}, Counter()
    for alert in told:
        facts = {name: alert.get(name) for name in ("code", "message", "details")}
        content = json.dumps(facts, sort_keys=True)
        rows[connector_id, content, seen[content]] = facts | {"extra": None}
        seen[content] += 1
    return rows


def tests(connector_id: str, told: list[Item] | None) -> dict[Any, dict[str, Any]] | None:
    if told is None:
        return None
    rows, seen = {}, Counter()
    for test in sorted(told, key=lambda test: (test["title"], test["status"])):
        facts = {name: test.get(name) for name in ("status", "message", "details")}
        rows[connector_id, test["title"], seen[test["title"]]] = facts | {"extra": None}
        seen[test["title"]] += 1
    return rows


MOVING = {"source_sync_details", "succeeded_at", "failed_at", "rescheduled_for"}
TABLES = ("connectors", "connector_status", "warnings", "tasks", "setup_tests")


class Ledger:
    """Current rows, past versions and outcomes of one account, after each complete run."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.open: dict[str, dict[Any, Any]] = {table: {} for table in TABLES}
        self.past: dict[str, list[Any]] = {table: [] for table in TABLES}
        self.ever: dict[str, dict[str, Any]] = {}
        self.first_seen: dict[str, datetime] = {}
        self.removed: dict[str, tuple[datetime, str]] = {}
        self.outcomes: set[tuple[str, str, datetime]] = set()
        self.last_run: datetime | None = None

    def observe(self, items: list[Item], gone: dict[str, str], now: datetime) -> None:
        """Take in what a complete walk saw; `gone` are the removed ones and why."""
        for item in items:
            self._observe(item, now)
        for connector_id, reason in gone.items():
            self.removed[connector_id] = (now, reason)
            for table in TABLES:
                self._replace(table, connector_id, {}, now)
        self.last_run = now

    def _observe(self, item: Item, now: datetime) -> None:
        key = item["id"]
        self.first_seen.setdefault(key, now)
        self.removed.pop(key, None)
        facts = connector_facts(item, self.account_id, self.ever.get(key, {}))
        self.ever[key] = facts
        self._replace("connectors", key, {(key,): facts}, now)
        self._replace("connector_status", key, {(key,): status_facts(item)}, now)
        self._replace("warnings", key, alerts(key, item["status"].get("warnings")), now)
        self._replace("tasks", key, alerts(key, item["status"].get("tasks")), now)
        self._replace("setup_tests", key, tests(key, item.get("setup_tests")), now)
        for outcome in ("succeeded", "failed"):
            if (finished := instant(item.get(f"{outcome}_at"))) is not None:
                self.outcomes.add((key, outcome, finished))

    def _replace(self, table: str, connector_id: str, told: Any, now: datetime) -> None:
        """Make these the connector's rows; None = the API did not tell, so nothing changes."""
        if told is None:
            return
        rows = self.open[table]
        for key in [key for key in rows if key[0] == connector_id]:
            facts, since, after = rows[key]
            if key in told and tracked(told[key]) == tracked(facts):
                rows[key] = (told.pop(key), since, after)
            else:
                self.past[table].append((key, tracked(facts), since, after, now))
                del rows[key]
        for key, facts in told.items():
            rows[key] = (facts, now, self.last_run)


def tracked(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in MOVING}
