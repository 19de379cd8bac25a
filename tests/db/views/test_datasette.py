"""Views of a SQLite file in Datasette, which sends the values that a user picks as text."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from support.builders import connect
from support.scenario import utc

from inventory.db import engine, views

# How many rows each address finds, at 11-20 11:00 of the script; the demo's clock stands still.
FOUND = {
    "connector_health?is_down=1": 10,
    "connector_health?is_down=0": 46,
    "connector_health?is_down__not=1": 46,
    "connector_health?severity=3": 10,
    "connector_health?severity__gt=1": 14,
    "connector_health?open_tasks=3": 1,
    "connector_health?health=broken": 3,
    "connector_health?health_since=2026-11-20+02:30:00.000000%2B00:00": 1,
    "connector_health?health_since__gte=2026-11-20+02:30:00.000000%2B00:00": 6,
    "connector_health?paused=1": 3,
    "connector_health?is_down=1&service=kafka": 2,
    "latest_run?is_overdue=1": 1,
    "latest_run?typical_interval_minutes=180": 1,
    "availability_30d?availability=0.76": 1,
    "availability_30d?availability__lt=0.7": 5,
    "sync_outcomes_daily?day=2026-11-20&succeeded=2": 2,
    "service_reliability?mttr_minutes=440.3": 1,
    "incidents?ended_at__isnull=1": 10,
    "state_changes?kind=removed&new_value=not_visible": 1,
    "connector_history_mode?_fivetran_active__exact=0": 32,
    "connector_history?config__contains=tsv": 1,
}
ASK = """
import asyncio, json, sys
from datasette.app import Datasette

async def ask(file, addresses):
    datasette = Datasette([file])
    found = {}
    for address in addresses:
        view, filters = address.split("?")
        path = f"/inventory/{view}.json?{filters}&_size=max&_nofacet=1&_nocount=1"
        answer = await datasette.client.get(path)
        found[address] = len(answer.json()["rows"])
    return found

print(json.dumps(asyncio.run(ask(sys.argv[1], sys.argv[2:]))))
"""


def test_datasette_finds_what_a_user_picks(lived_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "inventory.db"
    shutil.copyfile(lived_file, file)
    with engine.transaction(connect(f"sqlite:///{file}")) as connection:
        views.stop_clock(connection, utc("11-20 11:00"))
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(file), *FOUND], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == FOUND
