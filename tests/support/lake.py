"""What `inventory export` has written, and what the database holds, as rows to compare."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from sqlalchemy import Connection, Engine, bindparam, select

from inventory.column_types import Json
from inventory.db.engine import read_only
from inventory.db.views import VIEWS, query
from inventory.models import CONNECTORS, HISTORY_TABLES, INVENTORY_RUNS, SYNC_OUTCOMES

FORMATS = ("parquet", "delta")
HISTORIES = tuple(of.history for of in HISTORY_TABLES)
TABLES = (
    *HISTORIES,
    *("sync_outcomes", "inventory_runs", "incidents", "connector_health", "availability_daily"),
)

Rows = list[str]


def in_lake(folder: Path | str, table: str) -> list[dict[str, Any]]:
    """All rows of a table, as a reader sees them who follows the manifest or the log."""
    if (Path(folder) / "_manifest.json").exists():
        return [row for file in files(folder, table) for row in pq.read_table(file).to_pylist()]
    delta = DeltaTable(Path(folder) / table)
    rows = delta.to_pyarrow_table().drop_columns(["month"]).to_pylist()
    return [dict(row) for row in rows]


def manifest(folder: Path | str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / "_manifest.json").read_text())
    return content


def files(folder: Path | str, table: str) -> list[Any]:
    """The files of a table, opened, so that no folder above them is read as a column."""
    named = manifest(folder)["tables"][table]["files"]
    return [pa.OSFile(str(Path(folder) / each["path"])) for each in named]


def parts(folder: Path | str, table: str) -> list[tuple[str, str | None, str]]:
    """The month, the account and the path of each file of a table."""
    if (Path(folder) / "_manifest.json").exists():
        named = manifest(folder)["tables"][table]["files"]
        return [(each["month"], each["account_id"], each["path"]) for each in named]
    actions = pa.table(DeltaTable(Path(folder) / table).get_add_actions(flatten=True))
    return [
        (each["partition.month"], each["partition.account_id"], f"{table}/{each['path']}")
        for each in actions.to_pylist()
    ]


def in_database(engine: Engine, table: str) -> list[dict[str, Any]]:
    """What the export of a table should hold, told by plain statements."""
    with read_only(engine) as connection:
        return _selected(connection, table)


def _selected(connection: Connection, table: str) -> list[dict[str, Any]]:
    if table == "availability_daily":
        return _days(connection)
    source = VIEWS[table].table if table in VIEWS else None
    if source is None:
        source = {each.name: each for each in (SYNC_OUTCOMES, INVENTORY_RUNS)}[table]
    rows = [row._asdict() for row in connection.execute(select(source))]
    of_connectors = dict(
        connection.execute(
            select(CONNECTORS.current.c.connector_id, CONNECTORS.current.c.account_id)
        ).all()
    )
    times = dict(
        connection.execute(select(INVENTORY_RUNS.c.run_id, INVENTORY_RUNS.c.observed_at)).all()
    )
    for row in rows:
        if table == "sync_outcomes":
            row["observed_at"] = times[row["run_id"]]
        if "account_id" not in row:
            row["account_id"] = of_connectors[row["connector_id"]]
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _days(connection: Connection) -> list[dict[str, Any]]:
    times = connection.scalars(select(INVENTORY_RUNS.c.observed_at)).all()
    known = [at for at in times if at is not None]
    if not known:
        return []
    bounds = {"first_day": min(known).date(), "last_day": max(known).date()}
    statement = query("availability_daily", connection).bindparams(
        *(bindparam(name, day) for name, day in bounds.items())
    )
    return [row._asdict() for row in connection.execute(statement)]


def _plain(value: Any) -> Any:
    return value if not isinstance(value, dict | list) else json.dumps(value)


def comparable(rows: Iterable[dict[str, Any]], but: tuple[str, ...] = ()) -> Rows:
    """Rows in one order, with JSON by its value and columns by their names."""
    return sorted(
        repr([(name, _value(name, row[name])) for name in sorted(row) if name not in but])
        for row in rows
    )


_JSON = {
    name
    for view in VIEWS.values()
    for name, column in view.columns.items()
    if isinstance(column.type, Json)
}


def _value(name: str, value: Any) -> Any:
    if name in _JSON and isinstance(value, str):
        return json.dumps(json.loads(value), sort_keys=True)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def assert_equal(
    engine: Engine,
    folder: Path | str,
    *,
    but: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> None:
    """Assert that the tables of a target hold the rows of the database, each once.

    Tables are left out as `but` names them, columns as `without` does.

    Of a day, only that a connector has it: what it says of it stays as it was when it settled.
    """
    for table in TABLES:
        if table in but:
            continue
        left_out = _OF_DAYS if table == "availability_daily" else without
        found, expected = in_lake(folder, table), in_database(engine, table)
        one, other = (Counter(comparable(rows, left_out)) for rows in (found, expected))
        more, less = [*(one - other)], [*(other - one)]
        assert not more + less, f"{table}: {len(more)} as {more[:1]}, for {len(less)} as {less[:1]}"


_OF_DAYS = (
    *("group_id", "group_name", "service", "service_name", "schema_name"),
    *("observed_minutes", "down_minutes", "up_minutes", "availability", "coverage"),
)
