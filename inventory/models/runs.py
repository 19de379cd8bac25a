"""The log of runs, and the sync outcomes that runs have observed."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column, relationship

from inventory.column_types import BIGINT, IDENTITY
from inventory.models.base import LAST, Base, key, table_of
from inventory.models.connectors import Connector

# The statuses of runs whose walk was complete and whose snapshot was merged.
COMPLETE = ("succeeded", "withheld")


def _column(comment: str, *parts: Any, **options: Any) -> MappedColumn[Any]:
    return mapped_column(*parts, comment=comment, sort_order=LAST, **options)


def _count(comment: str, **options: Any) -> MappedColumn[Any]:
    return _column(comment, default=0, **options)


class InventoryRun(Base):
    """One attempted run of the job."""

    __tablename__ = "inventory_runs"
    __table_args__ = (
        CheckConstraint(
            "status in ('running', 'succeeded', 'withheld', 'failed', 'crashed')", name="status"
        ),
        Index("ix_inventory_runs_account_id_observed_at", "account_id", "observed_at"),
        Index("ix_inventory_runs_api_key_digest_run_id", "api_key_digest", "run_id"),
        {"comment": "One row per attempted run; only succeeded and withheld ones are complete"},
    )

    run_id: Mapped[int] = _column("Number of the run, counting up", IDENTITY, primary_key=True)
    account_id: Mapped[str | None] = _column(
        "The account; null = the run ended before it was known"
    )
    status: Mapped[str] = _column("running, succeeded, withheld, failed or crashed")
    started_at: Mapped[datetime] = _column("When it began (UTC)")
    observed_at: Mapped[datetime | None] = _column(
        "The one timestamp of everything it changed (UTC); null = it merged nothing"
    )
    finished_at: Mapped[datetime | None] = _column("When it ended (UTC)")
    endpoint: Mapped[str | None] = _column(
        "Which list of the API it read: connectors or connections"
    )
    pages: Mapped[int] = _count("Pages read")
    requests: Mapped[int] = _count("Requests sent, retries included")
    retries: Mapped[int] = _count("Requests sent again after a failure")
    connectors_seen: Mapped[int] = _count("Connectors that the API listed")
    duplicates: Mapped[int] = _count("Connectors listed again; the later item counts")
    added: Mapped[int] = _count("Connectors never seen before")
    changed: Mapped[int] = _count("Connectors with a change in any tracked column")
    removed: Mapped[int] = _count("Connectors found to be removed")
    returned: Mapped[int] = _count("Removed connectors that exist again")
    unconfirmed: Mapped[int] = _count(
        "Missing connectors whose lookup gave no clear result; left as they were"
    )
    anomalies: Mapped[int] = _count(
        "Values that do not fit their column, and unknown states, in all that the API now lists"
    )
    error_code: Mapped[str | None] = _column("Kind of error; null = none")
    error_message: Mapped[str | None] = _column("What was tried, what came back, what to do next")
    tool_version: Mapped[str] = _column("Version of the tool")
    walks: Mapped[int] = _count(
        "How often the list was read from its first page; 2 = it changed during the first walk",
        server_default="0",
    )
    withheld: Mapped[int] = _count(
        "Missing connectors that were too many to be removed unasked; left as they were",
        server_default="0",
    )
    health_rules: Mapped[str | None] = _column(
        "Digest of the rules that it judged health by; null = it judged none"
    )
    deadline_at: Mapped[datetime | None] = _column(
        "When its --deadline is over (UTC); a run that still runs then hangs"
    )
    clock_behind_seconds: Mapped[int] = _count(
        "Seconds that the database's clock was behind the newest timestamp of all runs; "
        "0 = it was not",
        server_default="0",
    )
    api_key_digest: Mapped[str | None] = _column(
        "Keyed digest of the API key that it used: equal digests mean the same key"
    )
    skipped: Mapped[str | None] = _column(
        "Lists beside the connectors that it could not read or did not believe, e.g. groups, "
        "users; nothing of them changed"
    )
    details_read: Mapped[int] = _count(
        "Connectors whose details it read, beyond the list", server_default="0"
    )
    details_failed: Mapped[int] = _count(
        "Connectors whose details it could not read; left as they were", server_default="0"
    )
    tested: Mapped[int] = _count(
        "Connectors whose setup tests it had the vendor run", server_default="0"
    )
    tests_failed: Mapped[int] = _count(
        "Connectors whose setup tests could not be run; left as they were", server_default="0"
    )

    rate_limit_remaining: Mapped[int | None] = _column(
        "Requests that the account's quota of the hour had left, as its last response said; "
        "null = none said it"
    )

    outcomes: Mapped[list["SyncOutcome"]] = relationship(
        viewonly=True, order_by="SyncOutcome.finished_at"
    )


def _reference(column: str, to: str) -> ForeignKeyConstraint:
    """A foreign key that PostgreSQL lacks: `db verify` finds rows that refer to nothing.

    An everyday run inserts an outcome for each connector. There each key checked each row by a
    statement of its own and wrote a lock of the row it refers to into the log: without them the
    insert takes two thirds of the time. SQLite checks at little cost, and Datasette links by them.
    """
    key = ForeignKeyConstraint([column], [to], info={"only_on": "sqlite"})
    key.ddl_if(dialect="sqlite")
    return key


class SyncOutcome(Base):
    """The outcome of a sync, as Fivetran reported it and a run first saw it."""

    __tablename__ = "sync_outcomes"
    __table_args__ = (
        CheckConstraint("outcome in ('succeeded', 'failed')", name="outcome"),
        _reference("connector_id", "connectors.connector_id"),
        _reference("run_id", "inventory_runs.run_id"),
        # Pruning goes through the rows in this order. A BRIN would write 6 MB less to the log of
        # 100,000 rows, but has no order, and matches ever more once deleted rows' room is used.
        Index("ix_sync_outcomes_run_id", "run_id"),
        {
            "comment": "One row per sync outcome that a run saw: between two runs, only the last "
            "success and the last failure are seen"
        },
    )

    connector_id: Mapped[str] = key("The connector's id, as the API gives it")
    outcome: Mapped[str] = key("succeeded or failed")
    finished_at: Mapped[datetime] = key("When the sync ended (UTC)")
    run_id: Mapped[int] = _column("The run that first saw it", BIGINT)

    connector: Mapped[Connector] = relationship(viewonly=True)
    run: Mapped[InventoryRun] = relationship(viewonly=True)


INVENTORY_RUNS = table_of(InventoryRun)
SYNC_OUTCOMES = table_of(SyncOutcome)
