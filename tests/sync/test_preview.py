"""`--dry-run` shows what a run would do and writes nothing."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from support.builders import (
    Account,
    Item,
    api_settings,
    connect,
    everything,
    item,
)

from inventory.db import revision
from inventory.db.engine import is_sqlite, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import SchemaVersionError
from inventory.sync.preview import preview
from inventory.sync.run import sync

COUNTS = ("connectors_seen", "added", "changed", "removed", "returned", "anomalies", "pages")


def test_preview_shows_what_the_next_run_does_and_writes_nothing(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    def never_due(name: str, **changes: Any) -> Item:
        return item(name, schedule_type="manual", **changes)

    account.connectors = [never_due("back")]
    sync(engine, api_settings(api))
    account.connectors = [never_due("same"), never_due("changes"), never_due("goes")]
    sync(engine, api_settings(api))
    warned = never_due("changes", paused=True, status={"warnings": [{"code": "w"}]})
    account.connectors = [never_due("same"), warned, never_due("new"), never_due("back")]
    before = everything(engine)
    row, changes = preview(engine, api_settings(api))
    assert everything(engine) == before
    both = ["connector_status", "connectors"]
    assert [tuple(change) for change in changes] == [
        ("back", "returned", both, None, "healthy"),
        ("changes", "changed", [*both, "warnings"], "healthy", "paused"),
        ("goes", "removed", both, "healthy", "deleted"),
        ("new", "added", both, None, "healthy"),
    ]
    assert (row["run_id"], row["status"]) == (None, "dry_run")
    run = sync(engine, api_settings(api))
    assert {name: row[name] for name in COUNTS} == {name: run[name] for name in COUNTS}
    assert run["run_id"] == 3


def test_preview_without_changes_lists_nothing(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("same")]
    sync(engine, api_settings(api))
    row, changes = preview(engine, api_settings(api))
    assert (row["connectors_seen"], changes) == (1, [])


def test_preview_on_an_empty_database_leaves_it_empty(
    empty_url: str, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("two")]
    engine = connect(empty_url)
    row, changes = preview(engine, api_settings(api))
    assert (row["added"], len(changes)) == (2, 2)
    assert revision.state_of(engine) is revision.State.EMPTY
    if is_sqlite(engine):
        assert not Path(str(make_url(empty_url).database)).exists()


def test_preview_on_an_older_schema_says_so(engine: Engine, api: FakeApi) -> None:
    with transaction(engine) as connection:
        connection.execute(text("update inventory_version set version_num = '0000'"))
    with pytest.raises(SchemaVersionError, match="inventory db upgrade"):
        preview(engine, api_settings(api))
