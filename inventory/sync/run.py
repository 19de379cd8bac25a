"""Runs one sync: lock, register, walk, look up the missing, merge, finish."""

import logging
import time
from contextlib import closing
from datetime import timedelta

from sqlalchemy import Connection, Engine

from inventory.api.client import Client
from inventory.api.exchange import Clock as HttpClock
from inventory.api.responses import AccountInfo
from inventory.db import digest_key, locks
from inventory.db.engine import Clock, kept_session, now, read_only, release_session, transaction
from inventory.deadline import Deadline
from inventory.errors import (
    AlreadyRunningError,
    ConfigurationError,
    DatabaseUnavailableError,
    HostError,
    InventoryError,
    RunInterruptedError,
    RunSupersededError,
    from_unforeseen,
)
from inventory.ids import MAX_ID, is_usable_id
from inventory.models import COMPLETE
from inventory.settings import ApiSettings, EnrichmentSettings, RemovalSettings
from inventory.sync import run_log
from inventory.sync.enrich import OnNote
from inventory.sync.pipeline import Pipeline, RunRow
from inventory.sync.prepare import prepare
from inventory.sync.snapshot import OnPage

log = logging.getLogger(__name__)

DEFAULT_REMOVALS = RemovalSettings()
# What costs a request per connector is for the caller to choose.
DEFAULT_ENRICHMENT = EnrichmentSettings(details="none")


def sync(
    engine: Engine,
    settings: ApiSettings,
    removals: RemovalSettings = DEFAULT_REMOVALS,
    *,
    clock: Clock = now,
    http_clock: HttpClock = time,
    on_page: OnPage = lambda seen, known: None,
    on_note: OnNote = lambda note: None,
    lock_timeout: float | None = None,
    enrichment: EnrichmentSettings = DEFAULT_ENRICHMENT,
) -> RunRow:
    """Merge one snapshot of the account into the database; return its row of inventory_runs.

    Creates the tables of an empty database. `on_page` is called after each page, `on_note` with
    what the run left out of the enrichment, in a sentence. The row's status is "withheld" if so
    many connectors were missing that their removal is implausible. Waits for a lock of another
    session until the deadline, or for `lock_timeout` seconds. Raises an InventoryError after it has
    marked the run as failed; nothing else is written then.
    """
    check_account_name(settings.account)
    deadline = Deadline(settings.deadline, lock_timeout)
    engine = engine.execution_options(deadline=deadline)
    with (
        deadline.enforced(),
        closing(Client(settings, http_clock)) as api,
        kept_session(engine),
    ):
        prepare(engine)
        pipeline = Pipeline(
            engine=engine,
            api=api,
            removals=removals,
            clock=clock,
            on_page=on_page,
            on_note=on_note,
            enrichment=enrichment,
        )
        return SyncRun(pipeline, settings, deadline).execute()


class SyncRun:
    """One attempt. However it ends, a row of the run log says so."""

    def __init__(self, pipeline: Pipeline, settings: ApiSettings, deadline: Deadline) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._deadline = deadline
        self._engine, self._api, self._clock = pipeline.engine, pipeline.api, pipeline.clock
        self._account_id = settings.account
        self._key_digest: str | None = None
        self._run_id: int | None = None

    def execute(self) -> RunRow:
        try:
            return self._lock_and_merge()
        except AlreadyRunningError:
            raise  # it has not begun, so there is nothing to record
        except DatabaseUnavailableError as error:
            return self._record_failure(_with_deadline(error, self._deadline), error)
        except InventoryError as error:
            return self._record_failure(error)
        except KeyboardInterrupt as interrupt:
            message = "Interrupted before the merge was done."
            return self._record_failure(RunInterruptedError(message), interrupt)
        except OSError as error:
            return self._record_failure(_host_error(error), error)
        except Exception as bug:
            # Its text may hold anything, so the log gets only its type.
            return self._record_failure(from_unforeseen(bug), bug)

    def _lock_and_merge(self) -> RunRow:
        with read_only(self._engine) as connection:
            self._key_digest = _key_digest(connection, self._settings)
            overdue = locks.runs_marked_running(connection, self._clock(connection))
        # Before this run has its lock: a run uses two connections at once, never three.
        run_log.mark_overdue_crashed(self._engine, overdue, self._clock)
        if self._account_id is not None:
            with locks.lock(self._engine, self._account_id) as lock:
                return self._merge(self._register(), AccountInfo(self._account_id), lock)
        # Two runs of one key, neither of which knows its account, would mark each other as crashed.
        with locks.key_lock(self._engine, self._key_digest) as lock:
            run_id = self._register()
            return self._merge(run_id, self._identify(run_id, lock), lock)

    def _register(self) -> int:
        with transaction(self._engine) as connection:
            run_id = run_log.start(
                connection,
                self._account_id,
                self._clock,
                self._deadline.seconds,
                self._key_digest,
            )
        self._run_id = run_id  # after the commit: only then there is a row to mark as failed
        return run_id

    def _identify(self, run_id: int, lock: locks.Lock) -> AccountInfo:
        """Read the account of the key, and lock that account too."""
        self._api.call_while_waiting(lock.check)
        release_session(self._engine)
        account = self._api.account()
        self._account_id = account.account_id
        try:
            lock.add_account(account.account_id)
        except AlreadyRunningError:
            # Under the lock of the key: without it the next run of the key would find this one left
            # running, and mark it as crashed.
            self._withdraw()
            raise
        with transaction(self._engine) as connection:
            run_log.identify(connection, run_id, account.account_id, self._clock)
        return account

    def _merge(self, run_id: int, account: AccountInfo, lock: locks.Lock) -> RunRow:
        with self._pipeline.read(account, lock) as reading:
            begun = time.perf_counter()
            with transaction(self._engine) as connection:
                row = self._pipeline.write(connection, run_id, reading)
            log.info("The merge took %.3f s in one transaction", time.perf_counter() - begun)
            return row

    def _withdraw(self) -> None:
        if self._run_id is None:
            return
        try:
            with transaction(self._engine) as connection:
                run_log.withdraw(connection, self._run_id)
        except InventoryError as error:  # the next run of the key marks it as crashed
            log.error("The run that gave way could not be deleted from the log: %s", error)

    def _record_failure(self, error: InventoryError, cause: BaseException | None = None) -> RunRow:
        """Mark the run as failed and raise; return its row if it was merged nevertheless."""
        columns = self._api.run_columns() | {
            "account_id": self._account_id,
            "api_key_digest": self._key_digest,
        }
        duration = timedelta(seconds=self._deadline.used)
        release_session(self._engine)  # what failed may be a transaction of it
        try:
            with transaction(self._engine) as connection:
                row = run_log.record_failure(
                    connection, self._run_id, error, self._clock, duration, **columns
                )
        except InventoryError as second:
            log.error("The run could not be marked as failed: %s", second)
            raise error from cause
        error.run = row
        if row["status"] in COMPLETE and not isinstance(error, RunSupersededError):
            # The commit succeeded, but the reply to it was lost.
            log.warning("%s But the run had been merged.", error)
            return row
        raise error from cause


def check_account_name(name: str | None) -> None:
    if name is not None and not is_usable_id(name):
        raise ConfigurationError(f"--account must be 1 to {MAX_ID} bytes of printable characters.")


def _key_digest(connection: Connection, settings: ApiSettings) -> str:
    """Identify the API key by its id alone: its secret may be renewed."""
    return digest_key.read(connection).digest("API key", settings.key.reveal())


def _with_deadline(error: DatabaseUnavailableError, deadline: Deadline) -> DatabaseUnavailableError:
    """Add to the message that the deadline has passed, if it has."""
    if deadline.left:
        return error
    return DatabaseUnavailableError(
        f"The run's {deadline.seconds:g} s were over before the database was done. {error}"
    )


def _host_error(error: OSError) -> HostError:
    return HostError(
        f"This host failed: {error.strerror or type(error).__name__}. The rows of a walk wait in "
        "a temporary file; if there is no room for it, free some or set TMPDIR."
    )
