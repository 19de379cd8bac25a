"""The lists beside the connectors are stored as they are listed, and what left them is marked."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import (
    T0,
    Account,
    FakeClock,
    api_settings,
    everything,
    item,
    rows,
)
from support.references import (
    ID_COLUMNS,
    ITEMS,
    PATHS,
    connector_type,
    group,
    numbered,
    serve,
    user,
)

from inventory.demo.fake_api import FakeApi
from inventory.settings import RemovalSettings
from inventory.sync.run import sync

ACCEPTING = RemovalSettings(accept=True)
GUARDED = ("groups", "destinations", "users")  # connector types are never removed
VERSIONED = ("groups", "destinations")


@pytest.fixture(autouse=True)
def _connector(account: Account) -> None:
    account.connectors = [item()]


def run(
    engine: Engine,
    api: FakeApi,
    clock: FakeClock,
    removals: RemovalSettings | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Sync, then let a day pass."""
    row = sync(engine, api_settings(api), removals or RemovalSettings(), clock=clock, **options)
    clock.pass_a_day()
    return row


def stored(engine: Engine, name: str) -> dict[str, Any]:
    """When each row of a list was removed, by its id."""
    return dict(rows(engine, name, ID_COLUMNS[name], "removed_at"))


def requested(api: FakeApi, name: str) -> int:
    return sum(request.path == f"/v1/{PATHS[name]}" for request in api.requests)


# --- what is stored -------------------------------------------------------------------------


def test_each_list_is_stored_in_its_table(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    serve(account)
    assert run(engine, api, clock)["skipped"] is None
    at = ("account_one", T0)
    assert [row[:3] for row in rows(engine, "accounts")] == [("account_one", "Account One", T0)]
    created = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert rows(engine, "groups") == [
        ("group_one", "account_one", "Finance", created, None, T0, None, T0, None)
    ]
    where = ("group_one", "snowflake", "GCP_EUROPE_WEST3", "+1", True, "connected", "Directly")
    assert rows(engine, "destinations") == [
        ("group_one", at[0], *where, None, None, None, None, T0, None, T0, None)
    ]
    login, created = (
        datetime(2026, 10, 31, 8, tzinfo=UTC),
        datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    who = ("ada.byron@example.org", "Ada", "Byron", "Account Administrator", True, login, created)
    assert rows(engine, "users") == [("account_one", "user_one", *who, T0, None)]
    kind = ("PostgreSQL", "Database", "standard", "general_availability")
    link = "https://fivetran.com/docs/connectors/databases/postgresql"
    assert rows(engine, "connector_types") == [("postgres", *kind, link, T0)]


@pytest.mark.parametrize("name", ITEMS)
def test_every_page_of_a_list_is_read(
    engine: Engine, api: FakeApi, account: Account, name: str
) -> None:
    serve(account, **{name: numbered(name, 7)})
    sync(engine, api_settings(api, page_size=3))
    assert [name_of for (name_of,) in rows(engine, name, ID_COLUMNS[name])] == [
        f"n{number}" for number in range(7)
    ]
    assert requested(api, name) == 3


def test_equal_lists_write_nothing_but_the_row_of_the_run(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    serve(account, groups=[group("b"), group("a")])
    sync(engine, api_settings(api), clock=clock)
    before = everything(engine, but=("inventory_runs",))
    clock.now = T0.replace(hour=23)
    account.lists["groups"].reverse()  # the order of a list means nothing
    sync(engine, api_settings(api), clock=clock)
    assert everything(engine, but=("inventory_runs",)) == before


def test_phone_and_picture_are_never_stored(engine: Engine, api: FakeApi, account: Account) -> None:
    serve(account)
    sync(engine, api_settings(api))
    everywhere = repr(everything(engine))
    assert "ada.byron@example.org" in everywhere
    for private in ("901820", "pictures.example.org", "phone", "picture"):
        assert private not in everywhere


# --- what changes ---------------------------------------------------------------------------


def test_renamed_group_gets_a_version_and_keeps_its_history(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    for name in ("Finance", "Treasury"):
        serve(account, groups=[group(name=name), group("other")])
        run(engine, api, clock)
    assert rows(engine, "groups_past", "group_id", "group_name", "valid_from", "valid_to") == [
        ("group_one", "Finance", T0, T0.replace(day=2))
    ]
    columns = ("group_id", "group_name", "first_seen_at", "valid_from", "changed_after")
    assert rows(engine, "groups", *columns) == [
        ("group_one", "Treasury", T0, T0.replace(day=2), T0),
        ("other", "Finance", T0, T0, None),
    ]


def test_changed_user_and_type_are_overwritten(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    serve(account)
    run(engine, api, clock)
    serve(account, users=[user(role="Billing")], connector_types=[connector_type(name="Postgres")])
    run(engine, api, clock)
    assert rows(engine, "users", "role", "first_seen_at") == [("Billing", T0)]
    assert rows(engine, "connector_types", "service_name") == [("Postgres",)]


@pytest.mark.parametrize("name", GUARDED)
def test_what_left_its_list_is_marked_until_it_returns(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock, name: str
) -> None:
    both = numbered(name, 2)
    for items in (both, both[:1], both[:1], both):
        serve(account, **{name: items})
        assert run(engine, api, clock)["skipped"] is None
        if len(items) == 1:
            assert stored(engine, name) == {"n0": None, "n1": T0.replace(day=2)}
    assert stored(engine, name) == {"n0": None, "n1": None}
    if name in VERSIONED:
        when = (ID_COLUMNS[name], "valid_from", "valid_to")
        assert rows(engine, f"{name}_past", *when) == [("n1", T0, T0.replace(day=2))]
        when = (ID_COLUMNS[name], "first_seen_at", "valid_from", "changed_after")
        assert rows(engine, name, *when) == [
            ("n0", T0, T0, None),
            ("n1", T0, T0.replace(day=4), T0.replace(day=3)),
        ]


# --- what is not believed -------------------------------------------------------------------


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_more_than_half_gone_is_not_believed_unless_accepted(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock, name: str, left: int
) -> None:
    serve(account, **{name: numbered(name, 4)})
    run(engine, api, clock)
    before = rows(engine, name)
    serve(account, **{name: numbered(name, 4)[:left]})
    is_believed = left >= 2
    assert run(engine, api, clock)["skipped"] == (None if is_believed else name)
    assert (rows(engine, name) == before) != is_believed
    assert run(engine, api, clock, ACCEPTING)["skipped"] is None
    assert [at for at in stored(engine, name).values() if at is None] == [None] * left


def test_list_that_is_not_believed_leaves_even_what_changed(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    serve(account, groups=numbered("groups", 3))
    run(engine, api, clock)
    before = rows(engine, "groups")
    serve(account, groups=[group("n0", name="New name"), group("new")], users=[user(role="New")])
    for _ in range(2):
        assert run(engine, api, clock)["skipped"] == "groups"
        assert rows(engine, "groups") == before
    assert rows(engine, "users", "role") == [("New",)]
    serve(account, groups=numbered("groups", 3))
    assert run(engine, api, clock)["skipped"] is None
    assert rows(engine, "groups") == before


def test_empty_list_is_believed_where_nothing_was_known(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    serve(account, **{name: [] for name in ITEMS})
    assert run(engine, api, clock)["skipped"] is None
    assert [rows(engine, name) for name in ITEMS] == [[], [], [], []]


def test_connector_type_that_is_listed_no_more_keeps_its_row(
    engine: Engine,
    api: FakeApi,
    account: Account,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    serve(account, connector_types=numbered("connector_types", 3))
    run(engine, api, clock)
    serve(account, connector_types=[])
    assert run(engine, api, clock)["skipped"] == "connector_types"
    assert "The list of connector types is empty, so it was not believed." in caplog.text
    serve(account, connector_types=numbered("connector_types", 1))
    assert run(engine, api, clock)["skipped"] is None
    assert rows(engine, "connector_types", "service", "fetched_at") == [
        ("n0", T0.replace(day=3)),
        ("n1", T0),
        ("n2", T0),
    ]
