"""Worlds whose history has been exported."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.builders import connect
from support.databases import new_database
from support.lake_world import LakeWorld, lived

from inventory.db import upgrade


@pytest.fixture(scope="module")
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], LakeWorld]]:
    """Returns the world on a kind of database; it is made once in a file of tests."""
    known: dict[str, LakeWorld] = {}
    with ExitStack() as stack:

        def url_of(kind: str) -> str:
            if kind == "sqlite":
                url = f"sqlite:///{tmp_path_factory.mktemp('database') / 'inventory.db'}"
            else:
                server = request.getfixturevalue("postgres_server")
                url = stack.enter_context(new_database(server))
            upgrade.upgrade(connect(url))
            return url

        def world(kind: str) -> LakeWorld:
            if kind not in known:
                folder = tmp_path_factory.mktemp("world").resolve()
                known[kind] = stack.enter_context(lived(url_of(kind), folder))
            return known[kind]

        yield world
