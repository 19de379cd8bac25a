"""The statements that merge one versioned table: close, update, delete and insert versions.

Each compares staged rows with current ones and touches only those that differ. Nothing is executed
here: `merge` runs the statements, in its order.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    Table,
    Text,
    Update,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    update,
)

from inventory.column_types import lower_case
from inventory.models import CASE_INSENSITIVE, CONNECTOR_STATUS, CONNECTORS, HistoryTable
from inventory.normalize.fields import OPTIONAL_FIELDS
from inventory.sync.merge_context import ACCOUNT, OBSERVED_AT, PREVIOUS_AT
from inventory.sync.staging import STAGED, STAGED_REMOVALS, STAGED_SYNC_TIMES

# Columns that the API may omit, each with the staged flag that says whether it was present.
_PRESENCE_FLAGS = {field.column: f"has_{field.column}" for field in OPTIONAL_FIELDS} | {
    "config_volatile": "has_config"
}


def _staged(versioned: HistoryTable) -> Table:
    return STAGED[versioned.current.name]


def missing(versioned: HistoryTable) -> ColumnElement[bool]:
    """The condition that a row of the account is not in its list any more."""
    current, staged = versioned.current.c, _staged(versioned).c
    return and_(
        current.account_id == ACCOUNT,
        current.removed_at.is_(None),
        current[versioned.id_column].not_in(select(staged[versioned.id_column])),
    )


def close_missing(versioned: HistoryTable) -> Insert:
    """Close what is not in its list any more."""
    return close(versioned, lambda rows: rows.where(missing(versioned)))


def _new_value(versioned: HistoryTable, name: str) -> ColumnElement[Any]:
    """The value that a column gets.

    It keeps its value if the API omitted the field, or sent a text that means the same.
    """
    if name == "account_id":
        return ACCOUNT
    staged, current = _staged(versioned).c, versioned.current.c
    if versioned is CONNECTORS and name in _PRESENCE_FLAGS:
        return case((staged[_PRESENCE_FLAGS[name]], staged[name]), else_=current[name])
    if type(current[name].type) is Text:
        return case(
            (_are_different(current[name], staged[name]), staged[name]), else_=current[name]
        )
    return staged[name]


def _are_different(current: ColumnElement[Any], staged: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether two texts differ in meaning: empty means null, and states ignore case."""
    if current.key in CASE_INSENSITIVE:
        current, staged = lower_case(current), lower_case(staged)
    return func.coalesce(current, "") != func.coalesce(staged, "")


def _key_matches(versioned: HistoryTable) -> ColumnElement[bool]:
    staged, current = _staged(versioned).c, versioned.current.c
    return and_(*(staged[name] == current[name] for name in versioned.key))


def _is_changed(versioned: HistoryTable, names: tuple[str, ...]) -> ColumnElement[bool]:
    current, staged = versioned.current.c, _staged(versioned).c
    return or_(
        *(
            and_(
                _are_different(current[name], staged[name])
                if name in staged and type(current[name].type) is Text
                else current[name].is_distinct_from(_new_value(versioned, name)),
                not_(_is_learned(versioned, name)),
            )
            for name in names
        )
    )


def _is_learned(versioned: HistoryTable, name: str) -> ColumnElement[bool]:
    """Whether the value was unknown until the connector's details were first read.

    To learn it is no change: it may have been the same all the time.
    """
    if versioned is not CONNECTORS or name not in versioned.tracked:
        return false()
    current, staged = versioned.current.c, _staged(versioned).c
    was_unknown = true() if name == "extra" else current[name].is_(None)
    return and_(staged.has_details, current.details_at.is_(None), was_unknown)


def _is_open(versioned: HistoryTable) -> ColumnElement[bool]:
    """A current row is an open version, unless it is marked as removed."""
    return versioned.current.c.removed_at.is_(None) if versioned.keeps_removed else literal(True)


def close(versioned: HistoryTable, which: Callable[[Select[Any]], Select[Any]]) -> Insert:
    """Copy the current rows that `which` selects to the past table, as versions that end now."""
    names = (*versioned.versioned_columns, "valid_from", "changed_after")
    values: dict[str, ColumnElement[Any]] = {name: versioned.current.c[name] for name in names}
    values["valid_to"] = OBSERVED_AT
    return insert(versioned.past).from_select(list(values), which(select(*values.values())))


def close_changed(versioned: HistoryTable) -> Insert:
    return close(
        versioned,
        lambda rows: rows.join(_staged(versioned), _key_matches(versioned)).where(
            _is_changed(versioned, versioned.tracked), _is_open(versioned)
        ),
    )


def close_absent(versioned: HistoryTable) -> Insert:
    """Close rows that are absent from their connector's list, if the API sent that list."""
    status, staged = STAGED["connector_status"].c, _staged(versioned)
    return close(
        versioned,
        lambda rows: (
            rows.join(
                status.connector_id.table, status.connector_id == versioned.current.c.connector_id
            )
            .outerjoin(staged, _key_matches(versioned))
            .where(status[f"has_{versioned.current.name}"], staged.c.connector_id.is_(None))
        ),
    )


def close_removed(versioned: HistoryTable) -> Insert:
    removed = STAGED_REMOVALS
    return close(
        versioned,
        lambda rows: rows.join(
            removed, removed.c.connector_id == versioned.current.c.connector_id
        ).where(_is_open(versioned)),
    )


def update_changed(versioned: HistoryTable) -> Update:
    current = versioned.current
    values = {
        name: _new_value(versioned, name) for name in (*versioned.tracked, *versioned.untracked)
    } | {"valid_from": OBSERVED_AT, "changed_after": PREVIOUS_AT}
    changed = _is_changed(versioned, versioned.tracked)
    if versioned.keeps_removed:  # one that returns begins a version, changed or not
        values |= {name: null() for name in ("removed_at", "removed_reason") if name in current.c}
        changed = or_(changed, current.c.removed_at.is_not(None))
    return update(current).values(values).where(_key_matches(versioned), changed)


def delete_closed(versioned: HistoryTable) -> Delete:
    """Delete rows whose version was closed; `update_changed` gave the others a new version."""
    current, past = versioned.current.c, versioned.past.c
    same_version = (past[name] == current[name] for name in (*versioned.key, "valid_from"))
    return delete(versioned.current).where(
        exists().where(*same_version, past.valid_to == OBSERVED_AT)
    )


def update_untracked(versioned: HistoryTable) -> Update:
    return (
        update(versioned.current)
        .values({name: _new_value(versioned, name) for name in versioned.untracked})
        .where(_key_matches(versioned), _is_changed(versioned, versioned.untracked))
    )


def move_sync_times() -> Update:
    """Overwrite the times of syncs where nothing else has changed."""
    status, staged = CONNECTOR_STATUS.current, STAGED_SYNC_TIMES.c
    values = {column.name: column for column in staged if column.name != "connector_id"}
    return update(status).values(values).where(status.c.connector_id == staged.connector_id)


def fill_in_learned() -> Update:
    """Write what first details tell into the open version."""
    staged = _staged(CONNECTORS).c
    values = {name: _new_value(CONNECTORS, name) for name in CONNECTORS.tracked}
    first = and_(staged.has_details, CONNECTORS.current.c.details_at.is_(None))
    return update(CONNECTORS.current).values(values).where(_key_matches(CONNECTORS), first)


def mark_details() -> Update:
    """Record when details were read, and setup tests run."""
    current, staged = CONNECTORS.current.c, _staged(CONNECTORS).c
    values = {
        "details_at": OBSERVED_AT,
        "details_fields": staged.details_fields,
        "tested_at": case((staged.has_tests, OBSERVED_AT), else_=current.tested_at),
    }
    return (
        update(CONNECTORS.current)
        .values(values)
        .where(_key_matches(CONNECTORS), staged.has_details)
    )


def insert_new(versioned: HistoryTable) -> Insert:
    staged = _staged(versioned)
    values: dict[str, ColumnElement[Any]] = {
        name: ACCOUNT if name == "account_id" else staged.c[name]
        for name in (*versioned.key, *versioned.tracked, *versioned.untracked)
    } | {"valid_from": OBSERVED_AT, "changed_after": PREVIOUS_AT}
    if versioned.keeps_removed:
        values["first_seen_at"] = OBSERVED_AT
    known = versioned.current.c[versioned.id_column]
    new = (
        select(*values.values())
        .select_from(staged.outerjoin(versioned.current, _key_matches(versioned)))
        .where(known.is_(None))
    )
    return insert(versioned.current).from_select(list(values), new)


def mark_missing(versioned: HistoryTable) -> Update:
    """Mark what is not in its list any more."""
    return update(versioned.current).values(removed_at=OBSERVED_AT).where(missing(versioned))


def mark_removed() -> Update:
    connectors, removed = CONNECTORS.current, STAGED_REMOVALS.c
    return (
        update(connectors)
        .values(removed_at=OBSERVED_AT, removed_reason=removed.reason)
        .where(connectors.c.connector_id == removed.connector_id, connectors.c.removed_at.is_(None))
    )
