"""What the tables must hold after each run, kept in dictionaries that share no code with ours.

An item is read here in the most direct way; a version is a tuple (facts, valid_from,
changed_after). Alerts are known by their content, since their stored key is a digest.
`word` judges a connector, `due_at` reckons with its schedule, and `ReferenceModel.incidents` lists
its outages. `verdict` says what a run must make of the answers that the API really gave it.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
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


STATES_OF_CONNECTOR = ("schedule_type", "networking_method", "data_delay_sensitivity")


def instant(value: Any) -> datetime | None:
    """Read a time; ValueError = it is none, or could be several instants."""
    if value is None:
        return None
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(value.upper().replace(":60Z", ":59Z"))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC) + timedelta(seconds=value.upper().endswith(":60Z"))


def truth(value: Any) -> bool | None:
    return {"true": True, "false": False, "none": None}[str(value).lower()]


def words(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError(value)
    return value


def table(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict | None):
        raise ValueError(value)
    return value


def minutes(value: Any) -> int | None:
    return None if value is None else int(value)


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


# --- what means the same --------------------------------------------------------------------


def void(value: Any) -> bool:
    """Whether a JSON value says nothing."""
    return not (set(leaves(value)) - {None, "", "******", "[]"})


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield "[]" if value == [] else repr(value) if isinstance(value, list) else value


def steady(new: Any, old: Any, caseless: bool = False) -> Any:
    """A JSON value in which what means the same is written as it was."""
    if void(new) and void(old):
        return old
    if isinstance(new, dict) and isinstance(old, dict):
        every = {*new, *old}
        gone = {n for n in every if void(new.get(n)) and n not in old}
        gone |= {n for n in every if n not in new and not void(old[n])}
        return {n: steady(new.get(n), old.get(n), caseless) for n in every - gone}
    if isinstance(new, list) and isinstance(old, list):
        old = old + [object()] * (len(new) - len(old))
        return [steady(*pair, caseless) for pair in zip(new, old, strict=False)]
    kinds = {type(new), type(old)}
    if caseless:
        kinds -= {str} if kinds == {str} else set()
    if (
        kinds in (set(), {str, int}, {str, bool}, {int, float})
        and str(new).lower() == str(old).lower()
    ):
        return old
    return new


def meant(value: Any) -> Any:
    """A JSON value written in one way, whatever means the same; instants aside."""
    if void(value):
        return None
    if isinstance(value, dict):
        return {name: meant(inner) for name, inner in value.items() if not void(inner)}
    if isinstance(value, list):
        return [meant(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value).lower()


def but(fields: Item, known: set[str]) -> Item | None:
    return {name: value for name, value in fields.items() if name not in known} or None


def since(held: dict[str, Any], name: str, new: Any, caseless: bool = False) -> Any:
    """What a document is to be, by what is held of it, if anything is."""
    return steady(new, held[name], caseless) if name in held else new


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


def status_facts(item: Item, connector: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """`connector` are its facts by now, `held` those of its status before."""
    status, names = item.get("status") or {}, (*STATES, "rescheduled_for")
    unusable = not isinstance(status, dict)
    facts, unread = cells(dict.fromkeys(names, object()) if unusable else status, names, held)
    times, unread_times = cells(item, ("succeeded_at", "failed_at"), held)
    succeeded, failed = times.values()
    last_failed = failed is not None and (succeeded is None or failed >= succeeded)
    due = due_at(item, connector, succeeded)
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


# --- when the next success is overdue -------------------------------------------------------

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
# Nobody knows the zone that a time of day is of: it may be any between these.
WESTERNMOST, EASTERNMOST = timedelta(hours=-12), timedelta(hours=14)
AT_MOST = timedelta(days=9 * 366)  # between two firings: the years around 2100 have no leap day

# The minute of the day, the day of the month, the month, the day of the week; each as a set.
Line = tuple[set[int], set[int], set[int], set[int]]


def due_at(item: Item, connector: dict[str, Any], succeeded: datetime | None) -> datetime | None:
    """The second sync after a success, as its schedule has it, and an hour; None = nobody knows."""
    schedule, by = connector["schedule"], (connector["schedule_type"] or "").lower()
    if succeeded is None or by == "manual":
        return None
    if schedule is None and item.get("schedule") is None and by == "auto":
        return after_intervals(succeeded, connector["sync_frequency"], ())
    if not isinstance(schedule, dict):
        return None
    kind, days = str(schedule.get("schedule_type")).upper(), schedule.get("days_of_week") or ()
    weekdays = {day[:3].upper() for day in days}
    if not weekdays <= {*WEEK}:
        return None
    if kind == "INTERVAL":
        idle = "".join("." if day in weekdays or not weekdays else "x" for day in WEEK) * 2
        return after_intervals(succeeded, schedule.get("interval"), idle.split("."))
    try:
        if kind == "TIME_OF_DAY":
            return after_firings(succeeded, [daily(schedule["time_of_day"], weekdays)])
        if kind == "CRON":
            lines = schedule["cron"]
            lines = [lines] if isinstance(lines, str) else lines
            return after_firings(succeeded, [parsed(line) for line in lines])
    except (KeyError, TypeError, ValueError, IndexError):
        pass  # there is no such schedule
    return None


def after_intervals(succeeded: datetime, interval: Any, idle: Any) -> datetime | None:
    """`idle` are the stretches of days left out, of two weeks: time may stand still that long."""
    length = minutes(interval)
    if length is None or not 1 <= length <= 525_600:
        return None
    longest = max(map(len, idle), default=0)
    return succeeded + timedelta(minutes=2 * length) + HOUR + longest * DAY


def daily(time_of_day: str, weekdays: set[str]) -> Line:
    hour, minute, *_ = map(int, time_of_day.split(":"))
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise ValueError(time_of_day)
    on = {WEEK.index(day) for day in weekdays} or {*range(7)}
    return {60 * hour + minute}, {*range(1, 32)}, {*range(1, 13)}, on


def parsed(line: str) -> Line:
    minute, hour, day, month, weekday = line.split()
    at = {60 * h + m for h in field(hour, 0, 23) for m in field(minute, 0, 59)}
    # A cron counts from Sunday.
    return at, field(day, 1, 31), field(month, 1, 12), {(n - 1) % 7 for n in field(weekday, 0, 7)}


def field(text: str, least: int, most: int) -> set[int]:
    """Read what a cron says in one place: `*`, 5, 1-5, `*/15`, 1,3."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = (f"{least}-{most}" if span == "*" else span).partition("-")
        found |= set(range(int(low), int(high or low) + 1, int(step or 1)))
    if min(found) < least or max(found) > most:
        raise ValueError(text)
    return found


def after_firings(succeeded: datetime, lines: list[Line]) -> datetime | None:
    """The latest of all zones, in which a clock may show any time between two at the success.

    The wait for the second firing is the longest just when one firing is reached, or at the least
    time of all.
    """
    begin, end = succeeded + WESTERNMOST, succeeded + EASTERNMOST
    fires = firings(json.dumps([[*map(sorted, line)] for line in lines]), begin.date().toordinal())
    second = bisect_right(fires, begin) + 1
    if second >= len(fires):
        return None
    waits = [fires[n + 2] - at for n, at in enumerate(fires[:-2]) if begin < at <= end]
    return succeeded + HOUR + max([fires[second] - begin, *waits])


@cache
def firings(lines: str, first_day: int) -> list[datetime]:
    """The firings of three days, and at least two after these; there are none without."""
    fires: list[datetime] = []
    sets = [[set(places) for places in line] for line in json.loads(lines)]
    begin = datetime.fromordinal(first_day).replace(tzinfo=UTC)
    for number in range(AT_MOST.days):
        if number > 2 and len(fires) > 1 and fires[-2] >= begin + 3 * DAY:
            break
        day, minutes_of_day = begin + number * DAY, set()
        for at, days, months, weekdays in sets:
            if day.day in days and day.month in months and day.weekday() in weekdays:
                minutes_of_day |= at
        fires += [day + timedelta(minutes=minute) for minute in sorted(minutes_of_day)]
    return fires


# --- health ---------------------------------------------------------------------------------

DOWN = {"broken", "stalled", "failing", "delayed", "stale"}


def word(
    facts: dict[str, Any], connector: dict[str, Any], tasks: int, warnings: int, now: datetime
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
    *("succeeded_at", "failed_at", "rescheduled_for", "due_at")
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

    def held(self) -> dict[str, str | None]:
        """The account's connectors that exist, each with its group."""
        facts = {key: facts for (key,), (facts, *_) in self.open["connectors"].items()}
        return {k: f["group_id"] for k, f in facts.items() if f["account_id"] == self.account_id}

    def verdict(self, said: list[Any], attempts: int, rules: Any) -> "Verdict":
        """What the account's run must make of what the API sent; what others hold is not taken."""
        held = self.held()
        outcome = verdict(said, attempts, held, rules)
        others = {key for (key,) in self.open["connectors"]} - held.keys()
        of_others = others & {item["id"] for item in outcome.items}
        return outcome.failed("configuration") if of_others else outcome

    def observe(
        self, items: list[Item], gone: dict[str, str], now: datetime, clock: datetime | None = None
    ) -> dict[str, int]:
        """Take in what a complete walk saw; `gone` are the removed ones and why.

        What is late is late by the clock, which may have been set back.
        Returns how many connectors were added, changed, removed and returned.
        """
        known, away = set(self.first_seen), set(self.removed)
        for item in items:
            self._observe(item, now, clock or now)
        for connector_id, reason in gone.items():
            self.removed[connector_id] = (now, reason)
            for table in TABLES:
                self._replace(table, connector_id, {}, now)
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

    def _observe(self, item: Item, now: datetime, clock: datetime) -> None:
        key, status = item["id"], item.get("status") or {}
        self.first_seen.setdefault(key, now)
        self.removed.pop(key, None)
        facts = connector_facts(item, self.account_id, self.ever.get(key, {}))
        self.ever[key] = facts
        self._replace("connectors", key, {(key,): facts}, now)
        status = status if isinstance(status, dict) else {}
        self._replace("warnings", key, alerts(key, status.get("warnings")), now)
        self._replace("tasks", key, alerts(key, status.get("tasks")), now)
        self._replace("setup_tests", key, tests(key, item.get("setup_tests")), now)
        self._replace("connector_status", key, {(key,): self._status(item, facts, now, clock)}, now)
        for outcome in ("succeeded", "failed"):
            finished = self.open["connector_status"][key,][0][f"{outcome}_at"]
            if finished is not None:
                self.outcomes.add((key, outcome, finished))

    def _status(
        self, item: Item, connector: dict[str, Any], now: datetime, clock: datetime
    ) -> dict[str, Any]:
        key = item["id"]
        before, *_ = self.open["connector_status"].get((key,), (None,))
        facts = status_facts(item, connector, before or {})
        tasks, warnings = (
            sum(alert[0] == key for alert in self.open[table]) for table in ("tasks", "warnings")
        )
        health = word(facts, connector, tasks, warnings, clock)
        if "succeeded_at" in (facts["extra"] or {}) and health not in DOWN:
            facts["due_at"] = None
        return facts | judged(facts, health, before, self._run_before(now), now)

    def _run_before(self, instant: datetime, account_id: str | None = None) -> datetime | None:
        """The last complete run of an account before an instant."""
        account_id = account_id or self.account_id
        return max((at for of, at in self.runs if of == account_id and at < instant), default=None)

    def reword(self, health: str) -> None:
        """Let all that exist and are not down have this health, as if by other rules."""
        for key, (facts, since, _) in self.open["connector_status"].items():
            if not facts["is_down"]:
                facts["health"] = health
                for at in (at for at in self.seen if at >= since):
                    self.seen[at]["connector_status"][key]["health"] = health

    def incidents(self) -> list[tuple[Any, ...]]:
        """Outages: connector, started_at, ended_at, path, closed_by, started_after, ended_after."""
        still = [
            (key, tracked(facts), *when, None)
            for key, (facts, *when) in self.open["connector_status"].items()
        ]
        versions = sorted(self.past["connector_status"] + still, key=lambda v: (v[0], v[2]))
        begins = {(key, since): facts["health"] for key, facts, since, *_ in versions}
        down = [version for version in versions if version[1]["is_down"]]
        found = []
        for (key, started), stretch in groupby(down, lambda v: (v[0], v[1]["down_since"])):
            (_, _, begun, after, _), *_ = several = list(stretch)
            ended = several[-1][4]
            path = " > ".join(health for health, _ in groupby(v[1]["health"] for v in several))
            next_one = begins.get((key, ended), "removed")
            closed_by = next_one if next_one in ("removed", "paused") else "recovered"
            account_id = self.ever[key[0]]["account_id"]
            found.append(
                (
                    *(key[0], started, ended, path),
                    closed_by if ended else None,
                    after if begun == started else started,
                    self._run_before(ended, account_id) if ended else None,
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


# --- what a run must make of what the API sent ----------------------------------------------

# Pairs of request and answer, in the order in which they passed.
Said = Iterator[tuple[Any, Any]]
UNAVAILABLE, UNUSABLE = "api_unavailable", "unexpected_response"


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
        alive, gone = looked_up(answers, missing, walk.shown, rules.max_lookups)
    skipped = skipped_lists(answers)
    assert next(answers, None) is None, "it asked for more than it had to know"
    row = traffic | {
        "skipped": skipped,
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
    if answer.truncate_at is not None or answer.status == 429 or answer.status >= 500:
        return UNAVAILABLE
    if answer.status in (401, 403):
        return "authentication"
    if answer.status != 200:
        return "configuration"
    content = body(answer)
    if content is None:
        return UNAVAILABLE
    return None if isinstance(content, dict) else UNUSABLE


def body(answer: Any) -> Any:
    try:
        return json.loads(answer.body[: answer.truncate_at])
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
    many = 100 * len(missing) > rules.max_missing_percent * len(held)
    groups, lost = Counter(held.values()), Counter(held[key] for key in missing)
    whole = [group for group in lost if group is not None and lost[group] == groups[group]]
    return (
        not shown
        or (many and len(missing) >= rules.max_missing_count)
        or any(lost[group] >= rules.max_missing_group for group in whole)
    )


def looked_up(
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


LISTS = {
    "groups": "/v1/groups",
    "destinations": "/v1/destinations",
    "users": "/v1/users",
    "connector_types": "/v1/metadata/connector-types",
}


def skipped_lists(answers: Said) -> str:
    """Which of the lists beside the connectors were no use: none of them exists in this world.

    An outage ends the reading: the others would wait for the same.
    """
    for path in LISTS.values():
        request, answer = next(answers)
        assert request.path == path
        wrong = failure(answer)
        assert wrong is not None
        if wrong == UNAVAILABLE:
            break
    return ", ".join(LISTS)


def proven(answers: Said, known: list[str]) -> str | None:
    """Where no single one is served, all look gone: it counts if a known one is."""
    if not known:
        return "configuration"
    request, answer = next(answers)
    assert request.path.endswith(f"/{known[0]}")
    return failure(answer)


def code_of(answer: Any) -> str | None:
    content = body(answer)
    return content.get("code") if isinstance(content, dict) else None
