"""Databases that tests of pruning and re-dating start from."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    connect,
)
from support.databases import new_database
from support.effort import KINDS
from support.pruning import (
    NOW,
    Copy,
    stopped,
)
from support.scenario import utc
from support.wrong_clock import (
    HOUR,
    RIGHT,
    S,
    live,
    stop_clock,
)

from inventory.db.engine import is_sqlite
from inventory.demo.fake_api import FakeApi


@pytest.fixture(params=KINDS)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    """Return a function that copies the scenario, with the clock stopped at a time."""
    with contextlib.ExitStack() as copies:

        def made(now: str) -> Engine:
            if request.param == "sqlite":
                file = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
                shutil.copyfile(request.getfixturevalue("lived_file"), file)
                url = f"sqlite:///{file}"
            else:
                lived = request.getfixturevalue("lived_database")
                server = request.getfixturevalue("postgres_server")
                url = copies.enter_context(new_database(server, lived))
            return stopped(connect(url), utc(now))

        yield made


@pytest.fixture
def world(copy: Copy) -> Engine:
    return copy(NOW)


@pytest.fixture
def misdated(engine: Engine, api: FakeApi, account: Account) -> Engine:
    """Forty hours after the last run."""
    live(engine, api, account)
    stop_clock(engine, S + 43 * HOUR)
    return engine


@pytest.fixture
def twin(
    engine: Engine,
    request: pytest.FixtureRequest,
    api: FakeApi,
    account: Account,
    tmp_path: Path,
) -> Iterator[Engine]:
    """A database of the same kind with the same runs under a right clock."""
    if is_sqlite(engine):
        file = tmp_path / "twin.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield live(connect(f"sqlite:///{file}"), api, account, RIGHT)
    else:
        template = request.getfixturevalue("postgres_template")
        with new_database(request.getfixturevalue("postgres_server"), template) as url:
            yield live(connect(url), api, account, RIGHT)
