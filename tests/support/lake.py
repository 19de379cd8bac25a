"""What a target of `inventory export` holds, as a reader finds it; and what the database holds.

The database is read by the drivers alone, so what is compared shares no code with the export.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from psycopg.types.string import TextLoader
from sqlalchemy import Engine, bindparam

from inventory.db import session
from inventory.db.engine import read_only
from inventory.db.views import query

Row = tuple[tuple[str, Any], ...]
Rows = Counter[Row]
Tables = dict[str, Rows]

_OF_CONNECTORS = (
    *("connector_status_history", "warning_history", "task_history", "setup_test_history"),
)
_WITH_ACCOUNT = "select t.*, c.account_id from {} t join connectors c using (connector_id)"
_STATEMENTS = {
    "connector_history": "select * from connector_history",
    **{name: _WITH_ACCOUNT.format(name) for name in _OF_CONNECTORS},
    "group_history": "select * from group_history",
    "destination_history": "select * from destination_history",
    "sync_outcomes": (
        "select t.*, c.account_id, r.observed_at from sync_outcomes t "
        "join connectors c using (connector_id) join inventory_runs r on r.run_id = t.run_id"
    ),
    "inventory_runs": "select * from inventory_runs",
    "incidents": "select * from incidents",
    "connector_health": "select * from connector_health",
}
TABLES = (*_STATEMENTS, "availability_daily")


# --- the database ---------------------------------------------------------------------------


def in_database(engine: Engine, url: str) -> Tables:
    """Return all rows that an export copies. The clock of the views should stand still."""
    reads = _of_sqlite if url.startswith("sqlite") else _of_postgresql
    return {**reads(url), "availability_daily": _comparable(_days(engine))}


def _of_sqlite(url: str) -> Tables:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.row_factory = sqlite3.Row
        return {
            name: _comparable(map(dict, connection.execute(statement)))
            for name, statement in _STATEMENTS.items()
        }


def _of_postgresql(url: str) -> Tables:
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        connection.adapters.register_loader("jsonb", TextLoader)
        return {
            name: _comparable(connection.execute(statement))
            for name, statement in _STATEMENTS.items()
        }


def _days(engine: Engine) -> Iterator[dict[str, Any]]:
    """Ask for all days at once; an export asks by months, and only for those that are new."""
    with read_only(engine) as connection:
        days = query("availability_daily", connection).bindparams(
            bindparam("first_day", date(2026, 1, 1)),
            bindparam("last_day", session.now(connection).date()),
        )
        yield from (dict(row) for row in connection.execute(days).mappings())


# --- the target -----------------------------------------------------------------------------


def in_target(folder: Path, output_format: str) -> Tables:
    """Return what a reader sees: who follows the manifest, or opens the Delta tables."""
    read = _by_manifest if output_format == "parquet" else _by_delta_log
    return {name: _comparable(rows) for name, rows in read(folder)} if folder.exists() else {}


def manifest(folder: Path) -> dict[str, Any]:
    file = folder / "_manifest.json"
    found: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {"tables": {}}
    return found


def _by_manifest(folder: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name, table in manifest(folder)["tables"].items():
        parts = [pq.read_table(folder / part["path"], partitioning=None) for part in table["files"]]
        assert [part.num_rows for part in parts] == [part["rows"] for part in table["files"]]
        yield name, [row for part in parts for row in part.to_pylist()]


def _by_delta_log(folder: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name in TABLES:
        if not DeltaTable.is_deltatable(str(folder / name)):
            continue
        rows: pa.Table = DeltaTable(folder / name).to_pyarrow_table()
        if rows.num_rows:  # an export that has only created it has done nothing for a reader
            yield name, rows.drop_columns("month").to_pylist()


# --- rows that can be compared --------------------------------------------------------------


def _comparable(rows: Any) -> Rows:
    return Counter(
        tuple(sorted((name, _cell(value)) for name, value in row.items())) for row in rows
    )


def _cell(value: Any) -> Any:
    match value:
        case bool():
            return int(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00"
        case date():
            return value.isoformat()
        case float() | Decimal():
            return round(float(value), 9)
    return value
