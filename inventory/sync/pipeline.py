"""The steps that a run and a dry run share, in this order, a module each.

`baseline`; `snapshot`, which fills the `spool` and calls `removals` and `lookups` for what is
missing; `apply`: `staging`, `merge`, `judge`, `changes`; at last the row of the `run_log`.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Engine

from inventory.api.client import Client
from inventory.api.responses import AccountInfo
from inventory.db.engine import Clock, read_only, release_session
from inventory.db.locks import Lock
from inventory.settings import EnrichmentSettings, RemovalSettings
from inventory.sync import run_log
from inventory.sync.apply import apply_snapshot
from inventory.sync.baseline import load_baseline
from inventory.sync.candidates import Candidates
from inventory.sync.enrich import Enrichment, OnNote
from inventory.sync.reference_merge import merge_references
from inventory.sync.references import References, read_references, wanted_lists
from inventory.sync.snapshot import OnPage, Snapshot, take_snapshot

if TYPE_CHECKING:
    from inventory.sync.changes import Change

RunRow = dict[str, Any]  # of inventory_runs


class Reading(NamedTuple):
    """What a run has read of an account, and the time of the last complete run before it."""

    account: AccountInfo
    previous_at: datetime | None
    snapshot: Snapshot
    references: References


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    engine: Engine
    api: Client
    removals: RemovalSettings
    clock: Clock
    on_page: OnPage
    on_note: OnNote
    enrichment: EnrichmentSettings

    @contextmanager
    def read(self, account: AccountInfo, lock: Lock) -> Iterator[Reading]:
        """Read the account; the spool is open inside. No transaction is open meanwhile.

        The database is read while the first page of the list is under way.
        """
        self.api.call_while_waiting(lock.check)
        self.api.request_first_page()
        with read_only(self.engine) as connection:
            previous_at = run_log.last_merged_at(connection, account.account_id)
            now = self.clock(connection)
            baseline = load_baseline(self.engine, connection, account.account_id, self.enrichment)
            lists = wanted_lists(connection, now, users=self.enrichment.users)
        release_session(self.engine)  # while it waits, a run has only the session of its lock
        snapshot = take_snapshot(
            self.api,
            baseline,
            self.removals,
            lock,
            self.on_page,
            lambda: Candidates(self.enrichment, baseline.details, now),
        )
        with closing(snapshot.spool):
            references = read_references(self.api, lists, baseline.digest_key, lock)
            snapshot.enriched = Enrichment(
                self.api,
                snapshot.normalizer,
                snapshot.spool,
                lock,
                self.enrichment.concurrency,
                self.on_note,
            ).execute(snapshot.candidates)
            lock.check()
            yield Reading(account, previous_at, snapshot, references)

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
            connection, run_id, reading.account.account_id, reading.previous_at, self.clock
        )
        merged = merge_references(
            connection, context, reading.account, reading.references, self.removals
        )
        columns = apply_snapshot(
            connection,
            context,
            reading.snapshot,
            changes,
            destinations_changed=merged.destinations_changed,
        )
        columns["skipped"] = merged.skipped
        run_log.finish(connection, context, self.clock, **columns | self.api.run_columns())
        return run_log.get(connection, run_id)
