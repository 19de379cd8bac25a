"""`inventory db redate` corrects the times of a wrong clock, completely or not at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, event, make_url
from support.builders import (
    Account,
    api_settings,
    connect,
    contents,
    everything,
    item,
    rows,
)
from support.wrong_clock import (
    CLOCKS,
    DAY,
    HOUR,
    MINUTE,
    ONE,
    RIGHT,
    TICK,
    WRONG,
    S,
    at,
    live,
    named,
    stop_clock,
)

from inventory.cli import main
from inventory.db import locks, redate, redated_rows
from inventory.db.engine import read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import (
    DatabaseUnavailableError,
    NeedsAttentionError,
    RetryableError,
    RunSupersededError,
)
from inventory.models import HISTORY_TABLES, INVENTORY_RUNS
from inventory.sync import run as sync
from inventory.sync import run_log

# --- re-dating ------------------------------------------------------------------------------


def test_tables_are_the_same_as_with_a_right_clock(misdated: Engine, twin: Engine) -> None:
    done = redate.redate(misdated)
    assert [(run.run_id, run.observed_at, run.corrected_at) for run in done.runs] == [
        (2, WRONG, RIGHT[1]),
        (3, WRONG + TICK, RIGHT[2]),
        (4, WRONG + 2 * TICK, RIGHT[3]),
    ]
    for engine in (misdated, twin):
        stop_clock(engine, S + 43 * HOUR)
    # The only difference: the last run has no rules, so that the next one judges all connectors.
    after, as_right = contents(misdated), contents(twin)
    assert after["inventory_runs"][-1].pop("health_rules") is None
    assert as_right["inventory_runs"][-1].pop("health_rules") is not None
    for tables in (after, as_right):
        for run in tables["inventory_runs"]:
            assert run.pop("deadline_at") is None or run["account_id"] == ONE
            run.pop("rate_limit_remaining")  # one API has answered both
    assert after == as_right
    assert named(misdated) == []
    assert redate.redate(misdated) == redate.RedateResult()
    assert everything(misdated, but=("inventory_runs",)) == everything(
        twin, but=("inventory_runs",)
    )


def test_every_row_with_a_wrong_time_is_counted(misdated: Engine) -> None:
    """Counted by hand: the rows that the second and later runs wrote."""
    assert redate.redate(misdated).rows == {
        "connectors": 3,  # a was paused, c is new, d came and went; b is unchanged since run 1
        "connectors_past": 2,
        "connector_status": 3,
        "connector_status_past": 4,
        "warnings": 0,
        "warnings_past": 0,
        "tasks": 0,
        "tasks_past": 1,
        "setup_tests": 0,
        "setup_tests_past": 0,
        "groups": 0,
        "groups_past": 0,
        "destinations": 0,
        "destinations_past": 0,
        "accounts": 0,  # the first run wrote it, at the right time
        "users": 0,
        "connector_types": 0,
        "notification_channels": 0,
        "notifications": 0,
        "inventory_runs": 3,
    }


def test_columns_with_times_of_runs_are_listed() -> None:
    """A new column with the time of a run is re-dated, too; one with a time of the API is not."""
    version, ended = ["valid_from", "changed_after"], ["valid_from", "changed_after", "valid_to"]
    judged = ["health_since", "down_since"]
    expected = {
        "connectors": ["first_seen_at", "removed_at", "details_at", "tested_at", *version],
        "connectors_past": ended,
        "connector_status": [*version, *judged],
        "connector_status_past": [*ended, *judged],
        **dict.fromkeys(("warnings", "tasks", "setup_tests"), version),
        **{f"{name}_past": ended for name in ("warnings", "tasks", "setup_tests")},
        "groups": ["first_seen_at", "removed_at", *version],
        "destinations": ["first_seen_at", "removed_at", *version],
        **{f"{name}_past": ended for name in ("groups", "destinations")},
    }
    found = {
        table.name: sorted(column.name for column in redated_rows.times_of(of, table))
        for of in HISTORY_TABLES
        for table in (of.current, of.past)
    }
    assert found == {name: sorted(columns) for name, columns in expected.items()}


def test_last_run_in_the_future_gets_the_time_just_before_now(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    live(engine, api, account, CLOCKS[:2])
    now = S + 90 * MINUTE
    stop_clock(engine, now)
    redate.redate(engine)
    assert rows(engine, "inventory_runs", "run_id", "started_at", "observed_at", "finished_at") == [
        (1, S, S, S),
        (2, now - TICK, now - TICK, now - TICK),
    ]
    assert named(engine) == []


def test_deadlines_that_had_not_passed_become_the_time_of_the_run(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """By the wrong clock both connectors were overdue; by the right one only `early` is."""
    early, late = S - 150 * MINUTE, S - HOUR
    account.connectors = [
        item(name, sync_frequency=60, succeeded_at=succeeded.isoformat())
        for name, succeeded in (("early", early), ("late", late))
    ]
    for clock in (S, S + 2 * DAY):
        sync.sync(engine, api_settings(api), clock=at(clock))
    columns = ("connector_id", "health", "valid_from", "health_since", "down_since", "due_at")
    due = (S + 30 * MINUTE, S + 2 * HOUR)
    wrong = S + 2 * DAY
    assert rows(engine, "connector_status", *columns) == [
        ("early", "stale", wrong, due[0], due[0], due[0]),
        ("late", "stale", wrong, due[1], due[1], due[1]),
    ]
    now = S + HOUR
    stop_clock(engine, now)
    redate.redate(engine)
    right = now - TICK
    assert rows(engine, "connector_status", *columns) == [
        ("early", "stale", right, due[0], due[0], due[0]),
        ("late", "stale", right, right, right, due[1]),
    ]
    assert named(engine) == []
    # The next run judges all connectors again.
    sync.sync(engine, api_settings(api), clock=at(S + HOUR))
    assert rows(engine, "connector_status", "connector_id", "health", "valid_from") == [
        ("early", "stale", right),
        ("late", "healthy", S + HOUR),
    ]


def test_clock_that_was_late_for_one_run_moves_no_other_run(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Most clocks are trusted: otherwise a clock of 1970 would move all history."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    live(engine, api, account, (S, S + HOUR, epoch, S + 2 * HOUR))
    stop_clock(engine, S + 3 * HOUR)
    before = everything(engine)
    assert redate.redate(engine) == redate.RedateResult()
    assert everything(engine) == before
    assert rows(engine, "inventory_runs", "run_id", "observed_at")[2] == (3, S + HOUR + TICK)
    assert named(engine) == []


def test_runs_of_releases_that_did_not_record_the_clock_are_corrected_too(misdated: Engine) -> None:
    with transaction(misdated) as connection:
        connection.execute(INVENTORY_RUNS.update().values(clock_behind_seconds=0))
    stop_clock(misdated, S + 4 * DAY)
    assert [run.corrected_at for run in redate.redate(misdated).runs] == [*RIGHT[1:]]


def test_runs_with_the_same_time_need_a_person(misdated: Engine) -> None:
    with transaction(misdated) as connection:
        connection.execute(INVENTORY_RUNS.update().values(observed_at=WRONG))
    with pytest.raises(NeedsAttentionError, match="their order is unknown"):
        redate.redate(misdated)


# --- completely or not at all ---------------------------------------------------------------


def test_dry_run_prints_the_same_and_writes_nothing(
    misdated: Engine, environment: dict[str, str]
) -> None:
    before = everything(misdated)
    dry = CliRunner().invoke(main, ["db", "redate", "--dry-run"])
    assert (dry.exit_code, everything(misdated)) == (0, before)
    assert dry.stdout.splitlines() == [
        f"run 2 of account {ONE}: 2100-03-03 04:00:00.000000 UTC becomes "
        "2100-03-01 04:59:59.999999 UTC",
        f"run 3 of account {ONE}: 2100-03-03 04:00:00.000001 UTC becomes "
        "2100-03-01 05:00:00.000000 UTC",
        f"run 4 of account {ONE}: 2100-03-03 04:00:00.000002 UTC becomes "
        "2100-03-01 06:00:00.000000 UTC",
        "Would re-date 3 runs, in rows: 3 connectors, 2 connectors_past, 3 connector_status, "
        "4 connector_status_past, 1 tasks_past, 3 inventory_runs.",
    ]
    done = CliRunner().invoke(main, ["db", "redate"])
    assert (done.exit_code, done.stdout) == (0, dry.stdout.replace("Would re-date", "Re-dated"))
    nothing = CliRunner().invoke(main, ["db", "redate"])
    assert (nothing.exit_code, nothing.stdout) == (
        0,
        "No run has a wrong time: there is nothing to re-date.\n",
    )


class StoppedError(Exception):
    """Ends a re-dating before its end."""


@contextmanager
def ended_before(engine: Engine, number: int, end: Callable[[], None]) -> Iterator[list[str]]:
    """Call `end` before the statement of that number that writes rows."""
    written: list[str] = []

    def count(*call: Any) -> None:
        if call[2].lstrip().lower().startswith(("insert", "update", "delete")):
            if len(written) == number:
                end()
            written.append(call[2])

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield written
    finally:
        event.remove(engine, "before_cursor_execute", count)


def test_failed_redating_changes_nothing(misdated: Engine) -> None:
    def end() -> None:
        raise StoppedError

    before = everything(misdated)
    with ended_before(misdated, -1, end) as written:
        redate.redate(misdated, dry_run=True)
    assert len(written) == 1 + 7 * 4 + 4 + 3 + 2 + 1
    for number in range(len(written)):
        with pytest.raises(StoppedError), ended_before(misdated, number, end):
            redate.redate(misdated)
        assert everything(misdated) == before, number
    assert len(redate.redate(misdated).runs) == 3


KILLED = """
import os, signal, sys
from sqlalchemy import event
from inventory.db import redate
from inventory.db.engine import connect
from inventory.settings import database_settings
left = int(sys.argv[1])
def count(*call):
    global left
    left -= call[2].lstrip().lower().startswith(("insert", "update", "delete"))
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
engine = connect(database_settings())
event.listen(engine, "before_cursor_execute", count)
event.listen(engine, "commit", lambda _: left or os.kill(os.getpid(), signal.SIGKILL))
redate.redate(engine)
"""


@pytest.mark.parametrize("number", [4, 15, 23])
def test_killed_redating_changes_nothing(
    misdated: Engine, environment: dict[str, str], number: int
) -> None:
    """It is killed between tables, and before the commit."""
    before = everything(misdated)
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(number)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert everything(misdated) == before
    assert len(redate.redate(misdated).runs) == 3


def test_redating_is_rejected_during_a_run(misdated: Engine, environment: dict[str, str]) -> None:
    before = everything(misdated, but=("inventory_runs",))
    with locks.lock(misdated, ONE):
        with transaction(misdated) as connection:
            run_log.start(connection, ONE, at(S + 43 * HOUR))
        with pytest.raises(
            RetryableError, match=r"is in progress on .* Wait for it, then run this again"
        ):
            redate.redate(misdated)
        result = CliRunner().invoke(main, ["db", "redate"])
        assert (result.exit_code, result.stdout) == (1, "")
    assert everything(misdated, but=("inventory_runs",)) == before
    assert len(redate.redate(misdated).runs) == 3  # the run is marked as running, and dead


def test_redating_waits_for_a_merge(postgres_url: str) -> None:
    """SQLite allows only one writing transaction at a time anyway."""
    impatient = make_url(postgres_url).update_query_dict({"options": "-c lock_timeout=50ms"})
    engine = connect(impatient.render_as_string(hide_password=False))
    with transaction(connect(postgres_url)) as connection:
        locks.block_other_merges(connection)
        with pytest.raises(DatabaseUnavailableError):
            redate.redate(engine)
    assert redate.redate(engine) == redate.RedateResult()


def test_run_that_read_the_api_meanwhile_merges_nothing(misdated: Engine) -> None:
    with read_only(misdated) as connection:
        expected = run_log.last_merged_at(connection, ONE)
    redate.redate(misdated)
    with transaction(misdated) as connection:
        run = run_log.start(connection, ONE, at(S + 43 * HOUR))
    with pytest.raises(RunSupersededError), transaction(misdated) as connection:
        run_log.begin_merge(connection, run, ONE, expected, at(S + 43 * HOUR))
