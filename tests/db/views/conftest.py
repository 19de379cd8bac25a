"""The scenario's database after its last run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.builders import connect
from support.databases import new_database
from support.effort import KINDS


@pytest.fixture(scope="session")
def sqlite_scenario(lived_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    file = tmp_path_factory.mktemp("scenario") / "inventory.db"
    shutil.copyfile(lived_file, file)
    return connect(f"sqlite:///{file}")


@pytest.fixture(scope="session")
def postgresql_scenario(postgres_server: str, lived_database: str) -> Iterator[Engine]:
    with new_database(postgres_server, lived_database) as url:
        yield connect(url)


@pytest.fixture(params=KINDS)
def scenario(request: pytest.FixtureRequest) -> Engine:
    """The database after the last run, on each kind in turn; no test changes it."""
    engine: Engine = request.getfixturevalue(f"{request.param}_scenario")
    return engine
