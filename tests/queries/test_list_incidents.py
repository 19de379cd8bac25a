"""Outages by time, and all that are open."""

from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    api_settings,
    item,
)
from support.four_days import rows_of, run

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

TWO = ("two", "2026-11-02", "2026-11-03", 1440, "broken", "recovered")
THREE = ("three", "2026-11-03", None, 1452, "failing > broken", None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [TWO, THREE]),
        (("--open",), [THREE]),
        (("--since", "24h"), [THREE]),
        (("--since", "2026-11-02"), [TWO, THREE]),
        (("--since", "2026-11-02T12:00Z"), [TWO, THREE]),  # it ended after that
        (("--since", "2026-11-03T03:00Z"), [THREE]),
        (("--open", "--since", "1m"), [THREE]),
    ],
)
def test_incidents_are_listed_oldest_first(
    database: str, words: tuple[str, ...], expected: list[tuple[Any, ...]]
) -> None:
    rows = rows_of("incidents", *words)
    found = [
        (
            row["connector_id"],
            row["started_at"][:10],
            row["ended_at"] and row["ended_at"][:10],
            *(row["minutes"], row["path"], row["closed_by"]),
        )
        for row in rows
    ]
    assert found == expected


def test_incidents_in_a_table_show_their_duration(database: str) -> None:
    _, first, second = run("incidents").stdout.splitlines()
    assert "2026-11-03 08:45:00+05:45  1 d " in first
    assert "-                          1 d open  " in second


def test_all_of_many_open_incidents_are_listed(
    engine: Engine,
    api: FakeApi,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their ids are bound some hundred at a time."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    broken = {"setup_state": "broken"}
    account.connectors = [item(f"c{number:04}", status=broken) for number in range(1_001)]
    sync(engine, api_settings(api))
    ids = [row["connector_id"] for row in rows_of("incidents", "--open")]
    assert ids == [each["id"] for each in account.connectors]
