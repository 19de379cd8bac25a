"""Reads rows of current tables back as the cells they were written from: texts, ints, bools."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Text, cast, select

from inventory.column_types import Json
from inventory.db.engine import read_only
from inventory.models import METADATA
from inventory.normalize.stored_values import ReadStored


def read_stored(engine: Engine) -> ReadStored:
    """Return a function that reads rows, each time in a transaction of its own."""

    def rows(table: str, connector_ids: Collection[str]) -> Iterable[Mapping[str, Any]]:
        columns = [
            cast(column, Text()).label(column.name) if isinstance(column.type, Json) else column
            for column in METADATA.tables[table].c
        ]
        is_wanted = METADATA.tables[table].c.connector_id.in_(connector_ids)
        with read_only(engine) as connection:
            found = connection.execute(select(*columns).where(is_wanted)).mappings()
            return [{name: _cell(value) for name, value in row.items()} for row in found]

    return rows


def _cell(value: Any) -> Any:
    return value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value
