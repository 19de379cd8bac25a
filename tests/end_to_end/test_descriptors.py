"""Closed, full and unread descriptors: a command ends by what it has come to, and says what it can.

One rule for all. What has been done stands, and its exit code with it. A command that only answers
has failed (exit 1) if its answer could not be written. A reader that goes away has had enough.
"""

import fcntl
import itertools
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.builders import Account, item, rows
from support.effort import few_of
from support.forks import Case, run_all, run_one

from inventory.db import verify
from inventory.db.engine import file_of
from inventory.demo.fake_api import FakeApi, FakeResponse

FULL, CLOSED = {1: "/dev/full"}, {1: "closed"}
NO_MORE = "stdout cannot be written to"
# Where the database makes no difference.
sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _user(environment: dict[str, str], account: Account) -> None:
    account.connectors = [item(f"c{number}") for number in range(3)]


def every_way() -> list[dict[int, str]]:
    """Each choice of descriptors to be closed."""
    return [
        dict.fromkeys(chosen, "closed")
        for size in range(4)
        for chosen in itertools.combinations(range(3), size)
    ]


def test_run_is_merged_whatever_is_closed_and_nothing_gets_into_the_database(
    engine: Engine, account: Account
) -> None:
    ways = every_way()
    ended = run_all(Case(("sync", "-vvv"), streams=closed) for closed in ways)
    assert [each.code for each in ended] == [0] * len(ways)
    for closed, each in zip(ways, ended, strict=True):
        assert ("Saw 3 connectors" in each.out) == (1 not in closed)
        assert (f"Warning: {NO_MORE}: Bad file descriptor" in each.err) == (
            1 in closed and 2 not in closed
        )
    assert rows(engine, "inventory_runs", "status") == [("succeeded",)] * len(ways)
    assert verify.problems(engine) == []
    file = file_of(engine)
    if file is not None:
        with closing(sqlite3.connect(file)) as raw:
            assert raw.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_processes_that_begin_with_closed_descriptors_reserve_them(engine: Engine) -> None:
    """Not in a fork: Python itself has found no stdout and no stderr."""
    command = f'"{sys.executable}" -m inventory sync'
    for closing_, said in ((">&-", True), ("2>&-", False), ("0<&- >&- 2>&-", False)):
        done = subprocess.run(
            f"{command} {closing_}", shell=True, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert (NO_MORE in done.stderr) == said
        assert "Traceback" not in done.stderr
    assert rows(engine, "inventory_runs", "status") == [("succeeded",)] * 3
    assert verify.problems(engine) == []


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_run_that_cannot_be_told_ends_by_its_own_result(
    engine: Engine, api: FakeApi, account: Account, output_format: str
) -> None:
    words = ("sync", "--format", output_format, "--attempts", "1")
    full, gone = run_all([Case(words, streams=FULL), Case(words, streams={1: "gone"})])
    assert (full.code, gone.code, gone.err) == (0, 0, "")
    assert full.err == (f"Warning: {NO_MORE}: No space left on device. The output is incomplete.\n")
    account.connectors = []
    withheld = run_one(Case(words, streams=FULL))
    assert (withheld.code, NO_MORE in withheld.err) == (3, True)
    assert withheld.err.splitlines()[-1].startswith("Error: ")
    api.intercept = lambda request: FakeResponse.error(401, "AuthFailed")
    assert run_one(Case(words, streams=FULL)).code == 2
    statuses = [row[1] for row in rows(engine, "inventory_runs", "run_id", "status")]
    assert statuses == ["succeeded", "succeeded", "withheld", "failed"]


ANSWERS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "json": ("status", "--format", "json"),
    "csv": ("runs", "--format", "csv"),
    "changes": ("changes", "--since", "40d"),
    "history": ("history", "c1"),
    "incidents": ("incidents",),
    "at": ("at", "0m"),
    "findings": ("findings",),
    "report": ("report", "--output", "-"),
    "query": ("query", "select * from connectors"),
    "relations": ("query",),
    "verify": ("db", "verify"),
    "dry_prune": ("prune", "--older-than", "400d", "--dry-run"),
    "dry_sync": ("sync", "--dry-run"),
    "help": ("--help",),
    "help_of": ("sync", "--help"),
    "version": ("--version",),
}
DONE: dict[str, tuple[str, ...]] = {
    "sync": ("sync",),
    "prune": ("prune", "--older-than", "400d"),
    "upgrade": ("db", "upgrade"),
}


@pytest.fixture
def filled(environment: dict[str, str]) -> None:
    assert run_one(Case(("sync",))).code == 0


@sqlite
@pytest.mark.usefixtures("filled")
def test_answer_that_cannot_be_written_is_a_failure() -> None:
    ways = [CLOSED, {1: "/dev/full", 2: "/dev/full"}, {1: "closed", 2: "closed"}]
    cases = [Case(words, streams=FULL) for words in ANSWERS.values()]
    cases += [Case(ANSWERS[name], streams=way) for name in ("status", "help") for way in ways]
    for case, ended in zip(cases, run_all(cases), strict=True):
        assert (ended.code, ended.out) == (1, ""), case
        if 2 not in case.streams:
            assert ended.err.splitlines()[-1].startswith(f"Error: {NO_MORE}: "), case
            assert "Traceback" not in ended.err


@pytest.mark.usefixtures("filled")
def test_work_that_is_done_stands_though_it_cannot_be_told() -> None:
    cases = [Case(words, streams=way) for words in DONE.values() for way in (FULL, CLOSED)]
    for case, ended in zip(cases, run_all(cases), strict=True):
        assert (ended.code, ended.out) == (0, ""), case
        assert ended.err.startswith(f"Warning: {NO_MORE}: "), case
        assert ended.err.count("\n") == 1


@sqlite
@pytest.mark.usefixtures("filled")
def test_reader_that_goes_away_has_had_enough() -> None:
    cases = [Case(words, streams={1: "gone"}) for words in (*ANSWERS.values(), *DONE.values())]
    for case, ended in zip(cases, run_all(cases), strict=True):
        heard = "" if case.words[0] not in ("status", "at") else ended.err
        assert (ended.code, ended.err) == (0, heard), case
        assert "Error" not in ended.err
        assert "ignored" not in ended.err


@sqlite
@pytest.mark.parametrize("taken", few_of([0, 1, 4095, 4096, 4097, 10_000], [1, 10_000]))
def test_reader_that_leaves_after_some_bytes_has_had_enough(account: Account, taken: int) -> None:
    account.connectors = [item(f"c{number}") for number in range(100)]  # more than its buffers hold
    assert run_one(Case(("sync",))).code == 0
    read_only, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "inventory", "status", "--format", "csv"]
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, text=True) as job:
        os.close(writing)
        with open(read_only, "rb", buffering=0) as pipe:
            while taken:
                taken -= len(pipe.read(min(taken, 4096)))
        _, said = job.communicate(timeout=60)
    assert (job.returncode, said) == (0, "")


@sqlite
@pytest.mark.usefixtures("filled")
def test_findings_are_told_by_the_exit_code_whatever_becomes_of_the_words(
    account: Account,
) -> None:
    check = ("check", "--max-age", "1m")
    account.connectors = [item("c1", status={"setup_state": "broken"}), item("c2"), item("c0")]
    assert run_one(Case(("sync",))).code == 0
    ways = [{}, FULL, CLOSED, {1: "gone"}, {1: "closed", 2: "closed"}, {2: "/dev/full"}]
    assert [each.code for each in run_all(Case(check, streams=way) for way in ways)] == [3] * 6


@sqlite
def test_error_that_cannot_be_told_keeps_its_code(api: FakeApi) -> None:
    api.intercept = lambda request: FakeResponse.error(401, "AuthFailed")
    words = ("sync", "--attempts", "1", "-vvv", "--debug")
    for way in ({2: "/dev/full"}, {2: "closed"}, {2: "gone"}, {0: "closed", 2: "closed"}):
        ended = run_one(Case(words, streams=way))
        assert (ended.code, ended.out) == (2, "")
    usage = [Case(("status", "--nonsense"), streams={2: what}) for what in ("closed", "/dev/full")]
    assert [each.code for each in run_all(usage)] == [2, 2]


@sqlite
def test_much_that_is_read_in_part_ends_quietly(engine: Engine, tmp_path: Path) -> None:
    """More than a pipe holds, in the shell that people use."""
    many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000) "
    assert run_one(Case(("sync",))).code == 0
    command = [sys.executable, "-m", "inventory", "query", f"{many} select i from n"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout
        assert job.stderr
        assert job.stdout.readline().strip() == "i"
        job.stdout.close()
        assert (job.wait(60), job.stderr.read()) == (0, "")
