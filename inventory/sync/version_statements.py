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
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from inventory.models import CASE_INSENSITIVE, CONNECTORS, HistoryTable
from inventory.models.types import lower_case
from inventory.normalize.fields import OPTIONAL_FIELDS
from inventory.sync.merge_context import ACCOUNT, OBSERVED_AT, PREVIOUS_AT
from inventory.sync.staging import STAGED, STAGED_REMOVALS

# Columns that the API may omit, each with the staged flag that says whether it was present.
_PRESENCE_FLAGS = {field.column: f"has_{field.column}" for field in OPTIONAL_FIELDS} | {
    "config_volatile": "has_config"
}


def _staged(versioned: HistoryTable) -> Table:
    return STAGED[versioned.current.name]


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
            _are_different(current[name], staged[name])
            if name in staged and type(current[name].type) is Text
            else current[name].is_distinct_from(_new_value(versioned, name))
            for name in names
        )
    )


def _is_open(versioned: HistoryTable) -> ColumnElement[bool]:
    """A current row is an open version, unless it is a connector marked as removed."""
    return CONNECTORS.current.c.removed_at.is_(None) if versioned is CONNECTORS else literal(True)


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
    if versioned is CONNECTORS:  # one that returns begins a version, changed or not
        values |= {"removed_at": null(), "removed_reason": null()}
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


def insert_new(versioned: HistoryTable) -> Insert:
    staged = _staged(versioned)
    values: dict[str, ColumnElement[Any]] = {
        name: ACCOUNT if name == "account_id" else staged.c[name]
        for name in (*versioned.key, *versioned.tracked, *versioned.untracked)
    } | {"valid_from": OBSERVED_AT, "changed_after": PREVIOUS_AT}
    if versioned is CONNECTORS:
        values["first_seen_at"] = OBSERVED_AT
    known = versioned.current.c.connector_id
    new = (
        select(*values.values())
        .select_from(staged.outerjoin(versioned.current, _key_matches(versioned)))
        .where(known.is_(None))
    )
    return insert(versioned.current).from_select(list(values), new)


def mark_removed() -> Update:
    connectors, removed = CONNECTORS.current, STAGED_REMOVALS.c
    return (
        update(connectors)
        .values(removed_at=OBSERVED_AT, removed_reason=removed.reason)
        .where(connectors.c.connector_id == removed.connector_id, connectors.c.removed_at.is_(None))
    )
