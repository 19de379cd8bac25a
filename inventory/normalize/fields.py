"""The table of fields, derived from the structs, and the conversion of an object field by field.

Pure.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct

from inventory.lenient_json import StandIn
from inventory.normalize.anomalies import INVALID, UNKNOWN_STATE, Anomaly
from inventory.normalize.coercions import INVALID_VALUE, Coercion
from inventory.normalize.structs import (
    OPTIONAL,
    AlertFields,
    ConnectorFields,
    KnownStates,
    SetupTestFields,
    StatusFields,
    SyncTimeFields,
)

# The cells of a row by column.
Cells = dict[str, Any]


class Field(NamedTuple):
    """One field of the API and its column. `coerce` returns the cell, or INVALID_VALUE."""

    name: str
    column: str
    coerce: Coercion
    known_states: KnownStates | None
    is_optional: bool


@cache
def fields_of(struct: type[Struct]) -> tuple[Field, ...]:
    """List the fields of a struct in their order."""
    names = zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
    return tuple(
        _field(name, column, struct.__annotations__[column].__metadata__) for name, column in names
    )


def _field(name: str, column: str, metadata: tuple[Any, ...]) -> Field:
    [coerce] = filter(callable, metadata)
    known_states = next((it for it in metadata if isinstance(it, frozenset)), None)
    return Field(name, column, coerce, known_states, OPTIONAL in metadata)


CONNECTOR_FIELDS = fields_of(ConnectorFields)
OPTIONAL_FIELDS = tuple(field for field in CONNECTOR_FIELDS if field.is_optional)
STATUS_FIELDS = fields_of(StatusFields)
SYNC_TIME_FIELDS = fields_of(SyncTimeFields)
ALERT_FIELDS = fields_of(AlertFields)
SETUP_TEST_FIELDS = fields_of(SetupTestFields)
ALL_FIELDS = (CONNECTOR_FIELDS, STATUS_FIELDS, SYNC_TIME_FIELDS, ALERT_FIELDS, SETUP_TEST_FIELDS)

# Keys of `config` that the vendor changes with every sync: each would open a version.
VOLATILE_CONFIG = frozenset(("last_synced_changes__utc_",))


class Coerced(NamedTuple):
    """The cells of an object, the fields without a column, and the anomalies.

    `unreadable` are the columns whose value is present and invalid. Their cells are null.
    """

    cells: Cells
    extra: dict[str, Any]
    anomalies: list[Anomaly]
    unreadable: Collection[str] = ()


def coerce(values: dict[str, Any], fields: tuple[Field, ...]) -> Coerced:
    """Convert an object's values to the cells of these fields. Empties `values`."""
    cells: Cells = {}
    invalid: dict[str, Any] = {}
    unreadable: list[str] = []
    anomalies: list[Anomaly] = []
    for field in fields:
        value = values.pop(field.name, None)
        cell = None if value is None else field.coerce(value)
        if cell is INVALID_VALUE:
            cell, invalid[field.name] = None, value
            unreadable.append(field.column)
            if type(value) is not StandIn:  # that is an anomaly already
                anomalies.append(Anomaly(field.name, INVALID))
        elif cell is not None and field.known_states and not is_known(cell, field.known_states):
            anomalies.append(Anomaly(field.name, UNKNOWN_STATE))
        cells[field.column] = cell
    return Coerced(cells, values | invalid, anomalies, unreadable)


def is_known(state: str, known_states: KnownStates) -> bool:
    return state in known_states or state.lower() in known_states


def without_unreadable(coerced: Coerced, stored: Mapping[str, Any]) -> Coerced:
    """Return the same with the stored cells in place of the unreadable ones.

    The stored value stays until the API sends another one that can be read.
    """
    return coerced._replace(
        cells=coerced.cells | {column: stored.get(column) for column in coerced.unreadable}
    )
