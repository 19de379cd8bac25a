"""What history a horizon lets go. Nothing is done here.

What was over before the horizon goes: versions, ends of syncs, runs. What is so now stays, whatever
its age: current tables are never written to, nor loses any of them what it refers to.
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
    or_,
    select,
    true,
)
from sqlalchemy.sql.selectable import NamedFromClause

from inventory.columns import UtcDateTime
from inventory.models import CONNECTOR_STATUS, SYNC_OUTCOMES, SYNC_RUNS, VERSIONED

HORIZON = bindparam("horizon", type_=UtcDateTime())
# The last run that began before the horizon, as ends of syncs are found by runs.
LAST_RUN: ColumnElement[int] = bindparam("last_run", type_=BigInteger())


class Shelf(NamedTuple):
    """A table, and its `rows` as p: by an index they lie in order of `place`.

    Those `within` are to be looked at; of them go those that `goes` holds for.
    """

    table: Table
    rows: NamedFromClause
    place: ColumnElement[Any]
    within: ColumnElement[bool]
    goes: ColumnElement[bool]


def shelves(*, at_once: bool = False) -> Iterator[Shelf]:
    """Yield the tables with history, in the order in which they are to be cleared.

    Runs come last, as they go when no end of a sync refers to them. Asked `at_once`, before
    anything has gone, they are told as if the ends had.
    """
    for versioned in VERSIONED:
        past = versioned.past.alias("p")
        yield Shelf(versioned.past, past, past.c.valid_to, past.c.valid_to < HORIZON, true())
    ends, log = SYNC_OUTCOMES.alias("p"), SYNC_RUNS.alias("p")
    goes = _held(ends).is_(None)
    yield Shelf(SYNC_OUTCOMES, ends, ends.c.run_id, ends.c.run_id <= LAST_RUN, goes)
    run_goes = _run_goes(log, at_once=at_once)
    yield Shelf(SYNC_RUNS, log, log.c.run_id, log.c.run_id <= LAST_RUN, run_goes)


def last_run() -> Select[tuple[int]]:
    """Ask for what LAST_RUN is to be."""
    run = SYNC_RUNS.c
    return select(func.coalesce(func.max(run.run_id), 0)).where(run.started_at < HORIZON)


# What is asked for below is a value and never `exists`, which PostgreSQL might answer by a join
# that reads the whole table for each page.


def _held(end: NamedFromClause) -> ColumnElement[Any]:
    """The connector that still tells of this end of a sync: to forget it would make it news."""
    s = CONNECTOR_STATUS.current.c
    still = select(s.connector_id).where(
        s.connector_id == end.c.connector_id,
        or_(s.succeeded_at == end.c.finished_at, s.failed_at == end.c.finished_at),
    )
    return still.correlate(end).scalar_subquery()


def _run_goes(p: NamedFromClause, *, at_once: bool) -> ColumnElement[bool]:
    """Whether it is older than the last of its account to succeed before the horizon.

    From that one on, gaps between runs are reckoned, failures counted, and removals withheld.
    """
    b, ends = SYNC_RUNS.alias("b").c, SYNC_OUTCOMES.alias("ends")
    last = (
        select(b.run_id)
        .where(b.account_id == p.c.account_id, b.status == "succeeded", b.observed_at < HORIZON)
        .order_by(b.observed_at.desc())
        .limit(1)
    )
    refers = select(ends.c.run_id).where(ends.c.run_id == p.c.run_id).limit(1)
    if at_once:
        refers = refers.where(_held(ends).is_not(None))
    return and_(
        p.c.started_at < HORIZON,
        p.c.status != "running",
        or_(p.c.account_id.is_(None), p.c.run_id < last.correlate(p).scalar_subquery()),
        refers.correlate(p).scalar_subquery().is_(None),
    )
