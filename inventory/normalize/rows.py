"""The rows of each section: their columns, and what reading a section returns. Pure."""

from collections.abc import Callable, Set
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from inventory.normalize.anomalies import Anomaly
from inventory.normalize.coercions import as_json, as_object, as_text, as_title
from inventory.normalize.fields import (
    ALERT_FIELDS,
    ALL_FIELDS,
    CONNECTOR_FIELDS,
    OPTIONAL_FIELDS,
    SETUP_TEST_FIELDS,
    STATUS_FIELDS,
    SYNC_TIME_FIELDS,
    Cells,
    Field,
)
from inventory.normalize.sections import LISTS

# The cells in the order of COLUMNS.
Row = tuple[Any, ...]


def _columns_of(*fields: tuple[Field, ...]) -> tuple[str, ...]:
    return tuple(field.column for field in chain(*fields))


_ALERT_COLUMNS = (
    "connector_id",
    "content_hash",
    "ordinal",
    *_columns_of(ALERT_FIELDS),
    "extra",
)
# The rows of connectors of which only the times of syncs have moved, in place of all sections.
SYNC_TIMES = "sync_times"
# The columns of rows: of the sections, each named as its table, and of SYNC_TIMES.
COLUMNS: dict[str, tuple[str, ...]] = {
    "connectors": (
        "connector_id",
        *_columns_of(CONNECTOR_FIELDS),
        *(f"has_{column}" for column in _columns_of(OPTIONAL_FIELDS)),
        "config_volatile",
        "extra",
        "has_details",
        "details_fields",
        "has_tests",
    ),
    "connector_status": (
        "connector_id",
        *_columns_of(STATUS_FIELDS, SYNC_TIME_FIELDS),
        "due_at",
        "slo_minutes",
        "last_sync_failed",
        "extra",
        *(f"has_{name}" for name in LISTS),
        "digests",
    ),
    "warnings": _ALERT_COLUMNS,
    "tasks": _ALERT_COLUMNS,
    "setup_tests": (
        "connector_id",
        "ordinal",
        *_columns_of(SETUP_TEST_FIELDS),
        "extra",
    ),
    SYNC_TIMES: ("connector_id", *_columns_of(SYNC_TIME_FIELDS), "due_at", "digests"),
}
SECTIONS = tuple(name for name in COLUMNS if name != SYNC_TIMES)
# The columns with texts of the API, as they are or in JSON.
TEXT_COLUMNS = {"config_volatile", "extra"} | {
    field.column
    for field in chain(*ALL_FIELDS)
    if field.coerce in (as_text, as_title, as_object, as_json)
}
# Makes the row of its cells. A row is a tuple, because a dict per row takes three times
# the memory, and 1.4 to 1.9 times the room in the spool, depending on the section (measured on
# 10,000 rows of each). Encoding it is no faster.
TO_ROW: dict[str, Callable[[Cells], Row]] = {
    section: itemgetter(*columns) for section, columns in COLUMNS.items()
}


class SectionRows(NamedTuple):
    """What reading a section returns.

    `rows` have the cells that the section itself gives; None if it is absent, which differs from
    empty.
    """

    rows: list[Cells] | None
    anomalies: list[Anomaly]


class NormalizedBatch(NamedTuple):
    """The ids of a batch of items in their order, and the rows of what has changed.

    `changed_lists` includes lists that were emptied, and so have no rows. `card_tails` are of all
    connect cards of the batch: see `connect_cards.tails`.
    """

    connector_ids: list[str]
    rows: dict[str, list[Row]]
    changed_lists: set[str]
    card_tails: Set[int]


def new_batch(connector_ids: list[str], card_tails: Set[int]) -> NormalizedBatch:
    """Return a batch without rows."""
    return NormalizedBatch(connector_ids, {name: [] for name in COLUMNS}, set(), card_tails)
