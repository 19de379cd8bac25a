"""Exports around prunes: after a wrong clock, after long gaps, beside a run that never ends."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from support.builders import Account, api_settings, item
from support.lake import FORMATS, comparable, in_database, in_lake
from support.pruning import LEAST, stopped
from support.wrong_clock import DAY, at

from inventory.db import prune, redate
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import ApiUnavailableError
from inventory.export.run import export
from inventory.models import INVENTORY_RUNS
from inventory.settings import RemovalSettings
from inventory.sync.run import sync

# The computer's own clock is later than all of these.
BEGINS = datetime(2021, 6, 1, 3, tzinfo=UTC)
FAR = timedelta(days=365 * 100)


def live(engine: Engine, api: FakeApi, account: Account, times: Iterable[datetime]) -> None:
    """Execute a run at each time of the clock; each changes a connector."""
    for time in times:
        paused = not (account.connectors and account.connectors[0]["paused"])
        synced = (time - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        account.connectors = [item("changes", paused=paused, succeeded_at=synced), item("stays")]
        sync(engine, api_settings(api), clock=at(time))


def exported(engine: Engine, folder: Path, now: datetime, *tables: str, full: bool = False) -> None:
    stopped(engine, now)
    for each in FORMATS:
        export(engine, str(folder / each), output_format=each, tables=tables or None, full=full)


def on_day(number: int) -> datetime:
    return BEGINS + number * DAY


def test_pruned_runs_stay_though_one_is_dated_into_the_future(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    live(engine, api, account, [on_day(0)])
    api.intercept = lambda request: FakeResponse.error(500, "Oops")
    with pytest.raises(ApiUnavailableError):
        sync(engine, api_settings(api, attempts=1), clock=at(BEGINS + FAR))
    api.intercept = lambda request: None
    live(engine, api, account, map(on_day, range(1, 6)))
    exported(engine, tmp_path, on_day(5), "inventory_runs")
    held = comparable(in_lake(tmp_path / "delta", "inventory_runs"))
    live(engine, api, account, [on_day(60)])
    stopped(engine, on_day(60))
    assert prune.prune(engine, LEAST).rows["inventory_runs"]
    exported(engine, tmp_path, on_day(60), "inventory_runs")
    for each in FORMATS:
        assert not {*held} - {*comparable(in_lake(tmp_path / each, "inventory_runs"))}


@pytest.mark.parametrize("goes_on", [False, True])
def test_redated_rows_that_a_prune_has_left_reach_the_target(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path, goes_on: bool
) -> None:
    """Re-dated, they lie before the time of a prune that took them for those of the future.

    An outcome that a prune has left may keep the wrong time of its run.
    """
    of_future = BEGINS + FAR
    live(engine, api, account, [on_day(0), on_day(1), of_future, *map(on_day, range(3, 20))])
    exported(engine, tmp_path, on_day(60))
    assert prune.prune(engine, LEAST).rows["connectors_past"] == 1
    if goes_on:
        live(engine, api, account, [on_day(59)])
    assert redate.redate(engine, clock=at(on_day(60))).runs
    exported(engine, tmp_path, on_day(60))
    versions = in_database(engine, "connector_history")
    assert len(versions) == 20 + goes_on
    left_out = () if goes_on else ("observed_at",)
    for each in FORMATS:
        found = comparable(in_lake(tmp_path / each, "connector_history"))
        assert {*comparable(versions)} < {*found}
        assert len(found) == len(versions) + 1  # the pruned one
        outcomes = comparable(in_lake(tmp_path / each, "sync_outcomes"), left_out)
        assert {*comparable(in_database(engine, "sync_outcomes"), left_out)} <= {*outcomes}
        of_lake = days(in_lake(tmp_path / each, "availability_daily"))
        assert len({*of_lake}) == len(of_lake)
        assert {*days(in_database(engine, "availability_daily"))} < {*of_lake}


def test_last_days_before_a_long_gap_stay_in_the_target(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    """They are current until a run follows, and by then a prune has deleted what they tell."""
    live(engine, api, account, map(on_day, range(6)))
    account.connectors = [item("changes")]
    sync(engine, api_settings(api), clock=at(on_day(6)), removals=RemovalSettings(accept=True))
    exported(engine, tmp_path, on_day(6), "availability_daily")
    held = in_lake(tmp_path / "delta", "availability_daily")
    assert len(held) == 2 * 7
    stopped(engine, on_day(60))
    assert prune.prune(engine, LEAST).rows["connectors_past"]
    live(engine, api, account, [on_day(60)])
    for full in (False, True):
        exported(engine, tmp_path, on_day(60), "availability_daily", full=full)
        for each in FORMATS:
            found = in_lake(tmp_path / each, "availability_daily")
            assert {*comparable(held)} < {*comparable(found)}
            assert len({*days(found)}) == len(found)


def test_pruned_runs_stay_though_one_before_them_never_ends(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    live(engine, api, account, [on_day(0)])
    left = {"account_id": "gone", "status": "running", "tool_version": "0"}
    with transaction(engine) as connection:
        connection.execute(insert(INVENTORY_RUNS).values(started_at=on_day(0), **left))
    live(engine, api, account, map(on_day, range(1, 6)))
    exported(engine, tmp_path, on_day(5), "inventory_runs")
    live(engine, api, account, [on_day(60)])
    stopped(engine, on_day(60))
    assert prune.prune(engine, LEAST).rows["inventory_runs"]
    for full in (False, True):
        exported(engine, tmp_path, on_day(60), "inventory_runs", full=full)
        for each in FORMATS:
            found = in_lake(tmp_path / each, "inventory_runs")
            assert sorted(row["run_id"] for row in found) == [*range(1, 9)]


def test_days_are_not_settled_by_a_run_of_the_future(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    live(engine, api, account, [on_day(0), on_day(17)])
    exported(engine, tmp_path, on_day(2), "availability_daily")
    live(engine, api, account, map(on_day, range(3, 12)))
    exported(engine, tmp_path, on_day(12), "availability_daily")
    expected = days(in_database(engine, "availability_daily"))
    assert len(expected) == 2 * 13
    for each in FORMATS:
        assert days(in_lake(tmp_path / each, "availability_daily")) == expected


def days(rows: list[dict[str, Any]]) -> list[tuple[date, str]]:
    return sorted((row["day"], row["connector_id"]) for row in rows)
