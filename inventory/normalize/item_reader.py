"""Reads one changed item to the rows of its sections that have changed. Pure.

Compares the digest of each section with the stored one.
"""

from collections.abc import Callable, Mapping, Set
from functools import partial
from itertools import chain
from typing import NamedTuple

from msgspec import Raw

from inventory import lenient_json
from inventory.errors import UnexpectedResponseError
from inventory.json_codec import UNREADABLE
from inventory.normalize import (
    alerts,
    connector_status,
    connectors,
    digests,
    setup_tests,
    supplements,
    sync_times,
)
from inventory.normalize.digests import SectionDigest
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.masking import Masker
from inventory.normalize.rows import SYNC_TIMES, TO_ROW, NormalizedBatch, SectionRows
from inventory.normalize.sections import ADVICE, LISTS, Item, quoted_secrets, redact_card, split
from inventory.normalize.stored_values import StoredRows
from inventory.normalize.supplements import IN_STATUS, Completion
from inventory.normalize.sync_times import SyncTimes

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


class ChangedItem(NamedTuple):
    """An item to read. `content` is all of it but its connect `card`.

    `completion` is what its details tell beside it, if they were read.
    """

    digest: bytes
    content: bytes
    raw: Raw
    card: bytes
    completion: Completion | None = None

    @property
    def is_tested(self) -> bool:
        return self.completion is not None and self.completion.tested


class ItemReader:
    """Reads changed items of one walk: see `Normalizer` for what it is made of."""

    def __init__(
        self,
        known: Mapping[str, bytes],
        on_anomaly: OnAnomaly,
        digest_key: DigestKey,
        details_fields: Mapping[str, Set[str]],
        on_listed: OnListed,
        reread: Set[str],
    ) -> None:
        self._known = known
        self._on_anomaly = on_anomaly
        self._digest_key = digest_key
        self._details_fields = details_fields
        self._on_listed = on_listed
        self._reread = reread

    def read(
        self, connector_id: str, changed: ChangedItem, stored: StoredRows, into: NormalizedBatch
    ) -> int:
        """Add the rows of what has changed; return the count of anomalies in all sections.

        Raises UnexpectedResponseError for an item that cannot be parsed.
        """
        times = self._times_of(changed)
        if times and not changed.completion and self._is_moved_only(connector_id, times):
            return self._read_moved(connector_id, changed, times, stored, into)
        try:
            return self._read_sections(changed, times, stored, into)
        except UNREADABLE as error:
            raise UnexpectedResponseError(
                f"The item of connector {connector_id} cannot be parsed: "
                f"{type(error).__name__}. {ADVICE}"
            ) from None

    # --- items in which only the times of syncs have moved ------------------------------------

    def _times_of(self, changed: ChangedItem) -> SyncTimes | None:
        """Read the times of syncs; None if this change and the next one have to be read whole.

        What an item quotes of its connect card is taken out, and may be another text each time.
        """
        if changed.is_tested or quoted_secrets(Raw(changed.card), changed.content):
            return None
        return sync_times.read(changed.raw, changed.content)

    def _is_moved_only(self, connector_id: str, times: SyncTimes) -> bool:
        return (
            digests.matches_without_times(self._known.get(connector_id, b""), times.digest)
            and connector_id not in self._reread
            and IN_STATUS.isdisjoint(self._details_fields.get(connector_id, ()))
        )

    def _read_moved(
        self,
        connector_id: str,
        changed: ChangedItem,
        times: SyncTimes,
        stored: StoredRows,
        into: NormalizedBatch,
    ) -> int:
        deadline = connector_status.read_deadline(
            connector_id, times.of_deadline, times.succeeded_at, stored
        )
        known = self._known[connector_id]
        into.rows[SYNC_TIMES].append(
            (
                connector_id,
                times.succeeded_at,
                times.failed_at,
                deadline.due_at,
                digests.with_times_moved(known, changed.digest),
            )
        )
        return digests.anomalies(known)

    # --- all others ---------------------------------------------------------------------------

    def _read_sections(
        self,
        changed: ChangedItem,
        times: SyncTimes | None,
        stored: StoredRows,
        into: NormalizedBatch,
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
        # The row of the status is always read: it has the digests of all sections.
        to_read = [
            section
            for section, digest in section_digests.items()
            if section == "connector_status"
            or sections[section].digest != digest
            or (completion and section in completion.sections)
        ]
        readings = self._readings(
            to_read, item, stored, is_large=len(content) > lenient_json.MAX_VALUE
        )
        for section, reading in readings.items():
            is_of_test = changed.is_tested and section in ("warnings", "tasks")
            digest = b"" if is_of_test else section_digests[section]
            sections[section] = SectionDigest(digest, len(reading.anomalies))
            for field, reason in reading.anomalies:
                self._on_anomaly(section, field, reason)
        present = {name for name in LISTS if name in readings and readings[name].rows is not None}
        into.changed_lists.update(present)
        packed = digests.pack(changed.digest, times and times.digest, sections)
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

    def _readings(
        self, sections: list[str], item: Item, stored: StoredRows, *, is_large: bool
    ) -> dict[str, SectionRows]:
        values = chain.from_iterable(map(item.values_of, sections))
        masker = Masker(self._digest_key, item.connector_id, values)
        return {
            section: _read(section, item, masker, stored, is_large=is_large) for section in sections
        }

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
    section: str, item: Item, masker: Masker, stored: StoredRows, *, is_large: bool
) -> SectionRows:
    if not is_large:
        try:
            return _READERS[section](item, masker, stored)
        except UNREADABLE:
            pass
    return _READERS[section](item, masker, stored, lenient=True)
