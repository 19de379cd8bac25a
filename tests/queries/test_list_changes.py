"""Changes by time, field and connector."""

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    FakeClock,
    api_settings,
    item,
)
from support.four_days import columns_of, rows_of, run, stop_clock

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

LAST_RUN = [
    ("gone", "connectors", "removed", None, None, "deleted"),
    ("one", "connector_status", "changed", "health", "paused", "healthy"),
    ("one", "connectors", "changed", "paused", "true", "false"),
    ("three", "connector_status", "changed", "health", "failing", "broken"),
    ("three", "connector_status", "changed", "setup_state", "connected", "broken"),
    ("three", "tasks", "raised", "reconnect", None, "Log in"),
]


@pytest.mark.parametrize("since", [(), ("--since", "last-run"), ("--since", "2026-11-04")])
def test_changes_of_the_last_run(database: str, since: tuple[str, ...]) -> None:
    names = ("connector_id", "table_name", "kind", "field", "old_value", "new_value")
    assert columns_of(rows_of("changes", *since), *names) == LAST_RUN


def test_since_uses_the_databases_clock_and_the_users_zone(database: str) -> None:
    def days_of(since: str) -> set[int]:
        return {int(row["changed_at"][8:10]) for row in rows_of("changes", "--since", since)}

    assert days_of("24h") == {4}
    assert days_of("25h") == {3, 4}
    assert days_of("2w") == {1, 2, 3, 4}
    assert days_of("2026-11-04T08:45") == {4}  # in Kathmandu
    assert days_of("2026-11-04T08:46") == set()
    assert days_of("2026-11-04T03:00Z") == {4}
    assert days_of("2026-11-04T03:01Z") == set()
    assert days_of("2026-12-31") == set()


def test_changes_of_a_field_include_its_parts(database: str) -> None:
    def fields(*words: str) -> list[str]:
        return [row["field"] for row in rows_of("changes", "--since", "7d", *words)]

    assert fields("--field", "config") == ["config.host"]
    assert fields("--field", "config.host") == ["config.host"]
    assert fields("--field", "conf") == fields("--field", "PAUSED") == []
    assert fields("--field", "paused", "--field", "config") == ["paused", "config.host", "paused"]
    [change] = rows_of("changes", "sales", "--since", "36h", "--field", "health")
    assert (change["old_value"], change["new_value"]) == ("broken", "healthy")


def test_changes_of_one_connector(database: str) -> None:
    rows = rows_of("changes", "billing", "--since", "7d")
    names = ("kind", "field", "old_value", "new_value")
    assert columns_of(rows, *names) == [
        ("created", None, None, None),
        ("changed", "health", "healthy", "paused"),
        ("changed", "paused", "false", "true"),
        ("changed", "config.host", "old", "new"),
        ("changed", "health", "paused", "healthy"),
        ("changed", "paused", "true", "false"),
    ]
    shown = run("changes", "billing").stdout.splitlines()
    assert shown[1].startswith("2026-11-04 08:45:00+05:45  one ")


def test_last_run_is_the_last_one_of_each_account(
    engine: Engine,
    api: FakeApi,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    calendar = FakeClock()
    for name, paused in (("a", False), ("a", True), ("b", False), ("b", False)):
        account.account_id, account.connectors = name, [item(f"of_{name}", paused=paused)]
        sync(engine, api_settings(api), clock=calendar)
        calendar.pass_a_day()
    stop_clock(engine, calendar.now)
    changes = rows_of("changes", "--since", "last-run")
    assert columns_of(changes, "connector_id", "field") == [("of_a", "health"), ("of_a", "paused")]
