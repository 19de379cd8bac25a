"""What the lists beside the connectors are to become: groups, destinations, users, types.

A list counts if it came whole and is believable: one that is empty where something was known, or
lacks more than half of it, changes nothing. Groups and destinations have versions like connectors.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from support.model_values import Item, but, instant, steady, truth, words

PATHS = {
    "groups": "/v1/groups",
    "destinations": "/v1/destinations",
    "users": "/v1/users",
    "connector_types": "/v1/metadata/connector-types",
}
VERSIONED = ("groups", "destinations")
IDS = {
    "groups": "group_id",
    "destinations": "destination_id",
    "users": "user_id",
    "connector_types": "service",
}
# The columns and the fields of the API behind them.
COLUMNS = {
    "groups": {"group_name": "name", "created_at": "created_at"},
    "destinations": {
        name: name
        for name in (
            *("group_id", "service", "region", "time_zone_offset", "daylight_saving_time_enabled"),
            *("setup_status", "networking_method", "private_link_id", "proxy_agent_id"),
            "hybrid_deployment_agent_id",
        )
    },
    "users": {
        name: name
        for name in (
            *("email", "given_name", "family_name", "role", "active", "logged_in_at"),
            "created_at",
        )
    },
    "connector_types": {"service_name": "name"}
    | {name: name for name in ("type", "connector_class", "service_status", "link_to_docs")},
}
READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("created_at", "logged_in_at"), instant),
    **dict.fromkeys(("daylight_saving_time_enabled", "active"), truth),
}
CASELESS = ("setup_status", "networking_method")

# A list by the ids of its items; None = it was no use.
Listed = dict[str, Item] | None
Facts = dict[str, Any]


def facts_of(name: str, item: Item, old: Facts | None) -> Facts:
    """Read an item; what cannot be read stays as it was, and is kept beside the columns."""
    facts: Facts = {}
    unread = set()
    for column, field in COLUMNS[name].items():
        try:
            facts[column] = READERS.get(field, words)(item.get(field))
        except (ValueError, KeyError, TypeError, AttributeError):
            facts[column] = (old or {}).get(column)
            unread.add(field)
    if name == "destinations" and not facts["setup_status"]:  # each has one
        facts["setup_status"] = (old or {}).get("setup_status")
    if name in VERSIONED:
        facts["extra"] = but(item, {"id", *COLUMNS[name].values()} - unread)
    return facts


def settled(new: Facts, old: Facts) -> Facts:
    """The facts, with what means the same written as it was."""

    def same(name: str) -> bool:
        if not all(isinstance(value[name], str | None) for value in (new, old)):
            return False
        one, other = new[name] or "", old[name] or ""
        return one == other or (name in CASELESS and one.lower() == other.lower())

    facts = {name: old[name] if same(name) else value for name, value in new.items()}
    return facts | {"extra": steady(new["extra"], old["extra"])}


def in_order(versions: Any) -> list[tuple[str, Facts]]:
    return sorted(
        versions, key=lambda each: (each[0], each[1][IDS[each[0]]], each[1]["valid_from"])
    )


class ModelOfLists:
    """The rows of these lists by name and id, after each complete run of any account.

    A row is a dictionary of its columns, but for its id.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Facts]] = {name: {} for name in PATHS}
        self.past: list[tuple[Any, ...]] = []  # list, id, facts, valid_from, changed_after, end

    def wanted(self, now: datetime) -> list[str]:
        """The lists that a run reads: that of connector types once on each day."""
        fetched = [row["fetched_at"].date() for row in self.rows["connector_types"].values()]
        is_read = bool(fetched) and max(fetched) >= now.date()
        return [name for name in PATHS if not (is_read and name == "connector_types")]

    def observe(
        self,
        lists: dict[str, Listed],
        account_id: str,
        now: datetime,
        before: datetime | None,
        accept: bool,
    ) -> str | None:
        """Take in what a run has read; return the names of those that changed nothing."""
        skipped = set()
        for name, listed in lists.items():
            if listed is None or not (accept or self._is_believable(name, listed, account_id)):
                skipped.add(name)
            elif name == "connector_types":
                for key, item in listed.items():
                    facts = facts_of(name, item, self.rows[name].get(key))
                    self.rows[name][key] = facts | {"fetched_at": now}
            else:
                self._merge(name, listed, account_id, now, before)
        return ", ".join(name for name in PATHS if name in skipped) or None

    def _is_believable(self, name: str, listed: dict[str, Item], account_id: str) -> bool:
        known = self._existing(name, account_id)
        lost = known - listed.keys()
        if name == "connector_types":
            return bool(listed) or not known
        return not lost or (bool(listed) and 2 * len(lost) <= len(known))

    def _existing(self, name: str, account_id: str) -> set[str]:
        return {
            key
            for key, row in self.rows[name].items()
            if row.get("account_id") in (account_id, None) and row.get("removed_at") is None
        }

    def _merge(
        self, name: str, listed: dict[str, Item], account_id: str, now: datetime, before: Any
    ) -> None:
        rows = self.rows[name]
        for key in self._existing(name, account_id) - listed.keys():
            self._end(name, key, now)
            rows[key]["removed_at"] = now
        began = {"valid_from": now, "changed_after": before} if name in VERSIONED else {}
        for key, item in listed.items():
            old = rows.get(key)
            facts = facts_of(name, item, old)
            if old and name in VERSIONED:
                facts = settled(facts, old)
            unchanged = old is not None and old["removed_at"] is None
            if old and unchanged and all(old[column] == facts[column] for column in facts):
                continue
            if old and unchanged:
                self._end(name, key, now)
            first = {"account_id": account_id, "first_seen_at": now} if old is None else {}
            rows[key] = (old or {}) | facts | began | first | {"removed_at": None}

    def _end(self, name: str, key: str, now: datetime) -> None:
        if name in VERSIONED:
            row = self.rows[name][key]
            facts = {column: row[column] for column in ("account_id", "extra", *COLUMNS[name])}
            self.past.append((name, key, facts, row["valid_from"], row["changed_after"], now))

    def assert_held(self, held: dict[str, list[Facts]]) -> None:
        """The tables hold just these rows and versions."""
        for name, rows in self.rows.items():
            found = {row[IDS[name]]: row for row in held[name]}
            assert found == {key: row | {IDS[name]: key} for key, row in rows.items()}, name
        past = []
        for name, key, facts, *times in self.past:
            when = dict(zip(("valid_from", "changed_after", "valid_to"), times, strict=True))
            past.append((name, facts | {IDS[name]: key} | when))
        assert in_order((n, row) for n in VERSIONED for row in held[f"{n}_past"]) == in_order(past)

    # --- what follows for connectors ----------------------------------------------------------

    def is_broken(self, group_id: str | None) -> bool:
        row = self.rows["destinations"].get(group_id or "")
        if row is None or row["removed_at"] is not None:
            return False
        return (row["setup_status"] or "").lower() == "broken"

    def zones(self, account_id: str) -> dict[str, list[timedelta]]:
        """The offsets from UTC that the clocks of destinations have, where they are known."""
        found = {}
        for key in self._existing("destinations", account_id):
            row = self.rows["destinations"][key]
            if zones := read_zones(row["time_zone_offset"], row["daylight_saving_time_enabled"]):
                found[key] = zones
        return found


def read_zones(offset: str | None, has_summer: bool | None) -> list[timedelta]:
    parts = re.fullmatch(r"([+-]?)(\d\d?)(?::([0-5]\d))?", (offset or "").strip())
    if parts is None:
        return []
    minutes = 60 * int(parts[2]) + int(parts[3] or 0)
    standard = timedelta(minutes=-minutes if parts[1] == "-" else minutes)
    zones = [standard, *([standard + timedelta(hours=1)] if has_summer else [])]
    return zones if timedelta(hours=-12) <= zones[0] and zones[-1] <= timedelta(hours=14) else []
