"""What the tables must hold after each run, kept in dictionaries that share no code with ours.

An item is read here in the most direct way; a version is a tuple (facts, valid_from,
changed_after). Alerts are known by their content, since their stored key is a digest.
`word` judges a connector, and `ReferenceModel.incidents` lists its outages. Beside this module,
`model_schedule` reckons with schedules, `model_lists` has the other lists, `model_details` says
what details add, and `model_verdict` what a run must make of the answers that the API gave it.
"""

import json
from collections import Counter
from collections.abc import Collection
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from support.model_details import (
    ALERTS,
    MAX_AGE,
    OF_LIST,
    Known,
    added,
    assert_well_chosen,
    kept,
    known,
)
from support.model_lists import ModelOfLists
from support.model_schedule import due_at
from support.model_values import (
    Item,
    but,
    instant,
    meant,
    minutes,
    since,
    steady,
    table,
    truth,
    words,
)
from support.model_verdict import Verdict, verdict

SCALARS = (
    *("group_id", "service", "service_version", "connected_by", "paused", "pause_after_trial"),
    *("sync_frequency", "daily_sync_time", "schedule_type", "data_delay_threshold"),
    *("data_delay_sensitivity", "private_link_id", "proxy_agent_id", "networking_method"),
    *("hybrid_deployment_agent_id", "local_processing_agent_id", "schedule"),
)
STATES = ("setup_state", "sync_state", "update_state", "schema_status", "is_historical_sync")
TOLD = ("config", "connect_card_config", "source_sync_details")
VOLATILE = "last_synced_changes__utc_"
NOT_EXTRA = {*SCALARS, *TOLD, "id", "schema", "created_at", "succeeded_at", "failed_at"} | {
    *("status", "setup_tests", "connect_card")
}
NOT_STATUS_EXTRA = {*STATES, "rescheduled_for", "warnings", "tasks"}


STATES_OF_CONNECTOR = ("schedule_type", "networking_method", "data_delay_sensitivity")


READERS = {
    **dict.fromkeys(("created_at", "succeeded_at", "failed_at", "rescheduled_for"), instant),
    **dict.fromkeys(("paused", "pause_after_trial", "is_historical_sync"), truth),
    **dict.fromkeys(("sync_frequency", "service_version", "data_delay_threshold"), minutes),
    **dict.fromkeys(("schedule", *TOLD), table),
}


def cells(fields: Item, names: Any, held: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Read fields; what cannot be read is as it was, and what means the same is written as it was.

    Returns also the names of those that cannot be read.
    """
    found, unread = {}, set()
    for name in names:
        column = "schema_name" if name == "schema" else name
        before = held.get(column)
        try:
            found[column] = READERS.get(name, words)(fields.get(name))
        except (ValueError, KeyError, TypeError, AttributeError):
            found[column] = before
            unread.add(name)
        if isinstance(found[column], str | None) and isinstance(before, str | None):
            caseless = name in (*STATES_OF_CONNECTOR, *STATES, "status")
            one, other = ((text or "") for text in (found[column], before))
            if column not in held:
                continue
            if one == other or (caseless and one.lower() == other.lower()):
                found[column] = before
    return found, unread


def connector_facts(item: Item, account_id: str, held: dict[str, Any]) -> dict[str, Any]:
    facts, unread = cells(item, (*SCALARS, "schema", "created_at", *TOLD), held)
    facts["schedule"] = since(held, "schedule", facts["schedule"], True)
    facts["config_volatile"] = held.get("config_volatile")
    if isinstance(config := item.get("config"), dict):
        facts["config"] = {name: value for name, value in config.items() if name != VOLATILE}
        facts["config_volatile"] = but(config, {*facts["config"]})
    for name in TOLD:
        before = held.get(name)
        if facts[name] is None:
            facts[name] = before
        elif before is not None and name != "source_sync_details":
            facts[name] = steady(facts[name], before)
    if not isinstance(item.get("status"), dict | None):
        unread.add("status")
    return facts | {
        "account_id": account_id,
        "extra": since(held, "extra", but(item, NOT_EXTRA - unread)),
    }


def status_facts(
    item: Item,
    connector: dict[str, Any],
    held: dict[str, Any],
    zones: dict[str, list[timedelta]],
    level: int | None,
) -> dict[str, Any]:
    """`connector` are its facts by now, `held` those of its status before; `level` is its tag."""
    status, names = item.get("status") or {}, (*STATES, "rescheduled_for")
    unusable = not isinstance(status, dict)
    facts, unread = cells(dict.fromkeys(names, object()) if unusable else status, names, held)
    times, unread_times = cells(item, ("succeeded_at", "failed_at"), held)
    succeeded, failed = times.values()
    last_failed = failed is not None and (succeeded is None or failed >= succeeded)
    group_id = item.get("group_id")
    of_group = zones.get(group_id) if isinstance(group_id, str) else None
    due = due_at(item, connector, succeeded, of_group)
    if level is not None:
        due = succeeded and succeeded + timedelta(minutes=level)
    if "succeeded_at" in unread_times:
        last_failed = last_failed and bool(succeeded or held.get("last_sync_failed"))
        due = held["due_at"] if held.get("is_down") else None
    extra = {} if unusable else but(status, NOT_STATUS_EXTRA - unread) or {}
    extra |= {name: item[name] for name in unread_times}
    settled = since(held, "extra", extra or None)
    before, mark = held.get("extra") or {}, "succeeded_at"
    if held and (mark in extra) != (mark in before):  # a fact, whatever it says
        rest = steady(but(extra, {mark}), but(before, {mark})) or {}
        settled = {**rest, **{name: extra[name] for name in extra if name == mark}} or None
    return (
        facts
        | times
        | {
            "last_sync_failed": last_failed,
            "extra": settled,
            "due_at": due,
            "slo_minutes": level,
        }
    )


def alerts(connector_id: str, elements: list[Item] | None) -> dict[Any, dict[str, Any]] | None:
    if elements is None:
        return None
    rows, seen = {}, Counter()
    for alert in elements:
        facts = {name: alert.get(name) for name in ("code", "message", "details")}
        facts["extra"] = but(alert, {*facts})
        content = json.dumps(meant(facts), sort_keys=True)
        rows[connector_id, content, seen[content]] = facts
        seen[content] += 1
    return rows


def tests(connector_id: str, elements: list[Item] | None) -> dict[Any, dict[str, Any]] | None:
    if elements is None:
        return None
    rows, seen = {}, Counter()
    for test in sorted(elements, key=lambda test: (test["title"], test["status"])):
        facts = {name: test.get(name) for name in ("status", "message", "details")}
        facts["extra"] = but(test, {"title", *facts})
        rows[connector_id, test["title"], seen[test["title"]]] = facts
        seen[test["title"]] += 1
    return rows


# --- health ---------------------------------------------------------------------------------

DOWN = {"broken", "destination_broken", "stalled", "failing", "delayed", "stale"}


def word(
    facts: dict[str, Any],
    connector: dict[str, Any],
    tasks: int,
    warnings: int,
    now: datetime,
    is_destination_broken: bool = False,
) -> str:
    """Judge a connector that exists, by its facts and the number of its alerts."""

    def is_past(deadline: datetime | None) -> bool:
        return deadline is not None and deadline < now

    setup, sync, schema_status, update = (
        (facts[name] or "").lower()
        for name in ("setup_state", "sync_state", "schema_status", "update_state")
    )
    by = (connector["schedule_type"] or "").lower()
    never = facts["succeeded_at"] is None and "succeeded_at" not in (facts["extra"] or {})
    if connector["paused"] or sync == "paused":
        return "paused"
    if setup in ("incomplete", "broken"):
        return setup
    if is_destination_broken:
        return "destination_broken"
    if setup != "connected":
        return "unknown"
    if sync == "syncing" and never:
        return "initial_sync"
    if sync == "syncing" and facts["is_historical_sync"]:
        return "historical_sync"
    if schema_status.startswith("blocked"):
        return "blocked"
    put_off = sync == "rescheduled"
    if put_off and by == "manual" and is_past(facts["rescheduled_for"]):
        return "stalled"
    if facts["last_sync_failed"]:
        return "failing"
    if update == "delayed":
        return "delayed"
    if is_past(facts["due_at"]):
        return "stale"
    if tasks:
        return "action_required"
    if never:
        return "never_synced"
    if put_off:
        return "rescheduled"
    return "warning" if warnings else "healthy"


def judged(
    facts: dict[str, Any], health: str, before: dict[str, Any] | None, previous: Any, now: datetime
) -> dict[str, Any]:
    """The health, and since when; `before` is what was known of it, `previous` the run before."""
    if before and before["health"] == health:
        since = before["health_since"]
    else:
        timed = {"stale": facts["due_at"], "stalled": facts["rescheduled_for"]}
        since, deadline = now, timed.get(health)
        if before and previous and deadline and deadline > previous:
            since = deadline
    is_down = health in DOWN
    down_since = (before["down_since"] if before else None) or since
    return {
        "health": health,
        "is_down": is_down,
        "health_since": since,
        "down_since": down_since if is_down else None,
    }


# --- the tables -----------------------------------------------------------------------------

# Since when it has its health changes with that alone, and so is as good as tracked.
MOVING = {"source_sync_details", "config_volatile"} | {
    *("succeeded_at", "failed_at", "rescheduled_for", "due_at", "slo_minutes")
}
TABLES = ("connectors", "connector_status", "warnings", "tasks", "setup_tests")


class ReferenceModel:
    """Current rows, past versions and outcomes after each complete run of `account_id`.

    To let another account run, set `account_id`. `seen` holds all that was open after each run.
    """

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.open: dict[str, dict[Any, Any]] = {table: {} for table in TABLES}
        self.past: dict[str, list[Any]] = {table: [] for table in TABLES}
        self.ever: dict[str, dict[str, Any]] = {}
        self.first_seen: dict[str, datetime] = {}
        self.removed: dict[str, tuple[datetime, str]] = {}
        self.outcomes: set[tuple[str, str, datetime]] = set()
        self.runs: list[tuple[str, datetime]] = []
        self.seen: dict[datetime, dict[str, dict[Any, Any]]] = {}
        self.lists = ModelOfLists()
        self.tags: dict[tuple[str, str | None], str] = {}  # slo_minutes, by scope and scope_id
        self._zones: dict[str, list[timedelta]] = {}  # before the run, by destination
        # Of each connector: what was last read of it, when its details were, and what only they
        # tell. The details of one that was removed are still those that were read.
        self.known: dict[str, Known] = {}
        self.details: dict[str, tuple[datetime, set[str]]] = {}

    def held(self) -> dict[str, str | None]:
        """The account's connectors that exist, each with its group."""
        facts = {key: facts for (key,), (facts, *_) in self.open["connectors"].items()}
        return {k: f["group_id"] for k, f in facts.items() if f["account_id"] == self.account_id}

    def verdict(self, said: list[Any], attempts: int, rules: Any, now: datetime) -> "Verdict":
        """What the account's run must make of what the API sent; what others hold is not taken."""
        held = self.held()
        outcome = verdict(said, attempts, held, rules, self.lists.wanted(now))
        others = {key for (key,) in self.open["connectors"]} - held.keys()
        of_others = others & {*outcome.listed, *outcome.alive}
        return outcome.failed("configuration") if of_others else outcome

    def assert_well_chosen(self, outcome: Verdict, settings: Any, now: datetime) -> None:
        """The run asked for the details that it may and must ask for."""
        if settings.details == "none":
            assert not outcome.details.items
            return
        listed = outcome.listed | {
            key: item for key, item in outcome.alive.items() if not self._only_details_tell(key)
        }
        changed = set()
        for key, item in listed.items():
            before, new = self.known.get(key), known(item)
            if before is None or (before.item != new.item and before.settings != new.settings):
                changed.add(key)
        due = set()
        for key in self.held():
            read_at, _ = self.details.get(key, (None, set()))
            if read_at is None:
                due |= {key} if self.ever[key]["config"] is None else set()
            else:
                _, since, _ = self.open["connectors"][key,]
                is_old = read_at <= now - MAX_AGE or read_at < since
                due |= {key} if settings.details == "all" or is_old else set()
        budget = settings.details_budget if settings.details == "auto" else len(listed)
        assert_well_chosen(outcome.details, listed, changed, due, budget)

    def _only_details_tell(self, connector_id: str) -> set[str]:
        """The fields that the list does not clear; that of another account clears all."""
        if self.ever.get(connector_id, {}).get("account_id") != self.account_id:
            return set()
        _, names = self.details.get(connector_id, (None, set()))
        return names

    def observe_lists(self, outcome: Verdict, now: datetime, accept: bool) -> str | None:
        """Take in the lists that a complete run has read; return which changed nothing."""
        self._zones = self.lists.zones(self.account_id)
        before = self._run_before(now)
        return self.lists.observe(outcome.lists, self.account_id, now, before, accept)

    def observe(
        self,
        items: list[Item],
        gone: dict[str, str],
        now: datetime,
        clock: datetime | None = None,
        details: dict[str, Item | None] | None = None,
        looked_up: Collection[str] = (),
    ) -> dict[str, int]:
        """Take in what a complete walk saw; `gone` are the removed ones and why.

        What is late is late by the clock, which may have been set back. `looked_up` are those of
        the items that the list did not show. Returns how many connectors were added, changed,
        removed and returned.
        """
        known, away = set(self.first_seen), set(self.removed)
        for item in items:
            key = item["id"]
            more = (details or {}).get(key)
            if more is not None:
                more = added(item, more)
            elif key in looked_up and self._only_details_tell(key):
                more = item
            self._observe(item, more, now, clock or now)
        for connector_id, reason in gone.items():
            self.removed[connector_id] = (now, reason)
            del self.known[connector_id]
            for name in TABLES:
                self._replace(name, connector_id, {}, now)
        self.runs.append((self.account_id, now))
        self.seen[now] = {
            table: {key: deepcopy(tracked(facts)) for key, (facts, *_) in rows.items()}
            for table, rows in self.open.items()
        }
        touched = self._touched(now)
        kinds = {"removed": set(gone), "added": touched - known, "returned": touched & away}
        rest = touched.difference(*kinds.values())
        return {kind: len(ids) for kind, ids in (kinds | {"changed": rest}).items()}

    def _touched(self, now: datetime) -> set[str]:
        """The connectors of which any version began or ended now."""
        begun = {
            key[0] for rows in self.open.values() for key, row in rows.items() if row[1] == now
        }
        return begun | {row[0][0] for rows in self.past.values() for row in rows if row[4] == now}

    def _observe(self, item: Item, more: Item | None, now: datetime, clock: datetime) -> None:
        """`more` is what its details tell beside it; None = nobody has read them."""
        key, status = item["id"], item.get("status") or {}
        self.first_seen.setdefault(key, now)
        self.removed.pop(key, None)
        held = self.ever.get(key, {})
        is_new = self.known.get(key) is None or self.known[key].item != known(item).item
        self.known[key] = known(item)
        is_first = more is not None and key not in self.details
        if more is None:
            item = item | kept(self._only_details_tell(key), item, held)
        else:
            item = item | more
            self.details[key] = (now, {*more} - OF_LIST - ALERTS)
        facts = connector_facts(item, self.account_id, held)
        self.ever[key] = facts
        if is_first:
            self._learn(key, facts)
        self._replace("connectors", key, {(key,): facts}, now)
        status = status if isinstance(status, dict) else {}
        self._replace("warnings", key, alerts(key, status.get("warnings")), now)
        self._replace("tasks", key, alerts(key, status.get("tasks")), now)
        self._replace("setup_tests", key, tests(key, item.get("setup_tests")), now)
        is_read = is_new or more is not None
        state = self._status(item, facts, now, clock, is_read=is_read)
        self._replace("connector_status", key, {(key,): state}, now)
        for outcome in ("succeeded", "failed"):
            finished = self.open["connector_status"][key,][0][f"{outcome}_at"]
            if finished is not None:
                self.outcomes.add((key, outcome, finished))

    def _learn(self, key: str, facts: dict[str, Any]) -> None:
        """Write what first details tell as if it had been known all the time: it may have been."""
        if (key,) not in self.open["connectors"]:
            return
        old, begun, _ = self.open["connectors"][key,]
        differing = [name for name in tracked(facts) if facts[name] != old[name]]
        if all(old[name] is None or name == "extra" for name in differing):
            old |= {name: facts[name] for name in differing}
            for at in (at for at in self.seen if at >= begun):
                self.seen[at]["connectors"][key,] = deepcopy(tracked(old))

    def _status(
        self,
        item: Item,
        connector: dict[str, Any],
        now: datetime,
        clock: datetime,
        *,
        is_read: bool,
    ) -> dict[str, Any]:
        """`is_read`: anything in it is new, and so its schedule and the zones of now count."""
        key = item["id"]
        before, *_ = self.open["connector_status"].get((key,), (None,))
        level = self._service_level(key, connector)
        facts = status_facts(item, connector, before or {}, self._zones, level)
        if before and not is_read and before["slo_minutes"] == level:
            facts["due_at"] = before["due_at"]
        tasks, warnings = (
            sum(alert[0] == key for alert in self.open[table]) for table in ("tasks", "warnings")
        )
        is_broken = self.lists.is_broken(connector["group_id"])
        health = word(facts, connector, tasks, warnings, clock, is_broken)
        if "succeeded_at" in (facts["extra"] or {}) and health not in DOWN:
            facts["due_at"] = None
        return facts | judged(facts, health, before, self._run_before(now), now)

    def _service_level(self, key: str, connector: dict[str, Any]) -> int | None:
        tags = [
            self.tags.get(("connector", key)),
            self.tags.get(("service", connector["service"])),
            self.tags.get(("group", connector["group_id"])),
            self.tags.get(("account", self.account_id)),
        ]
        value = next((value for value in tags if value is not None), "")
        return int(value) if value.isdigit() else None

    def _run_before(self, instant: datetime, account_id: str | None = None) -> datetime | None:
        """The last complete run of an account before an instant."""
        account_id = account_id or self.account_id
        return max((at for of, at in self.runs if of == account_id and at < instant), default=None)

    def reword(self, health: str) -> None:
        """Let all that exist and are not down have this health, as if by other rules."""
        for key, (facts, begun, _) in self.open["connector_status"].items():
            if not facts["is_down"]:
                facts["health"] = health
                for at in (at for at in self.seen if at >= begun):
                    self.seen[at]["connector_status"][key]["health"] = health

    def incidents(self) -> list[tuple[Any, ...]]:
        """Outages: connector, started_at, ended_at, path, closed_by, started_after, ended_after."""
        still = [
            (key, tracked(facts), *when, None)
            for key, (facts, *when) in self.open["connector_status"].items()
        ]
        versions = sorted(self.past["connector_status"] + still, key=lambda v: (v[0], v[2]))
        begins = {
            (key, begun): (facts["health"], after) for key, facts, begun, after, _ in versions
        }
        down = [version for version in versions if version[1]["is_down"]]
        found = []
        for (key, started), stretch in groupby(down, lambda v: (v[0], v[1]["down_since"])):
            (_, _, begun, after, _), *_ = several = list(stretch)
            ended = several[-1][4]
            path = " > ".join(health for health, _ in groupby(v[1]["health"] for v in several))
            account_id = self.ever[key[0]]["account_id"]
            before = self._run_before(ended, account_id) if ended else None
            next_one, ended_after = begins.get((key, ended), ("removed", before))
            closed_by = next_one if next_one in ("removed", "paused") else "recovered"
            found.append(
                (
                    *(key[0], started, ended, path),
                    closed_by if ended else None,
                    after if begun == started else started,
                    ended_after,
                )
            )
        return found

    def _replace(self, table: str, connector_id: str, sent: Any, now: datetime) -> None:
        """Make these the connector's rows; None = the API did not send them, so nothing changes."""
        if sent is None:
            return
        rows = self.open[table]
        for key in [key for key in rows if key[0] == connector_id]:
            facts, since, after = rows[key]
            if key in sent and table in ("warnings", "tasks"):  # it means the same
                sent[key] = facts
            if key in sent and table == "setup_tests":
                same, _ = cells(sent[key], ("status", "message"), facts)
                sent[key] |= same | {
                    n: steady(sent[key][n], facts[n]) for n in ("details", "extra")
                }
            if key in sent and tracked(sent[key]) == tracked(facts):
                rows[key] = (sent.pop(key), since, after)
            else:
                self.past[table].append((key, tracked(facts), since, after, now))
                del rows[key]
        for key, facts in sent.items():
            rows[key] = (facts, now, self._run_before(now))


def tracked(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in MOVING}
