"""Reads the section `connector_status` of an item: its states, times of syncs and deadline. Pure.

The schedule is part of another section, but any change of an item has this section read again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from inventory.json_codec import decode, decode_in_any_way, extra_text
from inventory.normalize import schedules
from inventory.normalize.anomalies import Anomaly
from inventory.normalize.coercions import INVALID_VALUE, as_text, as_timestamp
from inventory.normalize.decoding import decode_fields, invalid_sections
from inventory.normalize.fields import (
    STATUS_FIELDS,
    SYNC_TIME_FIELDS,
    Cells,
    Coerced,
    coerce,
    without_unreadable,
)
from inventory.normalize.masking import Masker
from inventory.normalize.rows import SectionRows
from inventory.normalize.sections import Item
from inventory.normalize.stored_values import StoredRows
from inventory.normalize.struct_decoder import StructDecoder
from inventory.normalize.structs import StatusFields

_DECODER = StructDecoder(StatusFields)
_STATUS_COLUMNS = frozenset(field.column for field in STATUS_FIELDS)


def read(item: Item, masker: Masker, stored: StoredRows, *, lenient: bool = False) -> SectionRows:
    """Read the section's row. Raises what is in UNREADABLE, unless `lenient`."""
    states, anomalies = _read_states(item, masker, lenient=lenient)
    times, kept_as_text = _read_times(item, masker, lenient=lenient)
    anomalies = states.anomalies + times.anomalies + anomalies + kept_as_text
    before: Mapping[str, Any] = {}
    if states.unreadable or times.unreadable:
        before = stored.row("connector_status", item.connector_id)
        states, times = without_unreadable(states, before), without_unreadable(times, before)
    due_at, impossible = schedules.due_at(
        item.connector,
        times.cells["succeeded_at"],
        lambda: stored.row("connectors", item.connector_id),
        stored.time_zones,
    )
    slo_minutes = _slo_minutes(item, stored)
    if slo_minutes is not None:
        due_at = _later(times.cells["succeeded_at"], slo_minutes)
    if "succeeded_at" in times.unreadable:
        # It may have succeeded since. So it does not become overdue, nor recover if it is down.
        due_at = before.get("due_at") if before.get("is_down") else None
    cells = states.cells | times.cells
    cells["due_at"], cells["slo_minutes"] = due_at, slo_minutes
    cells["last_sync_failed"] = _last_sync_failed(times, before)
    cells["extra"] = extra_text(states.extra | times.extra)
    return SectionRows([cells], anomalies + impossible)


def _slo_minutes(item: Item, stored: StoredRows) -> int | None:
    levels = stored.service_levels
    if not levels:
        return None
    return levels.minutes(
        item.connector_id,
        service=_text_of("service", item, stored),
        group_id=_text_of("group_id", item, stored),
    )


def _text_of(name: str, item: Item, stored: StoredRows) -> str | None:
    """Return a text of the section `connectors`; the stored one if it cannot be read."""
    raw = item.connector.get(name)
    value = None if raw is None else decode_in_any_way(bytes(raw))
    if value is not None and (value := as_text(value)) is INVALID_VALUE:
        value = stored.row("connectors", item.connector_id).get(name)
    return value


def _later(cell: str | None, minutes: int) -> str | None:
    """Return the cell of a time so many minutes later; None if that is unknown."""
    try:
        later = cell and datetime.fromisoformat(cell) + timedelta(minutes=minutes)
    except OverflowError:  # beyond the year 9999
        return None
    return later.isoformat(" ", "microseconds") if later else None


def _last_sync_failed(times: Coerced, before: Mapping[str, Any]) -> bool:
    succeeded_at, failed_at = times.cells["succeeded_at"], times.cells["failed_at"]
    if failed_at is None or succeeded_at is None:
        # If the success cannot be read and none is stored, the last sync is unknown: a failure
        # that is stored lasts until a success can be read.
        is_known = "succeeded_at" not in times.unreadable or before.get("last_sync_failed")
        return failed_at is not None and bool(is_known)
    return bool(failed_at >= succeeded_at)


def _read_states(item: Item, masker: Masker, *, lenient: bool) -> tuple[Coerced, list[Anomaly]]:
    anomalies = invalid_sections(item.status, "warnings", "tasks")
    coerced = None if anomalies or lenient else _read_usual_states(item, masker)
    if coerced is None:
        values, kept_as_text = decode_fields(item.status, masker, lenient=lenient)
        anomalies += kept_as_text
        coerced = coerce(values, STATUS_FIELDS)
    if "status" in item.connector:  # where `split` leaves one that is not an object
        coerced = coerced._replace(unreadable=_STATUS_COLUMNS)
    return coerced, anomalies


def _read_usual_states(item: Item, masker: Masker) -> Coerced | None:
    decoded = _DECODER.decode(item.raw_status)
    coerced = _DECODER.coerce(decoded, masker) if decoded else None
    if coerced is not None and not item.status.keys() <= _DECODER.names:
        coerced.extra.update(decode_fields(item.status, masker, skip=_DECODER.names)[0])
    return coerced


def _read_times(item: Item, masker: Masker, *, lenient: bool) -> tuple[Coerced, list[Anomaly]]:
    """Read the times of syncs. Of all fields they change most often."""
    if not lenient:
        cells: Cells = {}
        for field in SYNC_TIME_FIELDS:
            raw = item.sync_times.get(field.name)
            cells[field.column] = None if raw is None else as_timestamp(decode(raw))
        if INVALID_VALUE not in cells.values():
            return Coerced(cells, {}, []), []
    values, kept_as_text = decode_fields(item.sync_times, masker, lenient=lenient)
    return coerce(values, SYNC_TIME_FIELDS), kept_as_text
