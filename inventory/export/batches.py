"""Reads a statement as Arrow tables of moderate size.

PostgreSQL sends the rows as CSV by COPY and Arrow parses them, so no row becomes Python objects:
that is several times faster than a cursor. SQLite runs in this process, so its rows are collected
by columns.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select

from inventory.db.engine import is_sqlite
from inventory.errors import NeedsAttentionError
from inventory.export.arrow_schema import without_json_type

if TYPE_CHECKING:
    import pyarrow as pa

# What is in memory at a time. A row may hold a long JSON, so PostgreSQL's are counted in bytes.
_BYTES = 512 * 1024
_ROWS = 2_000


def read(
    connection: Connection, statement: Select[Any], schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    """Yield the rows that a statement selects; its columns are those of the schema, in order."""
    parts = _rows_of_sqlite if is_sqlite(connection) else _rows_of_postgresql
    for part in parts(connection, statement, without_json_type(schema)):
        yield part.cast(schema)


# --- PostgreSQL -----------------------------------------------------------------------------


def _rows_of_postgresql(
    connection: Connection, statement: Select[Any], schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    compiled = statement.compile(dialect=connection.dialect)
    driver: Any = connection.connection.driver_connection
    parse = _csv_parser(schema)
    with driver.cursor() as cursor:
        copy_out = f"copy ({compiled}) to stdout (format csv)"
        with cursor.copy(copy_out, compiled.params) as copy:
            size, rows = 0, []
            for row in copy:
                rows.append(row)
                size += len(row)
                if size > _BYTES:
                    yield parse(rows)
                    size, rows = 0, []
            if rows:
                yield parse(rows)


def _csv_parser(schema: "pa.Schema") -> Any:
    from pyarrow import csv, py_buffer

    parsing = csv.ParseOptions(newlines_in_values=True)
    converting = csv.ConvertOptions(
        column_types=schema,
        # COPY quotes the empty text, and writes null as nothing.
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )

    def parse(rows: "list[bytes]") -> "pa.Table":
        part = b"".join(rows)
        reading = csv.ReadOptions(
            column_names=schema.names, block_size=len(part) + 1, use_threads=False
        )
        table = csv.read_csv(py_buffer(part), reading, parsing, converting)
        return table.cast(schema)  # with the metadata of the fields

    return parse


# --- SQLite ---------------------------------------------------------------------------------


def _rows_of_sqlite(
    connection: Connection, statement: Select[Any], schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    import pyarrow as pa

    cursor: Any = connection.execute(statement).cursor  # its rows are plain tuples
    while rows := cursor.fetchmany(_ROWS):
        cells = zip(schema, zip(*rows, strict=True), strict=True)
        yield pa.Table.from_arrays([_column(field, of) for field, of in cells], schema=schema)


def _column(field: "pa.Field", cells: "tuple[Any, ...]") -> "pa.Array":
    """Return a column: SQLite stores times and days as text, and truth as a number."""
    import pyarrow as pa

    stored = pa.string() if pa.types.is_temporal(field.type) else field.type
    stored = pa.int64() if pa.types.is_boolean(field.type) else stored
    try:
        return pa.array(cells, stored).cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise NeedsAttentionError(
            f"The database holds a value in a column {field.name} that does not fit its type: it "
            "is damaged, or another program writes into it. Keep a copy of it, and restore a "
            "backup."
        ) from error
