"""The run log and the lock: who may run, what was attempted, how it ended."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from inventory import __version__
from inventory.database import file_of, is_sqlite
from inventory.errors import (
    AlreadyRunning,
    DatabaseUnavailable,
    HostTrouble,
    InventoryError,
    TakenOver,
)
from inventory.models import SYNC_RUNS
from inventory.redaction import redacted
from inventory.refusals import describe, named_errors
from inventory.versions import Moment

Clock = Callable[[Connection], datetime]

_run = SYNC_RUNS.c


# --- the lock -------------------------------------------------------------------------------


class Lock:
    """One account's right to run. It frees itself when the process or its host dies."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check

    def check(self) -> None:
        """Make sure that it is still held, and keep it from idling away. Call it once a page.

        Raises DatabaseUnavailable where it is lost.
        """
        self._check()


@contextmanager
def lock(engine: Engine, account_id: str) -> Iterator[Lock]:
    """Hold the lock of an account. Raises AlreadyRunning at once where another run holds it."""
    if is_sqlite(engine):
        with _file_lock(engine, account_id):
            yield Lock(lambda: None)
    else:
        with _transaction_lock(engine, account_id) as held:
            yield held


@contextmanager
def _transaction_lock(engine: Engine, account_id: str) -> Iterator[Lock]:
    """Hold an advisory lock of a transaction that does nothing else.

    A lock of the session would be left on whichever session a transaction pooler lent us. In READ
    COMMITTED the open transaction keeps no snapshot, so it holds back no vacuum.
    """
    take = text("select pg_try_advisory_xact_lock(:name)")
    # It lasts as long as the API takes; since PostgreSQL 17 a server may bound that, too.
    endless = text(
        "select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout'"
    )
    with named_errors(engine):
        connection = engine.connect()
    try:
        with named_errors(engine):
            connection.execute(endless)
            schema = connection.scalar(text("select current_schema()"))
            taken = connection.scalar(
                take, {"name": _lock_name(f"{schema}\0account\0{account_id}")}
            )
        if not taken:
            raise _already_running(account_id, engine)

        def check() -> None:
            try:
                with named_errors(engine):
                    connection.execute(text("select 1"))
            except InventoryError as error:
                raise DatabaseUnavailable(
                    f"The lock of account {account_id} was lost: {error}"
                ) from error

        yield Lock(check)
    finally:
        with suppress(DBAPIError):  # it is gone already, and the lock with it
            connection.close()


def _lock_name(of: str) -> int:
    return int.from_bytes(blake2b(of.encode(), digest_size=8).digest(), "big", signed=True)


@contextmanager
def _file_lock(engine: Engine, account_id: str) -> Iterator[None]:
    """Hold a lock of the operating system on a file beside the database, one for each account."""
    database = file_of(engine)
    if database is None:
        yield
        return
    suffix = blake2b(account_id.encode(), digest_size=4).hexdigest()
    # The file stays: to remove it would let two runs hold locks on two files of one name.
    with named_errors(engine):
        file = os.open(f"{database}-{suffix}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _already_running(account_id, engine) from None
        except OSError as error:
            raise HostTrouble(
                f"The file system of {database} takes no lock ({error.strerror}), so this tool "
                "cannot see that no other run is at work. Keep the database on a local disk."
            ) from error
        yield
    finally:
        os.close(file)


def _already_running(account_id: str, engine: Engine) -> AlreadyRunning:
    return AlreadyRunning(f"Another run of account {account_id} is at work on {describe(engine)}.")


# --- the log --------------------------------------------------------------------------------


def last_merged_at(connection: Connection, account_id: str) -> datetime | None:
    """Return observed_at of the account's last complete run."""
    newest = select(func.max(_run.observed_at)).where(_run.account_id == account_id)
    moment: datetime | None = connection.scalar(newest)
    return moment


def health_rules(connection: Connection, moment: Moment) -> str | None:
    """Return which rules the complete run before judged health by; None = there was no such."""
    before = (_run.account_id == moment.account_id, _run.observed_at == moment.previous_at)
    rules: str | None = connection.scalar(select(_run.health_rules).where(*before))
    return rules


def start(connection: Connection, account_id: str, clock: Clock) -> int:
    """Register a run, and call crashed what this account left running; return the run's id.

    The caller holds the account's lock: whatever else says it is running is dead.
    """
    moment = clock(connection)
    connection.execute(
        update(SYNC_RUNS)
        .where(_run.account_id == account_id, _run.status == "running")
        .values(
            status="crashed",
            finished_at=moment,
            error_code="crashed",
            error_message="The run ended without a word: killed, or its host went down.",
        )
    )
    return _insert(connection, account_id=account_id, status="running", started_at=moment)


def record_failure(
    connection: Connection, run_id: int | None, error: InventoryError, clock: Clock, **facts: Any
) -> dict[str, Any]:
    """Mark a run as failed, unless it has ended otherwise; return its row as it then is.

    One that is not in the log, as it failed before (run_id None), gets a row of its own.
    """
    moment = clock(connection)
    facts |= {
        "status": "failed",
        "error_code": error.code,
        "error_message": f"{redacted(str(error))} Nothing of this run was written.",
    }
    started_at = connection.scalar(select(_run.started_at).where(_run.run_id == run_id))
    if run_id is None or started_at is None:
        run_id = _insert(connection, started_at=moment, finished_at=moment, **facts)
        return get(connection, run_id)
    facts["finished_at"] = max(moment, started_at)
    running = (_run.run_id == run_id, _run.status == "running")
    connection.execute(update(SYNC_RUNS).where(*running).values(facts))
    return get(connection, run_id)


def begin_merge(
    connection: Connection,
    run_id: int,
    account_id: str,
    expected: datetime | None,
    clock: Clock,
) -> Moment:
    """Fence off all others and set the one instant of everything this run changes.

    One merge at a time, whatever the account, and each at a later instant than all before it,
    whatever the clocks do: a connector may move from one account to another. Raises TakenOver
    where another run of the account has taken over or merged since this one began.
    """
    if not is_sqlite(connection):  # where `begin immediate` has seen to it
        schema = connection.scalar(text("select current_schema()"))
        merging = text("select pg_advisory_xact_lock(:name)")
        connection.execute(merging, {"name": _lock_name(f"{schema}\0merge")})
    mine = select(_run.status, _run.started_at).where(_run.run_id == run_id).with_for_update()
    run = connection.execute(mine).one_or_none()
    previous = last_merged_at(connection, account_id)
    if run is None or run.status != "running" or previous != expected:
        raise TakenOver(
            f"Another run of account {account_id} took over while this one was reading."
        )
    observed_at = max(clock(connection), run.started_at)
    newest = connection.scalar(select(func.max(_run.observed_at)))
    if newest is not None:
        observed_at = max(observed_at, newest + timedelta(microseconds=1))
    return Moment(account_id, run_id, observed_at, previous)


def finish(connection: Connection, moment: Moment, clock: Clock, **facts: Any) -> None:
    """Mark a run as complete, in the transaction that merges it."""
    finished_at = max(clock(connection), moment.observed_at)
    facts |= {"observed_at": moment.observed_at, "finished_at": finished_at}
    connection.execute(update(SYNC_RUNS).where(_run.run_id == moment.run_id).values(facts))


def get(connection: Connection, run_id: int) -> dict[str, Any]:
    """Return a row of the log by column."""
    row = connection.execute(select(SYNC_RUNS).where(_run.run_id == run_id)).one()
    return dict(row._mapping)


def _insert(connection: Connection, **values: Any) -> int:
    inserted = insert(SYNC_RUNS).values(tool_version=__version__, **values)
    key = connection.execute(inserted).inserted_primary_key
    assert key is not None
    run_id: int = key[0]
    return run_id
