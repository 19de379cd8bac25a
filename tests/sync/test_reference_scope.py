"""Which lists a run reads, and whose rows they are."""

from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from support.builders import (
    T0,
    Account,
    FakeClock,
    api_settings,
    everything,
    item,
    rows,
)
from support.references import PATHS, group, numbered, serve, user

from inventory.cli import main
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi
from inventory.settings import EnrichmentSettings
from inventory.sync.preview import preview
from inventory.sync.run import sync


@pytest.fixture(autouse=True)
def _connector(account: Account) -> None:
    account.connectors = [item()]
    serve(account)


def requested(api: FakeApi, name: str) -> int:
    return sum(request.path == f"/v1/{PATHS[name]}" for request in api.requests)


def command(*words: str) -> None:
    result = CliRunner().invoke(main, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("zone")
def test_connector_types_are_read_once_a_day_of_utc(
    engine: Engine, api: FakeApi, clock: FakeClock, zone: Any
) -> None:
    zone("Asia/Tokyo")  # its days begin nine hours before those of UTC
    for moment, total in (
        (T0, 1),
        (T0.replace(hour=14, minute=59), 1),
        (T0.replace(hour=23, minute=59, second=59), 1),
        (T0.replace(day=2, hour=0), 2),
        (T0.replace(day=2, hour=23), 2),
        (T0.replace(day=4, hour=3), 3),
    ):
        clock.now = moment
        sync(engine, api_settings(api), clock=clock)
        assert requested(api, "connector_types") == total, moment
    assert requested(api, "groups") == 6


def test_connector_types_of_a_later_day_are_not_read_again_until_it_has_passed(
    engine: Engine, api: FakeApi, clock: FakeClock
) -> None:
    """The clock was two days ahead, and was set back."""
    for day, total in ((3, 1), (1, 1), (2, 1), (3, 1), (4, 2)):
        clock.now = T0.replace(day=day, hour=20)
        sync(engine, api_settings(api), clock=clock)
        assert requested(api, "connector_types") == total, day


def test_failed_list_of_connector_types_is_read_again_by_the_next_run(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    types = account.lists.pop(PATHS["connector_types"])
    assert sync(engine, api_settings(api), clock=clock)["skipped"] == "connector_types"
    account.lists[PATHS["connector_types"]] = types
    assert sync(engine, api_settings(api), clock=clock)["skipped"] is None
    assert len(rows(engine, "connector_types")) == 1


@pytest.mark.usefixtures("environment")
def test_run_without_users_asks_for_none_and_keeps_those_stored(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    command("sync", "--quiet", "--no-users")
    assert (requested(api, "users"), rows(engine, "users")) == (0, [])
    command("sync", "--quiet")
    stored = rows(engine, "users")
    assert (requested(api, "users"), len(stored)) == (1, 1)
    serve(account, users=[user(role="New")])
    command("sync", "--quiet", "--no-users")
    assert (requested(api, "users"), rows(engine, "users")) == (1, stored)
    assert rows(engine, "inventory_runs", "skipped") == [(None,)] * 3


def test_users_that_somebody_deleted_return_only_if_a_run_reads_them(
    engine: Engine, api: FakeApi
) -> None:
    sync(engine, api_settings(api))
    for without in (1, 0):  # the digest of the list is forgotten, or still stored
        with transaction(engine) as connection:
            connection.execute(text("delete from users"))
        for _ in range(without):
            sync(engine, api_settings(api), enrichment=EnrichmentSettings(users=False))
            assert rows(engine, "users") == []
        sync(engine, api_settings(api))
        assert rows(engine, "users", "user_id") == [("user_one",)]


def test_equal_list_restores_what_another_account_took_and_removed(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    mine = numbered("groups", 3), numbered("destinations", 3, setup_status="broken")
    theirs = numbered("groups", 5)[2:], numbered("destinations", 5)[2:]
    accounts = {"account_one": "one", "account_two": "two"}
    for account_id, (groups, destinations) in (
        ("account_one", mine),
        ("account_two", theirs),
        ("account_one", mine),  # both list n2: whose it is does not change with every run
        ("account_two", tuple(of[1:] for of in theirs)),
        ("account_one", mine),
    ):
        account.account_id = account_id
        account.connectors = [item(accounts[account_id], schedule_type="manual", group_id="n2")]
        serve(account, groups=groups, destinations=destinations)
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    for name, id_column in (("groups", "group_id"), ("destinations", "destination_id")):
        assert rows(engine, name, id_column, "account_id", "removed_at") == [
            *((f"n{number}", "account_one", None) for number in range(3)),
            *((f"n{number}", "account_two", None) for number in (3, 4)),
        ]
        assert len(rows(engine, f"{name}_past")) == 2
    assert ("one", "destination_broken") in rows(
        engine, "connector_status", "connector_id", "health"
    )


def test_help_says_how_to_remove_the_users_already_stored() -> None:
    shown = CliRunner().invoke(main, ["sync", "--help"]).output
    assert "delete from users" in " ".join(shown.split())


def test_preview_reads_the_lists_and_writes_nothing(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    sync(engine, api_settings(api), clock=clock)
    before = everything(engine)
    serve(account, groups=[], users=[user(role="New")])
    row, _ = preview(engine, api_settings(api))
    assert row["skipped"] == "groups"
    assert requested(api, "users") == 2
    assert everything(engine) == before


def test_two_accounts_may_have_a_user_of_one_id(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    serve(account, users=[user(), user("mine")])
    sync(engine, api_settings(api), clock=clock)
    account.account_id, account.account_name = "account_two", "Account Two"
    account.connectors = [item("theirs", group_id="group_two")]
    serve(account, groups=[group("group_two")], destinations=[], users=[user(given_name="Another")])
    row = sync(engine, api_settings(api), clock=clock)
    assert row["skipped"] is None
    assert rows(engine, "users", "account_id", "user_id", "given_name", "removed_at") == [
        ("account_one", "mine", "Ada", None),
        ("account_one", "user_one", "Ada", None),
        ("account_two", "user_one", "Another", None),
    ]
    assert rows(engine, "groups", "group_id", "account_id", "removed_at") == [
        ("group_one", "account_one", None),
        ("group_two", "account_two", None),
    ]
    assert [row[:2] for row in rows(engine, "accounts")] == [
        ("account_one", "Account One"),
        ("account_two", "Account Two"),
    ]
    # The second account lists no destination: those of the first are not missing.
    assert rows(engine, "destinations", "destination_id", "removed_at") == [("group_one", None)]


def test_account_that_was_named_by_the_user_has_no_name(engine: Engine, api: FakeApi) -> None:
    sync(engine, api_settings(api, account="mine"))
    assert not any(request.path == "/v1/account/info" for request in api.requests)
    assert [row[:2] for row in rows(engine, "accounts")] == [("mine", None)]


def test_run_that_does_not_ask_keeps_an_earlier_name_of_the_account(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    sync(engine, api_settings(api))
    sync(engine, api_settings(api, account="account_one"))
    assert [row[:2] for row in rows(engine, "accounts")] == [("account_one", "Account One")]
    account.account_name = "Renamed"
    sync(engine, api_settings(api))
    assert [row[:2] for row in rows(engine, "accounts")] == [("account_one", "Renamed")]
