"""What columns are made of: types that mean the same on both databases, names, comments."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant with microseconds, whatever the session's or the host's time zone.

    SQLite keeps the text `2026-11-20 03:00:00.000000+00:00`: its own functions read it, it sorts
    as it should, and it says which zone it means.
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


class Json(TypeDecorator[Any]):
    """Any JSON value; None is SQL's null. `jsonb` on PostgreSQL.

    SQLite keeps it as text in a column that says so: declared JSON, it would have numeric affinity
    and turn a bare number of many digits into a rounded one.
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


TEXT, NUMBER, SMALL_NUMBER, YES_NO = Text(), BigInteger(), Integer(), Boolean()
INSTANT, JSON, BYTES = UtcDateTime(), Json(), LargeBinary()
SERIAL = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself there

Columns = list[Column[Any]]


def col(name: str, kind: TypeEngine[Any], comment: str, **options: Any) -> Column[Any]:
    """A column with the comment that BI tools show."""
    return Column(name, kind, comment=comment, **options)


def key(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    """A column of the primary key that is always given, and never counted up."""
    return Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def of_connector() -> Column[Any]:
    """The key, or its first part, of every table about connectors."""
    return Column(
        "connector_id",
        TEXT,
        ForeignKey("connectors.connector_id"),
        primary_key=True,
        comment="The connector's id, as the API gives it",
    )
