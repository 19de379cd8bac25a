"""Pruning works a page at a time, survives interruptions, and does not block runs."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text
from support.builders import (
    KEY,
    SECRET,
    Account,
    FakeClock,
    api_settings,
    connect,
    item,
)
from support.databases import new_database
from support.pruning import (
    CLEARED,
    LEAST,
    NOW,
    PATIENCE,
    Copy,
    after_each_delete,
    beside,
    gone,
    history,
    impatient,
    pruned_undisturbed,
    stopped,
)
from support.scenario import scenes, utc

from inventory.db.engine import read_only
from inventory.db.prune import Pruned, prune
from inventory.db.retention import plans
from inventory.demo.fake_api import FakeApi
from inventory.errors import RunInterruptedError
from inventory.sync.run import sync

# --- a page at a time -----------------------------------------------------------------------


@pytest.mark.thorough
def test_transaction_deletes_at_most_a_page(copy: Copy) -> None:
    world = copy(NOW)
    page, sizes = 9, list[int]()
    with after_each_delete(world, lambda _, number: sizes.append(number)):
        commits = count_commits(world)
        pruned = prune(world, LEAST, page=page)
    assert (max(sizes), sum(sizes)) == (page, pruned.total)
    assert len(commits) == len(sizes) > pruned.total / page
    assert history(world) == pruned_undisturbed(copy, NOW)


def count_commits(engine: Engine) -> list[None]:
    commits: list[None] = []
    event.listen(engine, "commit", lambda _: commits.append(None))
    return commits


ORDERED = """
select c.relname, a.attname
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_class x on x.oid = i.indexrelid
join pg_am m on m.oid = x.relam and m.amname = 'btree'
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"""


def test_index_keeps_the_rows_in_the_order_of_pages(postgres_world: Engine) -> None:
    """Without its order, each page searches and sorts all rows that are left."""
    with read_only(postgres_world) as connection:
        ordered = {tuple(row) for row in connection.execute(text(ORDERED))}
    assert {(plan.table.name, plan.sort_key.name) for plan in plans()} <= ordered


def test_oldest_rows_are_deleted_first(world: Engine) -> None:
    ended: list[list[datetime]] = []

    def note(connection: Connection, number: int) -> None:
        with read_only(connect(world.url.render_as_string(hide_password=False))) as another:
            past = text("select count(*), min(valid_to) from connector_status_past")
            ended.append(list(another.execute(past).one()))

    with after_each_delete(world, note):
        prune(world, LEAST, page=9)
    assert ended == sorted(ended, key=lambda row: (-row[0], row[1]))
    assert len({count for count, _ in ended}) > 2


def test_interrupted_prune_keeps_its_deletions_and_can_continue(copy: Copy) -> None:
    whole = pruned_undisturbed(copy, NOW)
    engine = copy(NOW)
    for point in (0, 1, 3, 8):
        before, left = history(engine), [None] * point

        def interrupt(_: Connection, number: int, left: list[None] = left) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop()

        with (
            after_each_delete(engine, interrupt),
            pytest.raises(RunInterruptedError) as interrupted,
        ):
            prune(engine, LEAST, page=9)
        went = sum(gone(before, history(engine)).values())
        assert (f"At least {went:,} rows" in str(interrupted.value), went > 0) == (True, point > 0)
    prune(engine, LEAST)
    assert history(engine) == whole


KILLED = """
import os, signal, sys
from datetime import timedelta
from sqlalchemy import Engine, event
from inventory import settings
from inventory.db import prune
from inventory.db.engine import connect

left = int(sys.argv[1])

def after(connection, cursor, statement, *_):
    global left
    left -= statement.lower().startswith("delete")
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", after)
prune.prune(connect(settings.database_settings()), timedelta(days=35), page=30)
"""


def test_killed_prune_keeps_its_deletions_and_can_continue(copy: Copy) -> None:
    whole = pruned_undisturbed(copy, NOW)
    engine = copy(NOW)
    before = history(engine)
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    for left in (0, 2, 3):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(left)],
            env=os.environ | {"INVENTORY_DATABASE_URL": url},
            capture_output=True,
            timeout=PATIENCE,
        )
        assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, b"")
        went = gone(before, history(engine))
        assert (sum(went.values()) > 0) == (left > 0)
    prune(engine, LEAST)
    assert history(engine) == whole


# --- at the same time -----------------------------------------------------------------------


def test_two_prunes_at_once_delete_what_one_would(copy: Copy) -> None:
    whole = pruned_undisturbed(copy, NOW)
    engine = copy(NOW)
    before = history(engine)
    start = threading.Barrier(2, timeout=PATIENCE)

    def work(page: int) -> Pruned:
        mine = beside(engine)
        start.wait()
        return prune(mine, LEAST, page=page)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work, page) for page in (20, 30)]
        done = [each.result(PATIENCE) for each in both]
    went = gone(before, history(engine))
    assert sum(each.total for each in done) == sum(went.values())
    prune(engine, LEAST)  # a run stays while another one's deletions are not committed
    assert history(engine) == whole


@pytest.fixture
def postgres_world(lived_database: str, postgres_server: str) -> Iterator[Engine]:
    with new_database(postgres_server, lived_database) as url:
        yield stopped(connect(url), utc(NOW))


def test_second_prune_does_not_wait_for_the_first(postgres_world: Engine) -> None:
    ends: list[Pruned] = []

    def go_ahead(_: Connection, number: int) -> None:
        if not ends:
            ends.append(Pruned(utc(NOW)))
            ends.append(prune(impatient(beside(postgres_world)), LEAST, page=50))

    with after_each_delete(postgres_world, go_ahead):
        first = prune(postgres_world, LEAST, page=50)
    assert first.total > 0 < ends[1].total


def test_run_does_not_wait_for_a_page(postgres_world: Engine) -> None:
    account, clock, done = Account(), FakeClock(), []
    clock.now = utc(NOW)
    *_, (_, account.connectors) = scenes()
    account.connectors = [one | {"paused": True, "failed_at": None} for one in account.connectors]
    with FakeApi(account, key=KEY, secret=SECRET) as api:

        def sync_meanwhile(_: Connection, number: int) -> None:
            settings = api_settings(api, page_size=10)
            done.append(sync(impatient(beside(postgres_world)), settings, clock=clock))

        with after_each_delete(postgres_world, sync_meanwhile):
            prune(postgres_world, LEAST)
    assert [run["status"] for run in done] == ["withheld"] * len(CLEARED)
    assert done[0]["changed"] > 30


@pytest.mark.thorough
def test_run_can_write_between_two_pages_on_sqlite(
    lived_file: Path, tmp_path: Path, account: Account, api: FakeApi
) -> None:
    file = tmp_path / "inventory.db"
    shutil.copyfile(lived_file, file)
    engine = stopped(connect(f"sqlite:///{file}"), utc(NOW))
    account.connectors = [item("new")]
    other = api_settings(api, account="account_three")
    pages: list[int] = []
    merged_at: list[int] = []
    with ThreadPoolExecutor(1) as pool:

        def begin(_: Connection, number: int) -> None:
            pages.append(number)
            if len(pages) == 1:
                pool.submit(sync, beside(engine), other).add_done_callback(
                    lambda run: merged_at.append(len(pages)) if run.result() else None
                )

        with after_each_delete(engine, begin):
            prune(engine, LEAST, page=9)
    assert 1 <= merged_at[0] < len(pages)


def test_prune_pauses_between_two_pages_of_a_file(lived_file: Path, tmp_path: Path) -> None:
    """It pauses longer than SQLite sleeps between attempts: otherwise large pages starve a run."""
    file = tmp_path / "inventory.db"
    shutil.copyfile(lived_file, file)
    engine = stopped(connect(f"sqlite:///{file}"), utc(NOW))
    commits, pauses = list[float](), list[float]()
    event.listen(engine, "commit", lambda _: commits.append(time.monotonic()))
    event.listen(
        engine, "begin", lambda _: pauses.extend(time.monotonic() - over for over in commits[-1:])
    )
    prune(engine, LEAST, page=30)
    # The first commit is that of the bookmarks of exports.
    pages = commits[1:]
    assert sum(pause > 0.1 for pause in pauses) == len(pages) - len(CLEARED) > 2
