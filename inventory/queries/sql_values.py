"""Converts the values of a user's query, which may have any type of the database.

A value that Python cannot represent is kept as the server's text; a timestamp that SQLite stores as
text becomes a datetime.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

_MAX_DEPTH = 200  # levels of JSON; writing one takes several levels of Python's stack
# What column_types.UtcDateTime stores.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII)

_RANGED = ("int4", "int8", "num", "date", "ts", "tstz")
# Types without an equivalent in Python, whose timedelta has no months.
_TEXTS = ("interval", *(f"{of}{kind}" for of in _RANGED for kind in ("range", "multirange")))
# Types of which PostgreSQL has more values than Python: BC, infinity, 24:00.
_WIDER = ("date", "time", "timetz", "timestamp", "timestamptz")


def take_any_value(adapters: Any) -> None:
    """Let a cursor return the server's text for values without an equivalent in Python."""
    import psycopg
    from psycopg.types.string import TextLoader

    class OrText(psycopg.adapt.Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            usual = psycopg.adapters.get_loader(oid, self.format)
            assert usual is not None
            self._load = usual(oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    for kind in _TEXTS:
        adapters.register_loader(kind, TextLoader)
    for kind in _WIDER:
        adapters.register_loader(kind, OrText)


def require_writable(row: Sequence[Any]) -> None:
    """Raise ValueError for JSON that is nested too deeply for some versions of Python to write."""
    nested: list[Any] = [cell for cell in row if isinstance(cell, dict | list)]
    for _ in range(_MAX_DEPTH):
        if not nested:
            return
        nested = [part for each in nested for part in _parts(each) if isinstance(part, dict | list)]
    raise ValueError(f"its result contains JSON of more than {_MAX_DEPTH} levels")


def _parts(of: Any) -> Iterable[Any]:
    return of.values() if isinstance(of, dict) else of


def parse_timestamp(value: Any) -> Any:
    """Return the datetime that SQLite stores as this text; anything else unchanged."""
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:  # month 13
            return value
    return value
