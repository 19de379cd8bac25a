"""An account of 10,000 connectors of 2 KB each, through the command in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

from sqlalchemy import Engine
from worlds import KEY, SECRET, Account, item, rows

from inventory.standin import StandIn

MANY = 10_000


def test_memory_stays_within_bounds_whatever_changed(
    engine: Engine, database_url: str, api: StandIn, account: Account
) -> None:
    account.connectors = [big_item(number) for number in range(MANY)]
    assert 1_800 < len(json.dumps(account.connectors[0])) < 2_500
    environment = os.environ | {
        "FIVETRAN_API_KEY": KEY,
        "FIVETRAN_API_SECRET": SECRET,
        "FIVETRAN_API_URL": api.url,
        "INVENTORY_DATABASE_URL": database_url,
    }
    assert peak_of_sync(environment) < 150
    for each in account.connectors:
        each["paused"] = True
        each["succeeded_at"] = "2026-11-21T00:00:00Z"
    assert peak_of_sync(environment) < 150
    counts = rows(engine, "sync_runs", "run_id", "added", "changed", "connectors_seen")
    assert counts == [(1, MANY, 0, MANY), (2, 0, MANY, MANY)]


def big_item(number: int) -> dict[str, Any]:
    alert = {"code": "resync_table_warning", "message": "Resync", "details": f"{number:0120}"}
    test = {"title": "Connecting to host", "status": "PASSED", "message": "", "details": "1 ms"}
    return item(
        f"connector_{number}",
        config={f"option_{name}": f"{number:040}" for name in range(10)},
        status={"warnings": [alert], "tasks": [alert]},
        setup_tests=[test, test],
    )


# Asked of the process itself: what the kernel reports of a child counts its parent's fork, too.
PROBE = """
import re
from inventory.cli import main
try:
    main(["sync", "--quiet"])
except SystemExit as end:
    assert not end.code, end.code
with open("/proc/self/status") as status:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
"""


def peak_of_sync(environment: dict[str, str]) -> float:
    """Run `inventory sync` and return the most memory that it held, in MB."""
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024
