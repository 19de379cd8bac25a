"""A value of the lists beside the connectors that cannot be read ends nothing."""

from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import Account, FakeClock, Item, api_settings, item, rows
from support.references import ID_COLUMNS, ITEMS, connector_type, destination, group, serve, user

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

# A field of each kind, its column, and values that cannot be read.
UNREADABLE = [
    ("groups", "name", "group_name", 7),
    ("groups", "created_at", "created_at", "2025-13-99"),
    ("destinations", "setup_status", "setup_status", {"x": 1}),
    ("destinations", "setup_status", "setup_status", ["broken"]),
    ("destinations", "time_zone_offset", "time_zone_offset", 5),
    ("destinations", "daylight_saving_time_enabled", "daylight_saving_time_enabled", "perhaps"),
    ("users", "role", "role", ["a"]),
    ("users", "active", "active", "perhaps"),
    ("users", "logged_in_at", "logged_in_at", "yesterday"),
    ("connector_types", "name", "service_name", {"en": "x"}),
]
ABSENT = object()


@pytest.fixture
def run(engine: Engine, api: FakeApi, account: Account, clock: FakeClock) -> Any:
    """Serve these lists, sync, and let a day pass."""
    account.connectors = [item(schedule_type="manual")]

    def run(**lists: list[Item]) -> dict[str, Any]:
        serve(account, **lists)
        row = sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
        return row

    return run


@pytest.mark.parametrize(("name", "field", "column", "value"), UNREADABLE)
def test_unreadable_value_leaves_the_last_valid_one(
    engine: Engine, run: Any, name: str, field: str, column: str, value: Any
) -> None:
    make = ITEMS[name]
    run(**{name: [make(), make("other")]})
    before = rows(engine, name, ID_COLUMNS[name], column)
    for changed in ({field: value}, {field: value, "more": 1}):
        assert run(**{name: [make(**changed), make("other"), make("new", **changed)]})
        assert rows(engine, name, ID_COLUMNS[name], column) == sorted([*before, ("new", None)])
    # The others of its row are read.
    run(**{name: [make(), make("other"), make("new")]})
    assert None not in [cell for (cell,) in rows(engine, name, column)]


def test_null_ends_a_value_whether_or_not_it_was_unreadable_before(
    engine: Engine, run: Any
) -> None:
    run()
    run(users=[user(role=["a"])], groups=[group(name=7)], connector_types=[connector_type(name=7)])
    assert rows(engine, "users", "role") == [("Account Administrator",)]
    run(
        users=[user(role=None)],
        groups=[group(name=None)],
        connector_types=[connector_type(name=None)],
    )
    assert rows(engine, "users", "role") == [(None,)]
    assert rows(engine, "groups", "group_name") == [(None,)]
    assert rows(engine, "connector_types", "service_name") == [(None,)]


@pytest.mark.parametrize("value", [{"x": 1}, ["broken"], 5, "", None, ABSENT])
def test_outage_goes_on_while_the_status_of_the_destination_says_nothing(
    engine: Engine, run: Any, value: Any
) -> None:
    run(destinations=[destination(setup_status="broken")])
    said = destination(setup_status=value)
    if value is ABSENT:
        del said["setup_status"]
    row = run(destinations=[said])
    assert row["changed"] == 0
    assert rows(engine, "connector_status", "health") == [("destination_broken",)]
    assert rows(engine, "destinations", "setup_status") == [("broken",)]
    run(destinations=[destination()])
    assert rows(engine, "connector_status", "health") == [("healthy",)]


@pytest.mark.parametrize("name", ["groups", "destinations"])
def test_extra_that_means_the_same_keeps_its_spelling(engine: Engine, run: Any, name: str) -> None:
    first: Item = {"more": [1, {"a": 1}], "at": "2026-10-31T08:00:00Z"}
    run(**{name: [ITEMS[name](**first)]})
    before = rows(engine, name)
    for same in (
        {"more": [1.0, {"a": 1}], "at": "2026-10-31T09:00:00+01:00"},
        {"more": [1, {"a": 1, "c": None}], "new": ""},
        {"more": ["1", {"a": "1"}]} | {"at": first["at"]},
        first,
    ):
        run(**{name: [ITEMS[name](**(first | same))]})
        assert rows(engine, name) == before
    run(**{name: [ITEMS[name](**(first | {"more": [2]}))]})
    assert len(rows(engine, f"{name}_past")) == 1
