"""An imaginary Fivetran account that ages day by day, in the shape `GET /v1/connectors` lists it.

Owns the account, the story of its first thirty days and the small troubles around it. Its life
follows from its arguments alone: it never reads a clock, a file or the shared random generator.
"""

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from random import Random
from typing import Any, Literal

Item = dict[str, Any]

DAY = timedelta(days=1)
STARTS_AT = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)
TROUBLE_PER_DAY = 0.02  # chance that a connector with nothing scripted meets one of TROUBLES
VOLATILE = "last_synced_changes__utc_"  # moves with every sync although it sits in config
GROUPS = ("teal_ledger", "teal_pipeline", "teal_campaign", "teal_product", "teal_helpdesk")
SAME_SHEET = (0, 11)  # the numbers of two that read the same source; all others read their own
USERS = ("swift_author", "deft_analyst", "kind_engineer")
FIRST_WORDS = "amber brisk calm dapper eager fabled gentle hazy idle jaunty keen lucid mellow neat"
LAST_WORDS = "acorn badger compass dune ember falcon garnet harbor inlet juniper kite marmot otter"


@dataclass(frozen=True)
class Act:
    """What holds for a connector for some days: what its item then says, how its syncs end."""

    says: Item = field(default_factory=dict)
    status: Item = field(default_factory=dict)
    syncs: Literal["succeed", "fail", "none"] = "succeed"
    listed: bool = True


RECONNECT = {"code": "reconnect", "message": "Access was revoked", "details": "401 invalid_grant"}
RESYNC = {"code": "resync_table_warning", "message": "Resync Table Warning"}
ORDERS, REFUNDS = (RESYNC | {"details": {"table": table}} for table in ("orders", "refunds"))
QUOTA = {"code": "api_quota_warning", "message": "API quota low", "details": "83% used today"}
SETUP_TESTS = [
    {"title": "Connecting to the source", "status": "PASSED", "message": ""},
    {"title": "Checking permissions", "status": "PASSED", "details": ["read", "list"]},
]
REPOSITORIES = ["northwind/{team}-shop", "northwind/{team}-warehouse"]
HISTORICAL = {"is_historical_sync": True}
LATE = {"update_state": "delayed"}

NORMAL = Act()
ABSENT = Act(syncs="none", listed=False)
PAUSED = Act({"paused": True}, {"sync_state": "paused"}, "none")
BROKEN = Act({}, LATE | {"setup_state": "broken", "tasks": [RECONNECT]}, "fail")
FAILING = Act({}, LATE, "fail")
BLOCKED = Act({}, LATE | {"schema_status": "blocked_on_capture"}, "none")
NEAR_QUOTA = Act({}, {"warnings": [QUOTA]})
OVER_QUOTA = Act({}, {"warnings": [QUOTA], "sync_state": "rescheduled"}, "none")
RESYNC_DUE = Act({}, {"warnings": [ORDERS]})
RESYNC_TWICE = Act({}, {"warnings": [ORDERS, REFUNDS]})
SLOWED_DOWN = Act({"sync_frequency": 1440, "daily_sync_time": "06:00"})
WIDENED = Act({"config": {"repositories": [*REPOSITORIES, "northwind/{team}-web"]}})
UNFINISHED = Act({}, HISTORICAL | {"setup_state": "incomplete"}, "none")
FIRST_SYNC = Act({"setup_tests": SETUP_TESTS}, HISTORICAL | {"sync_state": "syncing"}, "none")

Scene = tuple[Act, int, int]  # an act, and for how many days: at least, at most
ONWARDS = (1_000_000, 1_000_000)

# One actor for each service, so that no two lines meet on one connector. A line must have told
# its tale by day 29: before stretching a scene, add up the longest days of its line.
STORY: dict[str, Sequence[Scene]] = {
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
NEWCOMER = "google_ads"
NEWCOMER_STORY = ((ABSENT, 7, 10), (UNFINISHED, 2, 3), (FIRST_SYNC, 2, 3), (NORMAL, 5, 7))
TROUBLES = ((FAILING, 1, 2), (RESYNC_DUE, 1, 4))

ON_TIME = {"setup_state": "connected", "sync_state": "scheduled", "update_state": "on_schedule"}
QUIET = {"is_historical_sync": False, "schema_status": "ready", "tasks": [], "warnings": []}
LINKS = dict.fromkeys(("private_link_id", "proxy_agent_id", "hybrid_deployment_agent_id"))
DELAY = {"data_delay_threshold": 0, "data_delay_sensitivity": "NORMAL"}
ORDINARY: Item = {"paused": False, "pause_after_trial": False} | DELAY | LINKS
LOGIN = {"user": "fivetran", "password": "******"}
# sync_frequency in minutes, config; each connector reads what belongs to its own {team}
SERVICES: dict[str, tuple[int, Item]] = {
    "google_sheets": (1440, {"sheet_id": "1aB2cD3_{team}", "named_range": "plan", VOLATILE: ""}),
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


@dataclass
class Connector:
    item: Item  # what it says of itself while all is well
    number: int
    plot: deque[tuple[Act, int]] = field(default_factory=deque)  # acts to come, each with its days
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    act: Act = NORMAL
    days_left: int = 0

    def live(self, now: datetime, rng: Random) -> None:
        """Spend the day that ends `now`."""
        if not self.days_left:
            self.act, self.days_left = self.plot.popleft() if self.plot else chance(rng)
        self.days_left -= 1
        if self.act.syncs == "fail":
            self.failed_at = self.last_sync(now, rng)
        elif self.act.syncs == "succeed":
            self.succeeded_at = self.last_sync(now, rng)

    def last_sync(self, now: datetime, rng: Random) -> datetime:
        """Pick when its latest sync ended: less than a day ago, so that times only move on."""
        told = self.item | self.act.says
        if told["sync_frequency"] < 1440:
            return now - timedelta(minutes=told["sync_frequency"]) * rng.random()
        hour, minute = map(int, told["daily_sync_time"].split(":"))
        ended = now.replace(hour=hour, minute=minute) + timedelta(seconds=rng.uniform(60, 600))
        return ended - DAY if ended > now else ended

    def as_listed(self, now: datetime) -> Item:
        item = merged(self.item, self.act.says | {"status": self.act.status})
        item["config"] = filled(item["config"], team(self.number))
        item["succeeded_at"] = self.succeeded_at and stamp(self.succeeded_at, self.number + 1)
        item["failed_at"] = self.failed_at and stamp(self.failed_at, self.number + 2)
        if item["status"]["sync_state"] == "rescheduled":
            item["status"]["rescheduled_for"] = stamp(now + timedelta(hours=5), self.number)
        if VOLATILE in item["config"]:
            item["config"][VOLATILE] = f"{self.succeeded_at:%Y-%m-%d %H:%M}"
        return item


class Fleet:
    """An account of `connectors` connectors at `starts_at`, the end of day 0; one more joins later.

    Whatever the seed, by day 29 all of STORY has happened to an account of at least twelve; a
    smaller one plays the lines it has actors for. From then on there are only TROUBLES.
    """

    account_id = "demo_account"
    account_name = "Northwind (demonstration)"

    def __init__(
        self, *, seed: int = 1, connectors: int = 30, starts_at: datetime = STARTS_AT
    ) -> None:
        self.now = starts_at.astimezone(UTC) - DAY
        self._rng = Random(seed)
        self._cast = cast(self._rng, connectors, eve=self.now)
        self.advance()  # into day 0

    def advance(self) -> None:
        """Let one day pass."""
        self.now += DAY
        for each in self._cast:
            each.live(self.now, self._rng)

    def items(self) -> list[Item]:
        """List the connectors that exist now as the API would; the caller owns what it gets."""
        return [each.as_listed(self.now) for each in self._cast if each.act.listed]


def cast(rng: Random, size: int, eve: datetime) -> list[Connector]:
    """Engage `size` connectors that have been there for long and one that is still to come."""
    ids = new_ids(rng)
    residents = [
        engage(rng, next(ids), number, service, eve - DAY * rng.uniform(60, 1200))
        for number, service in zip(range(size), cycle(STORY), strict=False)
    ]
    for one in residents:
        one.succeeded_at = one.last_sync(eve, rng)
        one.failed_at = rng.choice((None, eve - DAY * rng.uniform(2, 50)))
    rng.shuffle(residents)  # the API lists in no order that means anything
    for service, scenes in STORY.items():
        if able := [one for one in residents if one.item["service"] == service]:
            rng.choice(able).plot.extend(drawn(rng, scenes))
    plot = drawn(rng, NEWCOMER_STORY)
    created_at = eve + DAY * (plot[0][1] + rng.uniform(0.1, 0.9))  # just before it is first seen
    newcomer = engage(rng, next(ids), size, NEWCOMER, created_at)
    newcomer.item["pause_after_trial"] = True
    newcomer.plot.extend(plot)
    return [*residents, newcomer]


def engage(rng: Random, name: str, number: int, service: str, created_at: datetime) -> Connector:
    frequency, config = SERVICES[service]
    group_id = GROUPS[number % len(GROUPS)]
    item = {
        "id": name,
        "group_id": group_id,
        "service": service,
        "service_version": rng.randint(0, 3),
        "schema": f"{service}{'.' if 'sheet_id' in config else '_'}{group_id}",
        "connected_by": None if number % 7 == 3 else rng.choice(USERS),  # null: made by a program
        "created_at": stamp(created_at, number),
        "sync_frequency": frequency,
        "schedule_type": "manual" if number % 15 == 6 else "auto",  # manual: started from outside
        "networking_method": "SshTunnel" if "port" in config else "Directly",
        "status": ON_TIME | QUIET,
        "config": config,
    } | ORDINARY
    if frequency == 1440:
        item["daily_sync_time"] = rng.choice(("00:00", "06:00", "13:00", "22:00"))
    if number % 5 == 2:
        item["setup_tests"] = SETUP_TESTS
    return Connector(item, number)


def drawn(rng: Random, scenes: Sequence[Scene]) -> list[tuple[Act, int]]:
    return [(act, rng.randint(least, most)) for act, least, most in scenes]


def chance(rng: Random) -> tuple[Act, int]:
    """Decide what a day without a script brings: nearly always nothing."""
    [act_and_days] = drawn(rng, [rng.choice(TROUBLES)])
    return act_and_days if rng.random() < TROUBLE_PER_DAY else (NORMAL, 1)


def new_ids(rng: Random) -> Iterator[str]:
    pairs = [f"{a}_{b}" for a in FIRST_WORDS.split() for b in LAST_WORDS.split()]
    rng.shuffle(pairs)
    yield from pairs
    while True:  # out of words: go on as the API does with its newer ids
        yield f"{rng.getrandbits(128):032x}"


def merged(base: Item, patch: Item) -> Item:
    """Copy `base` deeply, letting `patch` have the last word, object by object."""
    whole = copy.deepcopy(base)
    for key, new in patch.items():
        nested = isinstance(new, dict)
        whole[key] = merged(whole.get(key, {}), new) if nested else copy.deepcopy(new)
    return whole


def team(number: int) -> str:
    """Name whose source a connector reads: none of its service has the same, but for SAME_SHEET."""
    first, second = SAME_SHEET
    number = first if number == second else number
    # Groups and services go round side by side: so many numbers are a pair of them each.
    lap, place = divmod(number, len(GROUPS) * len(STORY))
    name = GROUPS[place % len(GROUPS)].removeprefix("teal_")
    return f"{name}{lap + 1}" if lap else name


def filled(value: Any, name: str) -> Any:
    """Copy what is in a config, with the name of the team wherever it has a place for it."""
    if isinstance(value, dict):
        return {key: filled(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, name) for each in value]
    return value.replace("{team}", name) if isinstance(value, str) else value


def stamp(moment: datetime, number: int) -> str:
    """Write an instant as the API does: with 6, 3 or 0 digits after the second, and it varies."""
    digits = ("microseconds", "milliseconds", "seconds")[number % 3]
    return moment.replace(tzinfo=None).isoformat(timespec=digits) + "Z"
