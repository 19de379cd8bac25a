"""The Arrow types of columns; comments are the metadata of fields, as Spark and Delta name them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Date, Double, Integer, Text

from inventory.column_types import Json, UtcDateTime
from inventory.db.views import ViewColumn

if TYPE_CHECKING:
    import pyarrow as pa


def schema_of(columns: Mapping[str, ViewColumn]) -> "pa.Schema":
    """Return the schema in which a table is exported.

    Times are in UTC, with microseconds. JSON is a text of the type `arrow.json`, which Parquet
    knows.
    """
    import pyarrow as pa

    types: dict[type[Any], pa.DataType] = {
        Text: pa.string(),
        Integer: pa.int64(),
        BigInteger: pa.int64(),
        Double: pa.float64(),
        Boolean: pa.bool_(),
        Date: pa.date32(),
        UtcDateTime: pa.timestamp("us", tz="UTC"),
        Json: pa.json_(pa.string()),
    }

    def type_of(column: ViewColumn) -> pa.DataType:
        return next(types[each] for each in type(column.type).__mro__ if each in types)

    return pa.schema(
        pa.field(name, type_of(column), metadata={"comment": column.comment})
        for name, column in columns.items()
    )


def without_json_type(schema: "pa.Schema") -> "pa.Schema":
    """Return the schema with JSON as mere text, which is how it is read, and stored in Delta."""
    import pyarrow as pa

    return pa.schema(
        field.with_type(pa.string()) if isinstance(field.type, pa.JsonType) else field
        for field in schema
    )
