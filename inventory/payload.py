"""Items of the API to rows: which sections need reading, and what they say. Pure.

Each section's bytes are fingerprinted before anything in them is decoded; a section whose
fingerprint is known is only counted as seen.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from inventory import fingerprints, schedules
from inventory.errors import PayloadUnusable
from inventory.fields import (
    ALERT_FIELDS,
    CONNECTOR_FIELDS,
    KNOWN_STATES,
    KNOWN_TEST_STATES,
    SETUP_TEST_FIELDS,
    STATUS_FIELDS,
    SYNC_TIMES,
    TOLD_FIELDS,
    UNFIT,
    UNFIT_CELL,
    VOLATILE_CONFIG,
    Field,
    Fitted,
    Oddity,
    as_instant,
    decode,
    fit,
    json_text,
)
from inventory.items import ADVICE, LISTS, UNREADABLE, Item, cut, glance, without_card
from inventory.shapes import Shape

# Told of every oddity: the section, the field, what is odd about it. Never a value.
OnOddity = Callable[[str, str, str], None]
Row = tuple[Any, ...]

_ALERT = ("connector_id", "fingerprint", "ordinal", "code", "message", "details", "extra")

# The sections, and the cells of the rows that each is read to.
COLUMNS: dict[str, tuple[str, ...]] = {
    "connectors": (
        "connector_id",
        *(field.column for field in CONNECTOR_FIELDS + TOLD_FIELDS),
        *(f"{field.column}_told" for field in TOLD_FIELDS),
        "config_volatile",
        "extra",
    ),
    "connector_status": (
        "connector_id",
        *(field.column for field in STATUS_FIELDS + SYNC_TIMES),
        "due_at",
        "last_sync_failed",
        "extra",
        *(f"{name}_told" for name in LISTS),
        "fingerprints",
    ),
    "warnings": _ALERT,
    "tasks": _ALERT,
    "setup_tests": ("connector_id", "title", "ordinal", "status", "message", "details", "extra"),
}
SECTIONS = tuple(COLUMNS)
_STATUS = SECTIONS.index("connector_status")
_TOLD_AT = {name: COLUMNS["connector_status"].index(f"{name}_told") for name in LISTS}

_encode = msgspec.json.encode


# --- a section, read ------------------------------------------------------------------------

_CONNECTOR = Shape(CONNECTOR_FIELDS + TOLD_FIELDS, KNOWN_STATES)
_STATES = Shape(STATUS_FIELDS, KNOWN_STATES)
_ALERTS = Shape(ALERT_FIELDS, closed=True)
_SETUP_TESTS = Shape(SETUP_TEST_FIELDS, KNOWN_TEST_STATES, closed=True)


class Reading(NamedTuple):
    """The cells of a section's rows, without the connector's id; None = it was not told."""

    rows: list[Row] | None
    oddities: list[Oddity]


def _read_connector(item: Item) -> Reading:
    fields = item.connector
    misfits = _misfits(fields, "status", "setup_tests")
    usual = None if misfits else _CONNECTOR.decode(item.raw)
    volatile = _split_off_volatile(usual.config) if usual else None
    fitted = _CONNECTOR.lay_out(usual) if usual else None
    if fitted is None:
        values = _decoded(fields)
        volatile = _split_off_volatile(values.get("config"))
        told = [values.get(field.name) is not None for field in TOLD_FIELDS]
        fitted = fit(values, CONNECTOR_FIELDS + TOLD_FIELDS, KNOWN_STATES)
    else:
        told = [cell is not None for cell in fitted.cells[-len(TOLD_FIELDS) :]]
        fitted.extra.update(_decoded(fields, but=_CONNECTOR.names))
    row = (*fitted.cells, *told, json_text(volatile or None), json_text(fitted.extra or None))
    return Reading([row], fitted.oddities + misfits)


def _split_off_volatile(config: Any) -> dict[str, Any] | None:
    if not isinstance(config, dict):
        return None
    return {name: config.pop(name) for name in VOLATILE_CONFIG if name in config}


def _read_status(item: Item) -> Reading:
    misfits = _misfits(item.status, "warnings", "tasks")
    states = None if misfits else _read_states(item)
    if states is None:
        states = fit(_decoded(item.status), STATUS_FIELDS, KNOWN_STATES)
    times = _read_times(item)
    succeeded_at, failed_at = times.cells
    last_sync_failed = failed_at is not None and (succeeded_at is None or failed_at >= succeeded_at)
    # Its schedule stands in another section; but whatever is new in an item, this one is read.
    due_at, odd = schedules.due_at(item.connector, succeeded_at)
    extra = json_text(states.extra | times.extra or None)
    row = (*states.cells, *times.cells, due_at, last_sync_failed, extra)
    return Reading([row], states.oddities + times.oddities + misfits + odd)


def _read_times(item: Item) -> Fitted:
    """Read the times of syncs, which of all fields change most."""
    told = [item.sync_times.get(field.name) for field in SYNC_TIMES]
    cells = [None if raw is None else as_instant(decode(raw)) for raw in told]
    if UNFIT_CELL in cells:
        return fit(_decoded(item.sync_times), SYNC_TIMES, {})
    return Fitted(cells, {}, [])


def _read_states(item: Item) -> Fitted | None:
    """Read the states, where they are of the usual shape."""
    usual = _STATES.decode(item.raw_status)
    fitted = _STATES.lay_out(usual) if usual else None
    if fitted is not None:
        fitted.extra.update(_decoded(item.status, but=_STATES.names))
    return fitted


def _misfits(fields: dict[str, Raw], *names: str) -> list[Oddity]:
    """Name the objects and lists that are none, and so were left among the fields."""
    return [(name, UNFIT) for name in names if name in fields]


def _read_list(item: Item, name: str, read: Callable[[Raw], Reading]) -> Reading:
    raw = item.lists[name]
    if raw is None:
        return Reading(None, [])
    return Reading([], []) if bytes(raw) == b"[]" else read(raw)


def _read_alerts(raw: Raw) -> Reading:
    """Read warnings or tasks. Their order means nothing, so equal ones are only counted."""
    contents, oddities = _read_elements(raw, _ALERTS, ALERT_FIELDS, {})
    equals: dict[str, int] = {}
    rows: list[Row] = []
    for content in contents:
        fingerprint = blake2b(_encode(content), digest_size=16).hexdigest()
        ordinal = equals.get(fingerprint, 0)
        rows.append((fingerprint, ordinal, *content))
        equals[fingerprint] = ordinal + 1
    return Reading(rows, oddities)


def _read_setup_tests(raw: Raw) -> Reading:
    """Read setup tests. Those of one title are sorted, so that a new order is no change."""
    contents, oddities = _read_elements(raw, _SETUP_TESTS, SETUP_TEST_FIELDS, KNOWN_TEST_STATES)
    equals: dict[str, int] = {}
    rows: list[Row] = []
    for title, *content in sorted(contents, key=_encode):
        ordinal = equals.get(title or "", 0)
        rows.append((title or "", ordinal, *content))
        equals[title or ""] = ordinal + 1
    return Reading(rows, oddities)


def _read_elements(
    raw: Raw, shape: Shape, fields: tuple[Field, ...], states: Mapping[str, frozenset[str]]
) -> tuple[list[Row], list[Oddity]]:
    """Return the cells and extra of each element. One that is no object is all extra."""
    rows: list[Row] = []
    oddities: list[Oddity] = []
    usual = shape.lay_out_all(raw)
    if usual is not None:
        for fitted in usual:
            rows.append((*fitted.cells, None))
            oddities += fitted.oddities
        return rows, oddities
    for element in decode(raw):
        if isinstance(element, dict):
            fitted = fit(element, fields, states)
            rows.append((*fitted.cells, json_text(fitted.extra or None)))
            oddities += fitted.oddities
        else:
            rows.append((*(None,) * len(fields), json_text(element)))
            oddities.append(("(element)", "is no object"))
    return rows, oddities


def _decoded(fields: dict[str, Raw], but: Set[str] = frozenset()) -> dict[str, Any]:
    if fields.keys() <= but:
        return {}
    return {name: decode(raw) for name, raw in fields.items() if name not in but}


_READERS: dict[str, Callable[[Item], Reading]] = {
    "connectors": _read_connector,
    "connector_status": _read_status,
    "warnings": partial(_read_list, name="warnings", read=_read_alerts),
    "tasks": partial(_read_list, name="tasks", read=_read_alerts),
    "setup_tests": partial(_read_list, name="setup_tests", read=_read_setup_tests),
}


# --- pages to rows --------------------------------------------------------------------------


class Batch(NamedTuple):
    """What a page comes to: the ids in it as they stood, and rows for what was not known.

    `told` are the lists that are not as they were: also one that was emptied, and has no rows.
    """

    connector_ids: list[str]
    rows: dict[str, list[Row]]
    told: Set[str]


class _News(NamedTuple):
    """An item that is not known as a whole: its fingerprint, what it says but for its card."""

    of_whole: bytes
    said: bytes
    raw: Raw


class Reader:
    """Reads the items of one walk into rows, and keeps count of what was odd.

    `known` are the fingerprints of the account's live connectors. One that is marked removed must
    not be among them: it has to be read whatever it looks like.
    """

    def __init__(self, *, known: Mapping[str, bytes], on_oddity: OnOddity) -> None:
        self._known = known
        self._on_oddity = on_oddity
        self._odd: dict[str, int] = {}

    @property
    def anomalies(self) -> int:
        """Oddities in what the walk showed, those in sections that needed no reading included."""
        return sum(self._odd.values())

    def read(self, page: Iterable[Raw]) -> Batch:
        """Read one page. Where an id stands in it twice, the later item wins.

        Raises PayloadUnusable for an item without a usable id, or one that no parser can read.
        """
        connector_ids: list[str] = []
        last: dict[str, _News | None] = {}
        for raw in page:
            connector_id, said = glance(raw)
            of_whole = fingerprints.whole(said)
            known = fingerprints.knows(self._known.get(connector_id, b""), of_whole)
            connector_ids.append(connector_id)
            last[connector_id] = None if known else _News(of_whole, said, raw)
        rows: dict[str, list[Row]] = {section: [] for section in SECTIONS}
        for connector_id, news in last.items():
            if news is None:
                odd = fingerprints.oddities_in(self._known[connector_id])
            else:
                odd = self._read_item(connector_id, news, rows)
            if odd:
                self._odd[connector_id] = odd
            elif self._odd:
                self._odd.pop(connector_id, None)
        narrow = rows["connector_status"]
        told = {name for name, at in _TOLD_AT.items() if any(row[at] for row in narrow)}
        return Batch(connector_ids, rows, told)

    def _read_item(self, connector_id: str, news: _News, rows: dict[str, list[Row]]) -> int:
        """Add rows for the sections that are not known; return the count of oddities in all."""
        try:
            return self._read_sections(cut(news.raw), news, rows)
        except UNREADABLE as error:
            raise PayloadUnusable(
                f"What the API says of connector {connector_id} cannot be read: "
                f"{type(error).__name__}. {ADVICE}"
            ) from None

    def _read_sections(self, item: Item, news: _News, rows: dict[str, list[Row]]) -> int:
        connector_id = item.connector_id
        known = fingerprints.sections(self._known.get(connector_id, b""))
        digests = fingerprints.digests(item)
        item = without_card(item, news.said)
        told = dict.fromkeys(LISTS, False)
        for n, section in enumerate(SECTIONS):
            # The narrow row carries the fingerprints of all sections.
            if n == _STATUS or not known[n].startswith(digests[n]):
                reading = _READERS[section](item)
                rows[section] += [(connector_id, *cells) for cells in reading.rows or ()]
                told[section] = reading.rows is not None
                known[n] = fingerprints.section(digests[n], len(reading.oddities))
                for field, what in reading.oddities:
                    self._on_oddity(section, field, what)
        joined = fingerprints.joined(news.of_whole, known)
        rows["connector_status"][-1] += (*map(told.__getitem__, LISTS), joined)
        return fingerprints.oddities_in(joined)
