"""PgBouncer between the job and PostgreSQL: with transaction pooling, no session is one's own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text, update
from sqlalchemy.pool import NullPool
from support import servers
from support.builders import (
    KEY,
    SECRET,
    T0,
    Account,
    FakeClock,
    api_settings,
    connect,
    everything,
    item,
    rows,
    variables,
)
from support.databases import new_database
from support.effort import few_of
from support.servers import PgBouncer, Postgres

from inventory.cli import main
from inventory.db import views
from inventory.db.engine import transaction
from inventory.db.prune import prune
from inventory.demo.fake_api import FakeApi, Request
from inventory.models import DIGEST_KEY
from inventory.sync.prepare import prepare
from inventory.sync.run import sync

pytestmark = pytest.mark.skipif(
    servers.PGBOUNCER is None, reason="pgbouncer is not installed: apt-get install pgbouncer"
)

# Two jobs at once hold one each for their locks, and do all their work in turns on the third.
SESSIONS = 3
ODD_SCHEMA = "Side Show"
PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server whose sessions are in no zone that a job would choose."""
    with servers.postgres(*servers.HURRIED, "timezone=Asia/Kathmandu") as server:
        yield server


@pytest.fixture
def direct(server: Postgres) -> Iterator[str]:
    """The URL of an empty database, past the pooler: what a test looks and meddles through."""
    with new_database(server.url) as url:
        yield url


@pytest.fixture
def pooler(server: Postgres) -> Iterator[PgBouncer]:
    with servers.pgbouncer(server, f"default_pool_size = {SESSIONS}") as pooler:
        yield pooler


@pytest.fixture
def pooled(direct: str, pooler: PgBouncer) -> str:
    """The URL of the same database, through the pooler."""
    return through(pooler, direct)


def through(pooler: PgBouncer, direct: str) -> str:
    url = make_url(pooler.url).set(database=make_url(direct).database)
    return url.render_as_string(hide_password=False)


def plain(url: str, **options: Any) -> Connection:
    """A connection with nothing of the product in it."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(address, poolclass=NullPool, **options).connect()


def read(url: str, question: str) -> list[tuple[Any, ...]]:
    with plain(url) as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what the server comes to by itself."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def job(api: FakeApi, url: str, *words: str, schema: str | None = None) -> subprocess.Popen[str]:
    """`inventory sync` in a process of its own, two connectors a page."""
    environment = os.environ | variables(api, url)
    if schema is not None:
        environment["INVENTORY_SCHEMA"] = schema
    command = [sys.executable, "-m", "inventory", "sync", "--page-size", "2", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe, env=environment)


def ended(job: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of a job and what it said on stderr."""
    _, said = job.communicate(timeout=PATIENCE)
    return job.returncode, said


# --- what is left in the server -------------------------------------------------------------


def sessions(pooled: str) -> dict[int, list[tuple[str, str]]]:
    """What is set in each session of the server, by its process: all are borrowed at once.

    PgBouncer itself sets the name and the encoding of the client that it lends one to.
    """
    of_pooler = "('application_name', 'client_encoding')"
    is_set = "source = 'session' and name not in " + of_pooler
    with ExitStack() as borrowed:
        clients = [borrowed.enter_context(plain(pooled)) for _ in range(SESSIONS)]
        return {
            client.scalar(text("select pg_backend_pid()")): [
                (name, value)
                for name, value in client.execute(
                    text(f"select name, setting from pg_settings where {is_set}")
                )
            ]
            for client in clients
        }


def assert_nothing_is_left(direct: str, pooled: str, before: dict[int, Any]) -> None:
    """The same sessions as before, and in none of them a setting, a lock or a table."""
    assert sessions(pooled) == before == {session: [] for session in before}
    assert read(pooled, "show timezone") == [("Asia/Kathmandu",)]
    assert read(pooled, "show search_path") == [('"$user", public',)]
    assert read(direct, "select * from pg_locks where locktype = 'advisory'") == []
    assert read(direct, "select relname from pg_class where relpersistence = 't'") == []


# --- a life ---------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", [None, ODD_SCHEMA])
def test_life_is_the_same_with_the_pooler_and_without(
    server: Postgres, direct: str, pooled: str, api: FakeApi, schema: str | None
) -> None:
    before, lent = sessions(pooled), set()
    engine = connect(pooled, schema)

    @event.listens_for(engine, "begin")
    def note(connection: Connection) -> None:
        lent.add(connection.exec_driver_sql("select pg_backend_pid()").scalar())

    with_pooler = life(engine, api, schema)
    assert lent == before.keys()
    assert_nothing_is_left(direct, pooled, before)
    with new_database(server.url) as other:
        assert with_pooler == life(connect(other, schema), api, schema)


def life(engine: Engine, api: FakeApi, schema: str | None) -> tuple[object, ...]:
    """Let an empty database see two days; return all that is there, and what commands print."""
    calendar, account = FakeClock(), api.account
    assert isinstance(account, Account)
    account.connectors = [item(f"c{number}") for number in range(6)]
    api.used_by_others += api.remaining - api.rate_limit  # all of the quota is left
    prepare(engine)
    with transaction(engine) as connection:  # each database has its own by chance
        connection.execute(update(DIGEST_KEY).values(secret=b"the same"))
    first = sync(engine, api_settings(api, page_size=2), clock=calendar)
    calendar.pass_a_day()
    warned = {"warnings": [{"code": "late", "message": "Late"}]}
    account.connectors = [item(f"c{number}") for number in range(1, 5)]
    account.connectors += [item("c5", paused=True, status=warned), item("c6")]
    second = sync(engine, api_settings(api, page_size=2), clock=calendar)
    happened = ("added", "changed", "removed")
    assert [[run[name] for name in happened] for run in (first, second)] == [[6, 0, 0], [1, 1, 1]]
    with transaction(engine) as connection:
        views.stop_clock(connection, calendar.now)  # minutes late are the same when they are read
    environment = {
        "INVENTORY_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "INVENTORY_SCHEMA": schema,
    }
    printed = [
        CliRunner().invoke(main, [question, "--format", "json"], env=environment)
        for question in ("status", "runs")
    ]
    assert [answer.exit_code for answer in printed] == [0, 0]
    return everything(engine), *(answer.stdout for answer in printed)


def test_prune_through_the_pooler_deletes_and_leaves_nothing_behind(
    direct: str, pooled: str, api: FakeApi
) -> None:
    before = sessions(pooled)
    life(connect(pooled), api, None)
    with transaction(connect(direct)) as connection:
        views.stop_clock(connection, T0 + timedelta(days=37))
    assert prune(connect(pooled), timedelta(days=35), page=1).rows["connectors_past"] == 2
    assert_nothing_is_left(direct, pooled, before)


def test_jobs_that_share_sessions_share_nothing_else(direct: str, pooled: str) -> None:
    """One keeps to the schema that it names, the other to the default, from the first run on."""
    before = sessions(pooled)
    both = threading.Barrier(2, timeout=PATIENCE)

    def meet(request: Request) -> None:
        if request.path.endswith("/connectors"):
            both.wait()  # page by page: each holds its lock, and comes to its merge with the other

    with served("account_one", meet) as one, served("account_two", meet) as two:
        for _ in range(2):
            jobs = [job(one, pooled), job(two, pooled, schema=ODD_SCHEMA)]
            assert [ended(each) for each in jobs] == [(0, ""), (0, "")]
    assert_nothing_is_left(direct, pooled, before)
    for schema, account in ((None, "account_one"), (ODD_SCHEMA, "account_two")):
        engine = connect(direct, schema)
        assert (
            rows(engine, "inventory_runs", "account_id", "status") == [(account, "succeeded")] * 2
        )
        assert rows(engine, "connectors", "account_id") == [(account,)] * 4


@contextmanager
def served(account_id: str, intercept: Callable[[Request], None]) -> Iterator[FakeApi]:
    account = Account()
    account.account_id = account_id
    account.connectors = [item(f"c{number}") for number in range(4)]
    with FakeApi(account, key=KEY, secret=SECRET, intercept=intercept) as api:
        yield api


# --- the lock -------------------------------------------------------------------------------


class SecondPage:
    """Holds back the second page: a job that has asked for it is in the middle of its walk."""

    def __init__(self, api: FakeApi, account: Account) -> None:
        account.connectors = [item(f"c{number}") for number in range(4)]
        self._asked, self._released = threading.Event(), threading.Event()
        api.intercept = self._hold

    def _hold(self, request: Request) -> None:
        if "cursor" in request.query:
            self._asked.set()
            self._released.wait(PATIENCE)

    def wait(self) -> None:
        assert self._asked.wait(PATIENCE)

    def release(self) -> None:
        self._released.set()


HOLDERS = """
select state, backend_xmin, backend_xid from pg_stat_activity
where pid in (select pid from pg_locks where locktype = 'advisory' and granted)
"""


def test_second_job_is_refused_and_the_lock_holds_back_no_vacuum(
    direct: str, pooled: str, api: FakeApi, account: Account
) -> None:
    page = SecondPage(api, account)
    first = job(api, pooled)
    page.wait()
    refused, skipped = ended(job(api, pooled)), ended(job(api, pooled, "--skip-if-running"))
    holders = read(direct, HOLDERS)
    page.release()
    assert ended(first) == (0, "")
    assert (refused[0], skipped[0]) == (1, 0)
    assert refused[1].startswith("Error: Another run of account account_one is in progress on ")
    assert skipped[1].startswith("Skipped: Another run of account account_one is in progress on ")
    assert holders == [("idle in transaction", None, None)]
    assert read(direct, HOLDERS) == []
    assert rows(connect(direct), "inventory_runs", "run_id", "status") == [(1, "succeeded")]


def test_lock_is_free_after_its_holder_was_killed(
    direct: str, pooled: str, api: FakeApi, account: Account
) -> None:
    page = SecondPage(api, account)
    holder = job(api, pooled)
    page.wait()
    holder.kill()
    assert ended(holder) == (-signal.SIGKILL, "")
    page.release()
    wait_until(lambda: read(direct, HOLDERS) == [])
    assert ended(job(api, pooled)) == (0, "")
    assert rows(connect(direct), "inventory_runs", "run_id", "status") == [
        (1, "crashed"),
        (2, "succeeded"),
    ]


# --- a pooler that dies ---------------------------------------------------------------------


@pytest.mark.parametrize("when", few_of(["walk", "merge"], ["merge"]))
def test_job_whose_pooler_is_killed_has_written_nothing(
    server: Postgres,
    direct: str,
    pooler: PgBouncer,
    pooled: str,
    api: FakeApi,
    account: Account,
    when: str,
) -> None:
    account.connectors = [item(f"c{number}") for number in range(4)]
    assert ended(job(api, pooled)) == (0, "")
    before = everything(connect(direct), but=("inventory_runs",))
    page = SecondPage(api, account)
    account.connectors = [item(f"c{n}", status={"warnings": [{"code": "w"}]}) for n in range(1, 5)]
    with plain(direct) as in_the_way:
        doomed = job(api, pooled)
        page.wait()
        if when == "merge":  # the tables before this one are written when it comes here
            in_the_way.execute(text("lock table warnings in exclusive mode"))
            page.release()
            waits = "select true from pg_locks where relation = 'warnings'::regclass"
            wait_until(lambda: read(direct, f"{waits} and not granted") != [])
        pooler.process.kill()
        pooler.process.wait()
        page.release()
        code, said = ended(doomed)
    assert code == 1, said
    assert [line[:7] for line in said.splitlines() if "Error" in line] == ["Error: "]
    assert "A transaction is written completely or not at all" in said
    of_job = "select pid from pg_stat_activity where application_name = 'inventory'"
    wait_until(lambda: read(direct, of_job) == [])
    assert everything(connect(direct), but=("inventory_runs",)) == before
    with servers.pgbouncer(server) as successor:
        assert ended(job(api, through(successor, direct))) == (0, "")
    log = rows(connect(direct), "inventory_runs", "run_id", "status", "added", "changed", "removed")
    assert log == [(1, "succeeded", 4, 0, 0), (2, "crashed", 0, 0, 0), (3, "succeeded", 1, 3, 1)]
