"""The fields of the API, each with its column and the way its value is made to fit. Pure.

What does not fit is not an error: it is kept verbatim in the row's `extra`, and counted. Drift of
the API never stops the inventory.
"""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from inventory.masking import mask

# Keys of config that the vendor's connectors move by themselves; a version each would be noise.
VOLATILE_CONFIG = frozenset(("last_synced_changes__utc_",))

# The sets are open: a state that is not in them is stored all the same, and counted.
KNOWN_STATES: Mapping[str, frozenset[str]] = {
    "setup_state": frozenset(("incomplete", "connected", "broken")),
    "sync_state": frozenset(("scheduled", "syncing", "paused", "rescheduled")),
    "update_state": frozenset(("on_schedule", "delayed")),
    "schema_status": frozenset(("ready", "blocked_on_capture")),
    "schedule_type": frozenset(("auto", "manual")),
}
KNOWN_TEST_STATES: Mapping[str, frozenset[str]] = {
    "status": frozenset(("PASSED", "SKIPPED", "WARNING", "FAILED", "JOB_FAILED")),
}

# An index row on PostgreSQL ends at about 2,700 bytes; no real title comes near.
MAX_TITLE = 500
# PostgreSQL's numeric ends at 131,072 digits; no real number comes near.
MAX_EXPONENT = 1000
# And it takes 16,383 digits behind the point.
MAX_DIGITS = 10_000

_encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NO_CHARACTER = re.compile(
    rb"(?<!\\)((?:\\\\)*+)"  # a backslash before it may be escaped itself
    rb"\\u(?:0000"
    rb"|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
UNFIT_CELL: Any = object()

# A field's name and what is odd about it, never its value.
Oddity = tuple[str, str]
UNFIT = "does not fit its column"
UNKNOWN_STATE = "is a state not known"


def mended(body: bytes | bytearray) -> bytes | bytearray:
    """Put U+FFFD in the place of escapes that are no characters: it is not worth failing for.

    PostgreSQL takes no NUL, in text or jsonb. Half a surrogate pair is what is left where a
    server has cut a text in the middle of an emoji.
    """
    return _NO_CHARACTER.sub(rb"\1\\ufffd", body) if _SUSPECT.search(body) else body


def _number(text: str) -> Any:
    """Keep a number as it is written, where a float would round it.

    One of an exponent or a length that no database takes stays a text.
    """
    if len(text) > MAX_DIGITS:
        return text
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    return number if abs(number.adjusted()) < MAX_EXPONENT else text


def decoder(of: Any = Any) -> Callable[[Any], Any]:
    """Make what decodes JSON to a type."""
    return msgspec.json.Decoder(of, float_hook=_number).decode


decode = decoder()


def json_text(value: Any) -> str | None:
    """Return canonical JSON (sorted keys), so that equal values are equal texts; None for null.

    What stands under a name that says secret is masked.
    """
    return None if value is None else _encode(mask(value)).decode()


def as_text(value: Any) -> Any:
    return value if isinstance(value, str) else UNFIT_CELL


def as_title(value: Any) -> Any:
    return value if isinstance(value, str) and len(value) <= MAX_TITLE else UNFIT_CELL


def as_integer(value: Any) -> Any:
    """Take an int, and what can only mean one: 360.0 and "360"."""
    if isinstance(value, str):
        value = int(value) if _INTEGER.fullmatch(value) else UNFIT_CELL
    elif isinstance(value, Decimal):
        value = int(value) if value.adjusted() < 19 and value == value.to_integral() else UNFIT_CELL
    fits = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return value if fits else UNFIT_CELL


def as_boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else UNFIT_CELL


def as_instant(value: Any) -> Any:
    """Make an RFC 3339 time the UTC text that both databases take and that sorts as time.

    Fractions of 0, 3 and 6 digits have been seen, so the API's own text must never be compared.
    """
    if not isinstance(value, str):
        return UNFIT_CELL
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not UTC:
            if moment.tzinfo is None:
                return UNFIT_CELL
            moment = moment.astimezone(UTC)
        return moment.isoformat(" ", "microseconds")
    except (ValueError, OverflowError):
        return UNFIT_CELL


def as_object(value: Any) -> Any:
    return json_text(value) if isinstance(value, dict) else UNFIT_CELL


class Field(NamedTuple):
    """One field of the API and its column. `fit` returns the cell, or UNFIT_CELL."""

    name: str
    column: str
    fit: Callable[[Any], Any]


def _fields(fit: Callable[[Any], Any], names: str) -> list[Field]:
    return [Field(name, name, fit) for name in names.split()]


CONNECTOR_FIELDS = (
    Field("schema", "schema_name", as_text),
    *_fields(as_text, "group_id service connected_by daily_sync_time schedule_type"),
    *_fields(as_text, "data_delay_sensitivity private_link_id proxy_agent_id networking_method"),
    *_fields(as_text, "hybrid_deployment_agent_id local_processing_agent_id"),
    *_fields(as_integer, "service_version sync_frequency data_delay_threshold"),
    *_fields(as_boolean, "paused pause_after_trial"),
    *_fields(as_instant, "created_at"),
    *_fields(as_object, "schedule"),
)
# Three-valued: absent or null means "not told", and what is stored stays.
TOLD_FIELDS = (*_fields(as_object, "config connect_card_config source_sync_details"),)
STATUS_FIELDS = (
    *_fields(as_text, "setup_state sync_state update_state schema_status"),
    *_fields(as_boolean, "is_historical_sync"),
    *_fields(as_instant, "rescheduled_for"),
)
# Of the item, not of its status; but they move with every sync, and belong with the narrow row.
SYNC_TIMES = (*_fields(as_instant, "succeeded_at failed_at"),)
ALERT_FIELDS = (*_fields(as_text, "code message"), Field("details", "details", json_text))
SETUP_TEST_FIELDS = (
    Field("title", "title", as_title),
    *_fields(as_text, "status message"),
    Field("details", "details", json_text),
)


def _opened(value: Any) -> Any:
    """Open an object that was sent as a text: closed, it would hide its secrets from the mask."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return decode(mended(value.encode()))
    return value


class Fitted(NamedTuple):
    """An object's cells in the order of its fields, what found no column, and what was odd."""

    cells: Sequence[Any]
    extra: dict[str, Any]
    oddities: list[Oddity]


def fit(
    values: dict[str, Any], fields: tuple[Field, ...], states: Mapping[str, frozenset[str]]
) -> Fitted:
    """Lay an object's values into the columns of its fields. Empties `values`."""
    cells: list[Any] = []
    misfits: dict[str, Any] = {}
    oddities: list[Oddity] = []
    for field in fields:
        value = values.pop(field.name, None)
        cell = None if value is None else field.fit(value)
        if cell is UNFIT_CELL:
            cell, misfits[field.name] = None, _opened(value)
            oddities.append((field.name, UNFIT))
        elif cell is not None and field.name in states and cell not in states[field.name]:
            oddities.append((field.name, UNKNOWN_STATE))
        cells.append(cell)
    return Fitted(tuple(cells), values | misfits, oddities)
