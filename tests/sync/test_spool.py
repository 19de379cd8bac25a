"""The ids that a spool tells: of a million, a copy would take a tenth of a run's memory."""

import tracemalloc
from collections.abc import Iterator

import pytest

from inventory.normalize.rows import new_batch
from inventory.sync.spool import Spool

MANY = [f"connector_{number}" for number in range(10_000)]


@pytest.fixture
def spool() -> Iterator[Spool]:
    spool = Spool(MANY)
    yield spool
    spool.close()


def test_ids_are_those_that_were_added_without_a_copy(spool: Spool) -> None:
    *seen, missing = MANY
    spool.add(new_batch(seen, set()))
    tracemalloc.start()
    told = spool.connector_ids
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
    assert told == {*seen}
    spool.add_details(new_batch([missing, "another"], set()))
    assert told == spool.connector_ids == {*MANY, "another"}
    assert (len(spool), spool.duplicates) == (len(MANY) + 1, 0)


def test_one_that_comes_again_is_a_duplicate(spool: Spool) -> None:
    one, other, *_ = MANY
    spool.add(new_batch([one], set()))
    assert spool.connector_ids == {one}
    spool.add(new_batch([other, one], set()))
    assert (len(spool), spool.duplicates) == (2, 1)


def test_first_id_is_that_of_the_walk(spool: Spool) -> None:
    """A lookup of it tells whether the key can read any. The database has another order."""
    assert spool.first_id is None
    spool.add(new_batch([], set()))
    spool.add(new_batch([MANY[5], MANY[0]], set()))
    spool.add(new_batch([MANY[1]], set()))
    assert spool.first_id == MANY[5]
