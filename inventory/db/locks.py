"""Locks: one run of an account at a time; a run without a known account locks its API key.

A command of which one may run at a time, as `inventory notify`, has a lock of its own.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, false, select, text
from sqlalchemy.exc import DBAPIError

from inventory.db import blocking_sessions
from inventory.db.engine import file_of, is_sqlite, now, read_only
from inventory.db.errors import display_url, translate_errors
from inventory.db.postgresql import lift_transaction_timeout
from inventory.errors import (
    AlreadyRunningError,
    DatabaseUnavailableError,
    HostError,
    InventoryError,
    RunHangsError,
)
from inventory.models import INVENTORY_RUNS

# A run may use this much time beyond its deadline to record its end on a busy host.
_HANGS_AFTER = timedelta(minutes=1)

# Seconds between two attempts to get the lock of a command.
_RETRY = 0.2

_run = INVENTORY_RUNS.c


class Running(NamedTuple):
    """A run that is marked as running: its account, or its API key if the account is unknown."""

    account_id: str | None
    key_digest: str | None


class _Target(NamedTuple):
    """What a lock protects: an account or an API key.

    `name` identifies it to the database or the file system, `label` to people; `runs` is the
    condition for its rows in the run log.
    """

    name: str
    label: str
    runs: ColumnElement[bool]


def _account(account_id: str) -> _Target:
    return _Target(account_id, f"account {account_id}", _run.account_id == account_id)


def _api_key(digest: str) -> _Target:
    # The NUL keeps it apart from the names of accounts.
    return _Target(f"\0key\0{digest}", "this API key", _run.api_key_digest == digest)


class Lock:
    """The locks of one run. They are released when the process or its host dies."""

    def __init__(
        self,
        check: Callable[[], object] = lambda: None,
        take: Callable[[_Target], object] = lambda target: None,
    ) -> None:
        self._check, self._take = check, take

    def check(self) -> None:
        """Make sure that the lock is still held, and keep its connection alive. Call it per page.

        Raises DatabaseUnavailableError if the lock was lost.
        """
        self._check()

    def add_account(self, account_id: str) -> None:
        """Hold the lock of an account, too.

        Raises AlreadyRunningError if another run holds it.
        """
        self._take(_account(account_id))


def lock(engine: Engine, account_id: str) -> AbstractContextManager[Lock]:
    """Hold the lock of an account.

    Raises AlreadyRunningError at once if another run holds it.
    """
    return _locked(engine, _account(account_id))


def key_lock(engine: Engine, digest: str) -> AbstractContextManager[Lock]:
    """Hold the lock of an API key, for a run whose account is not known yet."""
    return _locked(engine, _api_key(digest))


def lock_held_by(engine: Engine, run: Running) -> AbstractContextManager[Lock]:
    """Hold the lock that the process of this run holds if it is alive."""
    if run.account_id is not None:
        return lock(engine, run.account_id)
    return key_lock(engine, run.key_digest or "")


@contextmanager
def command_lock(engine: Engine, name: str, label: str, timeout: float = 0.0) -> Iterator[Lock]:
    """Hold the lock of a command that may run once at a time, waiting for `timeout` seconds.

    `label` names what holds it to people. Raises AlreadyRunningError if another one still holds it
    then.
    """
    ends_at = time.monotonic() + timeout
    # The NUL keeps it apart from the names of accounts.
    target = _Target(f"\0{name}", label, false())
    with ExitStack() as held:
        while True:
            try:
                lock = held.enter_context(_locked(engine, target))
                break
            except AlreadyRunningError as error:
                if time.monotonic() >= ends_at:
                    waited = f"It did not end within {timeout:g} s. " if timeout else ""
                    raise AlreadyRunningError(
                        error.what, f"{waited}Run this again later."
                    ) from None
            time.sleep(_RETRY)
        yield lock


def runs_marked_running(
    connection: Connection, overdue_at: datetime | None = None
) -> list[Running]:
    """Return the runs that are marked as running.

    With `overdue_at`, only those that should have ended well before that time.
    """
    wanted = select(_run.account_id, _run.api_key_digest).where(_run.status == "running")
    if overdue_at is not None:
        wanted = wanted.where(_run.deadline_at < overdue_at - _HANGS_AFTER)
    found = connection.execute(wanted).all()
    return sorted({Running(of, key if of is None else None) for of, key in found}, key=repr)


@contextmanager
def _locked(engine: Engine, target: _Target) -> Iterator[Lock]:
    locks = _file_locks if is_sqlite(engine) else _transaction_locks
    with locks(engine) as held:
        held._take(target)
        yield held


@contextmanager
def _transaction_locks(engine: Engine) -> Iterator[Lock]:
    """Hold advisory locks of a transaction that does nothing else.

    A session lock would stay on the session that a transaction pooler happened to lend. In READ
    COMMITTED the open transaction keeps no snapshot, so it does not hold back vacuum.
    """
    try_lock = text("select pg_try_advisory_xact_lock(:name)")
    taken: list[_Target] = []
    with translate_errors(engine):
        connection = engine.connect()

    def take(target: _Target) -> None:
        with translate_errors(engine):
            if not taken:
                lift_transaction_timeout(connection)  # it lasts as long as the API takes
            schema = connection.scalar(text("select current_schema()"))
            name = _lock_name(f"{schema}\0account\0{target.name}")
            is_granted = connection.scalar(try_lock, {"name": name})
        if not is_granted:
            raise _already_running(target, engine, blocking_sessions.of_number(engine, name))
        taken.append(target)

    def check() -> None:
        try:
            with translate_errors(engine):
                connection.execute(text("select 1"))
        except InventoryError as error:
            raise DatabaseUnavailableError(
                f"The lock of {taken[-1].label} was lost: {error}"
            ) from error

    try:
        yield Lock(check, take)
    finally:
        with suppress(DBAPIError):  # the connection is already lost, and the locks with it
            connection.close()


@contextmanager
def _file_locks(engine: Engine) -> Iterator[Lock]:
    """Hold locks of the operating system on files beside the database, one per target."""
    with ExitStack() as held:
        yield Lock(take=lambda target: held.enter_context(_file_lock(engine, target)))


@contextmanager
def _file_lock(engine: Engine, target: _Target) -> Iterator[None]:
    database = file_of(engine)
    if database is None:
        yield
        return
    suffix = blake2b(target.name.encode(), digest_size=4).hexdigest()
    # The file stays: if it were removed, two runs could hold locks on two files of one name.
    with translate_errors(engine):
        file = os.open(f"{database}-{suffix}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _already_running(target, engine) from None
        except OSError as error:
            raise HostError(
                f"The file system of {database} does not support locks ({error.strerror}), so this "
                "tool cannot exclude a second run. Keep the database on a local disk."
            ) from error
        yield
    finally:
        os.close(file)


def _already_running(target: _Target, engine: Engine, holder: str = "") -> AlreadyRunningError:
    where = display_url(engine)
    label, should_have_ended = target.label, None
    # If the run log cannot be read now, the message says less.
    with suppress(InventoryError), read_only(engine) as connection:
        wanted = select(_run.account_id, _run.deadline_at).where(
            target.runs, _run.status == "running"
        )
        if (run := connection.execute(wanted.order_by(_run.run_id).limit(1)).first()) is not None:
            label = _account(run.account_id).label if run.account_id else label
            if run.deadline_at and run.deadline_at < now(connection) - _HANGS_AFTER:
                should_have_ended = run.deadline_at
    if should_have_ended is None:
        return AlreadyRunningError(f"Another run of {label} is in progress on {where}.")
    return RunHangsError(
        f"A run of {label} on {where} should have ended by "
        f"{should_have_ended:%Y-%m-%d %H:%M:%S} UTC but is still in progress"
        f"{f' as {holder}' if holder else ''}: it hangs. End its process; the next run starts "
        "over."
    )


# --- merges ---------------------------------------------------------------------------------


def block_other_merges(connection: Connection) -> None:
    """Wait until no other merge of this schema is in progress; none begins before the commit."""
    if not is_sqlite(connection):  # there, `begin immediate` excludes other writers
        schema = connection.scalar(text("select current_schema()"))
        merging = text("select pg_advisory_xact_lock(:name)")
        connection.execute(merging, {"name": _lock_name(f"{schema}\0merge")})


def _lock_name(of: str) -> int:
    return int.from_bytes(blake2b(of.encode(), digest_size=8).digest(), "big", signed=True)
