"""A dry run: merges like a run and rolls back, so that it cannot differ from what a run does."""

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from inventory.api.client import Client
from inventory.api.responses import AccountInfo
from inventory.db import revision
from inventory.db.engine import in_memory, now, rollback
from inventory.db.locks import Lock
from inventory.deadline import Deadline
from inventory.settings import ApiSettings, EnrichmentSettings, RemovalSettings
from inventory.sync import run_log
from inventory.sync.enrich import OnNote
from inventory.sync.pipeline import Pipeline, RunRow
from inventory.sync.prepare import prepare
from inventory.sync.run import DEFAULT_ENRICHMENT, DEFAULT_REMOVALS, check_account_name
from inventory.sync.snapshot import OnPage

if TYPE_CHECKING:
    from inventory.sync.changes import Change


def preview(
    engine: Engine,
    settings: ApiSettings,
    removals: RemovalSettings = DEFAULT_REMOVALS,
    *,
    on_page: OnPage = lambda seen, known: None,
    on_note: OnNote = lambda note: None,
    lock_timeout: float | None = None,
    enrichment: EnrichmentSettings = DEFAULT_ENRICHMENT,
) -> "tuple[RunRow, list[Change]]":
    """Return the row that a run would have now, and the changes it would make; write nothing.

    An empty database is replaced by one in memory. Runs no setup tests: the vendor would store
    their results. Takes no lock, so it may fail with a RunSupersededError if a run merges
    meanwhile.
    """
    check_account_name(settings.account)
    if enrichment.setup_tests != "none" or enrichment.tested:
        on_note("A dry run has no setup tests run, as the vendor would store their results.")
        enrichment = replace(enrichment, setup_tests="none", tested=frozenset())
    deadline = Deadline(settings.deadline, lock_timeout)
    engine = engine.execution_options(deadline=deadline)
    with deadline.enforced(), closing(Client(settings)) as api:
        pipeline = Pipeline(
            engine=engine,
            api=api,
            removals=removals,
            clock=now,
            on_page=on_page,
            on_note=on_note,
            enrichment=enrichment,
        )
        if revision.state_of(engine) is not revision.State.EMPTY:
            revision.require_current(engine)
            return _preview(pipeline, settings)
        with in_memory() as substitute:
            prepare(substitute)
            return _preview(replace(pipeline, engine=substitute), settings)


def _preview(pipeline: Pipeline, settings: ApiSettings) -> "tuple[RunRow, list[Change]]":
    account = AccountInfo(settings.account) if settings.account else pipeline.api.account()
    changes: list[Change] = []
    with pipeline.read(account, Lock()) as reading, rollback(pipeline.engine) as connection:
        run_id = run_log.start_dry(connection, account.account_id, now)
        row = pipeline.write(connection, run_id, reading, changes)
    return row | {"run_id": None, "status": "dry_run"}, changes
