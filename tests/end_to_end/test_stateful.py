"""Accounts that change at random, between walks and during them, against the reference.

Each example is a story: connectors come, change, sync, are put off, go and return, groups are
hidden and shown; what other lists say of groups, destinations, users and connector types changes as
well, and destinations break and work again; the list leaves fields to the details; time passes, or
the clock is set back, and now and then a run takes a look, in the middle of which more of the same
may happen and any answer may be a bad one. What the API really said is kept; from that the
reference tells what the run had to make of it, and after each run every table and view must hold
just that, on both databases. `inventory db verify` finds nothing wrong.

Left out are setup tests, which only a request runs, and details that are read several at once.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import Any

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
    Contents,
    FakeClock,
    FakeMonotonic,
    api_settings,
    assert_contents_equal,
    contents,
    versions,
)
from support.effort import Effort, effort_of
from support.model_verdict import Verdict
from support.reference_model import ReferenceModel
from support.story_stage import FAULTS, MISLEADING, Act, Fault, Stage
from support.story_world import (
    FATES,
    GROUPS,
    LISTED,
    LISTS,
    NAMES,
    OBJECTS,
    OF_CONNECTOR,
    OF_LISTS,
    OF_STATUS,
    OF_SYNCS,
    UNTOLD,
    Change,
    World,
)
from support.totals import assert_totals_add_up

from inventory.db import engine as database
from inventory.db import verify
from inventory.errors import InventoryError
from inventory.health import RULES_DIGEST
from inventory.models import DIGEST_KEY, METADATA, VERSIONED
from inventory.settings import EnrichmentSettings, RemovalSettings
from inventory.sync.run import sync

# --- the model ------------------------------------------------------------------------------

names, groups, places = st.sampled_from(NAMES), st.sampled_from(GROUPS), st.integers(0, 2)
accounts = st.sampled_from(["one", "one", "one", "two"])


def alterations(fields: dict[str, Any]) -> st.SearchStrategy[Change]:
    said = st.sampled_from([(name, value) for name in fields for value in fields[name]])
    altered = st.lists(said, min_size=1, max_size=5)
    return st.builds(lambda place, fields: ("alter", place, *fields), places, altered)


def creations(*, at_front: bool) -> st.SearchStrategy[Change]:
    return st.tuples(st.just("create"), names, groups, st.just(at_front))


def sayings(name: str) -> st.SearchStrategy[Change]:
    fields = OF_LISTS[name]
    said = st.sampled_from([(field, value) for field in fields for value in fields[field]])
    return st.builds(
        lambda word, said: ("enlist", name, word, *said), listed, st.lists(said, max_size=4)
    )


# The other lists of the first account, as it begins.
FOUNDED = [("serve", name) for name in OF_LISTS] + [
    ("enlist", name, word, ("time_zone_offset", zone), ("setup_status", "connected"))
    for name in OF_LISTS
    for word, zone in (("a", "-5"), ("b", "+5:30"), ("c", None))
]
lists, listed = st.sampled_from(sorted(OF_LISTS)), st.sampled_from(LISTED)
enlistings = st.one_of(*(map(sayings, (*OF_LISTS, "destinations", "destinations"))))
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
    st.tuples(st.sampled_from(["tell", "untell"]), st.sampled_from(UNTOLD)),
    enlistings,
    enlistings,
    st.tuples(st.just("unlist"), lists, listed),
    st.tuples(st.just("unlist"), lists, *[listed] * 4),
    st.tuples(st.sampled_from(["serve", "serve", "withhold"]), lists),
)
breakings = st.builds(
    lambda word, status: ("enlist", "destinations", word, ("setup_status", status)),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["broken", "BROKEN", "connected"]),
)
requests = st.integers(1, 14)
lasting = st.sampled_from([1, 1, 9])
plain, misleading = st.sampled_from(sorted({*FAULTS} - {*MISLEADING})), st.sampled_from(MISLEADING)
faults = st.one_of(
    st.tuples(st.just("connectors"), st.integers(1, 4), lasting, plain),
    st.tuples(st.just("connectors"), st.integers(1, 3), lasting, misleading),
    st.tuples(st.just("list"), st.integers(1, 6), lasting, plain),
    st.tuples(st.just("list"), st.integers(1, 6), lasting, misleading),
    st.tuples(st.just("one"), st.integers(1, 4), lasting, plain),
    st.tuples(st.just("one"), st.integers(1, 9), lasting, plain),
)
enrichments = st.builds(
    EnrichmentSettings,
    details=st.sampled_from(["none", "auto", "auto", "all"]),
    details_budget=st.sampled_from([200, 200, 3, 1]),
    concurrency=st.just(1),
)
rules = st.builds(
    RemovalSettings,
    max_missing_percent=st.sampled_from([20, 50]),
    max_missing_count=st.sampled_from([1, 2, 5]),
    max_missing_group=st.sampled_from([2, 3]),
    max_lookups=st.sampled_from([500, 2]),
    accept=st.sampled_from([False, False, False, True]),
)


# The tag slo_minutes, of what it is set for; without a value it is taken away.
taggings = st.tuples(
    st.sampled_from(
        [
            *(("account", "one"), ("group", "one_a"), ("group", "one_b"), ("service", "postgres")),
            *(("service", "x"), ("connector", "one_c0"), ("connector", NAMES[-1])),
        ]
    ),
    st.sampled_from(["30", "90", "90", "3000", "", "soon", None, None]),
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
        withheld=st.lists(lists.map(lambda name: ("withhold", name)), max_size=1),
        enlisted=st.lists(enlistings, max_size=9),
        untold=st.lists(st.sampled_from(UNTOLD), max_size=9) | st.just([]),
        enrichment=enrichments,
    )
    def begin(
        self,
        coming: list[Change],
        altered: list[Change],
        withheld: list[Change],
        enlisted: list[Change],
        untold: list[str],
        enrichment: EnrichmentSettings,
    ) -> None:
        before = [*coming, *altered, *FOUNDED, *withheld, *enlisted, ("untell", *untold)]
        self.run("one", before, [], [], 4, 1, RemovalSettings(), 0, enrichment)

    @rule(
        account=accounts,
        before=st.lists(changes, min_size=2, max_size=8) | st.just([]),
        during=st.lists(st.tuples(requests, changes), max_size=4),
        faults=st.lists(faults, max_size=4),
        page_size=st.sampled_from([1, 2, 3, 9, 9]),
        attempts=st.integers(1, 2),
        rules=rules,
        hours=st.sampled_from([24, 24, 6, 1, 0, -48, 240]),
        waits=st.lists(
            st.tuples(st.sampled_from([1, 3, 24, 240]), st.lists(breakings, max_size=2)), max_size=1
        ),
        other_rules=st.sampled_from([False] * 9 + [True]),
        tags=st.lists(taggings, max_size=2),
        enrichment=enrichments,
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
        waits: list[tuple[int, list[Change]]],
        other_rules: bool,
        tags: list[tuple[tuple[str, str], str | None]],
        enrichment: EnrichmentSettings,
    ) -> None:
        """Let an account change and run, and then pass some time.

        Nothing happens in it, but that destinations may break or work again.
        """
        if other_rules:
            self.judge_by_other_rules()
        for place, value in tags:
            self.tag(place, value)
        self.run(account, before, during, faults, page_size, attempts, rules, hours, enrichment)
        for hours, broken in waits:
            self.run(account, broken, [], [], 9, 1, RemovalSettings(), hours, enrichment)

    @invariant()
    def is_consistent(self) -> None:
        found = verify.problems(self.engine)
        others = [each for each in found if each.table != "tags"]  # some are meant to be odd
        assert [each for each in others if "a clock was wrong" not in each.what] == []

    def tag(self, place: tuple[str, str], value: str | None) -> None:
        """Have the tag slo_minutes of a place this value, or none."""
        values = {"scope": place[0], "scope_id": place[1], "value": value}
        self.ledger.tags.pop(place, None)
        with database.transaction(self.engine) as connection:
            unset = "delete from tags where scope = :scope and scope_id = :scope_id"
            connection.execute(text(unset), values)
            if value is not None:
                self.ledger.tags[place] = value
                insert = "insert into tags values (:scope, :scope_id, 'slo_minutes', :value)"
                connection.execute(text(insert), values)
        self.held = contents(self.engine)

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
        enrichment: EnrichmentSettings,
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
        row = attempt(
            partial(sync, self.engine, api, rules, clock=self.clock, enrichment=enrichment)
        )
        held, self.held = self.held, contents(self.engine)
        outcome = self.ledger.verdict(self.stage.said, attempts, rules, self.clock.now)
        want = outcome.row
        if want["status"] != "failed":
            self.ledger.assert_well_chosen(outcome, enrichment, self.clock.now)
            want |= self._taken_in(outcome, rules)
            if not (want["withheld"] or want["unconfirmed"]):
                self.outdated.discard(account)
            want["health_rules"] = "other" if account in self.outdated else RULES_DIGEST
        elif row["status"] == "failed":
            assert without_requests(self.held) == without_requests(held)
        assert {name: row[name] for name in want} == want
        assert row == max(self.held["inventory_runs"], key=itemgetter("run_id"))
        assert_contents_equal(self.held, self.ledger)
        assert_totals_add_up(self.held)
        assert self.ledger.details == {
            row["connector_id"]: (row["details_at"], {*row["details_fields"]})
            for row in self.held["connectors"]
            if row["details_at"]
        }
        assert_history_tells_what_was_seen(self.held, self.ledger)

    def _taken_in(self, outcome: Verdict, rules: RemovalSettings) -> dict[str, Any]:
        """Have the reference take in a complete run; return what the run's row must say."""
        now = max([self.clock.now, *(at + timedelta.resolution for at in self.ledger.seen)])
        behind = now - self.clock.now
        clock = self.clock.now if behind > timedelta(seconds=5) else now
        skipped = self.ledger.observe_lists(outcome, now, rules.accept)
        counts = self.ledger.observe(
            [*outcome.listed.values(), *outcome.alive.values()],
            outcome.gone,
            now,
            clock,
            outcome.details.items,
            outcome.alive,
        )
        return {"observed_at": now, "skipped": skipped} | counts


def without_requests(held: Contents) -> Contents:
    """Leave out the runs, and how many requests they have sent in all."""
    accounts = [row | {"requests": None} for row in held["accounts"]]
    return held | {"inventory_runs": [], "accounts": accounts}


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
