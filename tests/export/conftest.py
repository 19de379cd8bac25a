"""Worlds whose history is exported."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import pytest
from support.builders import connect
from support.databases import new_database
from support.lake_world import LakeWorld, lived

from inventory.db import upgrade

Worlds: TypeAlias = Callable[[str], LakeWorld]


@pytest.fixture(scope="module")
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    """Returns the world on a kind of database; its history has been exported twice."""
    with _made_once(request, tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def new_worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    """Returns the world of eight days on a kind of database; nothing is exported."""
    with _made_once(request, tmp_path_factory, until=8, exported_on=()) as made:
        yield made


@contextmanager
def _made_once(
    request: pytest.FixtureRequest, folders: pytest.TempPathFactory, **options: Any
) -> Iterator[Worlds]:
    """Make each world when a test of the file asks for it first."""
    known: dict[str, LakeWorld] = {}
    with ExitStack() as stack:

        def url_of(kind: str) -> str:
            if kind == "sqlite":
                url = f"sqlite:///{folders.mktemp('database') / 'inventory.db'}"
            else:
                server = request.getfixturevalue("postgres_server")
                url = stack.enter_context(new_database(server))
            upgrade.upgrade(connect(url))
            return url

        def world(kind: str) -> LakeWorld:
            if kind not in known:
                folder = folders.mktemp("world").resolve()
                known[kind] = stack.enter_context(lived(url_of(kind), folder, **options))
            return known[kind]

        yield world
