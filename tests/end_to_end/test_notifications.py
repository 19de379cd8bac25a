"""A world of 40 runs: each message that people must get, written by hand, and no other."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url
from support import notified_world as world
from support.builders import Account, api_settings, everything, item
from support.databases import new_database
from support.effort import Effort
from support.killed import PATIENCE, is_killed, make_forks_quick
from support.notified import SECRETS, Message, Stage, notify, stage

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

# By run and channel, what a message tells: its sections in order, and who is named in each line.
# "all" hears all; "growth" of owner growth if broken or failing; "mail" of owner finance; "tier1"
# of tier 1 if broken; "digest" once a day at 8 o'clock.
EXPECTED: dict[tuple[int, str], list[str]] = {
    (5, "all"): ["Down: calm", "Down: longone"],
    (5, "digest"): ["Down: calm", "Down: longone"],
    (5, "growth"): ["Down: calm"],
    (5, "tier1"): ["Down: calm"],
    (6, "all"): ["Down: 2 goner pauser", "Flapping: flappy"],
    (6, "growth"): ["Flapping: flappy"],
    # The mail server refuses in runs 5 and 6; then all of it comes at once.
    (7, "mail"): ["Down: 2 goner pauser", "Down: longone"],
    (8, "all"): ["Over: calm recovered"],
    (8, "growth"): ["Over: calm recovered"],
    (8, "tier1"): ["Over: calm recovered"],
    (9, "all"): ["Down: muted", "Over: pauser paused"],
    (9, "mail"): ["Down: muted", "Over: pauser paused"],
    (10, "all"): ["Over: goner removed"],
    (10, "mail"): ["Over: goner removed"],
    (13, "all"): ["Over: muted recovered", "Past: past recovered"],
    (13, "growth"): ["Past: past recovered"],
    (13, "mail"): ["Over: muted recovered"],
    (16, "all"): ["Down: 7 p1 p2 p3 p4 p5", "Down: 3 shop1 shop2 shop3"],
    (16, "growth"): ["Down: 3 shop1 shop2 shop3"],
    (17, "all"): ["Still down: longone"],
    (18, "all"): ["Over: shop1 recovered"],
    (18, "growth"): ["Over: shop1 recovered"],
    (19, "all"): ["Steady: flappy"],
    (19, "growth"): ["Steady: flappy"],
    (19, "mail"): ["Still down: longone"],
    (20, "all"): ["Over: 7 p1 p2 p3 p4 p5 recovered"],
    (22, "all"): ["Over: 2 shop2 shop3 recovered"],
    (22, "growth"): ["Over: 2 shop2 shop3 recovered"],
    (23, "all"): ["Down: calm"],
    (23, "growth"): ["Down: calm"],
    # It has failed since run 21 and is broken since run 24.
    (24, "tier1"): ["Down: calm"],
    (26, "all"): ["Over: calm recovered"],
    (26, "growth"): ["Over: calm recovered"],
    (26, "tier1"): ["Over: calm recovered"],
    # Three runs in a row have failed: the reminder of longone waits.
    (29, "all"): ["Data: failing_runs"],
    (29, "growth"): ["Data: failing_runs"],
    (29, "mail"): ["Data: failing_runs"],
    (29, "tier1"): ["Data: failing_runs"],
    (30, "all"): ["Still down: longone", "Data over: failing_runs"],
    (30, "growth"): ["Data over: failing_runs"],
    (30, "mail"): ["Data over: failing_runs"],
    (30, "tier1"): ["Data over: failing_runs"],
    (31, "mail"): ["Still down: longone"],
    (32, "all"): ["Down: victim"],
    (32, "growth"): ["Down: victim"],
    (34, "all"): ["Over: victim recovered"],
    (34, "growth"): ["Over: victim recovered"],
    # Removals are withheld: late is announced, and longone is over, one run later.
    (35, "all"): ["Data: withheld"],
    (35, "growth"): ["Data: withheld"],
    (35, "mail"): ["Data: withheld"],
    (35, "tier1"): ["Data: withheld"],
    (36, "all"): ["Down: late", "Over: longone recovered", "Data over: withheld"],
    (36, "growth"): ["Down: late", "Data over: withheld"],
    (36, "mail"): ["Over: longone recovered", "Data over: withheld"],
    (36, "tier1"): ["Data over: withheld"],
    (39, "all"): ["Over: late recovered", "Past: night recovered"],
    (39, "growth"): ["Over: late recovered", "Past: night recovered"],
    # What is over since the digest of the day before, however that was told elsewhere.
    (39, "digest"): [
        "Over: 7 p1 p2 p3 p4 p5 recovered",
        "Over: 2 shop2 shop3 recovered",
        "Over: 2 late night recovered",
        "Over: calm recovered",
        "Over: longone recovered",
        "Over: goner removed",
        "Over: pauser paused",
        "Over: muted recovered",
        "Over: past recovered",
        "Over: shop1 recovered",
        "Over: calm recovered",
        "Over: victim recovered",
    ],
    (40, "all"): ["Data: failing_runs"],
    (40, "growth"): ["Data: failing_runs"],
    (40, "mail"): ["Data: failing_runs"],
    (40, "tier1"): ["Data: failing_runs"],
}

SECTIONS = {
    "Down": "Down",
    "Still down": "Still down",
    "Flapping": "Flapping",
    "Steady again": "Steady",
    "Over": "Over",
    "Began and ended meanwhile": "Past",
    "The inventory itself": "Data",
    "The inventory itself, over": "Data over",
}
ENDS = {"up again": "recovered", "paused": "paused", "removed": "removed"}


def facts_of(message: Message) -> list[str]:
    """What a message tells, as it is written above."""
    facts, section = [], ""
    for line in message.text.splitlines():
        if (heading := line.rstrip(":")) in SECTIONS:
            section = SECTIONS[heading]
        elif line.startswith("- "):
            facts.append(f"{section}: {_subject(section, line[2:])}")
    return facts


def _subject(section: str, line: str) -> str:
    if section.startswith("Data"):
        return re.split("[: ]", line)[0]
    words = re.findall(r"(\w+)_data", line)
    if many := re.search(r"(\d+) connectors", line):
        words.insert(0, many[1])
    if section in ("Over", "Past"):
        words += [ENDS[found[0]] for found in re.finditer("|".join(ENDS), line)]
    return " ".join(words)


@pytest.fixture
def on_stage(database_url: str, tmp_path: Path, zone: Callable[[str], None]) -> Iterator[Stage]:
    zone(world.ZONE)
    with stage(database_url, tmp_path) as set_up:
        yield set_up


def test_people_are_told_all_that_they_must_know_and_nothing_else(
    on_stage: Stage, engine: Engine
) -> None:
    told, seen = {}, []
    for run in world.RUNS:
        on_stage.live(run)
        if run in world.NOT_NOTIFIED:
            continue
        is_refused = run in world.MAIL_REFUSED
        result = notify()
        for message in on_stage.people.take():
            assert (run, message.channel) not in told, "more than one message"
            assert len(f"{message.title}{message.text}".encode()) < 4096
            told[run, message.channel] = facts_of(message)
            seen.append(str(message))
        again = notify("-vv" if is_refused else "--quiet")
        assert on_stage.people.take() == []
        assert result.exit_code == again.exit_code == (1 if is_refused else 0)
        if is_refused:
            assert result.stderr.startswith("Error: Channel mail could not be told: ")
        else:
            assert (result.stderr, again.output) == ("", "")
        seen += [result.output, again.output]
    assert told == EXPECTED
    everything_seen = "".join([*seen, repr(everything(engine))])
    assert [secret for secret in SECRETS if secret in everything_seen] == []


# --- killed, and two at once ----------------------------------------------------------------

# Nobody was told after run 11; in run 19 all of it is told at once.
LAST_TOLD, LATER = 11, 19
TOLD_LATER = {
    "all": [
        "Down: 7 p1 p2 p3 p4 p5",
        "Down: 2 shop2 shop3",
        "Still down: longone",
        "Over: muted recovered",
        "Steady: flappy",
        "Past: past recovered",
        "Past: shop1 recovered",
    ],
    "growth": [
        "Down: 2 shop2 shop3",
        "Steady: flappy",
        "Past: past recovered",
        "Past: shop1 recovered",
    ],
    "mail": ["Still down: longone", "Over: muted recovered"],
}


@pytest.fixture(scope="module", autouse=True)
def _forks_are_quick() -> None:
    make_forks_quick("apprise", "inventory.notify.run", "inventory.output.rows")


@pytest.fixture
def untold(on_stage: Stage) -> Stage:
    for run in range(1, LATER + 1):
        on_stage.live(run)
        if run <= LAST_TOLD:
            notify()
    on_stage.people.take()
    return on_stage


class Copies:
    """Copies of a database, to try something on again and again."""

    def __init__(self, url: str, folder: Path, server: Callable[[], str]) -> None:
        self._url, self._folder, self._server = make_url(url), folder, server

    @contextmanager
    def another(self) -> Iterator[str]:
        if self._url.drivername == "sqlite":
            file = self._folder / "copy.db"
            shutil.copyfile(str(self._url.database), file)
            yield f"sqlite:///{file}"
        else:
            with new_database(self._server(), str(self._url.database)) as url:
                yield url


@pytest.fixture
def copies(
    untold: Stage, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Copies:
    return Copies(database_url, tmp_path, lambda: request.getfixturevalue("postgres_server"))


def test_kill_costs_a_message_that_comes_twice_and_never_one_that_does_not_come(
    untold: Stage, copies: Copies, tried: Effort, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice: Counter[str] = Counter()
    for point in count(step=tried.step(3)):
        with copies.another() as url:
            monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
            is_over = not is_killed({"INVENTORY_DATABASE_URL": url}, "notify", "--quiet", at=point)
            first = untold.people.take()
            assert notify("--quiet").output == ""
            again = untold.people.take()
            assert notify("--quiet").output == ""
            assert untold.people.take() == []
        if is_over:
            assert again == []
        assert {each.channel: facts_of(each) for each in [*first, *again]} == TOLD_LATER
        for messages in (first, again):
            assert len({each.channel for each in messages}) == len(messages)
        repeated = {*first} & {*again}  # word for word
        assert len(first) + len(again) - len(repeated) == len(TOLD_LATER)
        twice.update(each.channel for each in repeated)
        if is_over:
            break
    assert point > 20
    assert twice  # it was killed between a message and its record, too


def test_two_at_once_tell_it_once(untold: Stage) -> None:
    """The second waits for the first, which waits for its channels; then there is nothing left."""
    command = [sys.executable, "-m", "inventory", "notify", "--quiet"]
    posts = untold.people.posts
    posts.arrived.clear()
    posts.answers.clear()
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert posts.arrived.wait(PATIENCE)
    hasty = notify("--lock-timeout", "0.1")
    second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    posts.answers.set()
    ends = [(each.communicate(timeout=PATIENCE)[1], each.returncode) for each in (first, second)]
    assert ends == [("", 0), ("", 0)]
    assert {each.channel: facts_of(each) for each in untold.people.take()} == TOLD_LATER
    assert (hasty.exit_code, "in progress" in hasty.stderr) == (1, True)


# --- many at once ---------------------------------------------------------------------------

MANY = 5_000
LONG = "\N{HIRAGANA LETTER A}" * 120


def test_thousands_that_go_down_at_once_are_one_short_message(
    engine: Engine, account: Account, api: FakeApi, on_stage: Stage
) -> None:
    failed_at = f"{world.at(1):%Y-%m-%dT%H:%M:%SZ}"
    account.connectors = [
        item(
            f"c{number}",
            schema=f"{LONG}{number}_data",
            service=f"service{number % 11}",
            group_id=f"{LONG}{number % 40}",
            succeeded_at=None,
            failed_at=failed_at,
        )
        for number in range(MANY)
    ]
    sync(engine, api_settings(api), clock=lambda _: world.at(1))
    on_stage.stop_clock(3)
    assert notify().exit_code == 0
    [message] = on_stage.people.take()
    size = len(f"{message.title}{message.text}".encode())
    assert (message.channel, size < 4096) == ("all", True)
    lines = re.findall(r"^- .*: (\d+) connectors failing|^and ([\d,]+) more", message.text, re.M)
    assert sum(int("".join(each).replace(",", "")) for each in lines) == MANY
    assert f"{MANY:,} connectors down" in message.title
