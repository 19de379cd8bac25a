"""Commands show names where they are known and ids where not, and take either."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from support.builders import Account, api_settings, item, rows
from support.references import group, serve, user

from inventory.cli import main
from inventory.demo.fake_api import FakeApi
from inventory.settings import RemovalSettings
from inventory.sync.run import sync

BROKEN = {"setup_state": "broken"}
DUE = {"paused": False, "schedule_type": "manual", "pause_after_trial": True}


@pytest.fixture(autouse=True)
def _lived(
    engine: Engine, api: FakeApi, account: Account, environment: dict[str, str]
) -> dict[str, str]:
    """A broken connector whose ids all have names, and one of which nothing is known."""
    account.connectors = [
        item("known", status=BROKEN, **DUE),
        item("unknown", group_id="g2", service="rare", connected_by="u2", status=BROKEN, **DUE),
    ]
    serve(account)
    sync(engine, api_settings(api))
    return environment


def shown(*words: str) -> str:
    result = CliRunner().invoke(main, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def cells(*words: str) -> dict[str, tuple[str, str]]:
    """The service and the group that a table shows, by connector."""
    head, *lines = shown(*words).splitlines()
    place = {name: head.index(name) for name in ("connector_id", "service", "group")}

    def cell(line: str, name: str) -> str:
        return line[place[name] :].split("  ")[0].strip()

    return {
        cell(line, "connector_id"): (cell(line, "service"), cell(line, "group"))
        for line in lines
        if cell(line, "connector_id") in ("known", "unknown")
    }


@pytest.mark.parametrize("command", ["status", "incidents", "findings", "at 2100-01-01"])
def test_tables_show_names_and_fall_back_to_ids(command: str) -> None:
    assert cells(*command.split()) == {
        "known": ("PostgreSQL", "Finance"),
        "unknown": ("rare", "g2"),
    }


@pytest.mark.parametrize("command", ["status", "incidents", "findings", "at 2100-01-01"])
def test_json_has_both(command: str) -> None:
    columns = ("group_id", "group_name", "service", "service_name")
    found = {
        row["connector_id"]: tuple(row[name] for name in columns)
        for row in json.loads(shown(*command.split(), "--format", "json"))
    }
    assert found == {
        "known": ("group_one", "Finance", "postgres", "PostgreSQL"),
        "unknown": ("g2", None, "rare", None),
    }


@pytest.mark.parametrize("command", ["incidents", "findings", "at 2100-01-01", "changes"])
def test_every_list_of_connectors_can_be_that_of_a_group_or_service(
    command: str, api: FakeApi, engine: Engine, account: Account
) -> None:
    for each in account.connectors:
        each["schema"] = "renamed"
    sync(engine, api_settings(api))
    for place, found in (("--group=finance", {"known"}), ("--service=rare", {"unknown"})):
        rows = json.loads(shown(*command.split(), place, "--format", "json"))
        assert {row["connector_id"] for row in rows} == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--group", "group_one"), ["known"]),
        (("--group", "Finance"), ["known"]),
        (("--group", "fINANCE"), ["known"]),
        (("--group", "g2"), ["unknown"]),
        (("--group", "g2", "--group", "finance"), ["known", "unknown"]),
        (("--group", "Fin"), []),
        (("--service", "postgresql"), ["known"]),
        (("--service", "postgres"), ["known"]),
        (("--service", "RARE"), ["unknown"]),
        (("--group", "finance", "--service", "rare"), []),
    ],
)
def test_group_and_service_are_taken_by_id_or_name_in_any_case(
    words: tuple[str, ...], found: list[str]
) -> None:
    rows = json.loads(shown("status", *words, "--format", "json"))
    assert sorted(row["connector_id"] for row in rows) == found


def one(name: str) -> dict[str, Any]:
    [row] = json.loads(shown("status", name, "--format", "json"))
    return row


def test_status_of_one_names_creator_destination_and_documentation() -> None:
    row = one("known")
    assert row["creator"] == "Ada Byron <ada.byron@example.org>"
    assert row["destination_service"] == "snowflake"
    assert row["link_to_docs"] == "https://fivetran.com/docs/connectors/databases/postgresql"
    row = one("unknown")
    assert (row["creator"], row["destination_service"], row["link_to_docs"]) == (None, None, None)


@pytest.mark.parametrize(
    ("parts", "creator"),
    [
        ({"given_name": None}, "Byron <ada.byron@example.org>"),
        ({"family_name": ""}, "Ada <ada.byron@example.org>"),
        ({"email": None}, "Ada Byron"),
        ({"given_name": None, "family_name": None}, "<ada.byron@example.org>"),
        ({"given_name": None, "family_name": None, "email": None}, None),
    ],
)
def test_creator_is_named_by_what_is_known(
    engine: Engine, api: FakeApi, account: Account, parts: dict[str, Any], creator: str | None
) -> None:
    serve(account, users=[user(**parts)])
    sync(engine, api_settings(api))
    assert one("known")["creator"] == creator


def test_history_names_the_connector_its_service_and_its_group() -> None:
    assert shown("history", "known").splitlines()[0] == (
        "known_schema (known): PostgreSQL in group Finance"
    )
    assert shown("history", "unknown").splitlines()[0] == (
        "unknown_schema (unknown): rare in group g2"
    )


def test_names_of_what_was_removed_are_still_shown(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    serve(account, groups=[group("other")], users=[user("other")], destinations=[])
    sync(engine, api_settings(api), RemovalSettings(accept=True))
    removed = dict(rows(engine, "groups", "group_id", "removed_at"))
    assert [at is None for at in (removed["group_one"], removed["other"])] == [False, True]
    assert cells("status")["known"] == ("PostgreSQL", "Finance")
    assert one("known")["creator"] == "Ada Byron <ada.byron@example.org>"
