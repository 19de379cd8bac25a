"""Judges the health of connectors at the instant of a run, in the transaction of its merge.

One statement works out whose word is not the stored one, by the rules of `inventory.health`; two
more close the versions that this ends, and write the new words. Judged is whom something happened
to or whose time is up; those that the run has not seen keep their word.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Executable,
    Insert,
    Select,
    Subquery,
    Update,
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
from inventory.merge import close
from inventory.models import CONNECTOR_STATUS, CONNECTORS, TASKS, WARNINGS, Versioned
from inventory.staging import JUDGED, STAGED, STAGED_MISSING
from inventory.versions import ACCOUNT, BEFORE, NOW, Moment

_STATUS = CONNECTOR_STATUS.current


def judge(connection: Connection, moment: Moment, *, time_is_up: bool, everybody: bool) -> int:
    """Judge after a merge of what is staged; return how many versions of states that has ended.

    `time_is_up`: any connector has become late since it was last judged. `everybody` is every
    connector that the run has seen: after a change of the rules.
    """

    def run(statement: Executable) -> int:
        options = {"preserve_rowcount": True}
        result = connection.execute(statement, moment.parameters, execution_options=options)
        return result.rowcount

    if not run(_judge(time_is_up=time_is_up, everybody=everybody)):
        return 0
    ended = close(
        CONNECTOR_STATUS,
        lambda rows: rows.join(JUDGED, JUDGED.c.connector_id == _STATUS.c.connector_id).where(
            _STATUS.c.valid_from < NOW  # else this run has begun it, unjudged
        ),
    )
    closed = run(ended)
    run(_write())
    return closed


def _judge(*, time_is_up: bool, everybody: bool) -> Insert:
    facts = _facts()
    judged = select(facts, literal_column(health.WORD, Text()).label("word")).where(
        facts.c.connector_id.in_(_whom(time_is_up=time_is_up, everybody=everybody))
    )
    # Else PostgreSQL would work the word out wherever it is spoken of.
    j = judged.cte("j").prefix_with("materialized", dialect="postgresql").c
    values = {
        "connector_id": j.connector_id,
        "health": j.word,
        "is_down": j.word.in_(health.DOWN),
        "health_since": _since(j),
    }
    values["down_since"] = case(
        (~values["is_down"], null()), (j.is_down, j.down_since), else_=values["health_since"]
    )
    differs = or_(j.word != j.health, _is_new(j))
    return insert(JUDGED).from_select(list(values), select(*values.values()).where(differs))


def _whom(*, time_is_up: bool, everybody: bool) -> Select[Any] | CompoundSelect[Any]:
    """Whoever the API has told anything new of, and those that it has shown as they were."""
    news = select(STAGED["connector_status"].c.connector_id)
    if not time_is_up and not everybody:
        return news
    facts = _facts().c
    missing = select(STAGED_MISSING.c.connector_id)
    seen = select(facts.connector_id).where(
        facts.account_id == ACCOUNT,
        facts.removed_at.is_(None),
        facts.connector_id.not_in(missing),
    )
    late = literal_column(f"({health.TIME_IS_UP})", Boolean())  # it holds an `or`
    return union(news, seen if everybody else seen.where(late))


def _facts() -> Subquery:
    """All that the rules speak of, under their names. Grain: one row per connector that exists."""
    c = CONNECTORS.current.c
    facts = (
        select(_STATUS, NOW.label("now"))
        .add_columns(c.account_id, c.removed_at, c.removed_reason, c.paused, c.schedule_type)
        .add_columns(_has(TASKS).label("has_tasks"), _has(WARNINGS).label("has_warnings"))
        .join(CONNECTORS.current, c.connector_id == _STATUS.c.connector_id)
    )
    return facts.subquery("facts")


def _has(alerts: Versioned) -> ColumnElement[bool]:
    """Whether any is open. Joined instead, PostgreSQL may lose its way in tables just filled."""
    return exists().where(alerts.current.c.connector_id == _STATUS.c.connector_id)


def _is_new(of: Any) -> ColumnElement[bool]:
    """Whether this run has seen the connector first, or again after it was gone."""
    since: ColumnElement[Any] = of.health_since
    return since.is_(None)


def _since(j: Any) -> ColumnElement[Any]:
    """The deadline where the complete run before this one had not passed it, else this run."""
    deadlines = (
        (~_is_new(j) & (j.word == name) & (j[time] > BEFORE), j[time])
        for name, time in health.TIMED.items()
    )
    return case(*deadlines, else_=NOW)


def _write() -> Update:
    return (
        update(_STATUS)
        .values({name: JUDGED.c[name] for name in CONNECTOR_STATUS.judged})
        .values(valid_from=NOW, changed_after=BEFORE)
        .where(_STATUS.c.connector_id == JUDGED.c.connector_id)
    )
