"""The run log: one row per attempted run, with its account and how it ended."""

import logging
import math
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from inventory import __version__, times
from inventory.db import export_bookmarks, locks
from inventory.db.engine import CLOCK_TOLERANCE, Clock, transaction
from inventory.db.locks import block_other_merges
from inventory.errors import AlreadyRunningError, InventoryError, RunSupersededError
from inventory.models import INVENTORY_RUNS
from inventory.redaction import redacted
from inventory.sync import totals
from inventory.sync.merge_context import MergeContext

log = logging.getLogger(__name__)

CRASHED = "crashed"
DRY_RUN = 0  # no run has this number, and it takes none from the sequence

_run = INVENTORY_RUNS.c


def last_merged_at(connection: Connection, account_id: str) -> datetime | None:
    """Return observed_at of the account's last complete run."""
    newest = select(func.max(_run.observed_at)).where(_run.account_id == account_id)
    observed_at: datetime | None = connection.scalar(newest)
    return observed_at


def health_rules(connection: Connection, context: MergeContext) -> str | None:
    """Return the digest of the health rules of the previous complete run; None if none ran."""
    previous = (_run.account_id == context.account_id, _run.observed_at == context.previous_at)
    rules: str | None = connection.scalar(select(_run.health_rules).where(*previous))
    return rules


def start(
    connection: Connection,
    account_id: str | None,
    clock: Clock,
    seconds: float | None = None,
    key_digest: str | None = None,
) -> int:
    """Register a run that has `seconds`; return its id.

    Marks as crashed what the account left running. The caller holds the lock of the account, or
    of the API key if the account is unknown yet: so no other run of the same is alive.
    """
    started_at = clock(connection)
    _mark_left_crashed(connection, started_at, account_id, key_digest)
    run_id = _insert(
        connection,
        account_id=account_id,
        api_key_digest=key_digest,
        status="running",
        started_at=started_at,
        deadline_at=None if seconds is None else started_at + timedelta(seconds=seconds),
    )
    if account_id is not None:
        _set_account_of_failures(connection, run_id, account_id, key_digest)
    return run_id


def start_dry(connection: Connection, account_id: str, clock: Clock) -> int:
    """Insert the row of a dry run, which the caller rolls back; return its id.

    The rows of a merge refer to their run. Nothing else is touched: nobody has to wait.
    """
    started_at = clock(connection)
    return _insert(
        connection, run_id=DRY_RUN, account_id=account_id, status="running", started_at=started_at
    )


def identify(connection: Connection, run_id: int, account_id: str, clock: Clock) -> None:
    """Set the account of a run, as the API names it. The caller holds the account's lock."""
    digest = connection.scalar(select(_run.api_key_digest).where(_run.run_id == run_id))
    before = account_of_key(connection, digest)
    if before not in (account_id, None):
        log.warning(
            "The API key is one of account %s now, and was one of account %s in its last run. This "
            "run is for account %s; nothing of %s is removed.",
            *(account_id, before, account_id, before),
        )
    _mark_crashed(connection, clock(connection), _run.account_id == account_id)
    mine = update(INVENTORY_RUNS).where(_run.run_id == run_id)
    connection.execute(mine.values(account_id=account_id))
    _set_account_of_failures(connection, run_id, account_id, digest)


def withdraw(connection: Connection, run_id: int) -> None:
    """Delete the row of a run that found another run of its account in progress."""
    connection.execute(
        delete(INVENTORY_RUNS).where(_run.run_id == run_id, _run.status == "running")
    )


def account_of_key(connection: Connection, digest: str | None) -> str | None:
    """Return the account of the newest run that used this API key and knew its account."""
    if digest is None:
        return None
    known = select(_run.account_id).where(
        _run.api_key_digest == digest, _run.account_id.is_not(None)
    )
    account_id: str | None = connection.scalar(known.order_by(_run.run_id.desc()).limit(1))
    return account_id


def _set_account_of_failures(
    connection: Connection, run_id: int, account_id: str, digest: str | None
) -> None:
    """Set the account of earlier failed runs of this API key, and count their requests for it."""
    if digest is None:
        return
    unknown = (_run.api_key_digest == digest, _run.account_id.is_(None), _run.status != "running")
    found = update(INVENTORY_RUNS).where(*unknown).values(account_id=account_id)
    if requests := connection.scalars(found.returning(_run.requests)).all():
        export_bookmarks.mark_rewritten(connection, INVENTORY_RUNS.name)
    totals.add_requests(connection, account_id, sum(requests))


def mark_overdue_crashed(engine: Engine, overdue: Iterable[locks.Running], clock: Clock) -> None:
    """Mark as crashed what was left running by accounts or keys that may never run again.

    A run that still holds its lock hangs, and is left alone.
    """
    for run in overdue:
        with (
            suppress(AlreadyRunningError),
            locks.lock_held_by(engine, run),
            transaction(engine) as connection,
        ):
            _mark_left_crashed(connection, clock(connection), run.account_id, run.key_digest)


def _mark_left_crashed(
    connection: Connection, finished_at: datetime, account_id: str | None, key_digest: str | None
) -> None:
    """Mark as crashed the runs of an account, or of an API key if None. The lock is held."""
    if account_id is not None:
        return _mark_crashed(connection, finished_at, _run.account_id == account_id)
    left = and_(_run.api_key_digest == key_digest, _run.account_id.is_(None))
    remembered = account_of_key(connection, key_digest)
    return _mark_crashed(connection, finished_at, left, account_id=remembered)


def _mark_crashed(
    connection: Connection, finished_at: datetime, left: ColumnElement[bool], **columns: Any
) -> None:
    columns |= {
        "status": "crashed",
        "finished_at": finished_at,
        "error_code": CRASHED,
        "error_message": "The run stopped without reporting (killed, or the host went down).",
    }
    connection.execute(update(INVENTORY_RUNS).where(left, _run.status == "running").values(columns))


def record_failure(
    connection: Connection,
    run_id: int | None,
    error: InventoryError,
    clock: Clock,
    duration: timedelta = timedelta(0),
    **columns: Any,
) -> dict[str, Any]:
    """Mark a run as failed unless it has ended otherwise; return its row.

    Its requests count for the account. A run without a row (run_id None: it failed before) gets
    one, which began `duration` ago. If the API has not named the account, it is the account of the
    last run with the same key.
    """
    finished_at = clock(connection)
    if columns.get("account_id") is None:
        columns["account_id"] = account_of_key(connection, columns.get("api_key_digest"))
    columns |= {
        "status": "failed",
        "error_code": error.code,
        "error_message": f"{redacted(str(error))} Nothing of this run was written.",
    }
    started_at = connection.scalar(select(_run.started_at).where(_run.run_id == run_id))
    if run_id is None or started_at is None:
        columns |= {"started_at": finished_at - duration, "finished_at": finished_at}
        run_id = _insert(connection, **columns)
    else:
        columns["finished_at"] = max(finished_at, started_at)
        running = (_run.run_id == run_id, _run.status == "running")
        if not connection.execute(update(INVENTORY_RUNS).where(*running).values(columns)).rowcount:
            return get(connection, run_id)  # a merge has counted the requests already
    totals.add_requests(connection, columns["account_id"], columns.get("requests", 0))
    return get(connection, run_id)


def begin_merge(
    connection: Connection,
    run_id: int,
    account_id: str,
    expected: datetime | None,
    clock: Clock,
) -> MergeContext:
    """Block other merges and set the one timestamp of all changes of this run.

    Only one merge runs at a time, whatever its account, and each timestamp is later than all before
    it, whatever the clocks do: a connector may move from one account to another. Raises
    RunSupersededError if the last merge of the account is not the `expected` one any more.
    """
    block_other_merges(connection)
    mine = select(_run.status, _run.started_at).where(_run.run_id == run_id).with_for_update()
    run = connection.execute(mine).one_or_none()
    previous = last_merged_at(connection, account_id)
    if run is None or run.status != "running" or previous != expected:
        raise RunSupersededError(
            f"Another run of account {account_id} took over while this one was reading."
        )
    clock_at = clock(connection)
    newest = connection.scalar(select(func.max(_run.observed_at)))
    observed_at = max(clock_at, run.started_at)
    if newest is not None:
        observed_at = max(observed_at, newest + timedelta(microseconds=1))
    behind = max(run.started_at, newest or run.started_at) - clock_at
    if behind <= CLOCK_TOLERANCE:
        return MergeContext(account_id, run_id, observed_at, previous)
    _record_clock_behind(connection, run_id, behind, clock_at)
    return MergeContext(account_id, run_id, observed_at, previous, clock_at)


def _record_clock_behind(
    connection: Connection, run_id: int, behind: timedelta, clock_at: datetime
) -> None:
    """Record and warn that the clock was behind, in whole seconds, rounded up."""
    seconds = math.ceil(behind / timedelta(seconds=1))
    behind_by = {"clock_behind_seconds": seconds}
    connection.execute(update(INVENTORY_RUNS).where(_run.run_id == run_id).values(behind_by))
    log.warning(
        "The database's clock, at %s, is %s s behind the newest timestamp of the run log, which "
        "this run follows: one of the two is wrong. Correct the clock; then run `inventory db "
        "redate` to correct the timestamps.",
        times.format_utc(clock_at),
        f"{seconds:,}",
    )


def finish(connection: Connection, context: MergeContext, clock: Clock, **columns: Any) -> None:
    """Mark a run as complete and add to its account's totals, in the transaction that merges it."""
    finished_at = max(clock(connection), context.observed_at)
    columns |= {"observed_at": context.observed_at, "finished_at": finished_at}
    mine = _run.run_id == context.run_id
    connection.execute(update(INVENTORY_RUNS).where(mine).values(columns))
    totals.add_merge(connection, context, columns.get("requests", 0))


def get(connection: Connection, run_id: int) -> dict[str, Any]:
    """Return a row of the log, as a dictionary by column."""
    row = connection.execute(select(INVENTORY_RUNS).where(_run.run_id == run_id)).one()
    return dict(row._mapping)


def _insert(connection: Connection, **values: Any) -> int:
    inserted = insert(INVENTORY_RUNS).values(tool_version=__version__, **values)
    key = connection.execute(inserted).inserted_primary_key
    assert key is not None
    run_id: int = key[0]
    return run_id
