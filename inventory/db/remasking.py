"""Masks secrets that earlier releases stored in clear text, without beginning new versions."""

from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Table,
    Text,
    bindparam,
    cast,
    or_,
    select,
    update,
)

from inventory.column_types import Json
from inventory.db import digest_key
from inventory.json_codec import UNREADABLE, decode, json_text
from inventory.models import VERSIONED
from inventory.normalize.masking import Masker
from inventory.normalize.rows import TEXT_COLUMNS

# The path of a column in an item of the API, if it is not a field of the same name.
_PLACES = {"schema_name": (None, "schema"), "config_volatile": (None, "config"), "extra": None}
# The key of a row, and the new values of its cells by column.
Change: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]


def mask_stored(connection: Connection) -> None:
    """Mask secrets in open and closed versions."""
    key = digest_key.read(connection)
    for table in (table for it in VERSIONED for table in (it.current, it.past)):
        columns = [column for column in table.c if column.name in TEXT_COLUMNS]
        stored = [cast(column, Text) for column in columns]
        rows = select(*table.primary_key, *stored).where(or_(*(it.is_not(None) for it in columns)))
        changes: list[Change] = []
        for row in connection.execute(rows, execution_options={"yield_per": 1000}):
            masked = {}
            for column, text in zip(columns, row[-len(columns) :], strict=True):
                if text is not None:
                    masker = Masker(key, row.connector_id, (text.encode(),))
                    masked[column.name] = _masked(masker, column, text)
            add(changes, row[: -len(columns)], masked)
        write(connection, table, changes)


def _masked(masker: Masker, column: Column[Any], text: str) -> str | None:
    """Return the masked value of a cell; None = it contains no secret."""
    path = _PLACES.get(column.name, (None, column.name))
    value = stored_value(column, text)
    masked = masker.mask(value, 0, path)
    if masked == value:
        return None
    return json_text(masked) if isinstance(column.type, Json) else masked


def stored_value(column: Column[Any], text: str) -> Any:
    """Parse a cell; None = it is damaged, which `db verify` and runs report."""
    try:
        return decode(text) if isinstance(column.type, Json) else text
    except UNREADABLE:
        return None


def add(changes: list[Change], key: Any, cells: dict[str, Any]) -> None:
    """Add the new values of a row; a cell that is None stays unchanged."""
    if cells := {name: cell for name, cell in cells.items() if cell is not None}:
        changes.append((tuple(key), cells))


def write(connection: Connection, table: Table, changes: list[Change]) -> None:
    """Update all cells of a row in one statement, as its key may be among them."""
    same = [column == bindparam(f"key_{column.name}") for column in table.primary_key]
    for names, rows in _by_names(table, changes).items():
        new = {name: cast(_bound(table.c[name]), table.c[name].type) for name in names}
        connection.execute(update(table).where(*same).values(new), rows)


def _bound(column: Column[Any]) -> BindParameter[Any]:
    kind = Text() if isinstance(column.type, Json) else column.type
    return bindparam(f"new_{column.name}", type_=kind)


def _by_names(table: Table, changes: list[Change]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    keys = [f"key_{column.name}" for column in table.primary_key]
    rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, cells in changes:
        new = {f"new_{name}": cell for name, cell in cells.items()}
        rows.setdefault((*cells,), []).append(dict(zip(keys, key, strict=True)) | new)
    return rows
