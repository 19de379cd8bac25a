"""The types of columns, which mean the same on both databases, and the functions on them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from inventory.errors import NeedsAttentionError


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC timestamp with microseconds, whatever the time zone of session and host.

    SQLite stores the text `2026-11-20 03:00:00.000000+00:00`: its own functions read it, it sorts
    by time, and it names its zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            from sqlalchemy.dialects.sqlite import DATETIME

            text = (
                "%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d"
                ".%(microsecond)06d+00:00"
            )
            return dialect.type_descriptor(DATETIME(storage_format=text))  # type: ignore[no-untyped-call]  # SQLAlchemy's
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any] | None:
        return _readable(super().result_processor(dialect, coltype), dialect)


class Json(TypeDecorator[Any]):
    """Any JSON value; None is SQL's null. `jsonb` on PostgreSQL.

    On SQLite the column is declared as text: a column declared JSON has numeric affinity, which
    rounds a bare number of many digits.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB

            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return json.loads(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any] | None:
        return _readable(super().result_processor(dialect, coltype), dialect)


def _readable(read: Callable[[Any], Any] | None, dialect: Dialect) -> Callable[[Any], Any] | None:
    """Reject what SQLite holds only if the file is damaged or another program writes into it."""
    if read is None or dialect.name != "sqlite":
        return read

    def readable(value: Any) -> Any:
        try:
            return read(value)
        except (TypeError, ValueError) as error:
            raise NeedsAttentionError(
                "The database holds a value that is neither a time nor JSON in a column of these: "
                "it is damaged, or another program writes into it. Keep a copy of it, and restore "
                "a backup."
            ) from error

    return readable


TEXT, BIGINT, INTEGER, BOOLEAN = Text(), BigInteger(), Integer(), Boolean()
TIMESTAMP, JSON, BYTES = UtcDateTime(), Json(), LargeBinary()
IDENTITY = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself there

# Columns of words that the API spells in any case. Stored as sent; compared in lower case.
CASE_INSENSITIVE = frozenset(
    (
        "setup_state",
        "setup_status",
        "sync_state",
        "update_state",
        "schema_status",
        "schedule_type",
        "networking_method",
        "data_delay_sensitivity",
        "status",
    )
)


class _LowerCase(FunctionElement[str]):
    """ASCII letters in lower case, whatever the collation of the database.

    `lower` alone would not turn I into i in a Turkish one.
    """

    type = TEXT
    inherit_cache = True
    name = "lower_case"


@compiles(_LowerCase)
def _lower(element: _LowerCase, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(_LowerCase, "postgresql")
def _lower_in_c(element: _LowerCase, compiler: Any, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} collate "C")'


def lower_case(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a word of the API in the form in which it is compared."""
    return _LowerCase(column)


class _Member(FunctionElement[str]):
    type = TEXT
    inherit_cache = True
    name = "member"


@compiles(_Member)
def _extracted(element: _Member, compiler: Any, **options: Any) -> str:
    document, name = (compiler.process(part, **options) for part in element.clauses)
    return f"json_extract({document}, '$.' || {name})"


@compiles(_Member, "postgresql")
def _of_jsonb(element: _Member, compiler: Any, **options: Any) -> str:
    document, name = (compiler.process(part, **options) for part in element.clauses)
    return f"({document} ->> {name})"


def member(document: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """Return a member of a JSON object; null if it has no such member."""
    return _Member(document, literal_column(f"'{name}'"))
