"""Turns the items of one walk, batch by batch, into rows, and counts anomalies. Pure.

It compares the digests of an item and of its sections with the stored ones, and reads only what
has changed.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Raw

from inventory import lenient_json
from inventory.errors import UnexpectedResponseError
from inventory.json_codec import UNREADABLE
from inventory.normalize import (
    alerts,
    connect_cards,
    connector_status,
    connectors,
    digests,
    setup_tests,
    supplements,
)
from inventory.normalize.digests import SectionDigest
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.masking import Masker
from inventory.normalize.rows import SECTIONS, TO_ROW, Row, SectionRows
from inventory.normalize.sections import ADVICE, LISTS, Item, peek, redact_card, split
from inventory.normalize.service_levels import NO_SERVICE_LEVELS, ServiceLevels
from inventory.normalize.stored_values import ReadStored, StoredRows
from inventory.normalize.supplements import Completion
from inventory.normalize.time_zones import TimeZones

# Called with each anomaly: the section, the field and the reason. Never a value.
OnAnomaly = Callable[[str, str, str], None]
# Called with an item of the list that may be completed; whether its settings are new or changed.
OnListed = Callable[[str, Raw, bool], None]

_READERS: dict[str, Callable[..., SectionRows]] = {
    "connectors": connectors.read,
    "connector_status": connector_status.read,
    "warnings": partial(alerts.read, section="warnings"),
    "tasks": partial(alerts.read, section="tasks"),
    "setup_tests": setup_tests.read,
}


class NormalizedBatch(NamedTuple):
    """The ids of a batch of items in their order, and the rows of what has changed.

    `changed_lists` includes lists that were emptied, and so have no rows. `card_tails` are of all
    connect cards of the batch: see `connect_cards.tails`.
    """

    connector_ids: list[str]
    rows: dict[str, list[Row]]
    changed_lists: set[str]
    card_tails: Set[int] = frozenset()


class _ChangedItem(NamedTuple):
    """An item to read. `content` is all of it but its connect card.

    `completion` is what its details tell beside it, if they were read.
    """

    digest: bytes
    content: bytes
    raw: Raw
    completion: Completion | None = None


class Normalizer:
    """Normalizes the items of one walk, with secrets masked.

    `known` are the stored digests of the account's connectors that exist. It must not have those
    marked as removed, which have to be read even if nothing has changed. `read_stored` returns
    the rows of connectors that have something unreadable. `details_fields` are the fields of each
    connector that only its details tell; `time_zones` are those of destinations. `on_listed` gets
    the items of `wanted`, and those with new settings. The connectors of `reread` are read even if
    nothing has changed, as `service_levels` have.
    """

    def __init__(
        self,
        *,
        known: Mapping[str, bytes],
        on_anomaly: OnAnomaly,
        digest_key: DigestKey,
        read_stored: ReadStored = lambda table, connector_ids: (),
        details_fields: Mapping[str, Set[str]] = MappingProxyType({}),
        wanted: Set[str] = frozenset(),
        on_listed: OnListed = lambda connector_id, raw, settings_changed: None,
        time_zones: Mapping[str, TimeZones] = MappingProxyType({}),
        service_levels: ServiceLevels = NO_SERVICE_LEVELS,
        reread: Set[str] = frozenset(),
    ) -> None:
        self._known = known
        self._digest_key = digest_key
        self._on_anomaly = on_anomaly
        self._details_fields = details_fields
        self._wanted = wanted
        self._on_listed = on_listed
        self._reread = reread
        self._stored_rows = partial(
            StoredRows, read_stored, time_zones=time_zones, service_levels=service_levels
        )
        self._anomalies: dict[str, int] = {}

    @property
    def anomalies(self) -> int:
        """The count of anomalies in all items of the walk, changed or not."""
        return sum(self._anomalies.values())

    @property
    def outdated_connectors(self) -> Set[str]:
        """The connectors that an earlier run read by other rules than those of now."""
        return {name for name, stored in self._known.items() if digests.are_outdated(stored)}

    def normalize(self, batch: Iterable[Raw]) -> NormalizedBatch:
        """Normalize one batch. If it has an id twice, the later item counts.

        Raises UnexpectedResponseError for an item that has no usable id or cannot be parsed.
        """
        connector_ids: list[str] = []
        latest: dict[str, _ChangedItem | None] = {}  # None: not changed
        cards: list[bytes] = []
        for raw in batch:
            connector_id, content, card = peek(raw)
            item_digest = digests.of_item(content)
            is_known = connector_id not in self._reread and digests.matches(
                self._known.get(connector_id, b""), item_digest
            )
            connector_ids.append(connector_id)
            latest[connector_id] = None if is_known else _ChangedItem(item_digest, content, raw)
            cards.append(card)
            if connector_id in self._wanted:
                self._on_listed(connector_id, raw, False)
        normalized = NormalizedBatch(
            connector_ids, {section: [] for section in SECTIONS}, set(), connect_cards.tails(cards)
        )
        changed_ids = [name for name, changed in latest.items() if changed]
        stored = self._stored_rows(changed_ids)
        for connector_id, changed in latest.items():
            if changed is None:
                count = digests.anomalies(self._known[connector_id])
            else:
                count = self._read_item(connector_id, changed, stored, normalized)
            self._count(connector_id, count)
        return normalized

    def complete(self, listed: Raw, details: Raw, *, tested: bool = False) -> NormalizedBatch:
        """Normalize an item of the list again, completed by the details of its connector.

        The stored digests stay those of the list, so that the next run knows the same item. With
        `tested`, the details are from after a run of the setup tests: their states count, and the
        next run reads the item again. Raises UnexpectedResponseError for details of another
        connector, or that cannot be parsed.
        """
        connector_id, content, card = peek(listed)
        completion = supplements.completion(connector_id, listed, details, tested=tested)
        digest = digests.of_item(b"" if tested else content)
        changed = _ChangedItem(digest, content, listed, completion)
        return self._complete(connector_id, changed, card)

    def normalize_lookup(self, item: Raw) -> NormalizedBatch:
        """Normalize what a lookup tells of a connector that the list does not show.

        If details of it were read before, it counts as such: the next list does not clear what only
        they tell. Raises UnexpectedResponseError as `normalize` does.
        """
        connector_id, content, card = peek(item)
        if connector_id not in self._details_fields:
            return self.normalize([item])
        completion = supplements.details_alone(item)
        changed = _ChangedItem(digests.of_item(content), content, item, completion)
        return self._complete(connector_id, changed, card)

    def _complete(self, connector_id: str, changed: _ChangedItem, card: bytes) -> NormalizedBatch:
        assert changed.completion
        into = NormalizedBatch(
            [connector_id],
            {section: [] for section in SECTIONS},
            set(),
            connect_cards.tails([card, bytes(changed.completion.card or b"")]),
        )
        stored = self._stored_rows([connector_id])
        self._count(connector_id, self._read_item(connector_id, changed, stored, into))
        return into

    def _count(self, connector_id: str, anomalies: int) -> None:
        if anomalies:
            self._anomalies[connector_id] = anomalies
        elif self._anomalies:
            self._anomalies.pop(connector_id, None)

    def _read_item(
        self, connector_id: str, changed: _ChangedItem, stored: StoredRows, into: NormalizedBatch
    ) -> int:
        """Add the rows of the changed sections; return the count of anomalies in all sections."""
        try:
            return self._read_sections(changed, stored, into)
        except UNREADABLE as error:
            raise UnexpectedResponseError(
                f"The item of connector {connector_id} cannot be parsed: "
                f"{type(error).__name__}. {ADVICE}"
            ) from None

    def _read_sections(
        self, changed: _ChangedItem, stored: StoredRows, into: NormalizedBatch
    ) -> int:
        listed, completion = split(changed.raw), changed.completion
        connector_id = listed.connector_id
        sections = digests.unpack(self._known.get(connector_id, b""))
        section_digests = digests.of_sections(listed)
        settings_changed = sections["connectors"].digest != section_digests["connectors"]
        if completion is None:
            if settings_changed:
                self._on_listed(connector_id, changed.raw, True)
            completion = self._stored_completion(listed, stored, settings_changed=settings_changed)
        item, content = redact_card(listed, changed.content), changed.content
        if completion:
            item, content = supplements.completed(changed.raw, content, completion)
        is_large = len(content) > lenient_json.MAX_VALUE
        readings: dict[str, SectionRows] = {}
        for section, digest in section_digests.items():
            # The row of the status is always read: it has the digests of all sections.
            is_known = section != "connector_status" and sections[section].digest == digest
            if not is_known or (completion and section in completion.sections):
                reading = _read(section, item, self._digest_key, stored, is_large=is_large)
                readings[section] = reading
                is_of_test = completion and completion.tested and section in ("warnings", "tasks")
                sections[section] = SectionDigest(
                    b"" if is_of_test else digest, len(reading.anomalies)
                )
                for field, reason in reading.anomalies:
                    self._on_anomaly(section, field, reason)
        present = {name for name in LISTS if name in readings and readings[name].rows is not None}
        into.changed_lists.update(present)
        packed = digests.pack(changed.digest, sections)
        for status in readings["connector_status"].rows or ():  # it is one
            status.update({f"has_{name}": name in present for name in LISTS}, digests=packed)
        if "connectors" in readings:
            for cells in readings["connectors"].rows or ():
                cells.update(supplements.cells_of(changed.completion))
        for section, reading in readings.items():
            to_row = TO_ROW[section]
            for cells in reading.rows or ():
                cells["connector_id"] = connector_id
                into.rows[section].append(to_row(cells))
        return digests.anomalies(packed)

    def _stored_completion(
        self, listed: Item, stored: StoredRows, *, settings_changed: bool
    ) -> Completion | None:
        """Return what is stored of fields that only details tell, if a section to read needs it."""
        names = self._details_fields.get(listed.connector_id)
        if not names:
            return None
        missing = supplements.not_told(names, listed.connector)
        if not settings_changed:
            missing &= supplements.IN_STATUS
        if not missing:
            return None
        return supplements.stored_completion(missing, stored.row("connectors", listed.connector_id))


def _read(
    section: str, item: Item, key: DigestKey, stored: StoredRows, *, is_large: bool
) -> SectionRows:
    masker = Masker(key, item.connector_id, item.values_of(section))
    if not is_large:
        try:
            return _READERS[section](item, masker, stored)
        except UNREADABLE:
            pass
    return _READERS[section](item, masker, stored, lenient=True)
