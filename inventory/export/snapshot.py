"""What an export sees of the database at one instant, and which rows are settled then."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from inventory.db import digest_key, session
from inventory.db.engine import now
from inventory.db.export_bookmarks import days, microseconds, time_at
from inventory.models import ACCOUNTS, INVENTORY_RUNS

# The number of a run is drawn before its row is committed, so among new ones a lower number may
# still appear. No run takes so long to begin.
_RUNS_IN_FLUX = timedelta(days=1)
# A day is worked out anew for so long after its end: whether runs observed it depends on the next
# run of its account, which may be late.
_DAYS_IN_FLUX = 3

_run = INVENTORY_RUNS.c


class Snapshot(NamedTuple):
    """`run_id` and `observed_at` are those of the last complete run; None = there was none yet.

    All runs up to `settled_run` have ended, and no other one of them will appear; None = not even
    the first one.
    """

    database_id: str
    run_id: int | None
    observed_at: datetime | None
    first_observed_at: datetime | None
    settled_run: int | None
    accounts: int
    now: datetime

    @property
    def settled_until(self) -> int | None:
        """Up to then all versions, outcomes and outages are known: merges follow one another."""
        return microseconds(self.observed_at) if self.observed_at else None

    @property
    def settled_day(self) -> int | None:
        if self.observed_at is None:
            return None
        # A wrong clock may have dated the run into the future; those days are still to come.
        return min(days(self.observed_at), days(self.now)) - _DAYS_IN_FLUX - 1


def take(connection: Connection) -> Snapshot:
    """Read what the snapshot of this transaction says."""
    newest = select(_run.run_id, _run.observed_at).where(_run.observed_at.is_not(None))
    last = connection.execute(newest.order_by(_run.observed_at.desc()).limit(1)).first()
    return Snapshot(
        database_id=digest_key.read(connection).digest("inventory export")[:32],
        run_id=last.run_id if last else None,
        observed_at=last.observed_at if last else None,
        first_observed_at=connection.scalar(select(func.min(_run.observed_at))),
        settled_run=_settled_run(connection),
        accounts=connection.scalar(select(func.count()).select_from(ACCOUNTS)) or 0,
        now=session.now(connection),
    )


def _settled_run(connection: Connection) -> int | None:
    # A wrong clock may have dated a run into the future. It must not hold back those after it for
    # years: a prune would take from the target what is still current there.
    is_old = _run.started_at <= now(connection) - _RUNS_IN_FLUX
    settled = select(func.max(_run.run_id)).where(is_old)
    first_running = connection.scalar(select(func.min(_run.run_id)).where(_run.status == "running"))
    run_id: int | None = connection.scalar(
        settled if first_running is None else settled.where(_run.run_id < first_running)
    )
    return run_id


def is_known(connection: Connection, observed_at: int) -> bool:
    """Say whether a complete run has this time, in microseconds since 1970."""
    run = select(_run.run_id).where(_run.observed_at == time_at(observed_at))
    return connection.scalar(run) is not None
