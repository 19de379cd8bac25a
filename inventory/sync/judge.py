"""Judges the health of connectors at the timestamp of a run, in the transaction of its merge.

One statement finds the connectors whose health, by the rules of `inventory.health`, differs from
the stored one; two more close their versions and write the new health. It judges connectors that
changed or whose deadline has passed. Connectors that the run did not see keep their health.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Insert,
    Select,
    Subquery,
    Update,
    and_,
    case,
    exists,
    insert,
    literal_column,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.types import Boolean, Text

from inventory import health
from inventory.column_types import lower_case, member
from inventory.models import (
    CASE_INSENSITIVE,
    CONNECTOR_STATUS,
    CONNECTORS,
    DESTINATIONS,
    TASKS,
    WARNINGS,
    HistoryTable,
)
from inventory.normalize.rows import SYNC_TIMES
from inventory.sync.judge_scope import Scope
from inventory.sync.merge_context import (
    ACCOUNT,
    CLOCK,
    OBSERVED_AT,
    PREVIOUS_AT,
    MergeContext,
    execute,
)
from inventory.sync.staging import JUDGED, STAGED, STAGED_MISSING, STAGED_SYNC_TIMES, Staged
from inventory.sync.version_statements import close

_STATUS = CONNECTOR_STATUS.current
# A time that could not be read is kept in `extra`.
_IS_SUCCESS_READABLE = member(_STATUS.c.extra, "succeeded_at").is_(None)


def judge(connection: Connection, context: MergeContext, scope: Scope, staged: Staged) -> int:
    """Judge after the merge; return how many status versions that closed."""
    if not execute(connection, context, _judge(scope, staged)):
        return 0
    ended = close(
        CONNECTOR_STATUS,
        lambda rows: rows.join(JUDGED, JUDGED.c.connector_id == _STATUS.c.connector_id).where(
            _STATUS.c.valid_from < OBSERVED_AT  # this run has not just begun it
        ),
    )
    closed = execute(connection, context, ended)
    execute(connection, context, _write_judged())
    return closed


def _judge(scope: Scope, staged: Staged) -> Insert:
    inputs = _inputs()
    judged = select(inputs, literal_column(health.HEALTH_SQL, Text()).label("new_health")).where(
        inputs.c.connector_id.in_(_candidates(scope, staged))
    )
    # Otherwise PostgreSQL would evaluate the rules once per reference.
    j = judged.cte("j").prefix_with("materialized", dialect="postgresql").c
    values = {
        "connector_id": j.connector_id,
        "health": j.new_health,
        "is_down": j.new_health.in_(health.DOWN),
        "health_since": _health_since(j),
    }
    values["down_since"] = case(
        (~values["is_down"], null()), (j.is_down, j.down_since), else_=values["health_since"]
    )
    differs = or_(j.new_health != j.health, _is_new(j))
    return insert(JUDGED).from_select(list(values), select(*values.values()).where(differs))


def _candidates(scope: Scope, staged: Staged) -> CompoundSelect[Any]:
    """Connectors with staged rows, and those of the scope that the run saw."""
    found = [select(STAGED["connector_status"].c.connector_id)]
    if SYNC_TIMES in staged.tables:
        found.append(_with_moved_deadline())
    if any(scope):
        found.append(_in_scope(scope))
    return union(*found)


def _in_scope(scope: Scope) -> Select[Any]:
    inputs = _inputs().c
    missing = select(STAGED_MISSING.c.connector_id)
    seen = select(inputs.connector_id).where(
        inputs.account_id == ACCOUNT,
        inputs.removed_at.is_(None),
        inputs.connector_id.not_in(missing),
    )
    if scope.judge_all:
        return seen
    conditions: list[ColumnElement[bool]] = []
    if scope.late:
        # In brackets, as it contains an `or`.
        conditions.append(literal_column(f"({health.TIME_IS_UP})", Boolean()))
    if scope.destinations:
        differs = literal_column(f"({health.DESTINATION_DIFFERS})", Boolean())
        conditions += [inputs.destination_changed, differs]
    return seen.where(or_(*conditions))


def _with_moved_deadline() -> Select[Any]:
    """Connectors of which only the times of syncs have moved, where that may change the health.

    Of all facts that the rules refer to, it changes the deadline alone.
    """
    times = STAGED_SYNC_TIMES.c.connector_id
    moved = (
        select(_STATUS, CLOCK.label("now"))
        .join(STAGED_SYNC_TIMES, times == _STATUS.c.connector_id)
        .subquery("moved")
    )
    is_late = literal_column(f"({health.TIME_HAS_PASSED})", Boolean())
    return select(moved.c.connector_id).where(or_(moved.c.health.in_(health.TIMED), is_late))


def _inputs() -> Subquery:
    """The columns that the rules refer to. Grain: one row per connector that exists."""
    c, d = CONNECTORS.current.c, DESTINATIONS.current.c
    states = [
        lower_case(column).label(column.name) if column.name in CASE_INSENSITIVE else column
        for column in _STATUS.c
    ]
    never = and_(_STATUS.c.succeeded_at.is_(None), _IS_SUCCESS_READABLE)
    inputs = (
        select(*states, CLOCK.label("now"), never.label("never_succeeded"))
        .add_columns(c.account_id, c.removed_at, c.removed_reason, c.paused)
        .add_columns(lower_case(c.schedule_type).label("schedule_type"))
        .add_columns(_has(TASKS).label("has_tasks"), _has(WARNINGS).label("has_warnings"))
        .add_columns(
            case((d.removed_at.is_(None), lower_case(d.setup_status))).label("destination_status")
        )
        .add_columns(
            or_(d.valid_from == OBSERVED_AT, d.removed_at == OBSERVED_AT).label(
                "destination_changed"
            )
        )
        .join(CONNECTORS.current, c.connector_id == _STATUS.c.connector_id)
        .outerjoin(DESTINATIONS.current, d.destination_id == c.group_id)
    )
    return inputs.subquery("inputs")


def _has(alerts: HistoryTable) -> ColumnElement[bool]:
    """Whether the connector has any. PostgreSQL may plan a join badly on tables just filled."""
    return exists().where(alerts.current.c.connector_id == _STATUS.c.connector_id)


def _is_new(of: Any) -> ColumnElement[bool]:
    """Whether the connector was added or has returned in this run."""
    since: ColumnElement[Any] = of.health_since
    return since.is_(None)


def _health_since(j: Any) -> ColumnElement[Any]:
    """The deadline, if it passed after the previous complete run; else the time of this run."""
    deadlines = (
        (~_is_new(j) & (j.new_health == name) & (j[time] > PREVIOUS_AT), j[time])
        for name, time in health.TIMED.items()
    )
    return case(*deadlines, else_=OBSERVED_AT)


def _write_judged() -> Update:
    # Nobody knows whether it has succeeded since: what is not down any more has no deadline.
    keeps_deadline = or_(JUDGED.c.is_down, _IS_SUCCESS_READABLE)
    return (
        update(_STATUS)
        .values({name: JUDGED.c[name] for name in CONNECTOR_STATUS.judged})
        .values(due_at=case((keeps_deadline, _STATUS.c.due_at), else_=null()))
        .values(valid_from=OBSERVED_AT, changed_after=PREVIOUS_AT)
        .where(_STATUS.c.connector_id == JUDGED.c.connector_id)
    )
