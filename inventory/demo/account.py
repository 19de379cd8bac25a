"""A simulated Fivetran account that advances day by day, in the form of `GET /v1/connectors`.

Everything follows from its arguments: it never reads a clock, a file or the shared random
generator. What happens to its connectors is in `script`.
"""

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from random import Random
from typing import Any

from inventory.demo.reference_lists import reference_lists
from inventory.demo.script import (
    BREAKS_ON,
    BROKEN_DESTINATION,
    DEFAULTS,
    FAILED_TESTS,
    FIRST_WORDS,
    GROUPS,
    INCIDENT_PROBABILITY,
    INCIDENTS,
    LAST_CHANGE,
    LAST_WORDS,
    NEW_SCRIPT,
    NEW_SERVICE,
    NO_ALERTS,
    NORMAL,
    ON_TIME,
    SCRIPTS,
    SERVICES,
    SETUP_TESTS,
    SHARED_SOURCE,
    USERS,
    WORKS_ON,
    Item,
    Phase,
    ScriptedPhase,
)

DAY = timedelta(days=1)
GROUP_IDS, USER_IDS = tuple(GROUPS), tuple(USERS)
STARTS_AT = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)


@dataclass
class Connector:
    item: Item  # as the API lists it in the NORMAL phase
    number: int
    script: deque[tuple[Phase, int]] = field(default_factory=deque)  # phases to come, with days
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    phase: Phase = NORMAL
    days_left: int = 0

    def advance(self, now: datetime, rng: Random) -> None:
        """Simulate the day that ends `now`."""
        if not self.days_left:
            self.phase, self.days_left = self.script.popleft() if self.script else random_phase(rng)
        self.days_left -= 1
        if self.phase.syncs == "none":
            return
        ended = self.last_sync(now, rng)
        before = max(at for at in (self.succeeded_at, self.failed_at, ended - DAY) if at)
        if ended <= before:  # less than a day has passed
            ended = before + (now - before) / 2
        if self.phase.syncs == "fail":
            self.failed_at = ended
        else:
            self.succeeded_at = ended

    def last_sync(self, now: datetime, rng: Random) -> datetime:
        """Pick the end of its last sync: less than a day ago, so that times never go back."""
        item = self.item | self.phase.item
        if item["sync_frequency"] < 1440:
            return now - timedelta(minutes=item["sync_frequency"]) * rng.random()
        hour, minute = map(int, item["daily_sync_time"].split(":"))
        ended = now.replace(hour=hour, minute=minute) + timedelta(seconds=rng.uniform(60, 600))
        return ended - DAY if ended > now else ended

    def complete_item(self, now: datetime) -> Item:
        """Return all that the API tells of it now."""
        item = merge(self.item, self.phase.item | {"status": self.phase.status})
        item["config"] = fill_template(item["config"], source_name(self.number))
        item["succeeded_at"] = self.succeeded_at and stamp(self.succeeded_at, self.number + 1)
        item["failed_at"] = self.failed_at and stamp(self.failed_at, self.number + 2)
        if item["status"]["sync_state"] == "rescheduled":
            item["status"]["rescheduled_for"] = stamp(now + timedelta(hours=5), self.number)
        if LAST_CHANGE in item["config"]:
            item["config"][LAST_CHANGE] = f"{self.succeeded_at:%Y-%m-%d %H:%M}"
        return item


class DemoAccount:
    """An account of `connectors` connectors at `starts_at`, the end of day 0; one is added later.

    Whatever the seed, by day 29 every script has run in an account of at least twelve connectors; a
    smaller one runs the scripts of the services it has. After that, only random incidents happen.
    """

    account_id = "demo_account"
    account_name = "Northwind (demonstration)"

    def __init__(
        self, *, seed: int = 1, connectors: int = 30, starts_at: datetime = STARTS_AT
    ) -> None:
        self.now = starts_at.astimezone(UTC) - DAY
        self.day = -1  # how many days have passed since day 0
        self._rng = Random(seed)
        self._connectors = create_connectors(self._rng, connectors, start=self.now)
        self.advance()  # to day 0

    def advance(self, to: datetime | None = None) -> None:
        """Simulate one day. It ends `to`, or else a day after the last one."""
        self.now = to or self.now + DAY
        self.day += 1
        for connector in self._connectors:
            connector.advance(self.now, self._rng)

    def items(self) -> list[Item]:
        """Return the connectors that exist now as the API lists them, in copies: without config."""
        return [
            {name: value for name, value in item.items() if name != "config"}
            for item in self.complete_items()
        ]

    def complete_items(self) -> list[Item]:
        """Return the same with all that their details tell."""
        return [each.complete_item(self.now) for each in self._connectors if each.phase.is_listed]

    def details(self, connector_id: str) -> Item | None:
        """Return a connector with its config."""
        for each in self._connectors:
            if each.item["id"] == connector_id and each.phase.is_listed:
                return each.complete_item(self.now)
        return None

    def tested(self, connector_id: str) -> Item | None:
        """Return a connector with its config and the results of its setup tests."""
        item = self.details(connector_id)
        if item is None:
            return None
        is_broken = item["status"]["setup_state"] == "broken"
        return item | {"setup_tests": FAILED_TESTS if is_broken else SETUP_TESTS}

    def reference_lists(self) -> dict[str, list[Item]]:
        """Return the lists beside the connectors by their path."""
        is_broken = BREAKS_ON <= self.day < WORKS_ON
        return reference_lists({BROKEN_DESTINATION} if is_broken else set())


def create_connectors(rng: Random, size: int, start: datetime) -> list[Connector]:
    """Create `size` connectors that are months old at the `start`, and one that comes later."""
    ids = new_ids(rng)
    existing = [
        create_connector(rng, next(ids), number, service, start - DAY * rng.uniform(60, 1200))
        for number, service in zip(range(size), cycle(SCRIPTS), strict=False)
    ]
    for each in existing:
        each.succeeded_at = each.last_sync(start, rng)
        each.failed_at = rng.choice((None, start - DAY * rng.uniform(2, 50)))
    rng.shuffle(existing)  # the order of the API's list means nothing
    for service, script in SCRIPTS.items():
        if candidates := [each for each in existing if each.item["service"] == service]:
            rng.choice(candidates).script.extend(sample(rng, script))
    phases = sample(rng, NEW_SCRIPT)
    created_at = start + DAY * (phases[0][1] + rng.uniform(0.1, 0.9))  # less than a day unlisted
    new = create_connector(rng, next(ids), size, NEW_SERVICE, created_at)
    new.item["pause_after_trial"] = True
    new.script.extend(phases)
    return [*existing, new]


def create_connector(
    rng: Random, connector_id: str, number: int, service: str, created_at: datetime
) -> Connector:
    frequency, config = SERVICES[service]
    group_id = GROUP_IDS[number % len(GROUPS)]
    item = {
        "id": connector_id,
        "group_id": group_id,
        "service": service,
        "service_version": rng.randint(0, 3),
        "schema": f"{service}{'.' if 'sheet_id' in config else '_'}{group_id}",
        "connected_by": None if number % 7 == 3 else rng.choice(USER_IDS),  # None: by the API
        "created_at": stamp(created_at, number),
        "sync_frequency": frequency,
        "schedule_type": "manual" if number % 15 == 6 else "auto",  # manual: started by the API
        "networking_method": "SshTunnel" if "port" in config else "Directly",
        "status": ON_TIME | NO_ALERTS,
        "config": config,
    } | DEFAULTS
    if frequency == 1440:
        item["daily_sync_time"] = rng.choice(("00:00", "06:00", "13:00", "22:00"))
    if number % 5 == 2:
        item["setup_tests"] = SETUP_TESTS
    return Connector(item, number)


def sample(rng: Random, script: Sequence[ScriptedPhase]) -> list[tuple[Phase, int]]:
    """Pick how many days each phase lasts."""
    return [(phase, rng.randint(least, most)) for phase, least, most in script]


def random_phase(rng: Random) -> tuple[Phase, int]:
    """Pick the phase of a connector without a script: nearly always NORMAL, for a day."""
    [incident] = sample(rng, [rng.choice(INCIDENTS)])
    return incident if rng.random() < INCIDENT_PROBABILITY else (NORMAL, 1)


def new_ids(rng: Random) -> Iterator[str]:
    pairs = [f"{a}_{b}" for a in FIRST_WORDS.split() for b in LAST_WORDS.split()]
    rng.shuffle(pairs)
    yield from pairs
    while True:  # no pairs left: hexadecimal, like the newer ids of the API
        yield f"{rng.getrandbits(128):032x}"


def merge(base: Item, patch: Item) -> Item:
    """Return a deep copy of `base` with the values of `patch`, object by object."""
    merged = copy.deepcopy(base)
    for key, new in patch.items():
        is_nested = isinstance(new, dict)
        merged[key] = merge(merged.get(key, {}), new) if is_nested else copy.deepcopy(new)
    return merged


def source_name(number: int) -> str:
    """Name the source that a connector reads; within a service, only SHARED_SOURCE share one."""
    first, second = SHARED_SOURCE
    number = first if number == second else number
    # Connector numbers cycle through groups and services at once: so many make each pair once.
    cycles, position = divmod(number, len(GROUPS) * len(SCRIPTS))
    name = GROUP_IDS[position % len(GROUPS)].removeprefix("teal_")
    return f"{name}{cycles + 1}" if cycles else name


def fill_template(value: Any, name: str) -> Any:
    """Return a copy of a config in which `name` replaces {team}."""
    if isinstance(value, dict):
        return {key: fill_template(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [fill_template(each, name) for each in value]
    return value.replace("{team}", name) if isinstance(value, str) else value


def stamp(time: datetime, number: int) -> str:
    """Format a timestamp with 6, 3 or 0 digits after the second, all of which the API sends."""
    digits = ("microseconds", "milliseconds", "seconds")[number % 3]
    return time.replace(tzinfo=None).isoformat(timespec=digits) + "Z"
