"""The least that a first run must do: read every item with its types, and put it into empty tables.

No key, no index, no history; on PostgreSQL the tables are not even safe from a crash.
"""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from operator import attrgetter
from typing import Annotated, Any

from msgspec import Raw, Struct
from walk import pages

Text = str | None
Number = int | None
Truth = bool | None
Instant = Annotated[str | None, "left to the database"]
TYPES = {Text: "text", Number: "bigint", Truth: "boolean", Instant: "timestamptz", Raw: "jsonb"}
NULL = Raw(b"null")


class Alert(Struct, gc=False):
    code: Text = None
    message: Text = None
    details: Raw = NULL


class SetupTest(Struct, gc=False):
    title: Text = None
    status: Text = None
    message: Text = None
    details: Raw = NULL


class Status(Struct, gc=False):
    setup_state: Text = None
    sync_state: Text = None
    update_state: Text = None
    schema_status: Text = None
    is_historical_sync: Truth = None
    rescheduled_for: Instant = None
    tasks: list[Alert] = []
    warnings: list[Alert] = []


class Connector(Struct, gc=False):
    id: str
    status: Status
    setup_tests: list[SetupTest] = []
    group_id: Text = None
    service: Text = None
    schema: Text = None
    connected_by: Text = None
    daily_sync_time: Text = None
    schedule_type: Text = None
    data_delay_sensitivity: Text = None
    networking_method: Text = None
    private_link_id: Text = None
    proxy_agent_id: Text = None
    hybrid_deployment_agent_id: Text = None
    service_version: Number = None
    sync_frequency: Number = None
    data_delay_threshold: Number = None
    paused: Truth = None
    pause_after_trial: Truth = None
    created_at: Instant = None
    succeeded_at: Instant = None
    failed_at: Instant = None
    config: Raw = NULL
    connect_card_config: Raw = NULL
    source_sync_details: Raw = NULL


# Of each table what its rows are made of, and where a connector has them.
TABLES: dict[str, tuple[type[Struct], Callable[[Connector], Sequence[Struct]]]] = {
    "connectors": (Connector, lambda connector: (connector,)),
    "connector_status": (Status, lambda connector: (connector.status,)),
    "warnings": (Alert, lambda connector: connector.status.warnings),
    "tasks": (Alert, lambda connector: connector.status.tasks),
    "setup_tests": (SetupTest, lambda connector: connector.setup_tests),
}
Rows = Iterator[tuple[Any, ...]]
Write = Callable[[str, int, Rows], object]  # a table, how many columns it has, what to put there


def columns(kind: type[Struct]) -> dict[str, str]:
    """The type of each column, JSON last."""
    plain = {name: TYPES[of] for name, of in kind.__annotations__.items() if of in TYPES}
    return dict(sorted(plain.items(), key=lambda column: column[1] == "jsonb"))


def rows(page: list[Connector], table: str) -> Rows:
    kind, of = TABLES[table]
    types = columns(kind)
    get = attrgetter(*types)
    json_at = len(types) - list(types.values()).count("jsonb")
    for connector in page:
        for row in of(connector):
            values = get(row)
            texts = (bytes(value).decode() for value in values[json_at:])
            yield connector.id, *values[:json_at], *texts


def statement(table: str, words: str) -> str:
    listed = ", ".join(f'"{name}" {of}' for name, of in columns(TABLES[table][0]).items())
    return f"create {words} {table} (connector_id text, {listed})"


def load(write: Write) -> int:
    count = 0
    for page in pages(Connector):
        for table, (kind, _) in TABLES.items():
            write(table, 1 + len(columns(kind)), rows(page, table))
        count += len(page)
    return count


def into_sqlite(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in TABLES:
            connection.execute(statement(table, "table"))
        return load(
            lambda table, width, rows: connection.executemany(
                f"insert into {table} values (?{', ?' * (width - 1)})", rows
            )
        )


def into_postgres(url: str) -> int:
    import psycopg

    def write(table: str, width: int, rows: Rows) -> None:
        with cursor.copy(f"copy {table} from stdin") as copy:
            for row in rows:
                copy.write_row(row)

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(statement(table, "unlogged table"))
        return load(write)


if __name__ == "__main__":
    url = os.environ["INVENTORY_DATABASE_URL"]
    kind, _, path = url.partition(":///")
    loaded = into_sqlite(path) if kind == "sqlite" else into_postgres(url)
    sys.stdout.write(f"{loaded}\n")
