"""What an export sees of the database at one instant, and which rows are settled then."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from inventory.db import digest_key, session
from inventory.db.export_bookmarks import days, microseconds, time_at
from inventory.models import ACCOUNTS, INVENTORY_RUNS

# The number of a run is drawn before its row is committed, so among the newest ones a lower number
# may still appear. No more runs than this begin while one of them begins.
_RUNS_IN_FLUX = 1_000
# A day is worked out anew for so long after its end: whether runs observed it depends on the next
# run of its account, which may be late.
_DAYS_IN_FLUX = 3

_run = INVENTORY_RUNS.c


class Snapshot(NamedTuple):
    """`run_id` and `observed_at` are those of the last complete run; None = there was none yet."""

    database_id: str
    run_id: int | None
    observed_at: datetime | None
    first_observed_at: datetime | None
    first_unsettled_run: int
    accounts: int
    now: datetime

    @property
    def settled_until(self) -> int | None:
        """Up to then all versions, outcomes and outages are known: merges follow one another."""
        return microseconds(self.observed_at) if self.observed_at else None

    @property
    def settled_run(self) -> int | None:
        """All runs up to this one have ended."""
        return self.first_unsettled_run - 1 if self.first_unsettled_run > 1 else None

    @property
    def settled_day(self) -> int | None:
        return days(self.observed_at) - _DAYS_IN_FLUX - 1 if self.observed_at else None


def take(connection: Connection) -> Snapshot:
    """Read what the snapshot of this transaction says."""
    newest = select(_run.run_id, _run.observed_at).where(_run.observed_at.is_not(None))
    last = connection.execute(newest.order_by(_run.observed_at.desc()).limit(1)).first()
    running = select(func.min(_run.run_id)).where(_run.status == "running")
    newest_run = connection.scalar(select(func.max(_run.run_id))) or 0
    first_in_flux = max(newest_run - _RUNS_IN_FLUX + 1, 1)
    return Snapshot(
        database_id=digest_key.read(connection).digest("inventory export")[:32],
        run_id=last.run_id if last else None,
        observed_at=last.observed_at if last else None,
        first_observed_at=connection.scalar(select(func.min(_run.observed_at))),
        first_unsettled_run=min(connection.scalar(running) or first_in_flux, first_in_flux),
        accounts=connection.scalar(select(func.count()).select_from(ACCOUNTS)) or 0,
        now=session.now(connection),
    )


def is_known(connection: Connection, observed_at: int) -> bool:
    """Say whether a complete run has this time, in microseconds since 1970."""
    run = select(_run.run_id).where(_run.observed_at == time_at(observed_at))
    return connection.scalar(run) is not None
