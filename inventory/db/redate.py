"""Re-dates runs that a wrong clock has dated, and everything that they wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select

from inventory.db import corrected_times, export_bookmarks, locks, redated_rows, revision, session
from inventory.db import engine as database
from inventory.db.corrected_times import Run
from inventory.db.engine import CLOCK_TOLERANCE, Clock
from inventory.errors import (
    AlreadyRunningError,
    NeedsAttentionError,
    RetryableError,
    RunHangsError,
)
from inventory.models import INVENTORY_RUNS

_run = INVENTORY_RUNS.c


class Redated(NamedTuple):
    """A complete run with its recorded time, and the right one."""

    run_id: int
    account_id: str
    observed_at: datetime
    corrected_at: datetime


@dataclass
class RedateResult:
    """The runs that were re-dated, or would be, and the number of changed rows of each table."""

    runs: list[Redated] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


def redate(engine: Engine, *, dry_run: bool = False, clock: Clock | None = None) -> RedateResult:
    """Re-date the runs of a wrong clock in one transaction; a dry run rolls it back.

    It excludes merges. A run that reads the API meanwhile merges nothing, as it finds another time
    of the run before it. The next run of each account concerned judges all connectors again.
    Raises RetryableError while a run is in progress, and SchemaVersionError for tables of another
    version.
    """
    revision.require_current(engine)
    _check_no_run(engine)
    scope = database.rollback if dry_run else database.transaction
    with scope(engine) as connection:
        locks.block_other_merges(connection)
        log = _log(connection)
        if _is_ambiguous(log):
            raise NeedsAttentionError(
                "Several complete runs have the same time, so their order is unknown. "
                "`inventory db verify` names them."
            )
        right = corrected_times.corrected(log, (clock or now)(connection))
        result = RedateResult(_changed(log, right))
        if result.runs:
            result.rows = redated_rows.move(connection, log, right)
            times = [(run.observed_at, at) for run, at in zip(log, right, strict=True)]
            export_bookmarks.mark_redated(connection, times)
    return result


def wrong(connection: Connection, at: datetime) -> list[Redated]:
    """Return the complete runs whose times cannot be right, as of a time."""
    if not _is_any_suspect(connection, at):
        return []
    log = _log(connection)
    return [] if _is_ambiguous(log) else _changed(log, corrected_times.corrected(log, at))


def format_run(run: Redated) -> str:
    """Describe the old and the new time of a run, to the microsecond."""
    before, after = (f"{at:%Y-%m-%d %H:%M:%S.%f}" for at in (run.observed_at, run.corrected_at))
    return f"run {run.run_id} of account {run.account_id}: {before} UTC becomes {after} UTC"


def summary(result: RedateResult, *, dry_run: bool) -> str:
    """Describe how many runs and rows were re-dated, or would be."""
    if not result.runs:
        return "No run has a wrong time: there is nothing to re-date."
    noun = "run" if len(result.runs) == 1 else "runs"
    rows = ", ".join(f"{number:,} {table}" for table, number in result.rows.items() if number)
    verb = "Would re-date" if dry_run else "Re-dated"
    return f"{verb} {len(result.runs):,} {noun}, in rows: {rows}."


def now(connection: Connection) -> datetime:
    """Return the later of the database's clock and the `clock` view, which may be stopped."""
    return max(session.now(connection), database.now(connection))


def _check_no_run(engine: Engine) -> None:
    """Raise RetryableError if a run that is marked as running is alive."""
    with database.read_only(engine) as connection:
        running = locks.runs_marked_running(connection)
    for run in running:
        try:
            with locks.lock_held_by(engine, run):
                pass
        except RunHangsError:
            raise
        except AlreadyRunningError as error:
            raise RetryableError(f"{error.what} Wait for it, then run this again.") from error


def _log(connection: Connection) -> list[Run]:
    """Return the complete runs in their order."""
    complete = select(*(_run[name] for name in Run._fields)).where(_run.observed_at.is_not(None))
    return [Run(*row) for row in connection.execute(complete.order_by(_run.observed_at))]


def _is_ambiguous(log: Sequence[Run]) -> bool:
    """Say whether runs have the same time, which is a damage that no run causes."""
    return len({run.observed_at for run in log}) < len(log)


def _is_any_suspect(connection: Connection, at: datetime) -> bool:
    """Say whether there is reason to read the whole log."""
    previous = func.lag(_run.observed_at).over(
        partition_by=_run.account_id, order_by=_run.observed_at
    )
    complete = select(_run.started_at, previous.label("previous"))
    pairs = complete.where(_run.observed_at.is_not(None)).subquery("pairs").c
    suspects = (
        select(_run.run_id).where(_run.observed_at > at + CLOCK_TOLERANCE),
        select(_run.run_id).where(
            _run.clock_behind_seconds > 0, _run.observed_at > _run.started_at
        ),
        select(pairs.started_at).where(pairs.started_at < pairs.previous),
    )
    return any(connection.execute(each.limit(1)).first() is not None for each in suspects)


def _changed(log: Sequence[Run], right: Sequence[datetime]) -> list[Redated]:
    return [
        Redated(run.run_id, run.account_id, run.observed_at, at)
        for run, at in zip(log, right, strict=True)
        if run.observed_at != at
    ]
