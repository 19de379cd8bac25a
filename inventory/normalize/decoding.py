"""Decodes and masks values field by field and element by element. Pure.

`lenient` decodes what the fast decoder cannot: values nested too deeply, too large or not a number
are kept as text and reported as anomalies.
"""

from collections.abc import Set
from typing import Any

from msgspec import Raw

from inventory import lenient_json
from inventory.json_codec import decode, decode_leniently, extra_text, json_text
from inventory.normalize.anomalies import ELEMENT, INVALID, KEPT_AS_TEXT, NOT_AN_OBJECT, Anomaly
from inventory.normalize.fields import Cells, Field, coerce
from inventory.normalize.masking import Masker
from inventory.normalize.sections import split_object
from inventory.normalize.struct_decoder import StructDecoder


def decode_fields(
    fields: dict[str, Raw], masker: Masker, *, skip: Set[str] = frozenset(), lenient: bool = False
) -> tuple[dict[str, Any], list[Anomaly]]:
    """Decode and mask fields. Raises what is in UNREADABLE, unless `lenient`."""
    chosen = {name: raw for name, raw in fields.items() if name not in skip}
    if not lenient:
        return masker.mask({name: decode(raw) for name, raw in chosen.items()}), []
    values: dict[str, Any] = {}
    anomalies: list[Anomaly] = []
    for name, raw in chosen.items():
        values[name], kept_as_text = decode_leniently(raw, masker.text_of)
        anomalies += [Anomaly(name, KEPT_AS_TEXT)] if kept_as_text else []
    return masker.mask(values), anomalies


def invalid_sections(fields: dict[str, Raw], *names: str) -> list[Anomaly]:
    """Report the objects and lists of these names that are not one: `split` leaves them here."""
    return [Anomaly(name, INVALID) for name in names if name in fields]


def decode_elements(
    raw: Raw,
    masker: Masker,
    decoder: StructDecoder[Any],
    fields: tuple[Field, ...],
    *,
    lenient: bool,
) -> tuple[list[Cells], list[Anomaly]]:
    """Decode a list to the cells of each element. An element that is not an object is all extra."""
    if bytes(raw) == b"[]":
        return [], []
    rows: list[Cells] = []
    anomalies: list[Anomaly] = []
    usual = None if lenient else decoder.coerce_list(raw, masker)
    if usual is not None:
        for coerced in usual:
            coerced.cells["extra"] = None
            rows.append(coerced.cells)
            anomalies += coerced.anomalies
        return rows, anomalies
    for element, element_anomalies in _elements(raw, masker, lenient=lenient):
        row, row_anomalies = _element_row(element, fields)
        rows.append(row)
        anomalies += row_anomalies + element_anomalies
    return rows, anomalies


def _elements(raw: Raw, masker: Masker, *, lenient: bool) -> list[tuple[Any, list[Anomaly]]]:
    if not lenient:
        return [(masker.mask(element), []) for element in decode(raw)]
    return [_decode_element(part, masker) for part in lenient_json.elements(bytes(raw))]


def _decode_element(part: bytes, masker: Masker) -> tuple[Any, list[Anomaly]]:
    if part.startswith(b"{"):
        return decode_fields(split_object(Raw(part)), masker, lenient=True)
    element, kept_as_text = decode_leniently(part, masker.text_of)
    return element, [Anomaly(ELEMENT, KEPT_AS_TEXT)] if kept_as_text else []


def _element_row(element: Any, fields: tuple[Field, ...]) -> tuple[Cells, list[Anomaly]]:
    if not isinstance(element, dict):
        cells: Cells = {field.column: None for field in fields}
        return cells | {"extra": json_text(element)}, [Anomaly(ELEMENT, NOT_AN_OBJECT)]
    coerced = coerce(element, fields)
    return coerced.cells | {"extra": extra_text(coerced.extra)}, coerced.anomalies
