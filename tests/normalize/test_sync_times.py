"""An item of which only the times of syncs have moved is told by a row of these times alone."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode
from support.builders import DIGEST_KEY, Item

from inventory.normalize.normalizer import Normalizer
from inventory.normalize.rows import COLUMNS, SECTIONS, SYNC_TIMES
from inventory.normalize.service_levels import ServiceLevels

Cells = dict[str, Any]
EARLY, LATE = "2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z"
BEFORE: Item = {
    "id": "one",
    "service": "s3",
    "schedule_type": "auto",
    "sync_frequency": 60,
    "succeeded_at": "2026-11-19T23:00:00.5Z",
    "failed_at": "2026-11-18T00:00:00Z",
    "status": {"setup_state": "connected", "warnings": [{"code": "c"}]},
    "connect_card": {"token": "of the card"},
}


class Read:
    """What became of one item, its digests apart."""

    def __init__(self, item: Item, known: dict[str, bytes] | None = None, **more: Any) -> None:
        normalizer = Normalizer(
            known=known or {}, on_anomaly=lambda *odd: None, digest_key=DIGEST_KEY, **more
        )
        rows = normalizer.normalize([Raw(encode(item))]).rows
        self.cells = {
            name: [dict(zip(columns, row, strict=True)) for row in rows[name]]
            for name, columns in COLUMNS.items()
        }
        narrow = self.cells["connector_status"] + self.cells[SYNC_TIMES]
        self.digests = {row["connector_id"]: row.pop("digests") for row in narrow}
        self.anomalies = normalizer.anomalies

    @property
    def moved(self) -> list[Cells]:
        return self.cells[SYNC_TIMES]

    @property
    def is_all_moved(self) -> bool:
        return bool(self.moved) and not any(self.cells[section] for section in SECTIONS)


@pytest.mark.parametrize(
    "now",
    [
        {"succeeded_at": EARLY},
        {"failed_at": "2026-11-18T12:00:00+02:00"},
        {"succeeded_at": EARLY, "failed_at": "2026-11-19T00:00:00Z"},
        {"succeeded_at": EARLY, "connect_card": {"token": "another one, of another length"}},
    ],
)
def test_times_that_moved_are_all_that_is_told(now: Item) -> None:
    found, whole = Read(BEFORE | now, Read(BEFORE).digests), Read(BEFORE | now)
    assert found.is_all_moved
    [status], [moved] = whole.cells["connector_status"], found.moved
    assert moved == {name: status[name] for name in moved}
    assert moved["due_at"]
    assert found.digests == whole.digests


def test_times_may_move_again_and_again() -> None:
    once = Read(BEFORE | {"succeeded_at": EARLY}, Read(BEFORE).digests)
    twice = Read(BEFORE | {"succeeded_at": LATE}, once.digests)
    assert twice.is_all_moved
    assert not Read(BEFORE | {"succeeded_at": LATE}, twice.digests).moved


@pytest.mark.parametrize(
    "now",
    [
        {"failed_at": LATE},  # now the last sync has failed
        {"succeeded_at": None},
        {"failed_at": None},
        {"succeeded_at": "yesterday"},
        {"succeeded_at": 1_763_600_000},
        {"succeeded_at": EARLY, "sync_frequency": 30},
        {"succeeded_at": EARLY, "new": 1},
        {"succeeded_at": EARLY, "status": BEFORE["status"] | {"sync_state": "syncing"}},
    ],
)
def test_anything_else_that_changes_has_the_item_read_whole(now: Item) -> None:
    found = Read(BEFORE | now, Read(BEFORE).digests)
    assert not found.moved
    assert found.cells["connector_status"]


def test_time_that_could_not_be_read_has_the_next_item_read_whole() -> None:
    odd = Read(BEFORE | {"succeeded_at": "yesterday"})
    assert not Read(BEFORE | {"succeeded_at": "today"}, odd.digests).moved
    assert not Read(BEFORE, odd.digests).moved


def test_anomalies_of_what_is_not_read_are_counted() -> None:
    odd = BEFORE | {"paused": 3, "status": {"setup_state": "new to us"}}
    found = Read(odd | {"succeeded_at": EARLY}, Read(odd).digests)
    assert (found.is_all_moved, found.anomalies) == (True, 2)


def test_deadline_follows_the_service_level() -> None:
    levels = ServiceLevels("account", [("service", "s3", "5")])
    first = Read(BEFORE, service_levels=levels)
    found = Read(BEFORE | {"succeeded_at": EARLY}, first.digests, service_levels=levels)
    assert [row["due_at"] for row in found.moved] == ["2026-11-20 01:05:00.000000+00:00"]


@pytest.mark.parametrize(
    "more", [{"reread": {"one"}}, {"details_fields": {"one": frozenset({"schedule"})}}]
)
def test_item_is_read_whole_where_its_deadline_depends_on_more(more: Cells) -> None:
    found = Read(BEFORE | {"succeeded_at": EARLY}, Read(BEFORE).digests, **more)
    assert not found.moved
    assert found.cells["connector_status"]


TOKEN = "a token of more than 16 characters"
QUOTING = BEFORE | {"status": BEFORE["status"] | {"new": f"see {TOKEN}"}}
CARDED = QUOTING | {"connect_card": {"token": TOKEN}}


@pytest.mark.parametrize(("before", "now"), [(QUOTING, CARDED), (CARDED, CARDED)])
def test_item_that_quotes_its_card_is_read_whole(before: Item, now: Item) -> None:
    """Its card may have come or changed since what it quotes was stored."""
    found = Read(now | {"succeeded_at": EARLY}, Read(before).digests)
    assert not found.moved
    [status] = found.cells["connector_status"]
    assert TOKEN not in status["extra"]


def test_item_that_does_not_quote_its_card_any_more_is_read_whole() -> None:
    assert not Read(QUOTING | {"succeeded_at": EARLY}, Read(CARDED).digests).moved


# Few texts, so that other fields have that of a time. Some are no times, and look like JSON.
TEXTS = st.sampled_from([EARLY, LATE, "2026-11-20 02:00:00+00:00", "2026", ",", "1763600000", None])
ITEMS = st.fixed_dictionaries(
    {"id": st.just("one")},
    optional={
        "created_at": TEXTS,
        "succeeded_at": TEXTS,
        "failed_at": TEXTS,
        "daily_sync_time": TEXTS,
        "config": st.dictionaries(st.sampled_from([EARLY, LATE, "a"]), TEXTS, max_size=2),
        "status": st.fixed_dictionaries({}, optional={"rescheduled_for": TEXTS}),
        "new": TEXTS | st.lists(TEXTS, max_size=2),
        "connect_card": TEXTS | st.just({"token": EARLY}),
    },
)


@given(before=ITEMS, now=ITEMS, order=st.randoms())
@example({"id": "one", "new": EARLY, "succeeded_at": EARLY}, {"id": "one", "new": LATE}, None)
def test_no_other_change_is_lost(before: Item, now: Item, order: Any) -> None:
    """`now` changes some fields of `before`, which may come in another order."""
    after = before | now
    if order is not None and order.random() < 0.2:
        after = {name: after[name] for name in order.sample([*after], len(after))}
    found, was, whole = Read(after, Read(before).digests), Read(before), Read(after)
    if not found.moved:
        return
    assert found.is_all_moved
    [status], [moved] = whole.cells["connector_status"], found.moved
    was.cells["connector_status"][0] |= {
        name: status[name] for name in ("succeeded_at", "failed_at", "due_at")
    }
    assert was.cells == whole.cells
    assert moved == {name: status[name] for name in moved}
