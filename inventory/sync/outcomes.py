"""The statements that record sync outcomes: when a sync of a connector succeeded or failed.

One row per outcome that no run has seen before.
"""

from typing import Any

from sqlalchemy import ColumnElement, Insert, Select, Table, and_, exists, insert, literal, select

from inventory.models import CONNECTOR_STATUS, SYNC_OUTCOMES
from inventory.sync.merge_context import OBSERVED_AT, RUN
from inventory.sync.staging import STAGED

# Each outcome, with the column that holds the time of the latest one.
OUTCOME_COLUMNS = {"succeeded": "succeeded_at", "failed": "failed_at"}


def outcomes_of_known(outcome: str, staged: Table) -> Insert:
    """Insert outcomes of connectors that were known before.

    Run it before all else in a merge, while the tables hold the previous times.
    """
    status = CONNECTOR_STATUS.current
    known = select(staged).join(status, status.c.connector_id == staged.c.connector_id)
    finished_at = OUTCOME_COLUMNS[outcome]
    moved = staged.c[finished_at].is_distinct_from(status.c[finished_at])
    return _insert_outcomes(outcome, staged, known.where(moved))


def outcomes_of_new(outcome: str) -> Insert:
    """Insert outcomes of connectors that this run added or found returned."""
    staged = STAGED["connector_status"]
    return _insert_outcomes(outcome, staged, select(staged).where(_is_new_version()))


def _insert_outcomes(outcome: str, staged: Table, rows: Select[Any]) -> Insert:
    finished_at = staged.c[OUTCOME_COLUMNS[outcome]]
    connector_id, known = staged.c.connector_id, SYNC_OUTCOMES.c
    values: dict[str, ColumnElement[Any]] = {
        "connector_id": connector_id,
        "outcome": literal(outcome),
        "finished_at": finished_at,
        "run_id": RUN,
    }
    same = and_(
        known.connector_id == connector_id,
        known.outcome == outcome,
        known.finished_at == finished_at,
    )
    new = (
        rows.with_only_columns(*values.values())
        .outerjoin(SYNC_OUTCOMES, same)
        .where(finished_at.is_not(None), known.connector_id.is_(None))
        # In the order of the key: neighbors go into the same page of its index.
        .order_by(connector_id)
    )
    return insert(SYNC_OUTCOMES).from_select(list(values), new)


def _is_new_version() -> ColumnElement[bool]:
    """Whether this run began the version: the connector was added, returned or changed state.

    For a changed state, `outcomes_of_known` has inserted all outcomes already.
    """
    status, staged = CONNECTOR_STATUS.current.c, STAGED["connector_status"].c
    return exists().where(
        status.connector_id == staged.connector_id,
        status.valid_from == OBSERVED_AT,
    )
