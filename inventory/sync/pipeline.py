"""The steps that a run and a dry run share, in this order, a module each.

`baseline`; `snapshot`, which fills the `spool` and calls `removals` and `lookups` for what is
missing; `apply`: `staging`, `merge`, `judge`, `changes`; at last the row of the `run_log`.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Engine

from inventory.api.client import Client
from inventory.db.engine import Clock, read_only
from inventory.db.locks import Lock
from inventory.settings import RemovalSettings
from inventory.sync import run_log
from inventory.sync.apply import apply_snapshot
from inventory.sync.baseline import load_baseline
from inventory.sync.snapshot import OnPage, Snapshot, take_snapshot

if TYPE_CHECKING:
    from inventory.sync.changes import Change

RunRow = dict[str, Any]  # of inventory_runs


class Reading(NamedTuple):
    """What a run has read of an account, and the time of the last complete run before it."""

    account_id: str
    previous_at: datetime | None
    snapshot: Snapshot


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    engine: Engine
    api: Client
    removals: RemovalSettings
    clock: Clock
    on_page: OnPage

    @contextmanager
    def read(self, account_id: str, lock: Lock) -> Iterator[Reading]:
        """Read the account; the spool is open inside. No transaction is open meanwhile."""
        with read_only(self.engine) as connection:
            previous_at = run_log.last_merged_at(connection, account_id)
            baseline = load_baseline(self.engine, connection, account_id)
        self.api.on_wait = lock.check
        snapshot = take_snapshot(self.api, baseline, self.removals, lock, self.on_page)
        with closing(snapshot.spool):
            lock.check()
            yield Reading(account_id, previous_at, snapshot)

    def write(
        self,
        connection: Connection,
        run_id: int,
        reading: Reading,
        changes: "list[Change] | None" = None,
    ) -> RunRow:
        """Merge what was read, in the caller's transaction; return the run's finished row.

        A dry run passes `changes`: see `apply_snapshot`. Raises RunSupersededError if another run
        of the account has merged since this one began.
        """
        context = run_log.begin_merge(
            connection, run_id, reading.account_id, reading.previous_at, self.clock
        )
        columns = apply_snapshot(connection, context, reading.snapshot, changes)
        run_log.finish(connection, context, self.clock, **columns | asdict(self.api.stats))
        return run_log.get(connection, run_id)
