"""Items of the lists beside the connectors become rows: columns, `extra`, masks, anomalies."""

import json
from typing import Any

import pytest
from msgspec import Raw
from support.builders import DIGEST_KEY, Item, undigested
from support.references import ITEMS, connector_type, destination, group, user

from inventory.errors import UnexpectedResponseError
from inventory.normalize.reference_lists import REFERENCE_LISTS, ReferenceRows, read_list

SECRET = "s3cr3t-canary-0815"


def read(name: str, *items: Any) -> tuple[ReferenceRows, list[tuple[str, str, str]]]:
    """Read a list; also return its anomalies."""
    anomalies: list[tuple[str, str, str]] = []
    raws = [Raw(each if isinstance(each, bytes) else json.dumps(each).encode()) for each in items]

    def note(*anomaly: str) -> None:
        anomalies.append(anomaly)  # type: ignore[arg-type]

    return read_list(REFERENCE_LISTS[name], raws, DIGEST_KEY, note), anomalies


def cells(name: str, item: Item) -> dict[str, Any]:
    """Return the row of one item by its columns; `extra` as an object."""
    rows, _ = read(name, item)
    [row] = rows.rows.values()
    named = dict(zip(REFERENCE_LISTS[name].columns, row, strict=True))
    if named.get("extra"):
        named["extra"] = json.loads(named["extra"])
    return named


def test_group_has_its_name_and_time() -> None:
    assert cells("groups", group()) == {
        "group_id": "group_one",
        "group_name": "Finance",
        "created_at": "2025-03-04 05:06:07.000000+00:00",
        "extra": None,
    }


def test_destination_has_its_columns_and_the_rest_in_extra() -> None:
    config = {"host": "db.example.org", "password": SECRET, "port": 443}
    row = cells("destinations", destination(config=config, daylight_saving_time_enabled=False))
    assert row["daylight_saving_time_enabled"] is False
    assert row["time_zone_offset"] == "+1"
    shown = json.loads(undigested(json.dumps(row["extra"])))
    assert shown == {"config": config | {"password": "******"}}


@pytest.mark.parametrize("name", ["groups", "destinations"])
@pytest.mark.parametrize(
    "content",
    [
        {"api_key": SECRET},
        {"config": {"private_key": SECRET}},
        {"config": {"url": f"https://me:{SECRET}@host.example.org/"}},
        {"headers": [{"header_name": "X-Api-Key", "header_value": SECRET}]},
        {"note": json.dumps({"deep": {"token": SECRET}})},
    ],
)
def test_secrets_in_extra_are_masked(name: str, content: Item) -> None:
    rows, _ = read(name, ITEMS[name]() | content)
    assert SECRET not in repr(rows)
    assert "******" in repr(rows)


def test_user_has_no_extra_and_neither_phone_nor_picture() -> None:
    row = cells("users", user(phone="+49 30 901820", picture="https://p.example.org/1", nick="Ace"))
    assert row == {
        "user_id": "user_one",
        "email": "ada.byron@example.org",
        "given_name": "Ada",
        "family_name": "Byron",
        "role": "Account Administrator",
        "active": True,
        "logged_in_at": "2026-10-31 08:00:00.000000+00:00",
        "created_at": "2025-01-02 03:04:05.000000+00:00",
    }


def test_connector_type_is_known_by_its_service() -> None:
    assert cells("connector_types", connector_type()) == {
        "service": "postgres",
        "service_name": "PostgreSQL",
        "type": "Database",
        "connector_class": "standard",
        "service_status": "general_availability",
        "link_to_docs": "https://fivetran.com/docs/connectors/databases/postgresql",
    }


@pytest.mark.parametrize("name", ITEMS)
def test_item_may_have_nothing_but_an_id(name: str) -> None:
    row = cells(name, {"id": "bare"})
    assert row.pop(REFERENCE_LISTS[name].id_column) == "bare"
    assert set(row.values()) == {None}


def test_invalid_values_are_anomalies_and_kept_where_there_is_extra() -> None:
    rows, anomalies = read("destinations", destination(daylight_saving_time_enabled="perhaps"))
    [row] = rows.rows.values()
    assert row[-1] == '{"daylight_saving_time_enabled":"perhaps"}'
    assert [anomaly[:2] for anomaly in anomalies] == [
        ("destinations", "daylight_saving_time_enabled")
    ]
    rows, anomalies = read("users", user(logged_in_at="yesterday"))
    assert [anomaly[:2] for anomaly in anomalies] == [("users", "logged_in_at")]
    assert "yesterday" not in repr(rows)


def test_invalid_characters_and_huge_values_end_nothing() -> None:
    deep = b'{"id":"a","name":"x\\u0000y\\ud800","more":' + b"[" * 200 + b"]" * 200 + b"}"
    rows, _ = read("groups", deep)
    [(name, group_name, _, extra)] = rows.rows.values()
    assert (name, group_name) == ("a", "x\ufffdy\ufffd")
    assert "more" in extra


@pytest.mark.parametrize(
    "item",
    [
        {"name": "n"},
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"id": ["a"]},
        {"id": "a\nb"},
        {"id": ".."},
        {"id": "x" * 256},
        ["a"],
        None,
        "a",
        b'{"id":"a"',
    ],
)
@pytest.mark.parametrize("name", ITEMS)
def test_item_without_a_usable_id_spoils_the_list(name: str, item: Any) -> None:
    with pytest.raises(UnexpectedResponseError, match=f"^{REFERENCE_LISTS[name].path} has an item"):
        read(name, {"id": "good"}, item)


def test_later_one_of_two_items_with_one_id_counts() -> None:
    rows, _ = read("groups", group(name="first"), group("b"), group(name="second"))
    assert [row[:2] for row in rows.rows.values()] == [("group_one", "second"), ("b", "Finance")]


@pytest.mark.parametrize("name", ITEMS)
def test_digest_tells_whether_two_lists_mean_the_same(name: str) -> None:
    a, b = ITEMS[name]("a"), ITEMS[name]("b")
    shuffled = dict(reversed(b.items()))
    digest = read(name, a, b)[0].digest
    assert read(name, shuffled, a)[0].digest == digest
    assert read(name, a)[0].digest != digest
    assert read(name, a, b | {"id": "c"})[0].digest != digest
    changed = {"users": "role", "connector_types": "type"}.get(name, "anything")
    assert read(name, a, b | {changed: "other"})[0].digest != digest
