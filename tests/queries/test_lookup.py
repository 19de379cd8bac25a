"""Which connector a name means."""

import json

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    api_settings,
    item,
)
from support.four_days import run

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync


@pytest.mark.parametrize("command", ["status", "changes", "history", "incidents"])
def test_unknown_or_ambiguous_name_is_rejected_with_a_suggestion(
    database: str, command: str
) -> None:
    for name, words in {
        "Twin": "2 connectors are named Twin; use an id: twin_a, twin_b.",
        "twin": "2 connectors are named twin; use an id: twin_a, twin_b.",
        "biling": "There is no connector named biling. Did you mean billing?",
        "STOK": "There is no connector named STOK. Did you mean stock?",
        "ree": "There is no connector named ree. Did you mean three?",
        "zzzzzz": "There is no connector named zzzzzz. `inventory status` lists all.",
        "\x1b[1m": r"There is no connector named \x1b[1m. `inventory status` lists all.",
    }.items():
        result = run(command, name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"Error: {words}\n"
    for name in ("\udcff", "a\0b"):
        assert run(command, name).exit_code == 2


def test_name_means_the_connector_that_exists(engine: Engine, api: FakeApi, account: Account,
                                             monkeypatch: pytest.MonkeyPatch,
                                             database_url: str) -> None:  # fmt: skip
    """A connector that was deleted and made anew has another id, and the same name."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    account.connectors = [item("before", schema="crm"), item("other")]
    sync(engine, api_settings(api))
    account.connectors = [item("after", schema="crm"), item("other")]
    sync(engine, api_settings(api))
    for name, connector_id in {"crm": "after", "after": "after", "before": "before"}.items():
        [row] = json.loads(run("status", name, "--format", "json").stdout)
        assert row["connector_id"] == connector_id
