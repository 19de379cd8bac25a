"""The run log: how each run began and ended, and the fence around a merge."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from support.builders import rows

from inventory import __version__
from inventory.db import sqlite
from inventory.db.engine import Clock, is_sqlite, read_only, transaction
from inventory.errors import (
    ApiUnavailableError,
    DatabaseUnavailableError,
    RunSupersededError,
)
from inventory.sync import run_log
from inventory.sync.merge_context import MergeContext

ONE, TWO = "account_one", "account_two"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICK, HOUR = timedelta(microseconds=1), timedelta(hours=1)


def at(moment: datetime) -> Clock:
    return lambda _: moment


def start(engine: Engine, account: str = ONE, moment: datetime = NOON) -> int:
    with transaction(engine) as connection:
        return run_log.start(connection, account, at(moment))


def merge(
    engine: Engine, run: int, expected: datetime | None, moment: datetime = NOON, account: str = ONE
) -> MergeContext:
    with transaction(engine) as connection:
        instant = run_log.begin_merge(connection, run, account, expected, at(moment))
        run_log.finish(connection, instant, at(moment), status="succeeded", connectors_seen=7)
        return instant


def row(engine: Engine, run: int) -> dict[str, Any]:
    with read_only(engine) as connection:
        return run_log.get(connection, run)


def test_run_that_starts_marks_as_crashed_what_its_account_left_running(engine: Engine) -> None:
    left, of_another = start(engine), start(engine, TWO)
    again = start(engine, moment=NOON + HOUR)
    merge(engine, again, None, NOON + HOUR)
    last = start(engine, moment=NOON + 2 * HOUR)
    columns = ("run_id", "account_id", "status", "started_at", "finished_at", "error_code")
    assert rows(engine, "inventory_runs", *columns) == [
        (left, ONE, "crashed", NOON, NOON + HOUR, "crashed"),
        (of_another, TWO, "running", NOON, None, None),
        (again, ONE, "succeeded", NOON + HOUR, NOON + HOUR, None),
        (last, ONE, "running", NOON + 2 * HOUR, None, None),
    ]
    assert left < of_another < again < last
    assert row(engine, last)["tool_version"] == __version__


def test_merge_is_refused_if_another_run_has_merged_since(engine: Engine) -> None:
    merge(engine, start(engine), None)
    run = start(engine)
    for stale in (None, NOON - TICK):
        with pytest.raises(RunSupersededError, match="took over"):
            merge(engine, run, stale)
    assert row(engine, run)["status"] == "running"
    merge(engine, run, NOON)
    with pytest.raises(RunSupersededError):
        merge(engine, run, NOON + TICK)  # once is enough


def test_merge_is_refused_to_a_run_that_was_marked_crashed(engine: Engine) -> None:
    slow = start(engine)
    quick = start(engine)
    with pytest.raises(RunSupersededError, match="took over"):
        merge(engine, slow, None)
    assert merge(engine, quick, None).previous_at is None


@contextmanager
def impatient(engine: Engine) -> Iterator[Connection]:
    """A transaction that waits for no lock."""
    if is_sqlite(engine):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite, "_BUSY_SECONDS", 0)
            with transaction(engine) as connection:
                yield connection
    else:
        with transaction(engine) as connection:
            connection.execute(text("set local lock_timeout = '10ms'"))
            yield connection


def test_no_run_starts_during_a_merge(engine: Engine) -> None:
    run = start(engine)
    with transaction(engine) as connection:
        instant = run_log.begin_merge(connection, run, ONE, None, at(NOON))
        with pytest.raises(DatabaseUnavailableError), impatient(engine) as other:
            run_log.start(other, ONE, at(NOON))
        run_log.finish(connection, instant, at(NOON), status="succeeded")
    assert row(engine, run)["status"] == "succeeded"


def test_timestamps_increase_whatever_the_clock_does(engine: Engine) -> None:
    clock = [NOON, NOON, NOON - HOUR, NOON + TICK, NOON + HOUR, NOON]
    merge(engine, start(engine, TWO, NOON - 2 * HOUR), None, NOON - 2 * HOUR, TWO)
    instants: list[datetime] = []
    for moment in clock:
        previous = instants[-1] if instants else None
        run = start(engine, moment=moment)
        merged = merge(engine, run, previous, moment)
        behind = moment if merged.observed_at - moment > timedelta(seconds=5) else None
        assert merged == MergeContext(ONE, run, merged.observed_at, previous, behind)
        facts = row(engine, run)
        assert facts["observed_at"] == merged.observed_at <= facts["finished_at"]
        instants.append(merged.observed_at)
    after = [NOON, NOON + TICK, NOON + 2 * TICK, NOON + 3 * TICK, NOON + HOUR, NOON + HOUR + TICK]
    assert instants == after
    with read_only(engine) as connection:
        assert run_log.last_merged_at(connection, ONE) == after[-1]
        assert run_log.last_merged_at(connection, "account_three") is None


def test_run_never_ends_before_it_began(engine: Engine) -> None:
    run = start(engine, moment=NOON)
    assert merge(engine, run, None, NOON - HOUR).observed_at == NOON
    late = start(engine, moment=NOON + 2 * HOUR)
    assert fail(engine, late)["finished_at"] == NOON + 2 * HOUR


def fail(engine: Engine, run: int | None, **facts: Any) -> dict[str, Any]:
    error = ApiUnavailableError("The API answered 503.")
    with transaction(engine) as connection:
        return run_log.record_failure(connection, run, error, at(NOON + HOUR), **facts)


def test_failure_is_recorded_with_its_reason(engine: Engine) -> None:
    run = start(engine)
    failed = fail(engine, run, account_id=ONE, pages=2)
    assert failed == row(engine, run)
    assert (failed["status"], failed["started_at"]) == ("failed", NOON)
    assert (failed["finished_at"], failed["observed_at"]) == (NOON + HOUR, None)
    assert (failed["error_code"], failed["error_message"]) == (
        "api_unavailable",
        "The API answered 503. Nothing of this run was written.",
    )
    assert (failed["account_id"], failed["pages"]) == (ONE, 2)


def test_failure_before_a_run_is_registered_has_a_row_of_its_own(engine: Engine) -> None:
    running = start(engine)
    failed = fail(engine, None, account_id=None)
    assert (failed["status"], failed["started_at"]) == ("failed", NOON + HOUR)
    assert row(engine, running)["status"] == "running"


def test_failure_does_not_overwrite_how_a_run_ended(engine: Engine) -> None:
    """The answer to a commit may be lost, and the commit not."""
    crashed, merged = start(engine), start(engine)
    merge(engine, merged, None)
    before = row(engine, crashed), row(engine, merged)
    assert (fail(engine, crashed), fail(engine, merged)) == before
    assert [ended["status"] for ended in before] == ["crashed", "succeeded"]
