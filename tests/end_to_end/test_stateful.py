"""Accounts that change at random, between walks and during them, against the reference.

Each example is a story: connectors come, change, sync, are put off, go and return, groups are
hidden and shown, time passes, or the clock is set back, and now and then a run takes a look, in the
middle of which more of the same may happen and any answer may be a bad one. What the API really
said is kept; from that the reference tells what the run had to make of it, and after each run every
table and view must hold just that, on both databases. `inventory db verify` finds nothing wrong.
"""

import base64
import copy
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text
from support.builders import (
    KEY,
    SECRET,
    Account,
    Contents,
    FakeClock,
    FakeMonotonic,
    Item,
    api_settings,
    assert_contents_equal,
    contents,
    item,
    versions,
)
from support.effort import Effort, effort_of
from support.reference_model import VOLATILE, ReferenceModel

from inventory.db import engine as database
from inventory.db import verify
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import InventoryError
from inventory.health import RULES_DIGEST
from inventory.models import DIGEST_KEY, METADATA, VERSIONED
from inventory.settings import RemovalSettings
from inventory.sync.run import sync

# --- what may be said of a connector --------------------------------------------------------

ABSENT = "(no such field)"
EARLY, LATE = "2026-11-20T01:00:00Z", "2026-11-20T04:30:00.250+01:00"
WORDS = ("x", "y", None, ABSENT)
WARNING = {"code": "w", "message": "m", "details": {"tables": [1, 2.5]}}
OTHER = {"code": "w", "message": "n", "since": "today"}
PASSED, FAILED = ({"title": "t", "status": word, "message": "m"} for word in ("PASSED", "FAILED"))
ALERTS = ([], [WARNING, OTHER], [OTHER, WARNING, WARNING], None, ABSENT)


class Near(NamedTuple):
    """A time that is so many minutes after the clock when it is said."""

    minutes: int


# The deadlines of some pass between two runs, and that of a few just when one looks.
TIMES = (EARLY, LATE, None, ABSENT, *map(Near, (-3000, -180, -120, -60, -1, 0)))
# What can be read is read, and what cannot be ends nothing.
TIMES += ("2026-11-20t01:00:60z", 1795136400, "2026-11-20T01:00:00", "", "soon", {})


def schedule(kind: Any, **words: Any) -> Item:
    return {"schedule_type": kind} | words


DAYS = ["MONDAY", "wed", "FRI", "THURSDAY"]
SCHEDULES = (
    schedule("INTERVAL", interval=30),
    schedule("interval", interval="60", days_of_week=DAYS),
    schedule("TIME_OF_DAY", time_of_day="06:30"),
    schedule("TIME_OF_DAY", time_of_day="23:59", days_of_week=["SUN", "MON"]),
    schedule("CRON", cron="0 6 * * 1-5"),
    schedule("CRON", cron=["1 2 * * *", "0 */6 1,15 * *"]),
    schedule("MANUAL"),
    # Those that nobody can reckon with.
    schedule("INTERVAL", interval=0),
    schedule("TIME_OF_DAY", time_of_day="25:00"),
    schedule("TIME_OF_DAY", time_of_day="06:30", days_of_week=["someday"]),
    schedule("CRON", cron="0 0 30 2 *"),
    schedule("CRON", cron=["1 2 * * *", "when it rains"]),
    schedule("SOMETIMES", interval=30),
    {"cron": ["1 2 * * *"]},
    "daily",
)

OF_CONNECTOR = {
    "group_id": ("a", "b", None, ABSENT),
    "paused": (True, False, "true", "no", None, ABSENT),
    "pause_after_trial": (True, False),
    "created_at": (EARLY, LATE, None, ABSENT),
    "connect_card": ({"token": "t", "uri": "u"}, ABSENT),
    "novelty": (
        {"deep": [1, {"er": None}]},
        {"deep": ["1", {"er": ""}]},
        "plain",
        "",
        None,
        ABSENT,
    ),
    "status": (None, ABSENT, "fine"),
    **dict.fromkeys(("service_version", "data_delay_threshold"), (5, 60, None)),
    **dict.fromkeys(("service", "schema", "connected_by"), WORDS),
    **dict.fromkeys(("data_delay_sensitivity", "networking_method"), (*WORDS, "X", "", 7)),
    **dict.fromkeys(("private_link_id", "proxy_agent_id"), WORDS),
    **dict.fromkeys(("hybrid_deployment_agent_id", "local_processing_agent_id"), WORDS),
}
OF_STATUS = {
    "setup_state": ("connected", "Connected", "incomplete", "broken", "BROKEN", 7, None, ABSENT),
    "sync_state": ("scheduled", "syncing", "paused", "rescheduled", *WORDS),
    "update_state": ("on_schedule", "delayed", "Delayed", *WORDS),
    "schema_status": ("ready", "blocked_on_capture", "BLOCKED_ON_CAPTURE", "", *WORDS),
    "is_historical_sync": (True, False, None),
    "rescheduled_for": (EARLY, LATE, None, "soon", Near(-30), Near(30)),
    "status_novelty": ([1], ["1"], [], ABSENT),
}
# When it syncs, and when it has.
OF_SYNCS = {
    "schedule": (*SCHEDULES, *[None, ABSENT] * 4),
    "schedule_type": (*["auto", "manual"] * 3, "AUTO", "Manual", 7, *WORDS),
    "sync_frequency": (5, 60, 1440, "60", "often", None),
    "daily_sync_time": ("06:00", *WORDS),
    "succeeded_at": TIMES,
    "failed_at": TIMES,
}
WELL = {
    "setup_state": "connected",
    "sync_state": "scheduled",
    "update_state": "on_schedule",
    "schema_status": "ready",
    "is_historical_sync": False,
    "paused": False,
    "failed_at": None,
    "schedule_type": "auto",
    "schedule": None,
}
# What may be otherwise with one that is well. Health depends on more than one field at once.
FATES = (
    {},
    {"paused": True},
    {"setup_state": "incomplete"},
    {"setup_state": "broken"},
    {"sync_state": "syncing", "succeeded_at": None},
    {"sync_state": "syncing", "is_historical_sync": True},
    {"schema_status": "blocked_on_capture"},
    {"failed_at": Near(0)},
    {"update_state": "delayed"},
    {"succeeded_at": None},
    {"sync_state": "rescheduled"},
    *(
        {"sync_state": "rescheduled", "schedule_type": "manual", "rescheduled_for": Near(minutes)}
        for minutes in (-30, 0, 30, 600)
    ),
)
# What the API may omit or send as null.
OBJECTS = {
    "config": (
        *({}, {"host": "h"}, {"host": "i", VOLATILE: 1}, {VOLATILE: 2}, None, ABSENT, "none"),
        *({"host": "h", "port": 1}, {"host": "h", "port": "1", "user": "******"}, {"user": None}),
    ),
    "connect_card_config": ({}, {"redirect_uri": "u"}, None, ABSENT),
    "source_sync_details": ({}, {"rows": 3}, None, ABSENT),
}
LISTS = {
    "warnings": ALERTS,
    "tasks": ALERTS,
    "setup_tests": ([], [FAILED, PASSED], [PASSED, FAILED, PASSED], None, ABSENT),
}
IN_STATUS = {*OF_STATUS, "warnings", "tasks"}
GROUPS = ("a", "b", None)
NAMES = tuple(f"c{number}" for number in range(9))
SHARED = NAMES[-1]  # may be in both accounts

# A verb of World, and its words.
Change = tuple[Any, ...]


class World(Account):
    """An account in which things happen. What was deleted returns as it was."""

    def __init__(self, account_id: str, clock: FakeClock) -> None:
        super().__init__()
        self.account_id = account_id
        self._clock = clock
        self._hidden: set[str | None] = set()
        self._deleted: dict[str, Item] = {}

    def items(self) -> list[Item]:
        return [one for one in self.connectors if one.get("group_id") not in self._hidden]

    def has(self, name: str) -> bool:
        """Whether it exists, be it hidden or not."""
        return any(one["id"] == name for one in self.connectors)

    def _named(self, name: str) -> str:
        return name if name == SHARED else f"{self.account_id}_{name}"

    def change(self, changes: list[Change]) -> None:
        for verb, *words in changes:
            getattr(self, verb)(*words)

    def create(self, name: str, group: str | None, at_front: bool) -> None:
        """At the front it shifts all others: a walk sees the end of its last page again."""
        name = self._named(name)
        if not self.has(name):
            new = self._deleted.pop(name, None) or item(
                name, group_id=group, succeeded_at=self._said(Near(-60))
            )
            self.connectors.insert(0 if at_front else len(self.connectors), new)

    def delete(self, name: str) -> None:
        """All behind it move up: a walk that is past it skips one that lives."""
        name = self._named(name)
        for one in [one for one in self.connectors if one["id"] == name]:
            self.connectors.remove(one)
            self._deleted[name] = one

    def alter(self, place: int, *fields: tuple[str, Any]) -> None:
        """Say something else of every second connector from that place on."""
        for one in self.connectors[place::2]:
            for name, value in fields:
                if name in IN_STATUS:
                    status = one.get("status")
                    one["status"] = status if isinstance(status, dict) else {}
                section = one["status"] if name in IN_STATUS else one
                section[name] = self._said(value)
                if value == ABSENT:
                    del section[name]

    def _said(self, value: Any) -> Any:
        if isinstance(value, Near):
            return (self._clock.now + timedelta(minutes=value.minutes)).isoformat()
        return copy.deepcopy(value)

    def become(self, place: int, minutes: int, frequency: Any, fate: Item) -> None:
        """Let every second connector have synced so many minutes ago, and be well but for that."""
        synced = {"succeeded_at": Near(-minutes), "sync_frequency": frequency}
        self.alter(place, *(WELL | synced | fate).items())

    def shuffle(self, number: int) -> None:
        random.Random(number).shuffle(self.connectors)

    def hide(self, group: str | None) -> None:
        self._hidden.add(group)

    def show(self, group: str | None) -> None:
        self._hidden.discard(group)


# --- what may be wrong with an answer -------------------------------------------------------


def paged(real: FakeResponse, change: Callable[[dict[str, Any]], dict[str, Any]]) -> FakeResponse:
    """Change the page in an answer, if there is one."""
    data = json.loads(real.body).get("data", {})
    return FakeResponse.success(change(data)) if "items" in data else real


def again(word: str | None) -> Item:
    """One that is listed elsewhere too, but otherwise."""
    return item("one_c0", schema=word)


START = base64.b64encode(b'{"skip": 0}').decode()
FAULTS: dict[str, Callable[[FakeResponse], FakeResponse]] = {
    "broken off": lambda real: replace(real, truncate_at=20),
    "rate limit": lambda real: FakeResponse.error(429, "TooManyRequests", Retry_After="7"),
    "server error": lambda real: FakeResponse.error(500, "InternalError"),
    "HTML": lambda real: FakeResponse(200, b"<html>Log in</html>"),
    "no envelope": lambda real: FakeResponse(200, b"[]"),
    "unauthorized": lambda real: FakeResponse.error(401, "Unauthorized"),
    "forbidden": lambda real: FakeResponse.error(403, "Forbidden"),
    "proxy forbids": lambda real: FakeResponse(403, b"<html>Forbidden</html>"),
    "proxy finds nothing": lambda real: FakeResponse(404, b"<html>Not here</html>"),
    "retired": lambda real: FakeResponse.error(404, "NotFound"),
    "repeated cursor": lambda real: paged(real, lambda page: page | {"next_cursor": START}),
    "one for another": lambda real: paged(
        real, lambda page: page | {"items": page["items"][1:] + page["items"][-1:]}
    ),
    "one more": lambda real: paged(
        real, lambda page: page | {"items": [*page["items"], again(page.get("next_cursor"))]}
    ),
    "no more": lambda real: paged(real, lambda page: {"items": []}),
}
# Those that nobody could tell from a good answer.
MISLEADING = ["repeated cursor", "one for another", "one more", "no more"]

# What happens in the account just before which request is answered.
Act = tuple[int, Change]
# Whether pages or single connectors are meant, from which of them on, how many, and what is wrong.
Fault = tuple[bool, int, int, str]


class Stage(FakeApi):
    """The API of one world after another: acts and faults are put in, and what it said is kept."""

    def __init__(self, world: World) -> None:
        super().__init__(world, key=KEY, secret=SECRET)
        self.perform(world, [], [])

    def perform(self, world: World, acts: list[Act], faults: list[Fault]) -> None:
        self.account = self._world = world
        self._acts, self._faults, self.said = acts, faults, []

    def respond(
        self, path: str, query: dict[str, str], headers: dict[str, str], *how: Any
    ) -> FakeResponse:
        now = len(self.said) + 1
        self._world.change([change for number, change in self._acts if number == now])
        answer = super().respond(path, query, headers, *how)
        if answer.status == 404 and self._world.has(path.rsplit("/", 1)[1]):
            answer = FakeResponse.error(403, "Forbidden")  # it is hidden from this key
        if fault := self._fault(is_page="limit" in query):
            answer = FAULTS[fault](answer)
        self.said.append((self.requests[-1], answer))
        return answer

    def _fault(self, *, is_page: bool) -> str | None:
        number = 1 + sum(("limit" in request.query) == is_page for request, _ in self.said)
        for of_pages, first, count, fault in self._faults:
            if of_pages == is_page and first <= number < first + count:
                return fault
        return None


# --- the model ------------------------------------------------------------------------------

names, groups, places = st.sampled_from(NAMES), st.sampled_from(GROUPS), st.integers(0, 2)
accounts = st.sampled_from(["one", "one", "one", "two"])


def alterations(fields: dict[str, Any]) -> st.SearchStrategy[Change]:
    said = st.sampled_from([(name, value) for name in fields for value in fields[name]])
    altered = st.lists(said, min_size=1, max_size=5)
    return st.builds(lambda place, fields: ("alter", place, *fields), places, altered)


def creations(*, at_front: bool) -> st.SearchStrategy[Change]:
    return st.tuples(st.just("create"), names, groups, st.just(at_front))


changes = st.one_of(
    creations(at_front=False),
    creations(at_front=True),
    alterations(OF_CONNECTOR),
    alterations(OF_STATUS),
    alterations(OF_SYNCS),
    alterations(OBJECTS),
    alterations(LISTS),
    st.tuples(
        st.just("become"),
        places,
        st.sampled_from([30, 120, 180]),
        st.sampled_from([5, 60, 60, "60", 1440]),
        st.sampled_from(FATES),
    ),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("shuffle"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["hide", "show", "show"]), groups),
)
requests = st.integers(1, 6)
lasting = st.sampled_from([1, 1, 9])
plain, misleading = st.sampled_from(sorted({*FAULTS} - {*MISLEADING})), st.sampled_from(MISLEADING)
faults = st.one_of(
    st.tuples(st.just(True), st.integers(1, 4), lasting, plain),
    st.tuples(st.just(True), st.integers(1, 3), lasting, misleading),
    st.tuples(st.just(False), st.integers(1, 2), lasting, plain),
)
rules = st.builds(
    RemovalSettings,
    max_missing_percent=st.sampled_from([20, 50]),
    max_missing_count=st.sampled_from([1, 2, 5]),
    max_missing_group=st.sampled_from([2, 3]),
    max_lookups=st.sampled_from([500, 2]),
    accept=st.sampled_from([False, False, False, True]),
)


class Model(RuleBasedStateMachine):
    """Two accounts in one database; a connector may be listed by both, but is held by one."""

    def __init__(self, engine: Engine, stage: Stage) -> None:
        super().__init__()
        self.engine, self.stage = engine, stage
        self.ledger, self.clock = ReferenceModel("one"), FakeClock()
        self.worlds = {name: World(name, self.clock) for name in ("one", "two")}
        # How often other rules have judged, and the accounts of whose connectors some are left.
        self.rule_changes, self.outdated = 0, set[str]()
        with database.transaction(engine) as connection:
            for table in reversed(METADATA.sorted_tables):
                if table is not DIGEST_KEY:
                    connection.execute(table.delete())
        self.held = contents(engine)

    @initialize(
        coming=st.lists(creations(at_front=False), min_size=2, max_size=14),
        altered=st.lists(alterations(OBJECTS | LISTS), min_size=1, max_size=4),
    )
    def begin(self, coming: list[Change], altered: list[Change]) -> None:
        self.run("one", coming + altered, [], [], 4, 1, RemovalSettings(), 0)

    @rule(
        account=accounts,
        before=st.lists(changes, min_size=2, max_size=8) | st.just([]),
        during=st.lists(st.tuples(requests, changes), max_size=4),
        faults=st.lists(faults, max_size=4),
        page_size=st.sampled_from([1, 2, 3, 9, 9]),
        attempts=st.integers(1, 2),
        rules=rules,
        hours=st.sampled_from([24, 24, 6, 1, 0, -48, 240]),
        waits=st.lists(st.sampled_from([1, 3, 24, 240]), max_size=1),
        other_rules=st.sampled_from([False] * 9 + [True]),
    )
    def live(
        self,
        account: str,
        before: list[Change],
        during: list[Act],
        faults: list[Fault],
        page_size: int,
        attempts: int,
        rules: RemovalSettings,
        hours: int,
        waits: list[int],
        other_rules: bool,
    ) -> None:
        """Let an account change and run, and then pass some time in which nothing happens."""
        if other_rules:
            self.judge_by_other_rules()
        self.run(account, before, during, faults, page_size, attempts, rules, hours)
        for hours in waits:
            self.run(account, [], [], [], 9, 1, RemovalSettings(), hours)

    @invariant()
    def is_consistent(self) -> None:
        found = verify.problems(self.engine)
        assert [each for each in found if "a clock was wrong" not in each.what] == []

    def judge_by_other_rules(self) -> None:
        """Let it look as if an earlier version of the tool had judged by rules of its own."""
        self.rule_changes += 1
        health = {"health": f"rather well {self.rule_changes}"}
        with database.transaction(self.engine) as connection:
            better = "update connector_status set health = :health where not is_down"
            connection.execute(text(better), health)
            connection.execute(text("update inventory_runs set health_rules = 'other'"))
        self.ledger.reword(**health)
        self.outdated = {account for account, _ in self.ledger.runs}
        self.held = contents(self.engine)

    def run(
        self,
        account: str,
        before: list[Change],
        during: list[Act],
        faults: list[Fault],
        page_size: int,
        attempts: int,
        rules: RemovalSettings,
        hours: int,
    ) -> None:
        """Let an account change and run, and hold the tables against the reference."""
        self.clock.now += timedelta(hours=hours)
        self.ledger.account_id = account
        self.worlds[account].change(before)
        self.stage.perform(self.worlds[account], during, faults)
        api = api_settings(
            self.stage,
            account=account,
            endpoint="connectors",
            page_size=page_size,
            attempts=attempts,
        )
        row = attempt(partial(sync, self.engine, api, rules, clock=self.clock))
        held, self.held = self.held, contents(self.engine)
        want, items, gone = self.ledger.verdict(self.stage.said, attempts, rules)
        if want["status"] != "failed":
            now = max([self.clock.now, *(at + timedelta.resolution for at in self.ledger.seen)])
            behind = now - self.clock.now
            clock = self.clock.now if behind > timedelta(seconds=5) else now
            want |= {"observed_at": now} | self.ledger.observe(items, gone, now, clock)
            if not (want["withheld"] or want["unconfirmed"]):
                self.outdated.discard(account)
            want["health_rules"] = "other" if account in self.outdated else RULES_DIGEST
        elif row["status"] == "failed":
            assert self.held | {"inventory_runs": []} == held | {"inventory_runs": []}
        assert {name: row[name] for name in want} == want
        assert row == max(self.held["inventory_runs"], key=itemgetter("run_id"))
        assert_contents_equal(self.held, self.ledger)
        assert_history_tells_what_was_seen(self.held, self.ledger)


def attempt(run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The row of a run, whether it failed or not; nobody waits."""
    try:
        return run(http_clock=FakeMonotonic())
    except InventoryError as error:
        return error.run or {}


def assert_history_tells_what_was_seen(held: Contents, ledger: ReferenceModel) -> None:
    """At the instant of each run, history shows what was open then; no two versions overlap."""
    for versioned in VERSIONED:
        ends: dict[Any, Any] = {}
        history = versions(held[versioned.history], versioned)
        for key, _, valid_from, _, valid_to in history:
            assert key not in ends or (ends[key] is not None and ends[key] <= valid_from)
            assert valid_to is None or valid_from < valid_to
            ends[key] = valid_to
        for at, seen in ledger.seen.items():
            then = {
                key: facts
                for key, facts, valid_from, _, valid_to in history
                if valid_from <= at and (valid_to is None or at < valid_to)
            }
            assert then == seen[versioned.current.name], at


# --- the examples ---------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Show no log of all the examples around the one that failed."""
    caplog.set_level("CRITICAL", "inventory")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Deal the examples out to several tests, so that all cores have some."""
    if "number" in metafunc.fixturenames:
        tried = effort_of(metafunc.config)
        metafunc.parametrize("number", tried.some(range(100), [0]))


def test_tables_hold_what_the_reference_tells_after_every_run(
    engine: Engine, number: int, tried: Effort
) -> None:
    """The number says which examples: each test has its own, and has them again the next time."""
    few, many = 1, 6 if database.is_sqlite(engine) else 3  # a server takes its time
    examples = settings(SETTINGS, max_examples=9 if tried.share else 6)
    with Stage(World("one", FakeClock())) as stage:
        for part in range(many if tried.share else few):
            story = seed(6 * number + part)(partial(Model, engine, stage))
            run_state_machine_as_test(story, settings=examples)


# Many times a few examples: from the tenth on, most are variations of the one before.
SETTINGS = settings(
    stateful_step_count=7,
    deadline=None,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
