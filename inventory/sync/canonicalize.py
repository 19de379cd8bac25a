"""Replaces staged JSON documents by stored ones that mean the same, before the merge compares them.

Only documents that differ as text are read. Those that still differ afterwards differ in meaning,
and the merge makes versions of them. `normalize.canonical` defines what means the same.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import Row as Found
from sqlalchemy.types import NullType

from inventory.column_types import Json
from inventory.db.engine import is_sqlite
from inventory.json_codec import UNREADABLE, decode, json_text
from inventory.models import HistoryTable
from inventory.normalize.canonical import keep_equivalent
from inventory.normalize.fields import OPTIONAL_FIELDS
from inventory.sync.staging import STAGED

_BATCH_SIZE = 2_000  # rows whose documents are in memory at a time
_OPTIONAL = {field.column for field in OPTIONAL_FIELDS}  # null = the API never sent it
_IGNORES_CASE = "schedule"
_UNREADABLE_TIME = "succeeded_at"  # in `extra`, if the time of the last success cannot be read


def canonicalize_staged(connection: Connection, versioned: HistoryTable) -> None:
    """Replace documents in the staged rows of one table that has such rows already."""
    staged, current = STAGED[versioned.current.name], versioned.current
    names = [name for name in versioned.tracked if isinstance(current.c[name].type, Json)]
    # A staged table has no key, but each row has a physical address.
    address: ColumnElement[Any] = literal_column(
        f"{staged.name}.{'rowid' if is_sqlite(connection) else 'ctid'}"
    )
    same_row = and_(*(staged.c[name] == current.c[name] for name in versioned.key))
    differing = (
        select(address)
        .add_columns(*(cast(staged.c[name], Text()) for name in names))
        .add_columns(*(cast(current.c[name], Text()) for name in names))
        .join_from(staged, current, same_row)
        .where(or_(*(_is_changed(versioned, name) for name in names)))
        .order_by(address)
        .limit(_BATCH_SIZE)
    )
    rewrite = (
        update(staged)
        .where(address == bindparam("address", type_=NullType()))
        .values(
            {
                name: cast(bindparam(f"new_{name}", type_=Text()), staged.c[name].type)
                for name in names
            }
        )
    )
    for batch in _batches(connection, differing, address):
        replaced = [row for found in batch for row in _replaced_row(found, names)]
        if replaced:
            connection.execute(rewrite, replaced)


def _is_changed(versioned: HistoryTable, name: str) -> ColumnElement[bool]:
    """Whether a document is present and differs, as text, from the stored one."""
    staged = STAGED[versioned.current.name].c[name]
    differs = versioned.current.c[name].is_distinct_from(staged)
    return and_(staged.is_not(None), differs) if name in _OPTIONAL else differs


def _batches(
    connection: Connection, rows: Select[Any], address: ColumnElement[Any]
) -> Iterator[Sequence[Found[Any]]]:
    """Yield rows in the order of their addresses. A row that was rewritten may come again."""
    batch = connection.execute(rows).all()
    while batch:
        yield batch
        beyond = address > bindparam("last", batch[-1][0], type_=NullType())
        batch = connection.execute(rows.where(beyond)).all() if len(batch) == _BATCH_SIZE else []


def _replaced_row(found: Found[Any], names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the new documents of a row, if any changes."""
    address, *texts = tuple(found)
    staged, stored = texts[: len(names)], texts[len(names) :]
    new = [_replacement(*documents) for documents in zip(names, staged, stored, strict=True)]
    if new != staged:
        cells = {f"new_{name}": text for name, text in zip(names, new, strict=True)}
        yield {"address": address} | cells


def _replacement(name: str, staged: str | None, stored: str | None) -> str | None:
    if staged == stored or (name in _OPTIONAL and None in (staged, stored)):
        return staged
    try:
        new, old = (None if text is None else decode(text.encode()) for text in (staged, stored))
    except UNREADABLE:  # PostgreSQL writes numbers without exponents: too large to read back
        return staged
    if name == "extra" and _has_unreadable_time(new) != _has_unreadable_time(old):
        result = json_text(_keep_but_for_time(new, old))
    else:
        result = json_text(keep_equivalent(new, old, str.lower if name == _IGNORES_CASE else str))
    return staged if result == json_text(new) else result


def _has_unreadable_time(extra: Any) -> bool:
    return isinstance(extra, dict) and _UNREADABLE_TIME in extra


def _keep_but_for_time(new: Any, old: Any) -> Any:
    """Compare the rest only: that an unreadable time is present has a meaning, even if empty."""
    time = {_UNREADABLE_TIME: new[_UNREADABLE_TIME]} if _has_unreadable_time(new) else {}
    now, before = (
        {name: value for name, value in (extra or {}).items() if name != _UNREADABLE_TIME}
        for extra in (new, old)
    )
    return keep_equivalent(now, before) | time or None
