"""Killed or failed at a counted system call, a command has done all or nothing; the next one heals.

Each command is run undisturbed first: it tells how many calls of each kind there are, and what the
tables must hold. What they hold is read by the drivers alone. `--thorough` attacks each call.
"""

import errno
import json
import re
import shutil
import sqlite3
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from alembic import command
from click.testing import CliRunner, Result
from support.builders import (
    DAY,
    Account,
    FakeClock,
    alembic,
    api_settings,
    connect,
    variables,
)
from support.databases import administrator, new_database
from support.effort import KINDS, Effort, few_of
from support.interposer import (
    Attack,
    Ended,
    Fate,
    Kind,
    Runs,
    compiled,
)
from support.killed import say
from test_crashes import account_on

from inventory.cli import main
from inventory.demo import tour as demo
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
PATIENCE = 30  # seconds for what takes a moment
# Of each kind, where not every call is attacked, and of the kinds that are not named, 1.
MOMENTS = {Kind.WRITE: 2, Kind.SEND: 2, Kind.RECEIVE: 2}

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler (cc)")

# --- what becomes of a call -----------------------------------------------------------------


class Blow(NamedTuple):
    """What may become of a call, whichever it is."""

    fate: Fate
    error: int = 0
    lasts: bool = False


KILLS = (Blow(Fate.KILLED_BEFORE), Blow(Fate.KILLED_AFTER))
HALF, SHORT = Blow(Fate.KILLED_HALFWAY), Blow(Fate.SHORT)
EIO, EINTR = Blow(Fate.FAILS, errno.EIO), Blow(Fate.FAILS, errno.EINTR)
ALL_EIO = Blow(Fate.FAILS, errno.EIO, lasts=True)
FULL_DISK = Blow(Fate.FAILS, errno.ENOSPC, lasts=True)
RESET = Blow(Fate.FAILS, errno.ECONNRESET)
SERVER_GONE = Blow(Fate.FAILS, errno.ECONNRESET, lasts=True)

ON_FILES = {
    Kind.WRITE: (HALF, EIO, *KILLS, FULL_DISK),
    Kind.FLUSH: (EIO, *KILLS, ALL_EIO, EINTR),
    Kind.CUT: (KILLS[0], EIO, KILLS[1], ALL_EIO),
}
ON_THE_WAY = (RESET, HALF, *KILLS, SERVER_GONE)
TO_DATABASE = {Kind.SEND: ON_THE_WAY, Kind.RECEIVE: ON_THE_WAY}
TO_API = {Kind.ASK: (*KILLS, RESET, HALF), Kind.HEAR: (RESET, *KILLS, HALF)}
# Whoever has done less than wanted, or was interrupted by a signal, is to go on.
HARMLESS = (SHORT, EINTR)


def attacks(
    blows: dict[Kind, tuple[Blow, ...]], calls: dict[Kind, int], *, tried: Effort, shift: int
) -> Iterator[Attack]:
    """Spread the blows over the calls: the last, and more of the later ones.

    At the end it is committed. Of harmless ones there is one in the midst, or one at each fifth.
    """
    for kind, of in blows.items():
        if not (number := calls[kind]):
            continue
        steps = MOMENTS.get(kind, 1)
        some = {number - (number - 1) * step**3 // steps**3 for step in range(steps)}
        for place, at in enumerate(tried.some(range(1, number + 1), sorted(some))):
            yield Attack(kind, at, *of[(place + shift) % len(of)])
        if kind not in (Kind.FLUSH, Kind.CUT):
            middle = (1 + number) // 2
            for place, at in enumerate(tried.some(range(1, number + 1, 5), [middle])):
                yield Attack(kind, at, *HARMLESS[(place + shift) % len(HARMLESS)])


# --- the tables, read by the drivers alone --------------------------------------------------

Rows = list[dict[str, Any]]
Known = dict[str, Rows]
Comparable = dict[str, list[str]]

LOG = "inventory_runs"
LOGS = (LOG, "sync_runs")  # also under its name of before
MADE_WITH_THE_TABLES = ("", "inventory_version", "digest_key")
BY_CHANCE = ("secret", "api_key_digest")  # another one in each database
# The driver gives times of SQLite as texts.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00")


class Store(ABC):
    """A database that is set back to what it held, and a folder for the files of a run."""

    home: Path
    url: str

    @abstractmethod
    def keep(self) -> None:
        """Take what it holds now as what it is to be set back to."""

    @abstractmethod
    def set_back(self) -> None: ...

    @abstractmethod
    def held(self) -> Known:
        """All rows of all tables; and under "", what tables, views and indexes there are."""


class File(Store):
    def __init__(self, folder: Path, name: str = "inventory.db") -> None:
        self.home, self._kept, self._looked_at = (
            folder / part for part in ("home", "kept", "looked_at")
        )
        self.home.mkdir()
        self._name = name
        self.url = f"sqlite:///{self.home / name}"

    def keep(self) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.home, self._kept)

    def set_back(self) -> None:
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home)

    def held(self) -> Known:
        """Look at a copy: who opens the file itself has healed it before the next run does."""
        shutil.rmtree(self._looked_at, ignore_errors=True)
        shutil.copytree(self.home, self._looked_at)
        file = self._looked_at / self._name
        if not file.exists():
            return {"": []}
        with closing(sqlite3.connect(file)) as connection:

            def ask(question: str) -> Rows:
                answer = connection.execute(question)
                names = [column[0] for column in answer.description]
                return [dict(zip(names, row, strict=True)) for row in answer]

            assert ask("pragma integrity_check") == [{"integrity_check": "ok"}]
            assert ask("pragma foreign_key_check") == []
            made = ask("select type, name, sql from sqlite_master where name not like 'sqlite_%'")
            names = [each["name"] for each in made if each["type"] == "table"]
            return {"": made} | {name: ask(f"select * from {name}") for name in names}


MADE = """
select 'column' as type, table_name || '.' || column_name as name,
       data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') as sql
from information_schema.columns where table_schema = 'public'
union all select 'view', viewname, definition from pg_views where schemaname = 'public'
union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
union all select 'constraint', conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
"""
ONLY_US = """
select count(*) = 1 from pg_stat_activity
where datname = current_database() and backend_type = 'client backend'
"""


class Database(Store):
    def __init__(self, server: str, url: str, template: str, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.url = url
        self._server = server
        self._name, self._template = url_name(url), template

    def keep(self) -> None:
        self._copy(self._name, self._template)

    def set_back(self) -> None:
        self._copy(self._template, self._name)

    def _copy(self, source: str, to: str) -> None:
        connection = administrator(self._server)
        connection.execute(f"drop database if exists {to} with (force)")
        connection.execute(f"create database {to} template {source} strategy file_copy")

    def held(self) -> Known:
        with psycopg.connect(self.url, row_factory=psycopg.rows.dict_row) as connection:
            connection.autocommit = True
            connection.execute("set timezone to 'UTC'")
            wait_until(lambda: connection.execute(ONLY_US).fetchone() == {"?column?": True})
            tables = connection.execute("select tablename from pg_tables where schemaname='public'")
            names = [row["tablename"] for row in tables]
            return {"": connection.execute(MADE).fetchall()} | {
                name: connection.execute(f"select * from {name}").fetchall() for name in names
            }


def url_name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


def wait_until(is_so: Callable[[], bool]) -> None:
    gives_up_at = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < gives_up_at
        time.sleep(0.005)


class Since(NamedTuple):
    """What is of now: instants from then on, and runs after the last one of before."""

    begun: datetime
    last_run: int

    def comparable(self, held: Known, *, log: bool) -> Comparable:
        """All rows that there are as texts, the same whenever and at which attempt they came."""
        wanted = {name: rows for name, rows in held.items() if rows and (log or name not in LOGS)}
        if not log and "accounts" in wanted:  # an attempt more sends more requests
            wanted["accounts"] = [row | {"requests": "some"} for row in wanted["accounts"]]
        return {name: sorted(map(self._row, rows)) for name, rows in wanted.items()}

    def _row(self, row: dict[str, Any]) -> str:
        return json.dumps({name: self._cell(name, cell) for name, cell in row.items()}, default=str)

    def _cell(self, name: str, cell: Any) -> Any:
        if name == "run_id" and cell > self.last_run:
            return "this run"
        if name in BY_CHANCE:
            return cell is not None
        if isinstance(cell, str) and TIMESTAMP.fullmatch(cell):
            cell = datetime.fromisoformat(cell)
        return "now" if isinstance(cell, datetime) and cell >= self.begun else cell


# --- the commands, and what each makes of what ----------------------------------------------


class Stage(NamedTuple):
    store: Store
    api: FakeApi
    account: Account

    def live(self, days: int, *, until: datetime) -> None:
        """Let runs see the account, one on each day, the last one at that instant."""
        engine, calendar = connect(self.store.url), FakeClock()
        calendar.now = until - (days - 1) * DAY
        for day in range(days):
            self.account.connectors = account_on(day)
            sync(engine, api_settings(self.api), clock=calendar)
            calendar.pass_a_day()
        engine.dispose()


class Situation(NamedTuple):
    """A command, what it finds, and which of its calls are attacked."""

    words: tuple[str, ...]
    prepare: Callable[[Stage], None]
    blows: dict[Kind, tuple[Blow, ...]] = {}  # noqa: RUF012  # beside those of the database


def yesterday() -> datetime:
    return datetime.now(UTC) - DAY


def an_empty_database(stage: Stage) -> None:
    stage.account.connectors = account_on(1)


def an_earlier_demo(stage: Stage) -> None:
    with chdir(stage.store.home):
        assert_good(CliRunner().invoke(main, ["demo"]))


def the_account_of_yesterday(stage: Stage) -> None:
    stage.live(2, until=yesterday())
    stage.account.connectors = account_on(2)


def the_account_as_it_is(stage: Stage) -> None:
    stage.live(2, until=yesterday())


def old_history(stage: Stage) -> None:
    stage.live(6, until=yesterday() - 500 * DAY)
    stage.live(2, until=yesterday())


def an_older_revision(revision: str) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.live(3, until=yesterday())
        engine = connect(stage.store.url)
        alembic(engine, command.downgrade, revision)
        engine.dispose()

    return prepare


SYNC = ("sync", "--page-size", "4", "--attempts", "1")
SITUATIONS = {
    "first fill": Situation(SYNC, an_empty_database),
    "changes": Situation(SYNC, the_account_of_yesterday, TO_API),
    "nothing new": Situation(SYNC, the_account_as_it_is),
    "prune": Situation(("prune", "--older-than", "400d"), old_history),
    "upgrade": Situation(("db", "upgrade"), an_older_revision("0006")),
}
FROM_THE_FIRST = Situation(("db", "upgrade"), an_older_revision("0001"))
DEMO = Situation(("demo",), an_earlier_demo)


class Trial:
    """A command that has been run undisturbed once, and is attacked again and again."""

    def __init__(self, stage: Stage, situation: Situation, runs: Runs) -> None:
        self._account, self._store, self._runs = stage.account, stage.store, runs
        self._words, self._is_sync = situation.words, situation.words[0] == "sync"
        self._environment = variables(stage.api, stage.store.url)
        situation.prepare(stage)
        self._store.keep()
        before = self._store.held()
        self._log = in_order(before)
        last = self._log[-1]["run_id"] if self._log else 0
        self._since = Since(datetime.now(UTC).replace(microsecond=0), last)
        ended = self._run()
        assert_undisturbed(ended)
        self.calls = ended.calls
        after = self._store.held()
        self._before, self._after = self._comparable(before), self._comparable(after)
        # A first run makes the tables by themselves.
        made = {name: self._after[name] for name in MADE_WITH_THE_TABLES}
        self._halfway = [self._before] if before[""] else [self._before, made]
        self._is_verified()

    def _run(self, attack: Attack | None = None) -> Ended:
        home, environment = self._store.home, self._environment
        changes = {"DAYS": demo.DAYS}
        return self._runs.run(
            *self._words, home=home, environment=environment, attack=attack, **changes
        )

    def _comparable(self, held: Known) -> Comparable:
        return self._since.comparable(held, log=not self._is_sync)

    def suffers(self, attack: Attack) -> bool:
        """Run it under attack; see what it has done, and that it is good the next time.

        Say whether it came as far as the call.
        """
        self._store.set_back()
        ended = self._run(attack)
        assert_documented(ended, attack)
        held = self._store.held()
        done = self._is_done(held)
        if ended.code == 0:
            assert done
        elif ended.code == 1 and not self._may_have_done_it(attack):
            assert not done
        self._heals(held)
        return ended.calls[attack.kind] >= attack.at

    def _may_have_done_it(self, attack: Attack) -> bool:
        """Say whether it may end with 1 though its work is done.

        That is where no answer comes to a commit; and on files there is a step after it: an upgrade
        lets readers go on, a demo asks what it has written.
        """
        afterwards = self._words[0] in ("db", "demo") and attack.kind in ON_FILES
        return attack.lasts or attack.kind is Kind.RECEIVE or afterwards

    def suffers_all(self, of: Iterator[Attack]) -> None:
        came = list[bool]()
        for attack in of:
            say(f"{' '.join(self._words)}: {attack}")
            came.append(self.suffers(attack))
            if len(came) % 16 == 0:  # what is compared equals what is verified already
                self._is_verified()
        self._is_verified()
        assert sum(came) > 0.8 * len(came) > 0

    def _is_done(self, held: Known) -> bool:
        comparable = self._comparable(held)
        if self._is_sync:
            return self._is_merged(held)
        if self._words[0] == "prune":
            self._finds_no_more_deleted(comparable)
        elif self._words[0] == "db":
            assert comparable in (self._before, self._after)
        return comparable == self._after

    def _is_merged(self, held: Known) -> bool:
        log, comparable = in_order(held), self._comparable(held)
        new = log[len(self._log) :]
        assert log[: len(self._log)] == self._log
        assert [run["status"] for run in new] in ([], ["running"], ["failed"], ["succeeded"])
        if not new or new[0]["status"] != "succeeded":
            assert comparable in self._halfway
            return False
        assert comparable == self._after_but_for(self._unanswered(held, new[0]["unconfirmed"]))
        return True

    def _unanswered(self, held: Known, number: int) -> set[str]:
        """Those that are missing, and stay as they are: the API did not say what became of them."""
        listed = {one["id"] for one in self._account.connectors}
        there = {row["connector_id"] for row in held["connectors"] if row["removed_at"] is None}
        assert len(there - listed) == number
        return there - listed

    def _after_but_for(self, unchanged: set[str]) -> Comparable:
        def of_them(row: str) -> bool:
            return json.loads(row).get("connector_id") in unchanged

        return {
            name: sorted(
                [
                    *(row for row in rows if not of_them(row)),
                    *(row for row in self._before.get(name, ()) if of_them(row)),
                ]
            )
            for name, rows in self._after.items()
        }

    def _finds_no_more_deleted(self, comparable: Comparable) -> None:
        """A prune is done page by page: what it has deleted stays deleted."""
        for name in self._before:
            left, were, are_to_be = (
                Counter(tables.get(name, ())) for tables in (comparable, self._before, self._after)
            )
            assert are_to_be <= left <= were, name

    def _heals(self, held: Known) -> None:
        """The next one is good, and leaves what an undisturbed one would have left."""
        assert_undisturbed(self._run())
        healed = self._store.held()
        assert self._comparable(healed) == self._after
        if self._is_sync:
            *earlier, last = in_order(healed)
            fates = [run["status"].replace("running", "crashed") for run in in_order(held)]
            assert [run["status"] for run in earlier] == fates
            assert last["status"] == "succeeded"

    def _is_verified(self) -> None:
        assert_good(CliRunner(env=self._environment).invoke(main, ["db", "verify"]))


def in_order(held: Known) -> Rows:
    return sorted(held.get(LOG, ()), key=lambda run: int(run["run_id"]))


def assert_undisturbed(ended: Ended) -> None:
    assert (ended.code, "Error" in ended.stderr) == (0, False), ended.stderr


def assert_good(done: Result) -> None:
    assert (done.exit_code, "Error" in done.stderr) == (0, False), done.output


def assert_documented(ended: Ended, attack: Attack) -> None:
    """A kill leaves no word; what fails ends in one line, with the code that says: try again."""
    assert "Traceback" not in ended.stderr, ended.stderr
    if attack.kills:
        assert ended.code in (-9, 0)
        assert ended.code == 0 or ended.calls[attack.kind] >= attack.at
        return
    lines = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert (ended.code, len(lines)) in ((0, 0), (1, 1)), ended.stderr
    assert "bug" not in ended.stderr
    if attack.is_harmless:
        assert ended.code == 0, ended.stderr


# --- the attacks ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    assert COMPILER
    father = Runs(compiled(COMPILER, folder), folder)
    yield father
    father.close()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path.resolve() / "store"
    folder.mkdir()
    if request.param == "sqlite":
        yield File(folder)
        return
    server = request.getfixturevalue("postgres_server")
    with new_database(server) as url, new_database(server) as template:
        yield Database(server, url, url_name(template), folder)


def blows_at(store: Store, situation: Situation) -> dict[Kind, tuple[Blow, ...]]:
    return (ON_FILES if isinstance(store, File) else TO_DATABASE) | situation.blows


IN_BRIEF = [("sqlite", "upgrade"), ("postgresql", "changes")]


@pytest.mark.parametrize(
    ("store", "name"),
    few_of([(kind, name) for kind in KINDS for name in SITUATIONS], IN_BRIEF),
    indirect=["store"],
)
def test_command_whose_calls_are_attacked_does_all_or_nothing(
    name: str, store: Store, api: FakeApi, account: Account, runs: Runs, tried: Effort
) -> None:
    situation, shift = SITUATIONS[name], list(SITUATIONS).index(name)
    trial = Trial(Stage(store, api, account), situation, runs)
    blows = blows_at(store, situation)
    trial.suffers_all(attacks(blows, trial.calls, tried=tried, shift=shift))


@pytest.mark.thorough  # the one from the last revision is attacked always
def test_upgrade_from_the_first_revision_does_all_or_nothing(
    store: Store, api: FakeApi, account: Account, runs: Runs, tried: Effort
) -> None:
    trial = Trial(Stage(store, api, account), FROM_THE_FIRST, runs)
    blows = blows_at(store, FROM_THE_FIRST)
    trial.suffers_all(attacks(blows, trial.calls, tried=tried, shift=0))


@pytest.mark.thorough  # the tables of a first fill are attacked always
def test_demo_whose_calls_are_attacked_is_made_anew_by_the_next(
    tmp_path: Path,
    api: FakeApi,
    account: Account,
    runs: Runs,
    tried: Effort,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "DAYS", 5)  # as few as have something to tell
    store = File(tmp_path.resolve(), str(demo.FILE))
    trial = Trial(Stage(store, api, account), DEMO, runs)
    trial.suffers_all(attacks(ON_FILES, trial.calls, tried=tried, shift=0))
