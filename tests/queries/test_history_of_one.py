"""The history of one connector."""

import csv
import io

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    FakeClock,
    api_settings,
    item,
)
from support.four_days import (
    rows_of,
    run,
    stop_clock,
)

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync


def test_history_of_a_connector_fits_one_screen(database: str) -> None:
    result = run("history", "stock")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "stock (three): s3 in group group_one",
        "broken: setup broken since 2026-11-04 08:45+05:45: task reconnect (down for 1 d)",
        "",
        "health  ··························░░██",
        "syncs   ..........................++xx",
        "        2026-10-06          2026-11-04 (days of UTC)",
        "",
        "health  █ down, ▓ needs action, ▒ worth a look, ░ well, · not observed",
        "syncs   + succeeded, x failed, ! both, . none seen",
        "",
        "at                         kind        what",
        "2026-11-01 08:45:00+05:45  first seen  created 2026-01-02 08:49+05:45",
        "2026-11-03 08:45:00+05:45  changed     health: healthy → failing",
        "2026-11-03 08:45:00+05:45  changed     last_sync_failed: no → yes",
        "2026-11-03 08:45:00+05:45  down        failing",
        "2026-11-04 08:45:00+05:45  changed     health: failing → broken",
        "2026-11-04 08:45:00+05:45  changed     setup_state: connected → broken",
        "2026-11-04 08:45:00+05:45  raised      task reconnect: Log in",
    ]


def test_history_shows_how_outages_and_connectors_ended(database: str) -> None:
    def events(name: str) -> list[tuple[str, str, str]]:
        answer = run("history", name, "--format", "csv").stdout
        rows = csv.DictReader(io.StringIO(answer))
        return [(row["at"][:10], row["kind"], row["what"]) for row in rows][1:]

    assert events("two") == [
        ("2026-11-02", "changed", "health: healthy -> broken"),
        ("2026-11-02", "changed", "setup_state: connected -> broken"),
        ("2026-11-02", "raised", "task reconnect: Log in"),
        ("2026-11-02", "down", "broken"),
        ("2026-11-03", "changed", "health: broken -> healthy"),
        ("2026-11-03", "changed", "setup_state: broken -> connected"),
        ("2026-11-03", "cleared", "task reconnect"),
        ("2026-11-03", "recovered", "after 1 d down: broken"),
    ]
    assert events("gone") == [("2026-11-04", "removed", "deleted")]
    assert events("one") == [
        ("2026-11-02", "changed", "health: healthy -> paused"),
        ("2026-11-02", "changed", "paused: no -> yes"),
        ("2026-11-03", "changed", "config.host: old -> new"),
        ("2026-11-04", "changed", "health: paused -> healthy"),
        ("2026-11-04", "changed", "paused: yes -> no"),
    ]


def test_history_shows_tests_alerts_and_returns(
    engine: Engine,
    api: FakeApi,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    test, warning = {"title": "Ping", "status": "FAILED"}, {"message": "no code"}
    born = {"created_at": "0001-02-03T04:05:06Z"}
    calendar = FakeClock()
    for shown in (
        [item("x", **born, setup_tests=[test], status={"warnings": [warning]})],
        [item("x", **born, setup_tests=[test | {"status": "PASSED"}])],
        [item("x", **born, setup_tests=[])],
        [],
        [item("x", **born, setup_tests=[])],
    ):
        account.connectors = [item("another"), *shown]
        sync(engine, api_settings(api), clock=calendar)
        calendar.pass_a_day()
    stop_clock(engine, calendar.now)
    lines = csv.DictReader(io.StringIO(run("history", "x", "--format", "csv").stdout))
    events = [(row["at"][8:10], row["kind"], row["what"]) for row in lines]
    assert events == [
        ("01", "first seen", "created 0001-02-03 04:05 UTC"),
        ("01", "raised", "warning without a code: no code"),
        ("02", "changed", "health: warning -> healthy"),
        ("02", "changed", "test Ping: status: FAILED -> PASSED"),
        ("02", "cleared", "warning without a code"),
        ("03", "removed", "test Ping"),
        ("04", "removed", ""),
        ("05", "returned", ""),
    ]


def test_history_as_json_has_everything(database: str) -> None:
    history = rows_of("history", "two")
    links = ("predecessor", "successor")
    assert list(history) == [
        "connector",
        "versions",
        "incidents",
        "changes",
        "syncs",
        *links,
    ]
    assert history["connector"] == rows_of("status", "two")[0]
    assert history["incidents"] == [
        row for row in rows_of("incidents") if row["connector_id"] == "two"
    ]
    assert history["changes"] == rows_of("changes", "two", "--since", "7d")
    states = [version["setup_state"] for version in history["versions"]["status"]]
    assert states == ["connected", "broken", "connected"]
    words = [version["health"] for version in history["versions"]["status"]]
    assert words == ["healthy", "broken", "healthy"]
    assert len(history["versions"]["connector"]) == 1
    assert [(sync["day"], sync["succeeded"]) for sync in history["syncs"]] == [
        (f"2026-11-0{day}", 1) for day in range(1, 5)
    ]
