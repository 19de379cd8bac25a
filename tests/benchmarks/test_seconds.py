"""Seconds and memory of `inventory sync`, beside the least that any run must do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from timing import FLOORS, Database, Figure, Figures, Served

HERE = Path(__file__).parent
SYNC = ("-m", "inventory", "sync", "--format", "json")
FLOOR = {name: (str(HERE / f"{name.replace('-', '_')}.py"),) for name in set(FLOORS.values())}
COMMANDS = dict.fromkeys(FLOORS, SYNC) | dict(sorted(FLOOR.items()))
ON_EMPTY = ("first", "floor-load")


@pytest.mark.parametrize("situation", COMMANDS)
def test_seconds(
    situation: str,
    database: Database,
    served: Served,
    benchmark: BenchmarkFixture,
    figures: Figures,
    pytestconfig: pytest.Config,
) -> None:
    """What each round says is compared with what there was to do."""
    connectors = pytestconfig.getoption("connectors")
    work = {"connectors_seen": connectors, "added": 0, "changed": 0, "removed": 0}
    work["added"] = connectors if situation == "first" else 0
    peaks = []

    def prepare() -> None:
        if situation in ON_EMPTY:
            database.empty()
        if situation in ("changed", "moved"):
            moved_on = served.advance(situation)
            work["changed"] = moved_on if situation == "changed" else 0
        database.settle()

    def target() -> None:
        said, peak = run(COMMANDS[situation], served.url, database.url)
        peaks.append(peak)
        assert said == connectors if situation in FLOOR else said.items() >= work.items()

    if situation not in (*ON_EMPTY, *FLOOR):
        run(SYNC, served.url, database.url)  # into whatever state others left it in
    benchmark.group = f"{connectors:,} connectors, {database.kind}"
    benchmark.pedantic(target, setup=prepare, rounds=pytestconfig.getoption("rounds"))
    benchmark.extra_info["peak_mb"] = max(peaks)
    if benchmark.stats is not None:  # with --benchmark-disable there are none
        figure = Figure(benchmark.stats.stats.median, max(peaks))
        figures[situation, database.kind] = figure


def run(words: tuple[str, ...], api_url: str, database_url: str) -> tuple[Any, float]:
    """Return what it printed, as JSON, and its most memory in MB."""
    variables = {
        "FIVETRAN_API_KEY": "demo-key",
        "FIVETRAN_API_SECRET": "demo-secret",
        "FIVETRAN_API_URL": api_url,
        "INVENTORY_DATABASE_URL": database_url,
    }
    # What measures is kept small: it leaves out all that Python looks for when it starts.
    command = [sys.executable, "-I", "-S", HERE / "peak.py", sys.executable, *words]
    done = subprocess.run(command, env=os.environ | variables, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    said, _, peak = done.stdout.rstrip().rpartition("\n")
    return json.loads(said), int(peak) / 1024
