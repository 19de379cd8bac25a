"""Staged rows into current tables and history: a handful of statements, driven by data.

For each versioned table, in this order: *close* (copy what is superseded, vanished or removed into
the past), *revise* (rewrite what changed, as the open version), *drop* (what is gone), *move*
(columns without history), *open* (what is new). Ends of syncs are added around that. Rows that did
not change are not touched; tables for which nothing is staged are looked at for removals only. All
of it happens in the caller's transaction, at one instant. Health is judged after it: see `judge`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Executable,
    Insert,
    Select,
    Table,
    Update,
    and_,
    case,
    delete,
    exists,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from inventory.items import LISTS
from inventory.models import CONNECTOR_STATUS, CONNECTORS, SYNC_OUTCOMES, VERSIONED, Versioned
from inventory.staging import STAGED, STAGED_REMOVALS, Staged
from inventory.versions import ACCOUNT, BEFORE, NOW, RUN, Moment


class Rows(NamedTuple):
    """How many rows of a versioned table a merge has closed, revised and opened."""

    closed: int = 0
    revised: int = 0
    opened: int = 0


class Written(NamedTuple):
    """What a merge has written, by current table; those that are not in it were not touched."""

    tables: dict[str, Rows]

    def of(self, versioned: Versioned) -> Rows:
        return self.tables.get(versioned.current.name, Rows())

    def add(self, versioned: Versioned, rows: Rows) -> None:
        added = (here + more for here, more in zip(self.of(versioned), rows, strict=True))
        self.tables[versioned.current.name] = Rows(*added)


# The ends of syncs, each with the column that tells of the last one.
_ENDS = {"succeeded": "succeeded_at", "failed": "failed_at"}

# Columns that the API may leave untold, each with the flag that says it was told.
_TOLD = {
    "config": "config_told",
    "config_volatile": "config_told",
    "connect_card_config": "connect_card_config_told",
    "source_sync_details": "source_sync_details_told",
}


def merge(connection: Connection, moment: Moment, staged: Staged) -> Written:
    """Merge what is staged, in the caller's transaction, which the caller commits or rolls back."""

    def run(statement: Executable) -> int:
        """Return how many rows it has written."""
        options = {"preserve_rowcount": True}
        result = connection.execute(statement, moment.parameters, execution_options=options)
        return result.rowcount

    for outcome in _ENDS:
        run(_next_outcome(outcome))
    written = Written(
        {
            versioned.current.name: _merge_table(versioned, staged, run)
            for versioned in VERSIONED
            if staged.removals or versioned.current.name in staged.tables
        }
    )
    if written.of(CONNECTOR_STATUS).opened:
        for outcome in _ENDS:
            run(_first_outcome(outcome))
    return written


def _merge_table(versioned: Versioned, staged: Staged, run: Callable[[Executable], int]) -> Rows:
    closed = gone = revised = opened = 0
    is_staged = versioned.current.name in staged.tables
    if is_staged:
        closed = run(_superseded(versioned))
    if is_staged and versioned.current.name in LISTS:
        gone = run(_vanished(versioned))
    if staged.removals:
        gone += run(_removed(versioned))
    if closed or (is_staged and versioned is CONNECTORS):  # some may return as they were
        revised = run(_revise(versioned))
    if gone:
        run(_mark_removed() if versioned is CONNECTORS else _drop(versioned))
    if is_staged and versioned.moving:
        run(_move(versioned))
    if is_staged:
        opened = run(_open(versioned))
    return Rows(closed + gone, revised, opened)


# --- one versioned table --------------------------------------------------------------------


def _staged(versioned: Versioned) -> Table:
    return STAGED[versioned.current.name]


def _incoming(versioned: Versioned, name: str) -> ColumnElement[Any]:
    """The value that a column is to have; what the API did not tell stays as it is."""
    if name == "account_id":
        return ACCOUNT
    staged = _staged(versioned).c
    if versioned is CONNECTORS and name in _TOLD:
        return case((staged[_TOLD[name]], staged[name]), else_=versioned.current.c[name])
    return staged[name]


def _same_row(versioned: Versioned) -> ColumnElement[bool]:
    staged, current = _staged(versioned).c, versioned.current.c
    return and_(*(staged[name] == current[name] for name in versioned.key))


def _differs(versioned: Versioned, names: tuple[str, ...]) -> ColumnElement[bool]:
    current = versioned.current.c
    return or_(*(current[name].is_distinct_from(_incoming(versioned, name)) for name in names))


def _is_open(versioned: Versioned) -> ColumnElement[bool]:
    """Every current row is the open version, but for connectors that are marked removed."""
    return CONNECTORS.current.c.removed_at.is_(None) if versioned is CONNECTORS else literal(True)


def close(versioned: Versioned, which: Callable[[Select[Any]], Select[Any]]) -> Insert:
    """Copy current rows into the past, as versions that end now."""
    names = (*versioned.versioned_columns, "valid_from", "changed_after")
    values: dict[str, ColumnElement[Any]] = {name: versioned.current.c[name] for name in names}
    values["valid_to"] = NOW
    return insert(versioned.past).from_select(list(values), which(select(*values.values())))


def _superseded(versioned: Versioned) -> Insert:
    return close(
        versioned,
        lambda rows: rows.join(_staged(versioned), _same_row(versioned)).where(
            _differs(versioned, versioned.tracked), _is_open(versioned)
        ),
    )


def _vanished(versioned: Versioned) -> Insert:
    """What is missing from a list that was told in full."""
    status, staged = STAGED["connector_status"].c, _staged(versioned)
    return close(
        versioned,
        lambda rows: (
            rows.join(
                status.connector_id.table, status.connector_id == versioned.current.c.connector_id
            )
            .outerjoin(staged, _same_row(versioned))
            .where(status[f"{versioned.current.name}_told"], staged.c.connector_id.is_(None))
        ),
    )


def _removed(versioned: Versioned) -> Insert:
    removed = STAGED_REMOVALS
    return close(
        versioned,
        lambda rows: rows.join(
            removed, removed.c.connector_id == versioned.current.c.connector_id
        ).where(_is_open(versioned)),
    )


def _revise(versioned: Versioned) -> Update:
    current = versioned.current
    values = {
        name: _incoming(versioned, name) for name in (*versioned.tracked, *versioned.moving)
    } | {"valid_from": NOW, "changed_after": BEFORE}
    changed = _differs(versioned, versioned.tracked)
    if versioned is CONNECTORS:  # one that returns begins a version, whether it changed or not
        values |= {"removed_at": null(), "removed_reason": null()}
        changed = or_(changed, current.c.removed_at.is_not(None))
    return update(current).values(values).where(_same_row(versioned), changed)


def _drop(versioned: Versioned) -> Delete:
    """Rows whose version now stands in the past: `revise` has given the others a new one."""
    current, past = versioned.current.c, versioned.past.c
    same_version = (past[name] == current[name] for name in (*versioned.key, "valid_from"))
    return delete(versioned.current).where(exists().where(*same_version, past.valid_to == NOW))


def _move(versioned: Versioned) -> Update:
    return (
        update(versioned.current)
        .values({name: _incoming(versioned, name) for name in versioned.moving})
        .where(_same_row(versioned), _differs(versioned, versioned.moving))
    )


def _open(versioned: Versioned) -> Insert:
    staged = _staged(versioned)
    values: dict[str, ColumnElement[Any]] = {
        name: ACCOUNT if name == "account_id" else staged.c[name]
        for name in (*versioned.key, *versioned.tracked, *versioned.moving)
    } | {"valid_from": NOW, "changed_after": BEFORE}
    if versioned is CONNECTORS:
        values["first_seen_at"] = NOW
    known = versioned.current.c.connector_id
    new = (
        select(*values.values())
        .select_from(staged.outerjoin(versioned.current, _same_row(versioned)))
        .where(known.is_(None))
    )
    return insert(versioned.current).from_select(list(values), new)


def _mark_removed() -> Update:
    connectors, removed = CONNECTORS.current, STAGED_REMOVALS.c
    return (
        update(connectors)
        .values(removed_at=NOW, removed_reason=removed.reason)
        .where(connectors.c.connector_id == removed.connector_id, connectors.c.removed_at.is_(None))
    )


def _outcome(outcome: str, of_those: Select[Any]) -> Insert:
    """An end of a sync that no run had seen; `of_those` selects from the staged states."""
    ended, seen = STAGED["connector_status"].c[_ENDS[outcome]], SYNC_OUTCOMES.c
    connector_id = STAGED["connector_status"].c.connector_id
    values: dict[str, ColumnElement[Any]] = {
        "connector_id": connector_id,
        "outcome": literal(outcome),
        "finished_at": ended,
        "run_id": RUN,
    }
    same = and_(
        seen.connector_id == connector_id, seen.outcome == outcome, seen.finished_at == ended
    )
    new = (
        of_those.with_only_columns(*values.values())
        .outerjoin(SYNC_OUTCOMES, same)
        .where(ended.is_not(None), seen.connector_id.is_(None))
    )
    return insert(SYNC_OUTCOMES).from_select(list(values), new)


def _next_outcome(outcome: str) -> Insert:
    """An end of a sync of a connector that was known.

    This comes before everything else, while the tables still say when its syncs had ended.
    """
    staged, status = STAGED["connector_status"], CONNECTOR_STATUS.current
    known = select(staged).join(status, status.c.connector_id == staged.c.connector_id)
    ended = _ENDS[outcome]
    return _outcome(outcome, known.where(staged.c[ended].is_distinct_from(status.c[ended])))


def _first_outcome(outcome: str) -> Insert:
    """An end of a sync of a connector that came with this run, or came back: of no other."""
    return _outcome(outcome, select(STAGED["connector_status"]).where(_new()))


def _new() -> ColumnElement[bool]:
    """Whether the states are of now: the connector came, came back, or is in another state.

    Of the last, all ends of syncs are there already.
    """
    status, staged = CONNECTOR_STATUS.current.c, STAGED["connector_status"].c
    return exists().where(
        status.connector_id == staged.connector_id,
        status.valid_from == NOW,
    )
