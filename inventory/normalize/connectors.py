"""Reads the section `connectors` of an item: all but its status, lists and times of syncs. Pure."""

from typing import Any

from inventory.json_codec import extra_text, json_text
from inventory.normalize.decoding import decode_fields, invalid_sections
from inventory.normalize.fields import (
    CONNECTOR_FIELDS,
    OPTIONAL_FIELDS,
    VOLATILE_CONFIG,
    coerce,
    without_unreadable,
)
from inventory.normalize.masking import Masker
from inventory.normalize.rows import SectionRows
from inventory.normalize.sections import Item
from inventory.normalize.stored_values import StoredRows
from inventory.normalize.struct_decoder import StructDecoder
from inventory.normalize.structs import ConnectorFields

_DECODER = StructDecoder(ConnectorFields)
_PRESENCE = {f"has_{field.column}": field.column for field in OPTIONAL_FIELDS}


def read(item: Item, masker: Masker, stored: StoredRows, *, lenient: bool = False) -> SectionRows:
    """Read the section's row. Raises what is in UNREADABLE, unless `lenient`."""
    fields = item.connector
    anomalies = invalid_sections(fields, "status", "setup_tests")
    decoded = None if anomalies or lenient else _DECODER.decode(item.raw)
    volatile = _pop_volatile(decoded.config) if decoded else None
    coerced = _DECODER.coerce(decoded, masker) if decoded else None
    if coerced is None:
        values, kept_as_text = decode_fields(fields, masker, lenient=lenient)
        anomalies += kept_as_text
        volatile = _pop_volatile(values.get("config"))
        coerced = coerce(values, CONNECTOR_FIELDS)
    else:
        if not fields.keys() <= _DECODER.names:
            coerced.extra.update(decode_fields(fields, masker, skip=_DECODER.names)[0])
        volatile = masker.mask(volatile, 1, (None, "config"))
    anomalies = coerced.anomalies + anomalies
    # An optional object that cannot be read counts as absent.
    presence = {name: coerced.cells[column] is not None for name, column in _PRESENCE.items()}
    if coerced.unreadable:
        coerced = without_unreadable(coerced, stored.row("connectors", item.connector_id))
    cells = coerced.cells | presence
    cells["config_volatile"] = json_text(volatile or None)
    cells["extra"] = extra_text(coerced.extra)
    return SectionRows([cells], anomalies)


def _pop_volatile(config: Any) -> dict[str, Any] | None:
    """Take the keys out of `config` that change with every sync."""
    if not isinstance(config, dict):
        return None
    return {name: config.pop(name) for name in VOLATILE_CONFIG if name in config}
