"""The real parts that tests are made of: the API over HTTP, SQLite files, a PostgreSQL server."""

import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import servers
from hypothesis import HealthCheck, configuration, settings
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool
from worlds import KEY, SECRET, Account, connect, variables

from inventory import demo, upgrades
from inventory.fleet import Fleet
from inventory.standin import StandIn

KINDS = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="Many thousands of examples and kills instead of some hundred",
    )


def pytest_configure(config: pytest.Config) -> None:
    """An ordinary run tries the same examples every time; a thorough one tries new ones."""
    # Started in the background, as by nohup, everything that is started here would ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    thorough = config.getoption("--thorough")
    settings.register_profile(
        "chosen",
        max_examples=5_000 if thorough else 200,
        derandomize=not thorough,
        database=None,  # no file is left behind
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("chosen")
    home = TemporaryDirectory()  # what it notes of the code would be left in the current folder
    configuration.set_hypothesis_home_dir(home.name)
    config.add_cleanup(home.cleanup)


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


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the user's time zone, for this process and its children."""

    def move_to(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move_to
    monkeypatch.undo()
    time.tzset()


# --- databases ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests."""
    with servers.postgres(*servers.HURRIED) as server:
        yield server.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "inventory.db"
    upgrades.upgrade(connect(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database that the migrations have built."""
    with new_database(postgres_server) as url:
        upgrades.upgrade(connect(url))
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
        demo.show(seed=1)
    return f"sqlite:///{folder / demo.FILE}"


@pytest.fixture(scope="session")
def demo_postgres(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database that has lived the same days; nobody writes to it."""
    with new_database(postgres_server, postgres_template) as url:
        with pytest.MonkeyPatch.context() as patch:
            forget_settings(patch)
            demo.live(connect(url), Fleet(seed=1))
        yield url


@contextmanager
def administration(server: str) -> Iterator[Connection]:
    address = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@contextmanager
def new_database(server: str, template: str = "template0") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with administration(server) as connection:
        connection.execute(text(f"create database {name} template {template}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with administration(server) as connection:
        connection.execute(text(f"drop database {name} with (force)"))


# --- the API --------------------------------------------------------------------------------


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def api(account: Account) -> Iterator[StandIn]:
    """The API of `account`, served on localhost. Faults are put into `api.intercept`."""
    with StandIn(account, key=KEY, secret=SECRET) as server:
        yield server


@pytest.fixture
def environment(api: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a user, set for this process and its children."""
    chosen = variables(api, database_url)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return chosen
