"""Many at once: runs of one account, runs of two, and readers at any moment of a merge."""

import re
import subprocess
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from datetime import datetime
from functools import reduce
from itertools import chain, cycle, groupby, islice
from typing import Any, NamedTuple, Self

import pytest
from sqlalchemy import Engine, create_engine, event, func, select, text
from sqlalchemy.pool import NullPool
from support.builders import (
    KEY,
    SECRET,
    Account,
    api_settings,
    connect,
    everything,
    item,
    rows,
)
from support.processes import process

from inventory.db import engine as database
from inventory.db import locks as run_locks
from inventory.demo.fake_api import FakeApi, Request
from inventory.errors import RunSupersededError
from inventory.models import (
    CONNECTOR_STATUS,
    CONNECTORS,
    INVENTORY_RUNS,
    SETUP_TESTS,
    TASKS,
    WARNINGS,
)
from inventory.sync.run import sync

ONE, TWO = "account_one", "account_two"
PATIENCE = 60  # seconds


class End(NamedTuple):
    code: int
    out: str
    err: str


def end_of(job: subprocess.Popen[str]) -> End:
    try:
        out, err = job.communicate(timeout=PATIENCE)
        return End(job.returncode, out, err)
    finally:
        job.kill()  # which is nothing to one that has ended


@contextmanager
def served(account_id: str, *connector_ids: str) -> Iterator[FakeApi]:
    account = Account()
    account.account_id = account_id
    account.connectors = [item(connector_id) for connector_id in connector_ids]
    with FakeApi(account, key=f"{KEY}-{account_id}", secret=SECRET) as api:
        yield api


def asks_for_list(request: Request) -> bool:
    return request.path.endswith("/connectors")


# --- runs of one account --------------------------------------------------------------------


def test_ten_processes_at_once_do_one_run_and_nine_refusals(
    database_url: str, engine: Engine, api: FakeApi, account: Account
) -> None:
    """Whether they know their account or not: one gets the lock, and keeps it to the end."""
    account.connectors = [item(f"c{number}") for number in range(3)]
    refused = threading.Event()

    def hold(request: Request) -> None:
        if asks_for_list(request):
            refused.wait(PATIENCE)

    api.intercept = hold
    jobs = {
        process(api, database_url, *words, *skipping): bool(skipping)
        for words in ((), ("--account", ONE))
        for skipping in ((), ("--skip-if-running",))
        for _ in range(2)
    }
    jobs |= {process(api, database_url): False for _ in range(2)}
    with ThreadPoolExecutor(len(jobs)) as waiting:
        ends = {waiting.submit(end_of, job): skips for job, skips in jobs.items()}
        in_turn: list[tuple[bool, End]] = []
        for done in as_completed(ends):
            in_turn.append((ends[done], done.result()))
            if len(in_turn) == 9:
                refused.set()
    for skips, (code, out, err) in in_turn[:9]:
        assert (code, out) == ((0, "") if skips else (1, ""))
        whose = f"(account {ONE}|this API key)"  # while that run does not know its account yet
        first = f"{'Skipped' if skips else 'Error'}: Another run of {whose} is in progress on "
        assert re.match(first, err)
        assert err.count("\n") == 1
    [(_, (code, out, err))] = in_turn[9:]
    assert (code, "Added 3, changed 0, removed 0." in out, err) == (0, True, "")
    assert rows(engine, "inventory_runs", "account_id", "status") == [(ONE, "succeeded")]
    assert len(list(filter(asks_for_list, api.requests))) == 1


def test_run_that_was_overtaken_writes_nothing(
    database_url: str,
    engine: Engine,
    api: FakeApi,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if a lock were lost and nobody noticed: what is older never follows what is newer."""

    @contextmanager
    def lost(engine: Engine, digest: str) -> Iterator[run_locks.Lock]:
        yield run_locks.Lock()

    monkeypatch.setattr(run_locks, "key_lock", lost)
    account.connectors = [item("c1"), item("c2")]
    after: list[dict[str, Any]] = []

    def be_overtaken(seen: int, held: int) -> None:
        account.connectors = [item("c1", paused=True), item("c3")]
        sync(connect(database_url), api_settings(api))
        after.append(everything(engine))

    with pytest.raises(RunSupersededError):
        sync(engine, api_settings(api), on_page=be_overtaken)
    assert [everything(engine)] == after
    log = rows(engine, "inventory_runs", "run_id", "status", "added")
    assert log == [(1, "crashed", 0), (2, "succeeded", 2)]


# --- runs of two accounts -------------------------------------------------------------------

# Says that it found the database empty, and waits for a word before it builds the tables.
SLOW_BUILDER = """
import sys
from inventory.db import upgrade
from inventory.cli import main
build = upgrade.upgrade
def build_when_told(engine):
    print("empty", flush=True)
    sys.stdin.readline()
    build(engine)
upgrade.upgrade = build_when_told
main()
"""


def test_two_accounts_at_once_both_succeed_from_the_first_run_on(empty_url: str) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    def meet(request: Request) -> None:
        if asks_for_list(request):
            both.wait()  # each holds its account's lock until the other does

    with served(ONE, "a1", "a2") as one, served(TWO, "b1") as two:
        one.intercept = two.intercept = meet
        builders = [process(api, empty_url, program=("-c", SLOW_BUILDER)) for api in (one, two)]
        for builder in builders:
            assert builder.stdout
            assert builder.stdout.readline() == "empty\n"
        for builder in builders:
            assert builder.stdin
            builder.stdin.write("go\n")
            builder.stdin.flush()
        assert [(end.code, end.err) for end in map(end_of, builders)] == [(0, "")] * 2
        one.account.items()[0]["paused"] = two.account.items()[0]["paused"] = True
        again = [process(api, empty_url) for api in (one, two)]
        assert [(end.code, end.err) for end in map(end_of, again)] == [(0, "")] * 2
    engine = connect(empty_url)
    log = rows(engine, "inventory_runs", "account_id", "status", "added", "changed")
    assert log == [
        (ONE, "succeeded", 0, 1),
        (ONE, "succeeded", 2, 0),
        (TWO, "succeeded", 0, 1),
        (TWO, "succeeded", 1, 0),
    ]
    assert len(set(rows(engine, "inventory_runs", "observed_at"))) == 4
    assert rows(engine, "connectors", "account_id", "connector_id", "paused") == [
        (ONE, "a1", True),
        (ONE, "a2", False),
        (TWO, "b1", True),
    ]


def test_merges_of_two_accounts_take_turns(postgres_url: str) -> None:
    """The second waits while the first is in its merge. SQLite has one writer at a time anyway."""
    first, second = connect(postgres_url), connect(postgres_url)
    in_merge = threading.Event()
    waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")

    def hold(request: Request) -> None:
        if asks_for_list(request):
            in_merge.wait(PATIENCE)

    with served(ONE, "a1") as one, served(TWO, "b1") as two, ThreadPoolExecutor() as beside:
        two.intercept = hold
        other: Future[dict[str, Any]] = beside.submit(sync, second, api_settings(two))
        went_ahead: list[bool] = []

        @event.listens_for(first, "before_cursor_execute")
        def let_the_other_come(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("INSERT INTO connectors "):
                in_merge.set()
                while not other.done():
                    with database.read_only(second) as connection:
                        if connection.scalar(waiting):
                            break
                    time.sleep(0.01)
                went_ahead.append(other.done())

        earlier, later = sync(first, api_settings(one)), other.result(PATIENCE)
    assert went_ahead == [False]
    assert earlier["observed_at"] < later["observed_at"]


# --- readers --------------------------------------------------------------------------------

IDS = ("c1", "c2", "c3")
FLIPS = 5


class Reading(NamedTuple):
    """All names and instants that a reader came upon: of a snapshot, there is one of each."""

    names: frozenset[str]
    instants: frozenset[datetime]

    @classmethod
    def of(cls, found: Iterable[Sequence[Any]]) -> Self:
        cells = {cell for row in found for cell in row}
        names = frozenset(cell for cell in cells if isinstance(cell, str))
        return cls(names, frozenset(cells - names))


def flip(engine: Engine, api: FakeApi, account: Account, name: str) -> Reading:
    """Let a run give another name to everything there is; return what is to be seen from then on.

    Each run opens and closes a version of every row, so that all instants there are move with it.
    """
    alert, test = {"code": "c", "message": name}, {"title": "t", "message": name}
    status = {"setup_state": name, "warnings": [alert], "tasks": [alert]}
    account.connectors = [item(i, schema=name, status=status, setup_tests=[test]) for i in IDS]
    run = sync(engine, api_settings(api))
    return Reading(frozenset([name]), frozenset([run["observed_at"]]))


def flips(engine: Engine, api: FakeApi, account: Account) -> Iterator[Reading]:
    return (flip(engine, api, account, name) for name in cycle(["connected", "broken"]))


NAMES = {
    CONNECTORS: "schema_name",
    CONNECTOR_STATUS: "setup_state",
    WARNINGS: "message",
    TASKS: "message",
    SETUP_TESTS: "message",
}
# What each table shows: names, and since when; of its past, when the last version ended.
OPEN = [[table.current.c[name], table.current.c.valid_from] for table, name in NAMES.items()]
ENDED = [select(func.max(table.past.c.valid_to)) for table in NAMES]
LAST_RUN = select(func.max(INVENTORY_RUNS.c.observed_at))
JOINED: Any = reduce(lambda left, right: left.join(right), (table.current for table in NAMES))
EVERYTHING = select(
    *chain(*OPEN), *(question.scalar_subquery() for question in (LAST_RUN, *ENDED))
).select_from(JOINED)

# A reader takes a step each time it is asked to: a reading, or None while it is still at one.
Normalizer = Generator[Reading | None, None, None]


def in_one_statement(engine: Engine) -> Normalizer:
    """What a dashboard does: one connection, one big statement, no transaction."""
    plain = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with plain.connect() as connection:
        while True:
            yield Reading.of(connection.execute(EVERYTHING))


def in_one_transaction(engine: Engine) -> Normalizer:
    """What this tool does: one statement after the other, in a transaction that only reads."""
    while True:
        found: list[Sequence[Any]] = []
        with database.read_only(engine) as connection:
            for question in (LAST_RUN, *(select(*columns) for columns in OPEN), *ENDED):
                found += connection.execute(question)
                yield None
        yield Reading.of(found)


class Step(NamedTuple):
    """A reading, and what had been merged last when it began and when it ended."""

    begun: Reading
    read_only: Reading
    ended: Reading


def watched(
    reader: Normalizer, merged: list[Reading], steps: list[Step]
) -> Generator[None, None, None]:
    """Let a reader take a step for each one that is taken here, and note its readings."""
    with closing(reader):
        while True:
            begun = merged[-1]
            while (read_only := next(reader)) is None:
                yield
            steps.append(Step(begun, read_only, merged[-1]))
            yield


def test_reader_at_any_moment_of_a_merge_sees_what_was_merged_before_it_began(
    database_url: str, engine: Engine, api: FakeApi, account: Account
) -> None:
    """Before each statement of a run every reader takes a step.

    Three of them read in transactions, each at another point: a commit falls into two readings
    at least.
    """
    others, snapshots = connect(database_url), flips(engine, api, account)
    merged = list(islice(snapshots, 2))  # after two runs there is a past in every table
    kinds = [in_one_statement(others), *(in_one_transaction(others) for _ in range(3))]
    steps: list[Step] = []
    readers = [watched(reader, merged, steps) for reader in kinds]
    for number, reader in enumerate(readers):
        for _ in range(4 * number):
            next(reader)

    @event.listens_for(engine, "before_cursor_execute")
    def let_each_take_a_step(*_: object) -> None:
        for reader in readers:
            next(reader)

    for read_only in islice(snapshots, FLIPS):
        merged.append(read_only)
    for _ in range(20):  # until those have ended that the last commit fell into
        let_each_take_a_step()
    for reader in readers:
        reader.close()
    assert [step for step in steps if step.read_only != step.begun] == []
    assert {step.read_only for step in steps} == set(merged[1:])
    assert len([step for step in steps if step.begun != step.ended]) >= 2 * FLIPS
    assert set(rows(others, "inventory_runs", "status", "changed")[1:]) == {("succeeded", len(IDS))}


def test_readers_that_poll_throughout_see_every_snapshot_whole_and_in_turn(
    database_url: str, engine: Engine, api: FakeApi, account: Account
) -> None:
    others, snapshots = connect(database_url), flips(engine, api, account)
    merged = list(islice(snapshots, 2))[1:]
    readers = [kind(others) for kind in (in_one_statement, in_one_transaction)]
    seen: list[list[Reading]] = [[] for _ in readers]
    over = threading.Event()

    def poll(reader: Normalizer, seen: list[Reading]) -> None:
        with closing(reader):
            while not over.is_set():
                if (read_only := next(reader)) is not None:
                    seen.append(read_only)

    def let_them_see() -> None:
        enough = [len(readings) + 2 for readings in seen]  # the first may have begun before
        deadline = time.monotonic() + PATIENCE
        while any(len(readings) < many for readings, many in zip(seen, enough, strict=True)):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    with ThreadPoolExecutor(len(readers)) as beside:
        polling = [beside.submit(poll, *each) for each in zip(readers, seen, strict=True)]
        try:
            let_them_see()
            for read_only in islice(snapshots, FLIPS):
                merged.append(read_only)
                let_them_see()
        finally:
            over.set()
    assert [each.result() for each in polling] == [None] * len(readers)
    for readings in seen:
        assert [read_only for read_only, _ in groupby(readings)] == merged
