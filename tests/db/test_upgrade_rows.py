"""An upgrade from an old revision keeps every row, and judges the health of the past."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text
from support.builders import (
    Account,
    alembic,
    api_settings,
    everything,
    item,
)
from support.databases import execute
from support.references import destination, group, serve

from inventory.db import upgrade
from inventory.db.engine import read_only
from inventory.db.revision import VERSION_TABLE
from inventory.db.verify import problems
from inventory.demo.fake_api import FakeApi
from inventory.errors import (
    SchemaVersionError,
)
from inventory.health import RULES_DIGEST
from inventory.sync.run import sync

OLD_NAMES = {
    "inventory_runs": "sync_runs",
    "content_hash": "fingerprint",
    "digests": "fingerprints",
}


def raw(engine: Engine, of: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return all stored rows with their columns, or with the columns of an `of` that was returned.

    Tables and columns have the names of the first revision. A table that `of` lacks must be empty.
    """
    found = {}
    with read_only(engine) as connection:
        for name in set(inspect(connection).get_table_names()) - {VERSION_TABLE, "digest_key"}:
            rows = [*connection.execute(text(f"select * from {name}")).mappings()]
            rows = [{OLD_NAMES.get(each, each): cell for each, cell in row.items()} for row in rows]
            name = OLD_NAMES.get(name, name)
            if of and name not in of:
                assert rows == [], name
                continue
            columns = of[name][0] if of else sorted(rows[0])
            found[name] = (
                columns,
                sorted(([row[each] for each in columns] for row in rows), key=repr),
            )
    return found


def test_upgrade_from_the_first_revision_keeps_every_row(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    alert, test = {"code": "w", "details": {"n": 1}}, {"title": "t", "status": "PASSED"}
    for run in range(4):  # rows in every table, past and present
        account.connectors = [
            item(
                f"c{number}",
                sync_frequency=run,
                schedule_type="manual",
                failed_at=f"2026-11-2{run}T00:00:00Z",
                setup_tests=[test | {"message": f"{run}"}],
                status={"warnings": [alert] * (run % 2 + 1), "tasks": [alert] * (2 - run % 2)},
            )
            for number in range(20 - run)
        ]
        serve(
            account,
            groups=[group(name=f"{run}")],
            destinations=[destination(region=f"{run}")],
        )
        sync(engine, api_settings(api))
    # No run writes these.
    others = ("tags", "notifications", "notification_channels", "export_bookmarks")
    assert all(everything(engine, but=others).values())
    alembic(engine, command.downgrade, "0001")
    first = raw(engine)
    with pytest.raises(SchemaVersionError, match="db upgrade"):
        sync(engine, api_settings(api))
    upgrade.upgrade(engine)
    assert raw(engine, first) == first
    assert problems(engine) == []
    # The states alone decide: the connectors failed, and no task takes precedence.
    run = sync(engine, api_settings(api))
    assert (run["changed"], run["health_rules"]) == (0, RULES_DIGEST)


# Versions of states from before health was stored, each from one day of November to the next, and
# the health that the upgrade stores. An empty state: the connector did not exist.
DAY = "2026-11-{:02} 03:00:00.000000+00:00"
STATES = {
    "healthy": {},
    "failing": {"last_sync_failed": "true"},
    "delayed": {"update_state": "'delayed'"},
    "broken": {"setup_state": "'broken'", "last_sync_failed": "true"},
    "paused": {"sync_state": "'paused'", "last_sync_failed": "true"},
    "blocked": {"schema_status": "'blocked_on_capture'", "update_state": "'delayed'"},
    "initial_sync": {"sync_state": "'syncing'", "last_sync_failed": "true"},
    "never_synced": {},
}
# Each line: first day, states, whether it was paused; health with the days of health_since and
# down_since.
LIVES = {
    "in_and_out": [
        (1, "healthy", False, "healthy 1 -"),
        (2, "failing", False, "failing 2 2"),
        (3, "broken", False, "broken 3 2"),
        (4, "broken", False, "broken 3 2"),
        (5, "healthy", False, "healthy 5 -"),
        (6, "delayed", False, "delayed 6 6"),
    ],
    "paused_by_hand": [
        (1, "failing", False, "failing 1 1"),
        (2, "failing", True, "paused 2 -"),
        (3, "paused", False, "paused 2 -"),
        (4, "blocked", False, "blocked 4 -"),
    ],
    "came_back": [
        (1, "failing", False, "failing 1 1"),
        (2, "", False, ""),
        (3, "failing", False, "failing 3 3"),
    ],
    "at_first": [
        (1, "initial_sync", False, "initial_sync 1 -"),
        (2, "never_synced", False, "never_synced 2 -"),
        (3, "failing", False, "failing 3 3"),
    ],
}


def test_past_health_follows_from_states_and_pauses(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    alembic(engine, command.downgrade, "0005")
    execute(engine, *old_rows())
    upgrade.upgrade(engine)
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [
        "Health before this upgrade is derived from states and pauses only; connectors that were "
        "overdue by their schedule are not shown as stale."
    ]
    assert lived(engine) == {
        (name, str(first)): want
        for name, life in LIVES.items()
        for first, _, _, want in life
        if want
    }
    assert problems(engine) == []


@pytest.mark.parametrize(
    ("state", "is_paused", "before", "since"),
    [
        ("broken", True, "broken 1 1", "paused 3 -"),
        ("broken", False, "paused 1 -", "broken 3 3"),
        ("healthy", True, "healthy 1 -", "paused 3 -"),
    ],
)
def test_open_version_is_split_when_the_pause_changed(
    engine: Engine, state: str, is_paused: bool, before: str, since: str
) -> None:
    """Its states are from the first day, and the pause began or ended on the third."""
    alembic(engine, command.downgrade, "0005")
    versions = [(1, state, not is_paused, ""), (3, state, is_paused, "")]
    with pytest.MonkeyPatch.context() as lives:
        lives.setitem(globals(), "LIVES", {"one": versions})
        rows = [row for row in old_rows() if "into connector_status_past" not in row]
    execute(engine, *rows, f"update connector_status set valid_from = '{DAY.format(1)}'")
    upgrade.upgrade(engine)
    assert lived(engine) == {("one", "1"): before, ("one", "3"): since}
    assert problems(engine) == []


def lived(engine: Engine) -> dict[tuple[str, str], str]:
    """Return health, and the days of health_since and down_since, of each version."""
    with read_only(engine) as connection:
        found = connection.execute(
            text("select * from connector_status_history order by connector_id, valid_from")
        ).mappings()
        return {
            (row["connector_id"], day(row["valid_from"])): " ".join(
                (row["health"], day(row["health_since"]), day(row["down_since"]))
            )
            for row in found
        }


def day(instant: Any) -> str:
    return "-" if instant is None else str(int(str(instant)[8:10]))


def old_rows() -> Iterator[str]:
    """Yield the old rows: each version of a connector ends together with that of its states."""
    yield (
        "insert into sync_runs (run_id, account_id, status, started_at, observed_at, pages,"
        " requests, retries, connectors_seen, duplicates, added, changed, removed, returned,"
        f" unconfirmed, anomalies, tool_version) values (1, 'a', 'succeeded', '{DAY.format(1)}',"
        f" '{DAY.format(1)}', 1, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, '0')"
    )
    for name, life in LIVES.items():
        *past, last = [*zip(life, [*life[1:], None], strict=True)]
        first, _, paused, _ = last[0]
        open_from = f"'{name}', 'a', {paused}, '{DAY.format(first)}'"
        yield (
            "insert into connectors (connector_id, account_id, paused, valid_from, first_seen_at)"
            f" values ({open_from}, '{DAY.format(1)}')"
        )
        if name == "at_first":  # no run has seen its first success
            yield status("connector_status", name, last[0], fingerprints="''")
        else:
            success = "'2026-10-01 00:00:00.000000+00:00'"
            seen = {"fingerprints": "''", "succeeded_at": success}
            yield status("connector_status", name, last[0], **seen)
            yield (
                "insert into sync_outcomes (connector_id, outcome, finished_at, run_id)"
                f" values ('{name}', 'succeeded', {success}, 1)"
            )
        for version, following in past:
            if version[1]:
                until = DAY.format(following[0])
                yield (
                    "insert into connectors_past (connector_id, account_id, paused, valid_from,"
                    f" valid_to) values ('{name}', 'a', {version[2]}, '{DAY.format(version[0])}',"
                    f" '{until}')"
                )
                yield status("connector_status_past", name, version, valid_to=f"'{until}'")


def status(table: str, name: str, version: tuple[int, str, bool, str], **more: str) -> str:
    values = {
        "connector_id": f"'{name}'",
        "setup_state": "'connected'",
        "sync_state": "'scheduled'",
        "update_state": "'on_schedule'",
        "last_sync_failed": "false",
        "valid_from": f"'{DAY.format(version[0])}'",
        **STATES[version[1]],
        **more,
    }
    return f"insert into {table} ({', '.join(values)}) values ({', '.join(values.values())})"
