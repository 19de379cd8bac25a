"""What history a horizon lets go, and what stays though it is older. Nothing is done here.

What was over before the horizon goes, but for that without which an instant since then would be
told otherwise. Current tables are asked, never written to.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql.selectable import NamedFromClause

from inventory.columns import UtcDateTime
from inventory.health import EVENTFUL
from inventory.models import CONNECTOR_STATUS, CONNECTORS, SYNC_OUTCOMES, SYNC_RUNS, VERSIONED

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
        goes = _VERSION_GOES[versioned.current.name](past, versioned.past.alias("q"))
        yield Shelf(versioned.past, past, past.c.valid_to, past.c.valid_to < HORIZON, goes)
    ends, log = SYNC_OUTCOMES.alias("p"), SYNC_RUNS.alias("p")
    yield Shelf(SYNC_OUTCOMES, ends, ends.c.run_id, ends.c.run_id <= LAST_RUN, _end_goes(ends))
    run_goes = _run_goes(log, at_once=at_once)
    yield Shelf(SYNC_RUNS, log, log.c.run_id, log.c.run_id <= LAST_RUN, run_goes)


def last_run() -> Select[tuple[int]]:
    """Ask for what LAST_RUN is to be."""
    run = SYNC_RUNS.c
    return select(func.coalesce(func.max(run.run_id), 0)).where(run.started_at < HORIZON)


# --- versions -------------------------------------------------------------------------------

# In each, p is the version in question and q are others. What is asked for is a value and never
# `exists`, which PostgreSQL might answer by a join that reads the whole table for each page.


def _connector_goes(p: NamedFromClause, q: NamedFromClause) -> ColumnElement[bool]:
    """Whether it ended before that began which somebody should look at now.

    Who has lost a creator could not be told otherwise from who never had one. The versions that
    followed stay as well: between two versions that do not touch, a connector was gone. Of one that
    is gone the last stays, so that it is still told of.
    """
    c = CONNECTORS.current.c

    def not_before(otherwise: ColumnElement[bool]) -> ColumnElement[bool]:
        # Not max(), for which PostgreSQL might go through the index by time alone.
        last = (
            select(q.c.valid_to)
            .where(q.c.connector_id == p.c.connector_id, otherwise)
            .order_by(q.c.valid_from.desc())
            .limit(1)
        )
        lasted: ColumnElement[bool] = p.c.valid_to >= last.correlate(p).scalar_subquery()
        return lasted

    had_none = not_(func.coalesce(q.c.pause_after_trial, False))
    looked_at = select(c.connector_id).where(
        c.connector_id == p.c.connector_id,
        or_(
            c.removed_at == p.c.valid_to,
            and_(
                c.removed_at.is_(None),
                or_(
                    and_(c.connected_by.is_(None), not_before(q.c.connected_by.is_not(None))),
                    and_(c.pause_after_trial, not_before(had_none)),
                ),
            ),
        ),
    )
    return looked_at.correlate(p).scalar_subquery().is_(None)


def _states_go(p: NamedFromClause, q: NamedFromClause) -> ColumnElement[bool]:
    """Whether a later one reads the same: the last that was broken tells since when it is well."""
    states = [name for name in CONNECTOR_STATUS.tracked if name != "extra"]
    later = (
        select(q.c.valid_from)
        .where(
            q.c.connector_id == p.c.connector_id,
            q.c.valid_from > p.c.valid_from,
            *(q.c[name].is_not_distinct_from(p.c[name]) for name in states),
        )
        .order_by(q.c.valid_from)
        .limit(1)
        .correlate(p)
    )
    # Of p where it stands alone, and of q within: few versions are so, and have an index.
    eventful = literal_column(EVENTFUL, Boolean())
    found = case((eventful, later.where(eventful).scalar_subquery()), else_=later.scalar_subquery())
    return found.is_not(None)


def _alert_goes(p: NamedFromClause, q: NamedFromClause) -> ColumnElement[bool]:
    """Whether a later one has ended: the last tells since when there is none."""
    last = select(func.max(q.c.valid_to)).where(q.c.connector_id == p.c.connector_id)
    later: ColumnElement[bool] = p.c.valid_to < last.correlate(p).scalar_subquery()
    return later


def _test_goes(p: NamedFromClause, q: NamedFromClause) -> ColumnElement[bool]:
    return true()


_VERSION_GOES: dict[str, Callable[[NamedFromClause, NamedFromClause], ColumnElement[bool]]] = {
    "connectors": _connector_goes,
    "connector_status": _states_go,
    "warnings": _alert_goes,
    "tasks": _alert_goes,
    "setup_tests": _test_goes,
}


# --- ends of syncs, and runs ----------------------------------------------------------------


def _end_goes(p: NamedFromClause) -> ColumnElement[bool]:
    """Whether a later one was over and seen before the horizon, and no answer is made of it.

    The last one of each kind stays: it is what had been seen at the horizon, and what the API goes
    on to tell, also of a connector that returns, is not to be taken for new. So does whatever
    `connector_status` holds. The first success tells when the first sync was over, and the last
    that was late, since when none is.
    """
    s, n, seen = CONNECTOR_STATUS.current.c, SYNC_OUTCOMES.alias("n").c, SYNC_RUNS.alias("seen")
    of_it = n.connector_id == p.c.connector_id
    later = (
        select(n.finished_at)
        .join(seen, seen.c.run_id == n.run_id)
        .where(of_it, n.outcome == p.c.outcome, n.finished_at > p.c.finished_at)
        .where(n.finished_at < HORIZON, seen.c.observed_at < HORIZON)
        .order_by(n.finished_at)
        .limit(1)
    )
    first = select(func.min(n.finished_at)).where(of_it, n.outcome == "succeeded")
    last_late = select(func.max(n.finished_at)).where(of_it, n.overdue_since.is_not(None))
    held = select(s.connector_id).where(
        s.connector_id == p.c.connector_id,
        or_(s.succeeded_at == p.c.finished_at, s.failed_at == p.c.finished_at),
    )

    def asked(one: Select[Any]) -> Any:
        return one.correlate(p).scalar_subquery()

    # That it ended before the horizon itself is said by the later one. Said once more, it would
    # lead PostgreSQL through an index that holds all there are.
    return and_(
        asked(later).is_not(None),
        or_(p.c.outcome != "succeeded", p.c.finished_at > asked(first)),
        or_(p.c.overdue_since.is_(None), p.c.finished_at < asked(last_late)),
        asked(held).is_(None),
    )


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
        refers = refers.where(case((_end_goes(ends), False), else_=True))
    return and_(
        p.c.started_at < HORIZON,
        p.c.status != "running",
        or_(p.c.account_id.is_(None), p.c.run_id < last.correlate(p).scalar_subquery()),
        refers.correlate(p).scalar_subquery().is_(None),
    )
