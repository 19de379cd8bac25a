"""Turns the items of one walk, batch by batch, into rows, and counts anomalies. Pure.

It compares the digests of an item and of its sections with the stored ones, and reads only what
has changed.
"""

from collections.abc import Iterable, Mapping, Set
from functools import partial
from types import MappingProxyType

from msgspec import Raw

from inventory.normalize import connect_cards, digests, supplements
from inventory.normalize.item_reader import ChangedItem, ItemReader, OnAnomaly, OnListed
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.rows import NormalizedBatch, new_batch
from inventory.normalize.sections import peek
from inventory.normalize.service_levels import NO_SERVICE_LEVELS, ServiceLevels
from inventory.normalize.stored_values import ReadStored, StoredRows
from inventory.normalize.time_zones import TimeZones


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
        self._details_fields = details_fields
        self._wanted = wanted
        self._on_listed = on_listed
        self._reread = reread
        self._reader = ItemReader(known, on_anomaly, digest_key, details_fields, on_listed, reread)
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
        changed_items: dict[str, ChangedItem] = {}
        cards: list[bytes] = []
        for raw in batch:
            connector_id, content, card = peek(raw)
            connector_ids.append(connector_id)
            cards.append(card)
            stored = self._known.get(connector_id, b"")
            item_digest = digests.of_item(content)
            if digests.matches(stored, item_digest) and connector_id not in self._reread:
                changed_items.pop(connector_id, None)
                self._count(connector_id, digests.anomalies(stored))
            else:
                changed_items[connector_id] = ChangedItem(item_digest, content, raw, card)
            if connector_id in self._wanted:
                self._on_listed(connector_id, raw, False)
        normalized = new_batch(connector_ids, connect_cards.tails(cards))
        stored_rows = self._stored_rows([*changed_items])
        for connector_id, changed in changed_items.items():
            count = self._reader.read(connector_id, changed, stored_rows, normalized)
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
        changed = ChangedItem(digest, content, listed, card, completion)
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
        changed = ChangedItem(digests.of_item(content), content, item, card, completion)
        return self._complete(connector_id, changed, card)

    def _complete(self, connector_id: str, changed: ChangedItem, card: bytes) -> NormalizedBatch:
        assert changed.completion
        cards = [card, bytes(changed.completion.card or b"")]
        into = new_batch([connector_id], connect_cards.tails(cards))
        stored = self._stored_rows([connector_id])
        self._count(connector_id, self._reader.read(connector_id, changed, stored, into))
        return into

    def _count(self, connector_id: str, anomalies: int) -> None:
        if anomalies:
            self._anomalies[connector_id] = anomalies
        elif self._anomalies:
            self._anomalies.pop(connector_id, None)
