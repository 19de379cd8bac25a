"""A connector that is deleted and created again: queries by name mention the other ids."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from support.builders import (
    DAY,
    Account,
    FakeClock,
    Item,
    api_settings,
    item,
)
from support.effort import CHIEFLY_SQLITE

from inventory.cli import main
from inventory.db import views
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

Live = Callable[..., None]


def run(*words: str) -> Result:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture
def live(
    engine: Engine,
    api: FakeApi,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    zone: Callable[[str], None],
) -> Live:
    """Let days pass, on each of which these connectors are there."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    zone("UTC")

    def lived(*days: list[Item]) -> None:
        clock = FakeClock()
        for shown in days:
            account.connectors = [item("other"), *shown]
            sync(engine, api_settings(api), clock=clock)
            clock.pass_a_day()
        with transaction(engine) as connection:
            views.stop_clock(connection, clock.now - DAY + timedelta(minutes=1))

    return lived


def crm(connector_id: str, **changes: object) -> Item:
    return item(connector_id, schema="crm", schedule_type="manual", **changes)


BROKEN = {"setup_state": "broken"}
WAS = (
    "was created again: until 2026-11-02 03:00:00+00:00 it was before, "
    "which has a history of its own."
)
IS = "was created again as after, which was first seen 2026-11-02 03:00:00+00:00."


def notes_about(name: str) -> str:
    return run("changes", name, "--format", "json").stderr


def test_query_by_name_says_that_it_was_recreated(live: Live) -> None:
    live([crm("before", status=BROKEN)], [crm("after")])
    for command in ("changes", "incidents", "status"):
        for name, words in (("crm", WAS), ("after", WAS), ("before", IS)):
            result = run(command, name, "--format", "json" if name == "crm" else "table")
            assert result.stderr.splitlines()[-1] == f"{name} {words}"
            assert "created again" not in result.stdout
        assert run(command, "crm", "--quiet").stderr == ""
        assert "created again" not in run(command, "other").stderr + run(command).stderr


def test_history_by_name_says_that_it_was_recreated(live: Live) -> None:
    live([crm("before")], [crm("between")], [], [crm("after")])

    def events(name: str) -> list[tuple[str, str, str]]:
        rows = csv.DictReader(io.StringIO(run("history", name, "--format", "csv").stdout))
        return [(row["at"][8:10], row["kind"], row["what"]) for row in rows]

    first_seen = ("first seen", "created 2026-01-02 03:04 UTC")
    assert events("before") == [
        ("01", *first_seen),
        ("02", "removed", "deleted"),
        ("02", "recreated", "as between"),
    ]
    assert events("between") == [
        ("02", *first_seen),
        ("02", "recreated", "it was before before"),
        ("03", "removed", "deleted"),
        ("04", "recreated", "as after"),
    ]
    assert events("crm") == [("04", *first_seen), ("04", "recreated", "it was between before")]
    connector_history = json.loads(run("history", "between", "--format", "json").stdout)
    assert (
        connector_history["predecessor"]["connector_id"],
        connector_history["successor"]["connector_id"],
    ) == (
        "before",
        "after",
    )
    assert connector_history["predecessor"]["removed_reason"] == "deleted"


@CHIEFLY_SQLITE
def test_name_of_removed_connectors_means_the_last_one(live: Live) -> None:
    live([crm("before", status=BROKEN)], [crm("after", status=BROKEN)], [])
    [incident] = json.loads(run("incidents", "crm", "--format", "json").stdout)
    assert (incident["connector_id"], incident["closed_by"]) == ("after", "removed")
    [incident] = json.loads(run("incidents", "before", "--format", "json").stdout)
    assert incident["connector_id"] == "before"


@CHIEFLY_SQLITE
def test_name_in_another_place_is_another_connector(live: Live) -> None:
    elsewhere = {"group": {"group_id": "two"}, "service": {"service": "s3"}, "name": {"schema": ""}}
    live(
        [item(f"old_{kind}", schema=kind) for kind in elsewhere],
        [item(f"new_{kind}", **{"schema": kind} | other) for kind, other in elsewhere.items()],
    )
    for kind in elsewhere:
        assert notes_about(f"old_{kind}") == notes_about(f"new_{kind}") == ""
        assert "recreated" not in run("history", f"old_{kind}").stdout


@CHIEFLY_SQLITE
def test_connectors_without_a_name_are_not_recreated(live: Live) -> None:
    live([item("before", schema=None)], [item("after", schema=None)])
    assert notes_about("after") == ""


@CHIEFLY_SQLITE
def test_two_connectors_at_a_time_are_not_a_recreation(live: Live) -> None:
    """As long as the older one exists, nothing was recreated."""
    live([crm("one")], [crm("one"), crm("two")])
    assert notes_about("one") == notes_about("two") == ""
