"""The account and the databases that runs are timed on, and the table of what they took.

No time is asserted: a regression shows as a ratio, which is nearly the same on any machine.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import servers
from timing import Database, Figures, Served, table

# Left out of an ordinary run (see pyproject.toml).
pytest_plugins = ["pytest_benchmark.plugin"]

CROWD = Path(__file__).parent / "crowd.py"
FIGURES = pytest.StashKey[Figures]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--connectors", type=int, default=10_000, help="Size of the account")
    parser.addoption("--rounds", type=int, default=3, help="How often each situation is timed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.option.dist = "no"  # what pyproject.toml asks of parallel tests switches timing off
    config.stash[FIGURES] = {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if figures := config.stash[FIGURES]:
        connectors, rounds = (config.getoption(name) for name in ("connectors", "rounds"))
        terminalreporter.write_sep("-", f"{connectors:,} connectors, medians of {rounds}")
        for line in table(figures):
            terminalreporter.write_line(line)


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """What the table at the end is made of."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture(scope="session")
def served(pytestconfig: pytest.Config) -> Iterator[Served]:
    """In a process and a session of its own: Ctrl-C ends it by the end of its stdin."""
    with subprocess.Popen(
        [sys.executable, str(CROWD), str(pytestconfig.getoption("connectors"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:

        def advance(what: str) -> int:
            print(what, file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield Served(process.stdout.readline().strip(), advance)


@pytest.fixture(params=["sqlite", "postgresql"], scope="session")
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("sqlite")

    def empty() -> None:
        for file in folder.iterdir():
            file.unlink()

    return Database("sqlite", f"sqlite:///{folder / 'timed.db'}", empty, lambda: None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Database]:
    """On a server that waits for its disk, as a user's does."""
    with (
        servers.postgres() as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):

        def empty() -> None:
            connection.execute("drop database if exists timed with (force)")
            connection.execute("create database timed")

        def settle() -> None:
            connection.execute("checkpoint")  # or one round would pay for another

        url = f"postgresql://postgres@/timed?host={server.home}"
        empty()
        yield Database("postgresql", url, empty, settle)
