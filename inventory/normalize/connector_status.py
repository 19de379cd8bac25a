"""Reads the section `connector_status` of an item: its states, times of syncs and deadline. Pure.

The schedule is part of another section, but any change of an item has this section read again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Raw

from inventory.json_codec import decode, decode_in_any_way, extra_text
from inventory.normalize import schedules, sync_times
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
    deadline = read_deadline(item.connector_id, item.connector, times.cells["succeeded_at"], stored)
    due_at = deadline.due_at
    if "succeeded_at" in times.unreadable:
        # It may have succeeded since. So it does not become overdue, nor recover if it is down.
        due_at = before.get("due_at") if before.get("is_down") else None
    cells = states.cells | times.cells
    cells["due_at"], cells["slo_minutes"] = due_at, deadline.slo_minutes
    cells["last_sync_failed"] = _last_sync_failed(times, before)
    cells["extra"] = extra_text(states.extra | times.extra)
    return SectionRows([cells], anomalies + deadline.anomalies)


class Deadline(NamedTuple):
    """The cells of `due_at` and `slo_minutes`, and the anomalies of the schedule."""

    due_at: str | None
    slo_minutes: int | None
    anomalies: list[Anomaly]


def read_deadline(
    connector_id: str, connector: Mapping[str, Raw], succeeded_at: str | None, stored: StoredRows
) -> Deadline:
    """Compute when the next success is due: by the service level, or else by the schedule.

    `connector` are undecoded fields of the API; `succeeded_at` is a cell.
    """

    def stored_row() -> Mapping[str, Any]:
        return stored.row("connectors", connector_id)

    due_at, impossible = schedules.due_at(connector, succeeded_at, stored_row, stored.time_zones)
    if not stored.service_levels:
        return Deadline(due_at, None, impossible)
    service, group_id = (_text_of(name, connector, stored_row) for name in ("service", "group_id"))
    minutes = stored.service_levels.minutes(connector_id, service=service, group_id=group_id)
    if minutes is not None:
        due_at = _later(succeeded_at, minutes)
    return Deadline(due_at, minutes, impossible)


def _text_of(
    name: str, connector: Mapping[str, Raw], stored_row: Callable[[], Mapping[str, Any]]
) -> str | None:
    """Return a text of the section `connectors`; the stored one if it cannot be read."""
    raw = connector.get(name)
    value = None if raw is None else decode_in_any_way(bytes(raw))
    if value is not None and (value := as_text(value)) is INVALID_VALUE:
        value = stored_row().get(name)
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
    return sync_times.last_sync_failed(succeeded_at, failed_at)


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
