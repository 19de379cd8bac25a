"""A database that has seen four days, on each kind in turn."""

from collections.abc import Callable, Iterator

import pytest
from support.databases import new_database
from support.effort import KINDS
from support.four_days import run_four_days


@pytest.fixture(scope="session", params=KINDS)
def four_days(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database that has seen four days; tests only read it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('four_days') / 'inventory.db'}"
        run_four_days(url)
        yield url
    else:
        with new_database(request.getfixturevalue("postgres_server")) as url:
            run_four_days(url)
            yield url


@pytest.fixture
def database(four_days: str, monkeypatch: pytest.MonkeyPatch, zone: Callable[[str], None]) -> str:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", four_days)
    zone("Asia/Kathmandu")
    return four_days
