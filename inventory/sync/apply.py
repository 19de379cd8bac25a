"""Applies a snapshot in one transaction: stage, merge, judge, count.

Runs in the caller's transaction, which the caller commits or, for a dry run, rolls back.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, and_, case, func, literal, select, text

from inventory import health
from inventory.column_types import lower_case
from inventory.errors import ConfigurationError
from inventory.models import CONNECTOR_STATUS, CONNECTORS, DESTINATIONS
from inventory.sync import run_log
from inventory.sync.judge_scope import Scope
from inventory.sync.merge_context import CLOCK, MergeContext
from inventory.sync.snapshot import Snapshot

if TYPE_CHECKING:
    from inventory.sync.changes import Change


def apply_snapshot(
    connection: Connection,
    context: MergeContext,
    snapshot: Snapshot,
    changes: "list[Change] | None" = None,
    *,
    destinations_changed: bool,
) -> dict[str, Any]:
    """Merge and judge; return the columns of the run's row that follow from it.

    A dry run passes `changes`, and every change is appended to it. `destinations_changed`: this run
    has begun or ended a version of one, which may decide the health of connectors.
    """
    columns = _columns_of(snapshot)
    rules_before = run_log.health_rules(connection, context)
    rules_changed = context.previous_at is not None and rules_before != health.RULES_DIGEST
    # While the clock was ahead, connectors were judged overdue that were not.
    judge_all = rules_changed or context.clock is not None
    # Connectors that were not seen must be judged by the new rules once a run sees them.
    keep_rules = rules_changed and snapshot.unseen
    columns["health_rules"] = rules_before if keep_rules else health.RULES_DIGEST
    scope = Scope(
        late=_is_time_up(connection, context),
        judge_all=judge_all,
        destinations=destinations_changed or _is_destination_unjudged(connection, context),
    )
    if snapshot.changes_nothing and not any(scope):
        return columns
    return columns | _write(connection, context, snapshot, changes, scope)


def _write(
    connection: Connection,
    context: MergeContext,
    snapshot: Snapshot,
    listed: "list[Change] | None",
    scope: Scope,
) -> dict[str, int]:
    """Stage, merge and judge; return the counts of added, changed, removed, returned connectors."""
    # Imported here, as most runs find nothing new.
    from inventory.sync import changes, judge, merge, staging

    staged = staging.stage(connection, snapshot.spool, snapshot.removals, snapshot.unseen)
    if outdated := snapshot.normalizer.outdated_connectors:
        from inventory.sync import mask_digests

        mask_digests.add_digests(connection, staged, outdated)
    if "connectors" in staged.tables:  # otherwise all are known, so they are of this account
        _reject_connectors_of_other_accounts(connection, context.account_id)
    written = merge.merge(connection, context, staged)
    closed = judge.judge(connection, context, scope, staged)
    written.add(CONNECTOR_STATUS, merge.Rows(closed=closed, updated=closed))
    if listed is not None:
        listed += changes.list_changes(connection, context, written)
    return changes.count_changes(connection, context, written)


def _columns_of(snapshot: Snapshot) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "status": "succeeded",
        "connectors_seen": len(snapshot.spool),
        "duplicates": snapshot.spool.duplicates,
        "unconfirmed": snapshot.unconfirmed,
        "withheld": snapshot.withheld,
        "anomalies": snapshot.normalizer.anomalies,
        **snapshot.enriched._asdict(),
    }
    if snapshot.withheld_reason:
        columns |= {
            "status": "withheld",
            "error_code": snapshot.withheld_reason.code,
            "error_message": str(snapshot.withheld_reason),
        }
    return columns


def _is_time_up(connection: Connection, context: MergeContext) -> bool:
    """Return whether any connector of the account has become overdue since it was last judged."""
    status, connector = CONNECTOR_STATUS.current.c, CONNECTORS.current.c
    states = select(status.health, status.due_at, status.rescheduled_for, CLOCK.label("now"))
    with_schedules = (
        states.add_columns(
            lower_case(status.sync_state).label("sync_state"),
            lower_case(connector.schedule_type).label("schedule_type"),
        )
        .join(CONNECTORS.current, connector.connector_id == status.connector_id)
        .where(connector.account_id == context.account_id, connector.removed_at.is_(None))
    )
    return all(
        connection.scalar(_first_of(rows, condition), context.parameters) is not None
        for rows, condition in (
            (states, health.TIME_HAS_PASSED),  # quick, but for all accounts
            (with_schedules, health.TIME_IS_UP),
        )
    )


def _is_destination_unjudged(connection: Connection, context: MergeContext) -> bool:
    """Return whether any connector of the account was not judged since its destination changed."""
    status, connector = CONNECTOR_STATUS.current.c, CONNECTORS.current.c
    destination = DESTINATIONS.current.c
    is_broken = and_(
        lower_case(destination.setup_status) == "broken", destination.removed_at.is_(None)
    )
    states = (
        select(status.health, case((is_broken, "broken")).label("destination_status"))
        .join(CONNECTORS.current, connector.connector_id == status.connector_id)
        .outerjoin(DESTINATIONS.current, destination.destination_id == connector.group_id)
        .where(connector.account_id == context.account_id, connector.removed_at.is_(None))
    )
    first_broken = select(literal(1)).where(is_broken).limit(1)
    is_any = connection.scalar(first_broken) or connection.scalar(
        _first_of(select(status.health), "health = 'destination_broken'")
    )
    return bool(is_any and connection.scalar(_first_of(states, health.DESTINATION_DIFFERS)))


def _first_of(rows: Select[Any], condition: str) -> Select[int]:
    return select(literal(1)).select_from(rows.subquery("t")).where(text(condition)).limit(1)


def _reject_connectors_of_other_accounts(connection: Connection, account_id: str) -> None:
    """Raise ConfigurationError if staged connectors belong to another account.

    With two names for one account, each run would take the connectors of the other, and no removal
    would be guarded.
    """
    from inventory.sync.staging import STAGED

    staged, connector = STAGED["connectors"].c, CONNECTORS.current.c
    of_others = (
        select(connector.account_id, func.count())
        .join(STAGED["connectors"], staged.connector_id == connector.connector_id)
        .where(connector.account_id != account_id, connector.removed_at.is_(None))
        .group_by(connector.account_id)
        .order_by(func.count().desc())
    )
    other = connection.execute(of_others).first()
    if other is not None:
        raise ConfigurationError(
            f"{other[1]:,} connectors listed by account {account_id} already belong to account "
            f"{other[0]} in this database. If the two are one account, pass --account {other[0]}."
        )
