"""What a database holds becomes Arrow unchanged, whatever it is."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, select, type_coerce
from sqlalchemy.types import NULLTYPE
from support.builders import connect
from support.databases import execute

from inventory.db.engine import read_only, transaction
from inventory.db.views import ViewColumn
from inventory.errors import NeedsAttentionError
from inventory.export import batches
from inventory.export.arrow_schema import schema_of
from inventory.models import INVENTORY_RUNS, TAGS

RUN_COLUMNS = {each.name: ViewColumn(each.type, "") for each in INVENTORY_RUNS.c}
TAG_COLUMNS = {each.name: ViewColumn(each.type, "") for each in TAGS.c}
HOSTILE = (
    *(
        "",
        " ",
        '"',
        '""',
        "'",
        ",",
        "\\",
        "\\N",
        "NULL",
        "null",
        "\t",
        "a\nb",
        "a\r\nb",
        "\r",
        "\n",
    ),
    *(
        "t",
        "f",
        "1",
        "é",
        "日本",
        "\U0001f600",
        "\ufeffbom",
        "a" * 3_000_000,
        '{"a": "\\"b\\""}',
        "=1+1",
    ),
)
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
TIMES = (
    FIRST,
    datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    LAST,
)


def read(engine: Engine, table: Any, columns: dict[str, ViewColumn]) -> list[dict[str, Any]]:
    plain = [type_coerce(each, NULLTYPE).label(each.name) for each in table.c]
    with read_only(engine) as connection:
        parts = batches.read(connection, select(*plain), schema_of(columns))
        return [row for part in parts for row in part.to_pylist()]


def stored(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with read_only(engine) as connection:
        return [row._asdict() for row in connection.execute(select(table))]


def test_texts_numbers_truth_and_times(engine: Engine) -> None:
    runs = [
        {"run_id": number, "account_id": None, "status": "failed", "tool_version": text}
        | {
            "started_at": TIMES[number % 4],
            "observed_at": TIMES[number % 3] if number % 2 else None,
        }
        | {"requests": (-(2**63), 2**63 - 1)[number % 2], "error_message": text}
        for number, text in enumerate(HOSTILE)
    ]
    with transaction(engine) as connection:
        connection.execute(insert(INVENTORY_RUNS), runs)
    assert read(engine, INVENTORY_RUNS, RUN_COLUMNS) == stored(engine, INVENTORY_RUNS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # emptied each time
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), unique=True
    )
)
def test_any_text(engine: Engine, texts: list[str]) -> None:
    with transaction(engine) as connection:
        connection.execute(delete(TAGS))
        rows = [
            {"scope": "account", "scope_id": text, "name": "n", "value": text} for text in texts
        ]
        if rows:
            connection.execute(insert(TAGS), rows)
    found = read(engine, TAGS, TAG_COLUMNS)
    assert sorted(row["scope_id"] for row in found) == sorted(texts)
    assert all(row["scope_id"] == row["value"] for row in found)


def test_memory_holds_parts_of_the_rows(engine: Engine) -> None:
    tags = [
        {"scope": "account", "scope_id": f"{number}", "name": "n", "value": "x" * 1_000}
        for number in range(6_000)
    ]
    with transaction(engine) as connection:
        connection.execute(insert(TAGS), tags)
    plain = [type_coerce(each, NULLTYPE).label(each.name) for each in TAGS.c]
    with read_only(engine) as connection:
        sizes = [
            part.num_rows
            for part in batches.read(connection, select(*plain), schema_of(TAG_COLUMNS))
        ]
    assert sum(sizes) == 6_000
    assert max(sizes) <= 2_000


def test_damaged_value_is_named(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "inventory.db"
    shutil.copyfile(sqlite_template, file)
    engine = connect(f"sqlite:///{file}")
    with transaction(engine) as connection:
        run = {"status": "failed", "tool_version": "1", "started_at": FIRST}
        connection.execute(insert(INVENTORY_RUNS).values(run))
    execute(engine, "update inventory_runs set started_at = 'yesterday'")
    with pytest.raises(NeedsAttentionError, match="column started_at that does not fit its type"):
        read(engine, INVENTORY_RUNS, RUN_COLUMNS)
