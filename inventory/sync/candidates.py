"""Chooses the connectors to read beyond the list, and keeps their items of the list."""

import random
from collections.abc import Set
from datetime import datetime, timedelta

from msgspec import Raw

from inventory.json_codec import UNREADABLE, decode
from inventory.normalize.coercions import as_boolean
from inventory.normalize.sections import split_object
from inventory.settings import EnrichmentSettings
from inventory.sync.stored_details import StoredDetails

_MAX_AGE = timedelta(days=1)  # details that were read so long ago are read again
_SHARE_BY_CHANCE = 2  # one in so many, after a run with failures
_NO_LIMIT = 1 << 62


class Candidates:
    """The items of connectors whose details may be read, or whose setup tests are to be run.

    `wanted` are the connectors to offer whatever their items say; those with new settings are
    offered after that, too. About twice the budget of items is kept at most.
    """

    def __init__(self, settings: EnrichmentSettings, stored: StoredDetails, now: datetime) -> None:
        self._details = settings.details
        self._budget = settings.details_budget if settings.details == "auto" else _NO_LIMIT
        self._new_settings: dict[str, Raw] = {}
        self._kept: dict[str, Raw] = {}
        self._oldest = self._choose_oldest(stored, now)
        self._to_test = stored.to_test
        self.wanted = {*self._oldest, *stored.to_test}

    def _choose_oldest(self, stored: StoredDetails, now: datetime) -> list[str]:
        """Choose the connectors whose details are due: those never read, then the oldest.

        Those whose requests always fail would block the others: so after a run with failures, some
        are chosen by chance. They come first, as a run may end after some failures.
        """
        if self._details == "none":
            return []
        due = [
            name
            for name, read_at in stored.read_at.items()
            if read_at is None or read_at <= now - _MAX_AGE or self._details == "all"
        ]
        random.shuffle(due)
        due.sort(key=lambda name: (stored.read_at[name] is not None, stored.read_at[name]))
        if len(due) <= self._budget or not stored.have_failed:
            return due[: self._budget]
        by_chance = min(self._budget, max(1, self._budget // _SHARE_BY_CHANCE))
        by_age, rest = due[: self._budget - by_chance], due[self._budget - by_chance :]
        return [*random.sample(rest, by_chance), *by_age]

    def offer(self, connector_id: str, listed: Raw, settings_changed: bool) -> None:
        """Take an item of the list. If it comes again, the later one counts."""
        if not settings_changed:
            self._new_settings.pop(connector_id, None)
            self._kept[connector_id] = listed
        elif self._details != "none" and len(self._new_settings) < self._budget:
            self._new_settings[connector_id] = listed
            self.wanted.add(connector_id)  # it may come again, with the settings that are stored

    def to_test(self) -> dict[str, Raw]:
        """Return the listed connectors to test, with their items, but none paused by now."""
        listed = {name: self._kept[name] for name in self._to_test if name in self._kept}
        return {name: item for name, item in listed.items() if not _is_paused(item)}

    def unlisted(self) -> Set[str]:
        """Return the connectors to test that the list does not show."""
        return self._to_test - self._kept.keys()

    def to_read(self) -> dict[str, Raw]:
        """Return the listed connectors whose details to read, with their items.

        Those with new settings come first. One that is tested, or whose item tells `config`, needs
        no details.
        """
        oldest = {name: self._kept[name] for name in self._oldest if name in self._kept}
        candidates = {**self._new_settings, **oldest}
        chosen: dict[str, Raw] = {}
        for name, listed in candidates.items():
            if len(chosen) == self._budget:
                break
            if name not in self._to_test and not _tells_config(listed):
                chosen[name] = listed
        return chosen


def _is_paused(listed: Raw) -> bool:
    try:
        return as_boolean(decode(split_object(listed).get("paused", b"null"))) is True
    except UNREADABLE:
        return True


def _tells_config(listed: Raw) -> bool:
    try:
        return bytes(split_object(listed).get("config", b"null")) != b"null"
    except UNREADABLE:
        return True  # nothing to complete
