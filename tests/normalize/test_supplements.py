"""An item of the list completed by details reads as the whole item does, however they share it."""

import json
from collections.abc import Set
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from support.builders import DIGEST_KEY, Item, item

from inventory.errors import UnexpectedResponseError
from inventory.normalize.normalizer import NormalizedBatch, Normalizer
from inventory.normalize.rows import COLUMNS, SYNC_TIMES

WHOLE = item(
    "one",
    config={"host": "db.example", "password": "quux-5150"},
    connect_card_config={"redirect_uri": "https://a.example"},
    source_sync_details={"rows": 7},
    schedule={"schedule_type": "INTERVAL", "interval": 15},
    daily_sync_time="06:00",
    brand_new={"deep": [1, "2"], "api_key": "grault-5150"},
    sync_frequency="often",
)
# The list always tells these.
OF_LIST = {"id", "status", "succeeded_at", "failed_at"}
SHARED = sorted(WHOLE.keys() - OF_LIST)
OPTIONAL = {"config", "connect_card_config", "source_sync_details"}


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def cells(page: NormalizedBatch, table: str = "connectors") -> dict[str, Any]:
    [row] = page.rows[table]
    return dict(zip(COLUMNS[table], row, strict=True))


def normalizer(**more: Any) -> Normalizer:
    more = {"known": {}, "on_anomaly": lambda *_: None, "digest_key": DIGEST_KEY} | more
    return Normalizer(**more)


def settings_of(page: NormalizedBatch) -> dict[str, Any]:
    """The row without what says where it comes from."""
    ours = ("has_details", "details_fields", "has_tests")
    return {name: cell for name, cell in cells(page).items() if name not in ours}


SHARES = st.sets(st.sampled_from(SHARED))


@given(SHARES)
def test_details_and_list_together_read_as_the_whole_item(left_out: Set[str]) -> None:
    listed = {name: it for name, it in WHOLE.items() if name not in left_out}
    found = normalizer().complete(raw(listed), raw(WHOLE))
    whole = normalizer().normalize([raw(WHOLE)])
    assert settings_of(found) == settings_of(whole)
    status, same = cells(found, "connector_status"), cells(whole, "connector_status")
    assert status["due_at"] == same["due_at"] == "2026-11-20 02:30:00.000000+00:00"
    assert json.loads(cells(found)["details_fields"]) == sorted(left_out)


@given(SHARES, st.booleans())
def test_list_after_details_reads_as_the_whole_item(left_out: Set[str], renamed: bool) -> None:
    """Only optional objects are absent, which keeps what is stored."""
    listed: Item = {name: it for name, it in WHOLE.items() if name not in left_out}
    first = normalizer().complete(raw(listed), raw(WHOLE))
    stored = cells(first)
    known = {"one": cells(first, "connector_status")["digests"]}
    later: Item = listed | {"succeeded_at": "2026-11-21T01:00:00Z"}
    if renamed:
        later |= {"another": 1}
    second = normalizer(
        known=known,
        read_stored=lambda table, ids: [stored] if table == "connectors" else [],
        details_fields={"one": frozenset(left_out)},
    )
    page = second.normalize([raw(later)])
    [changed] = [name for name in ("connector_status", SYNC_TIMES) if page.rows[name]]
    assert cells(page, changed)["due_at"] == "2026-11-21 02:30:00.000000+00:00"
    assert len(page.rows["connectors"]) == renamed
    if renamed:
        kept = {name: cells(page)[name] for name in COLUMNS["connectors"]}
        absent = {name for name in OPTIONAL & left_out if not kept[f"has_{name}"]}
        assert absent == OPTIONAL & left_out
        ignored = {*absent, *(f"has_{name}" for name in absent), "extra"}
        ignored |= {"has_details", "details_fields"}
        assert {n: it for n, it in kept.items() if n not in ignored} == {
            n: it for n, it in stored.items() if n not in ignored
        }
        extra = json.loads(kept["extra"])
        assert extra.pop("another") == 1
        assert extra == json.loads(stored["extra"])


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(OPTIONAL)])
def test_null_of_the_list_is_no_config_but_a_value_elsewhere(nothing: Item) -> None:
    listed = item("one", schedule=None, **nothing)
    told = {"config": {"a": 1}, "schedule": {"schedule_type": "MANUAL"}}
    row = cells(normalizer().complete(raw(listed), raw(listed | told)))
    assert (row["config"], row["schedule"]) == ('{"a":1}', None)
    assert json.loads(row["details_fields"]) == ["config"]


def test_secret_of_a_field_of_the_details_is_masked() -> None:
    page = normalizer().complete(raw(item("one")), raw(WHOLE))
    assert "5150" not in repr(page.rows)
    assert "******" in cells(page)["config"]


@pytest.mark.parametrize(
    "details",
    [
        None,
        [],
        "one",
        1,
        {},
        {"id": None},
        {"id": 1},
        {"id": "two"},
        {"ID": "one"},
        [{"id": "one"}],
    ],
)
def test_details_of_anything_else_are_an_error(details: Any) -> None:
    with pytest.raises(UnexpectedResponseError, match="details of connector one"):
        normalizer().complete(raw(item("one")), raw(details))


@pytest.mark.parametrize(
    "details", [b"", b"{", b'{"id": "one", "config": {"a": }}', b'{"id": "one"]']
)
def test_details_that_are_not_json_are_an_error(details: bytes) -> None:
    with pytest.raises(UnexpectedResponseError):
        normalizer().complete(raw(item("one")), Raw(details))


def test_answer_of_a_test_replaces_states_and_tests_only() -> None:
    told = {
        "schema": "other",
        "succeeded_at": "2027-01-01T00:00:00Z",
        "status": {"setup_state": "broken", "tasks": [{"code": "t"}]},
        "setup_tests": [{"title": "a", "status": "FAILED"}],
    }
    page = normalizer().complete(raw(item("one")), raw(item("one") | told), tested=True)
    status = cells(page, "connector_status")
    assert (status["setup_state"], status["succeeded_at"]) == (
        "broken",
        "2026-11-20 01:00:00.000000+00:00",
    )
    assert cells(page)["schema_name"] == "one_schema"
    assert cells(page)["has_tests"]
    assert page.changed_lists == {"tasks", "setup_tests"}
    # The next item of the list is read, even the same one.
    again = normalizer(known={"one": status["digests"]}).normalize([raw(item("one"))])
    assert cells(again, "connector_status")["setup_state"] == "connected"
    assert "tasks" in again.changed_lists
