"""The real parts that tests are made of: the API over HTTP, SQLite files, a PostgreSQL server."""

import gc
import logging
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, configuration, settings
from sqlalchemy import Engine, make_url
from support import effort, servers
from support.builders import (
    KEY,
    SECRET,
    Account,
    FakeClock,
    connect,
    variables,
)
from support.databases import dismiss_administrators, new_database
from support.effort import KINDS
from support.scenario import play

from inventory import redaction
from inventory.db import upgrade
from inventory.demo import tour
from inventory.demo.account import DemoAccount
from inventory.demo.fake_api import FakeApi
from inventory.demo.tour import FILE

# Files whose tests read one database that takes seconds to set up.
SHARED_SET_UPS = [
    re.compile(".*/db/(views/|test_prune)"),
    re.compile(".*/((queries|output|dictionary)/|export/test_engines)"),
]
FEW, MANY = 40, 5_000  # random examples of a test


def pytest_addoption(parser: pytest.Parser) -> None:
    effort.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """A run tries the same examples every time; one that tries all tries new ones."""
    # Started in the background, as by nohup, everything that is started here would ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tried = effort.effort_of(config)
    settings.register_profile(
        "chosen",
        max_examples=tried.number(FEW, MANY),
        derandomize=tried.share < 1,
        database=None,  # no file is left behind
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("chosen")
    home = TemporaryDirectory()  # what it notes of the code would be left in the current folder
    configuration.set_hypothesis_home_dir(home.name)
    config.add_cleanup(home.cleanup)
    config.add_cleanup(dismiss_administrators)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send tests that share a slow set-up to one process: a file, or a folder of files."""
    from xdist.scheduler import LoadFileScheduling

    class LoadSetUpScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            return next((each.pattern for each in SHARED_SET_UPS if each.match(path)), path)

    return LoadSetUpScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    effort.deselect(config, items)


def pytest_collection_finish() -> None:
    """Whoever collects garbage need not look through all tests again: retries do so each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> effort.Effort:
    return effort.effort_of(pytestconfig)


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FIVETRAN_", "INVENTORY_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes what the person who runs it has set up."""
    forget_settings(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(autouse=True)
def _nobodys_log_levels() -> Iterator[None]:
    """A command that runs within the tests sets how much is logged: for itself only."""
    loggers = [logging.getLogger(), logging.getLogger("inventory")]
    levels = [each.level for each in loggers]
    yield
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


@pytest.fixture(autouse=True)
def _nobodys_secrets() -> Iterator[None]:
    """What one test has taken out of all output, such as "secret", the next one may print."""
    before = set(redaction._hidden)
    yield
    redaction._hidden.intersection_update(before)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the user's time zone, for this process and its children."""

    def move_to(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move_to
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def clock() -> FakeClock:
    """The clock of runs: a test lets time pass."""
    return FakeClock()


# --- databases ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests."""
    with servers.postgres(*servers.HURRIED) as server:
        yield server.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "inventory.db"
    upgrade.upgrade(connect(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database that the migrations have built."""
    with new_database(postgres_server) as url:
        upgrade.upgrade(connect(url))
        yield str(make_url(url).database)


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a table, on each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'inventory.db'}"
    else:
        with new_database(request.getfixturevalue("postgres_server")) as url:
            yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and no row, on each kind in turn."""
    if request.param == "sqlite":
        file = tmp_path / "inventory.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
    else:
        template = request.getfixturevalue("postgres_template")
        with new_database(request.getfixturevalue("postgres_server"), template) as url:
            yield url


@pytest.fixture
def engine(database_url: str) -> Engine:
    """The same database, as the tool reaches it."""
    return connect(database_url)


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database with all tables, for what only that kind has."""
    with new_database(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the file that `inventory demo` leaves behind; nobody writes to it."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        forget_settings(patch)
        patch.chdir(folder)
        tour.show(seed=1)
    return f"sqlite:///{folder / FILE}"


@pytest.fixture(scope="session")
def demo_postgres(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database that has lived the same days; nobody writes to it."""
    with new_database(postgres_server, postgres_template) as url:
        with pytest.MonkeyPatch.context() as patch:
            forget_settings(patch)
            tour.simulate(connect(url), DemoAccount(seed=1))
        yield url


@pytest.fixture(scope="session")
def lived_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripted world after its last run, to be copied."""
    file = tmp_path_factory.mktemp("lived") / "inventory.db"
    shutil.copyfile(sqlite_template, file)
    play(connect(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def lived_database(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The name of a database that holds the same."""
    with new_database(postgres_server, postgres_template) as url:
        play(connect(url))
        yield str(make_url(url).database)


# --- the API --------------------------------------------------------------------------------


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def api(account: Account) -> Iterator[FakeApi]:
    """The API of `account`, served on localhost. Faults are put into `api.intercept`."""
    with FakeApi(account, key=KEY, secret=SECRET) as server:
        yield server


@pytest.fixture
def environment(api: FakeApi, database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a user, set for this process and its children."""
    chosen = variables(api, database_url)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return chosen
