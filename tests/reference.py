"""What the tables must hold after each run, told by dictionaries that share no code with ours.

An item is read here in the most direct way; a version is a tuple (facts, valid_from,
changed_after). Alerts are known by their content, since their stored key is a digest.
`verdict` says what a run must make of the answers that the API really gave it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, NamedTuple

Item = dict[str, Any]

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


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def but(fields: Item, known: set[str]) -> Item | None:
    return {name: value for name, value in fields.items() if name not in known} or None


def connector_facts(item: Item, account_id: str, held: dict[str, Any]) -> dict[str, Any]:
    facts = {name: item.get(name) for name in SCALARS}
    facts |= {name: held.get(name) if item.get(name) is None else item[name] for name in TOLD}
    facts["config_volatile"] = held.get("config_volatile")
    if (config := item.get("config")) is not None:
        facts["config"] = {name: value for name, value in config.items() if name != VOLATILE}
        facts["config_volatile"] = but(config, {*facts["config"]})
    return facts | {
        "account_id": account_id,
        "schema_name": item.get("schema"),
        "created_at": instant(item.get("created_at")),
        "extra": but(item, NOT_EXTRA),
    }


def status_facts(item: Item) -> dict[str, Any]:
    succeeded, failed = instant(item.get("succeeded_at")), instant(item.get("failed_at"))
    last_failed = failed is not None and (succeeded is None or failed >= succeeded)
    status = item.get("status") or {}
    return {name: status.get(name) for name in STATES} | {
        "last_sync_failed": last_failed,
        "extra": but(status, NOT_STATUS_EXTRA),
        "succeeded_at": succeeded,
        "failed_at": failed,
        "rescheduled_for": instant(status.get("rescheduled_for")),
    }


def alerts(connector_id: str, told: list[Item] | None) -> dict[Any, dict[str, Any]] | None:
    if told is None:
        return None
    rows, seen = {}, Counter()
    for alert in told:
        facts = {name: alert.get(name) for name in ("code", "message", "details")}
        facts["extra"] = but(alert, {*facts})
        content = json.dumps(facts, sort_keys=True)
        rows[connector_id, content, seen[content]] = facts
        seen[content] += 1
    return rows


def tests(connector_id: str, told: list[Item] | None) -> dict[Any, dict[str, Any]] | None:
    if told is None:
        return None
    rows, seen = {}, Counter()
    for test in sorted(told, key=lambda test: (test["title"], test["status"])):
        facts = {name: test.get(name) for name in ("status", "message", "details")}
        facts["extra"] = but(test, {"title", *facts})
        rows[connector_id, test["title"], seen[test["title"]]] = facts
        seen[test["title"]] += 1
    return rows


MOVING = {"source_sync_details", "config_volatile"} | {
    *("succeeded_at", "failed_at", "rescheduled_for")
}
TABLES = ("connectors", "connector_status", "warnings", "tasks", "setup_tests")


class Ledger:
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
        self.last_run: dict[str, datetime] = {}
        self.seen: dict[datetime, dict[str, dict[Any, Any]]] = {}

    def held(self) -> dict[str, str | None]:
        """The account's connectors that exist, each with its group."""
        facts = {key: facts for (key,), (facts, *_) in self.open["connectors"].items()}
        return {k: f["group_id"] for k, f in facts.items() if f["account_id"] == self.account_id}

    def verdict(self, said: list[Any], attempts: int, rules: Any) -> "Verdict":
        """What the account's run must make of what it was told; what others hold is not taken."""
        held = self.held()
        told = verdict(said, attempts, held, rules)
        others = {key for (key,) in self.open["connectors"]} - held.keys()
        return told.failed("settings") if others & {item["id"] for item in told.items} else told

    def observe(self, items: list[Item], gone: dict[str, str], now: datetime) -> dict[str, int]:
        """Take in what a complete walk saw; `gone` are the removed ones and why.

        Returns how many connectors were added, changed, removed and returned.
        """
        known, away = set(self.first_seen), set(self.removed)
        for item in items:
            self._observe(item, now)
        for connector_id, reason in gone.items():
            self.removed[connector_id] = (now, reason)
            for table in TABLES:
                self._replace(table, connector_id, {}, now)
        self.last_run[self.account_id] = now
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

    def _observe(self, item: Item, now: datetime) -> None:
        key, status = item["id"], item.get("status") or {}
        self.first_seen.setdefault(key, now)
        self.removed.pop(key, None)
        facts = connector_facts(item, self.account_id, self.ever.get(key, {}))
        self.ever[key] = facts
        self._replace("connectors", key, {(key,): facts}, now)
        self._replace("connector_status", key, {(key,): status_facts(item)}, now)
        self._replace("warnings", key, alerts(key, status.get("warnings")), now)
        self._replace("tasks", key, alerts(key, status.get("tasks")), now)
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
            rows[key] = (facts, now, self.last_run.get(self.account_id))


def tracked(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in MOVING}


# --- what a run must make of what it was told -----------------------------------------------

# Pairs of request and answer, in the order in which they passed.
Said = Iterator[tuple[Any, Any]]
UNAVAILABLE, UNUSABLE = "api_unavailable", "payload_unusable"


class Verdict(NamedTuple):
    """What must become of a run: its row in the log, the items that count, who is gone and why."""

    row: dict[str, Any]
    items: list[Item]
    gone: dict[str, str]

    def failed(self, code: str) -> "Verdict":
        traffic = {name: self.row[name] for name in ("requests", "walks")}
        return Verdict(traffic | {"status": "failed", "error_code": code}, [], {})


def verdict(said: list[Any], attempts: int, held: dict[str, str | None], rules: Any) -> Verdict:
    """`held` are the account's connectors with their groups, `rules` when to believe removals."""
    answers = settled(said, attempts)
    walk, walks = walked(answers), 1
    if walk.duplicates and not walk.failure:
        again, walks = walked(answers), 2
        walk = walk if again.failure == UNAVAILABLE else again
    traffic = {"requests": len(said), "walks": walks}
    if walk.failure:
        return Verdict(traffic, [], {}).failed(walk.failure)
    missing = held.keys() - walk.shown.keys()
    alive, gone, withheld, code = [], {}, 0, None
    if is_doubted(walk.shown, missing, held, rules):
        withheld, code = len(missing), "removals_withheld"
    elif missing and not walk.duplicates:
        alive, gone = asked(answers, missing, walk.shown, rules.max_questions)
    assert next(answers, None) is None, "it asked for more than it had to know"
    row = traffic | {
        "status": "withheld" if withheld else "succeeded",
        "error_code": code,
        "connectors_seen": len(walk.shown) + len(alive),
        "duplicates": walk.duplicates,
        "withheld": withheld,
        "unconfirmed": 0 if withheld else len(missing) - len(alive) - len(gone),
    }
    return Verdict(row, [*walk.shown.values(), *alive], gone)


def failure(answer: Any) -> str | None:
    """What an answer that is no use fails with; None = it can be used."""
    if answer.cut is not None or answer.status == 429 or answer.status >= 500:
        return UNAVAILABLE
    if answer.status in (401, 403):
        return "access_refused"
    if answer.status != 200:
        return "settings"
    told = body(answer)
    if told is None:
        return UNAVAILABLE
    return None if isinstance(told, dict) else UNUSABLE


def body(answer: Any) -> Any:
    try:
        return json.loads(answer.body[: answer.cut])
    except ValueError:
        return None


def settled(said: list[Any], attempts: int) -> Said:
    """The last answer to each request; what was no use before it has been asked for again."""
    tries: list[Any] = []
    for request, answer in said:
        tries.append((request.path, request.query))
        assert tries.count(tries[0]) == len(tries), "it gave up early"
        if failure(answer) not in (UNAVAILABLE, UNUSABLE) or len(tries) == attempts:
            yield request, answer
            tries = []
    assert not tries, "it gave up early"


class Walk(NamedTuple):
    """The items of one walk by id, how many came again, and what it failed with."""

    shown: dict[str, Item]
    duplicates: int
    failure: str | None


def walked(answers: Said) -> Walk:
    """Read pages until one is no use, names none after it, or one that was named before."""
    shown: dict[str, Item] = {}
    duplicates, cursors = 0, [None]
    for request, answer in answers:
        assert request.query.get("cursor") == cursors[-1]
        if wrong := failure(answer):
            return Walk(shown, duplicates, wrong)
        page = body(answer)["data"]
        for item in page["items"]:
            duplicates += item["id"] in shown
            shown[item["id"]] = item
        cursor = page.get("next_cursor")
        if cursor is None or cursor in cursors:
            return Walk(shown, duplicates, UNUSABLE if cursor else None)
        cursors.append(cursor)
    raise AssertionError("it did not read to the end")


def is_doubted(shown: Item, missing: set[str], held: dict[str, str | None], rules: Any) -> bool:
    if rules.accept or not missing:
        return False
    many = 100 * len(missing) > rules.suspect_percent * len(held)
    groups, lost = Counter(held.values()), Counter(held[key] for key in missing)
    whole = [group for group in lost if group is not None and lost[group] == groups[group]]
    return (
        not shown
        or (many and len(missing) >= rules.suspect_count)
        or any(lost[group] >= rules.suspect_group for group in whole)
    )


def asked(
    answers: Said, missing: set[str], shown: Item, most: int
) -> tuple[list[Item], dict[str, str]]:
    """What single questions brought to light: items of the living, and who is gone and why."""
    alive: list[Item] = []
    gone: dict[str, str] = {}
    left, served = set(missing), None
    for _ in range(min(most, len(missing))):
        request, answer = next(answers)
        connector_id = request.path.rsplit("/", 1)[1]
        left.remove(connector_id)
        wrong, code = failure(answer), code_of(answer)
        if code in ("NotFound", "Forbidden") and served is None:
            proof = proven(answers, [*shown, *(item["id"] for item in alive)])
            wrong, served = proof or wrong, None if proof == UNUSABLE else proof is None
        if wrong == UNAVAILABLE:
            break
        if wrong is None:
            alive.append(body(answer)["data"])
        elif code == "NotFound_Connector" or (code == "NotFound" and served):
            gone[connector_id] = "deleted"
        elif code == "Forbidden" and served:
            gone[connector_id] = "not_visible"
    return alive, gone


def proven(answers: Said, known: list[str]) -> str | None:
    """Where no single one is served, all look gone: it counts if a known one is."""
    if not known:
        return "settings"
    request, answer = next(answers)
    assert request.path.endswith(f"/{known[0]}")
    return failure(answer)


def code_of(answer: Any) -> str | None:
    told = body(answer)
    return told.get("code") if isinstance(told, dict) else None
