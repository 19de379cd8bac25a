"""Converts one value of the API to the cell of its column. Pure.

Each function takes any value but null and returns the cell, or INVALID_VALUE if the value is
ambiguous or of another type.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from inventory.json_codec import json_text
from inventory.normalize.timestamps import utc_text

Coercion: TypeAlias = Callable[[Any], Any]
INVALID_VALUE: Any = object()

# PostgreSQL limits an index row to about 2,700 bytes; no real title comes near.
MAX_TITLE = 500  # characters
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


def as_text(value: Any) -> Any:
    # `StandIn`, the text kept in place of a value, is a subclass of str and not a text of the API.
    return value if type(value) is str else INVALID_VALUE


def as_title(value: Any) -> Any:
    """Accept a text that is short enough for an index."""
    return as_text(value) if isinstance(value, str) and len(value) <= MAX_TITLE else INVALID_VALUE


def as_integer(value: Any) -> Any:
    """Accept an int, 360.0 and "360"."""
    if isinstance(value, str):
        value = int(value) if _INTEGER.fullmatch(value) else INVALID_VALUE
    elif isinstance(value, Decimal):
        is_whole = value.adjusted() < 19 and value == value.to_integral()
        value = int(value) if is_whole else INVALID_VALUE
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and MIN_INTEGER <= value <= MAX_INTEGER else INVALID_VALUE


def as_boolean(value: Any) -> Any:
    """Accept a bool and the words true and false in any case."""
    if isinstance(value, str):
        value = _BOOLEANS.get(value.lower(), INVALID_VALUE)
    return value if isinstance(value, bool) else INVALID_VALUE


def as_timestamp(value: Any) -> Any:
    """Accept what can only mean one point in time; the cell is UTC text."""
    cell = utc_text(value)
    return INVALID_VALUE if cell is None else cell


def as_object(value: Any) -> Any:
    """Accept an object; the cell is canonical JSON."""
    return json_text(value) if isinstance(value, dict) else INVALID_VALUE


def as_json(value: Any) -> Any:
    """Accept any value; the cell is canonical JSON."""
    return json_text(value)
