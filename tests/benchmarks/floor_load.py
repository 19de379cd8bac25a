"""The least that a first run must do: read every item with its types, and put it into empty tables.

The tables get their keys at the end, in the same transaction. No other index, no history.
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
        for number, row in enumerate(of(connector)):
            values = get(row)
            texts = (bytes(value).decode() for value in values[json_at:])
            yield connector.id, number, *values[:json_at], *texts


def creation(table: str) -> str:
    listed = ", ".join(f'"{name}" {of}' for name, of in columns(TABLES[table][0]).items())
    return f"create table {table} (connector_id text not null, number bigint not null, {listed})"


def key(table: str) -> str:
    return f"create unique index key_of_{table} on {table} (connector_id, number)"


def load(write: Write) -> int:
    count = 0
    for page in pages(Connector):
        for table, (kind, _) in TABLES.items():
            write(table, 2 + len(columns(kind)), rows(page, table))
        count += len(page)
    return count


def into_sqlite(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in TABLES:
            connection.execute(creation(table))
        loaded = load(
            lambda table, width, rows: connection.executemany(
                f"insert into {table} values (?{', ?' * (width - 1)})", rows
            )
        )
        for table in TABLES:
            connection.execute(key(table))
        return loaded


def into_postgres(url: str) -> int:
    import psycopg

    def write(table: str, width: int, rows: Rows) -> None:
        with cursor.copy(f"copy {table} from stdin") as copy:
            for row in rows:
                copy.write_row(row)

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(creation(table))
        loaded = load(write)
        for table in TABLES:
            cursor.execute(key(table))
        return loaded


if __name__ == "__main__":
    url = os.environ["INVENTORY_DATABASE_URL"]
    kind, _, path = url.partition(":///")
    loaded = into_sqlite(path) if kind == "sqlite" else into_postgres(url)
    sys.stdout.write(f"{loaded}\n")
