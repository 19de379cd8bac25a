"""Decides which history a cutoff makes deletable. It deletes nothing.

Versions, sync outcomes, notifications and runs that ended before the cutoff are deletable. What is
true now stays, whatever its age: current tables are never changed, nor do they lose a row that they
refer to, nor destinations the versions that say since when they have their setup status.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql.selectable import NamedFromClause

from inventory.column_types import UtcDateTime, lower_case
from inventory.models import (
    CONNECTOR_STATUS,
    DESTINATIONS,
    HISTORY_TABLES,
    INVENTORY_RUNS,
    NOTIFICATIONS,
    SYNC_OUTCOMES,
)

CUTOFF = bindparam("cutoff", type_=UtcDateTime())
# The last run that began before the cutoff, as sync outcomes are found by runs.
LAST_RUN: ColumnElement[int] = bindparam("last_run", type_=BigInteger())


class PrunePlan(NamedTuple):
    """A table to prune, with its `rows` as p, which an index keeps in order of `sort_key`.

    Rows that match `candidates` are examined; of these, rows that match `deletable` are deleted.
    """

    table: Table
    rows: NamedFromClause
    sort_key: ColumnElement[Any]
    candidates: ColumnElement[bool]
    deletable: ColumnElement[bool]


def plans(*, assume_deleted: bool = False) -> Iterator[PrunePlan]:
    """Yield the tables with history, in the order to prune them in.

    Runs come last, as a run is deletable once no sync outcome refers to it. With `assume_deleted`,
    for a dry run, the plan of runs assumes that deletable outcomes are already deleted.
    """
    for versioned in HISTORY_TABLES:
        past = versioned.past.alias("p")
        deletable = _is_of_earlier_status(past) if versioned is DESTINATIONS else true()
        yield PrunePlan(versioned.past, past, past.c.valid_to, past.c.valid_to < CUTOFF, deletable)
    told = NOTIFICATIONS.alias("p")
    is_over = told.c.over_at < CUTOFF
    yield PrunePlan(NOTIFICATIONS, told, told.c.announced_at, told.c.announced_at < CUTOFF, is_over)
    outcomes, log = SYNC_OUTCOMES.alias("p"), INVENTORY_RUNS.alias("p")
    unused = _referring_connector(outcomes).is_(None)
    yield PrunePlan(
        SYNC_OUTCOMES, outcomes, outcomes.c.run_id, outcomes.c.run_id <= LAST_RUN, unused
    )
    deletable = _is_deletable_run(log, assume_deleted=assume_deleted)
    yield PrunePlan(INVENTORY_RUNS, log, log.c.run_id, log.c.run_id <= LAST_RUN, deletable)


def last_run() -> Select[tuple[int]]:
    """Select the value of LAST_RUN."""
    run = INVENTORY_RUNS.c
    return select(func.coalesce(func.max(run.run_id), 0)).where(run.started_at < CUTOFF)


# The conditions below compare a scalar subquery with null instead of using `exists`, which
# PostgreSQL might execute as a join that reads the whole table for each page.


def _is_of_earlier_status(p: NamedFromClause) -> ColumnElement[bool]:
    """Return the condition that a destination's present setup status began after this version.

    That is so if it has been removed, or if any version from this one on has another status, or
    none follows it at once. `destination_health` tells since when the status is as it is.
    """
    d, q, r = DESTINATIONS.current.c, DESTINATIONS.past.alias("q").c, DESTINATIONS.past.alias("r").c
    next_version = select(r.destination_id).where(
        r.destination_id == q.destination_id, r.valid_from == q.valid_to
    )
    follows = next_version.correlate(q.destination_id.table).scalar_subquery().is_not(None)
    goes_on = or_(follows, and_(d.valid_from == q.valid_to, d.removed_at.is_(None)))
    status = lower_case(func.coalesce(d.setup_status, ""))
    earlier = (
        select(q.destination_id)
        .join(DESTINATIONS.current, d.destination_id == q.destination_id)
        .where(
            q.destination_id == p.c.destination_id,
            q.valid_from >= p.c.valid_from,
            or_(lower_case(func.coalesce(q.setup_status, "")) != status, not_(goes_on)),
        )
        .limit(1)
    )
    return earlier.correlate(p).scalar_subquery().is_not(None)


def _referring_connector(outcome: NamedFromClause) -> ColumnElement[Any]:
    """Select the connector whose latest outcome this is: a run would record it again."""
    s = CONNECTOR_STATUS.current.c
    referring = select(s.connector_id).where(
        s.connector_id == outcome.c.connector_id,
        or_(s.succeeded_at == outcome.c.finished_at, s.failed_at == outcome.c.finished_at),
    )
    return referring.correlate(outcome).scalar_subquery()


def _is_deletable_run(p: NamedFromClause, *, assume_deleted: bool) -> ColumnElement[bool]:
    """Return the condition that a run precedes the last successful one before the cutoff.

    From that run of the account on, the log is needed: for gaps between runs, failures and withheld
    removals. The last run of an API key stays as well: it records the account of the key.
    """
    b, k = INVENTORY_RUNS.alias("b").c, INVENTORY_RUNS.alias("k").c
    outcomes = SYNC_OUTCOMES.alias("outcomes")
    last = (
        select(b.run_id)
        .where(b.account_id == p.c.account_id, b.status == "succeeded", b.observed_at < CUTOFF)
        .order_by(b.observed_at.desc())
        .limit(1)
    )
    later_of_key = (
        select(k.run_id)
        .where(
            k.api_key_digest == p.c.api_key_digest,
            k.account_id.is_not(None),
            k.run_id > p.c.run_id,
        )
        .order_by(k.run_id)
        .limit(1)
    )
    is_not_last_of_key = or_(
        p.c.api_key_digest.is_(None), later_of_key.correlate(p).scalar_subquery().is_not(None)
    )
    refers = select(outcomes.c.run_id).where(outcomes.c.run_id == p.c.run_id).limit(1)
    if assume_deleted:
        refers = refers.where(_referring_connector(outcomes).is_not(None))
    return and_(
        p.c.started_at < CUTOFF,
        p.c.status != "running",
        or_(
            p.c.account_id.is_(None),
            and_(p.c.run_id < last.correlate(p).scalar_subquery(), is_not_last_of_key),
        ),
        refers.correlate(p).scalar_subquery().is_(None),
    )
