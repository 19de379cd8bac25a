"""Adds missing digests to stored masks, without beginning a version for it."""

from collections.abc import Iterator, Set
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, Text, and_, cast, select

from inventory.db.remasking import Change, stored_value, write
from inventory.json_codec import UNREADABLE, decode
from inventory.models import (
    TASKS,
    VERSIONED,
    WARNINGS,
    HistoryTable,
)
from inventory.normalize.alerts import alert_content
from inventory.normalize.canonical import keep_equivalent
from inventory.normalize.masks import MASK, without_digests
from inventory.normalize.rows import TEXT_COLUMNS
from inventory.sync.staging import STAGED, Staged


def add_digests(connection: Connection, staged: Staged, of: Set[str]) -> None:
    """Overwrite these connectors' open versions as staged if only masks without digest differ.

    The value behind such a mask is unknown, so a change of it cannot be seen. Alerts also get
    new keys, which are hashes of their content.
    """
    for versioned in VERSIONED:
        if versioned.current.name not in staged.tables:
            continue
        if versioned in (WARNINGS, TASKS):
            write(connection, versioned.current, [*_alerts_as_staged(connection, versioned, of)])
            continue
        for name in versioned.tracked:
            if name in TEXT_COLUMNS:
                changes = [*_digests(connection, versioned, name, of)]
                write(connection, versioned.current, changes)


def _digests(
    connection: Connection, versioned: HistoryTable, name: str, of: Set[str]
) -> Iterator[Change]:
    table, staged = versioned.current, STAGED[versioned.current.name]
    column = table.c[name]
    before, now = cast(column, Text), cast(staged.c[name], Text)
    pairs = (
        select(*table.primary_key, before, now)
        .join(staged, _same_key(versioned, table, staged))
        .where(before.contains(MASK), now.is_not(None))
    )
    for *key, old, new in connection.execute(pairs).all():
        known = stored_value(column, old) if key[0] in of else None
        if known is not None and _differ_in_masks_only(known, stored_value(column, new)):
            yield tuple(key), {name: new}


def _same_key(versioned: HistoryTable, one: Table, other: Table) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in versioned.key))


# --- alerts ---------------------------------------------------------------------------------


class _Alert(NamedTuple):
    key: tuple[Any, ...]
    cells: tuple[str | None, ...]  # of tracked columns
    values: list[Any]  # those cells, decoded
    content: Any  # what identifies it, without digests of masks


def _alert(key: tuple[Any, ...], cells: tuple[str | None, ...]) -> _Alert:
    *texts, details, extra = cells
    values = [*texts, *(text and decode(text) for text in (details, extra))]
    content = alert_content(*(text and without_digests(text) for text in cells))
    return _Alert(key, cells, values, content)


def _alerts_as_staged(
    connection: Connection, versioned: HistoryTable, of: Set[str]
) -> Iterator[Change]:
    table, staged = versioned.current, STAGED[versioned.current.name]
    stored_ones = _unmatched(connection, versioned, table, staged, of)
    staged_ones = _unmatched(connection, versioned, staged, table, of)
    for connector_id in stored_ones.keys() & staged_ones.keys():
        for old, new in _pairs(stored_ones[connector_id], staged_ones[connector_id]):
            names = (*versioned.key, *versioned.tracked)
            cells = dict(zip(names, (*new.key, *new.cells), strict=True))
            yield old.key, {name: cell for name, cell in cells.items() if name != "connector_id"}


def _unmatched(
    connection: Connection, versioned: HistoryTable, one: Table, other: Table, of: Set[str]
) -> dict[str, list[_Alert]]:
    """Return the alerts in `one` whose key is not in `other`, by connector."""
    keys = [one.c[name] for name in versioned.key]
    alone = (
        select(*keys, *(cast(one.c[name], Text) for name in versioned.tracked))
        .select_from(one.outerjoin(other, _same_key(versioned, one, other)))
        .where(other.c.connector_id.is_(None))
        .order_by(*keys)
    )
    found: dict[str, list[_Alert]] = {}
    for row in connection.execute(alone):
        if row[0] in of:
            with suppress(*UNREADABLE):  # damaged, or see `canonicalize`
                alert = _alert(tuple(row[: len(keys)]), tuple(row[len(keys) :]))
                found.setdefault(row[0], []).append(alert)
    return found


def _pairs(stored: list[_Alert], staged: list[_Alert]) -> Iterator[tuple[_Alert, _Alert]]:
    """Pair alerts that differ in masks only; first those that have a mask on both sides."""
    same_content: dict[Any, list[_Alert]] = {}
    for new in staged:
        same_content.setdefault(new.content, []).append(new)
    pairs = [(old, _take_match(same_content.get(old.content, []), old)) for old in stored]
    left: dict[str | None, list[_Alert]] = {}  # by code
    for new in chain.from_iterable(same_content.values()):
        left.setdefault(new.cells[0], []).append(new)
    for old, match in pairs:
        is_masked = any(MASK in text for text in old.cells if text)
        if match is None and is_masked:
            match = _take_match(left.get(old.cells[0], []), old)
        if match is not None:
            yield old, match


def _take_match(left: list[_Alert], old: _Alert) -> _Alert | None:
    for place, new in enumerate(left):
        if _differ_in_masks_only(old.values, keep_equivalent(new.values, old.values)):
            return left.pop(place)
    return None


def _differ_in_masks_only(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(
            _differ_in_masks_only(old[name], new[name]) for name in old
        )
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_differ_in_masks_only, old, new))
    if old == MASK:
        return new is not None
    return bool(old == new) or (isinstance(new, str) and old == without_digests(new))
