"""An account of 10,000 connectors of 2 KB each, through the command in a process of its own."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    item,
    measured,
    rows,
)

MANY = 10_000


@pytest.mark.thorough
def test_memory_stays_within_bounds_whatever_changed(
    engine: Engine, environment: dict[str, str], account: Account
) -> None:
    account.connectors = [big_item(number) for number in range(MANY)]
    assert 1_800 < len(json.dumps(account.connectors[0])) < 2_500
    assert peak_of_sync() < 90
    for each in account.connectors:
        each["paused"] = True
        each["succeeded_at"] = "2026-11-21T00:00:00Z"
    assert peak_of_sync() < 90
    counts = rows(engine, "inventory_runs", "run_id", "added", "changed", "connectors_seen")
    assert counts == [(1, MANY, 0, MANY), (2, 0, MANY, MANY)]


def peak_of_sync() -> float:
    code, said, peak = measured("sync", "--quiet")
    assert (code, said) == (0, "")
    return peak


def big_item(number: int) -> dict[str, Any]:
    alert = {"code": "resync_table_warning", "message": "Resync", "details": f"{number:0120}"}
    test = {"title": "Connecting to host", "status": "PASSED", "message": "", "details": "1 ms"}
    return item(
        f"connector_{number}",
        config={f"option_{name}": f"{number:040}" for name in range(10)},
        status={"warnings": [alert], "tasks": [alert]},
        setup_tests=[test, test],
    )
