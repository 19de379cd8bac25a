"""Kills commands that run in processes of their own, at a counted point of their way."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, contextmanager
from itertools import count
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, Table, event
from sqlalchemy.engine.default import DefaultDialect

from inventory.cli import main
from inventory.sync import staging

PATIENCE = 30  # seconds for what takes a moment
# What is run unless other words are given: the reference is not told of details.
SYNC = ("sync", "--page-size", "4", "--details", "none", "--quiet")
FORKS = multiprocessing.get_context("forkserver")


@contextmanager
def at_each_point(act: Callable[[int, str], None]) -> Iterator[None]:
    """Act before each statement, amid the rows of a staged table, around each commit and post."""
    number, commit, copy_rows = count(), DefaultDialect.do_commit, staging.copy_rows
    post = requests.post

    def before_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        act(next(number), statement)

    def around_commit(dialect: DefaultDialect, connection: Any) -> None:
        act(next(number), "before commit")
        commit(dialect, connection)
        act(next(number), "after commit")

    def amid_rows(connection: Any, table: Table, rows: Iterable[Any]) -> None:
        def with_act() -> Iterator[Any]:
            for place, row in enumerate(rows):
                yield row
                if place == 0:
                    act(next(number), f"rows of {table.name}")

        copy_rows(connection, table, with_act())

    def around_post(*arguments: Any, **options: Any) -> Any:
        act(next(number), "before a post")
        response = post(*arguments, **options)
        act(next(number), "after a post")
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "post", around_post)  # as notifications are posted
        patch.setattr(DefaultDialect, "do_commit", around_commit)
        patch.setattr(staging, "copy_rows", amid_rows)
        event.listen(Engine, "before_cursor_execute", before_statement)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", before_statement)


def say(words: str) -> None:
    """Tell the one who looks at a test that failed."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def run_until(
    point: int | None, words: tuple[str, ...], environment: dict[str, str], last_words: Connection
) -> None:
    """Run the command in this process, and kill the process at a point. It says which one."""

    def die(number: int, where: str) -> None:
        if number == point:
            say(f"Killed at point {number}: {where}")
            last_words.send(where)
            os.kill(os.getpid(), signal.SIGKILL)

    os.environ.clear()  # it is that of the first fork
    os.environ.update(environment)
    time.tzset()
    with at_each_point(die):
        main([*words])


def make_forks_quick(*modules: str) -> None:
    """Fork each process from one that has imported everything, these modules too."""
    FORKS.set_forkserver_preload([__name__, "alembic.command", "psycopg", *modules])
    with chdir(Path(__file__).parents[1]):  # it imports from there
        forkserver.ensure_running()


def is_killed(
    environment: dict[str, str],
    *words: str,
    at: int | None = None,
    after: float = PATIENCE,
    where: list[str] | None = None,
) -> bool:
    """Run the command in a process of its own; return whether it was killed before it ended.

    It dies `at` a point of its way, or `after` some seconds. What it was about to do at that point
    is added to `where`.
    """
    hear, last_words = FORKS.Pipe(duplex=False)
    arguments = (at, words or SYNC, dict(os.environ) | environment, last_words)
    process = FORKS.Process(target=run_until, args=arguments)
    process.start()
    process.join(after)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    if where is not None and hear.poll():
        where.append(hear.recv())
    return process.exitcode != 0
