"""Reads the lists beside the connectors: groups, destinations, users, connector types.

Each is optional: one that this key may not read, or that fails, is skipped, and nothing of it
changes. Writes nothing.
"""

import logging
from collections.abc import Collection, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from inventory.api.client import Client
from inventory.api.exchange import Exchange
from inventory.db.locks import Lock
from inventory.errors import ApiUnavailableError, ConfigurationError, UnexpectedResponseError
from inventory.models import CONNECTOR_TYPES
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.reference_lists import REFERENCE_LISTS, ReferenceRows, read_list
from inventory.sync.snapshot import AnomalyLogger

log = logging.getLogger(__name__)

# For all lists together: they must not use up the time that the merge needs.
_MAX_SECONDS, _MAX_SHARE = 60.0, 0.25
DAILY = "connector_types"  # the same for everybody, and it changes about weekly


@dataclass
class References:
    """What the lists said. `lists` has complete ones, by name; nothing is known of `skipped`."""

    lists: dict[str, ReferenceRows] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)


def wanted_lists(connection: Connection, now: datetime, *, users: bool) -> tuple[str, ...]:
    """Return which lists a run reads now, in their order; `users`: whether that of users, too."""
    newest = connection.scalar(select(func.max(CONNECTOR_TYPES.c.fetched_at)))
    # After the clock was set back it is of a later day, until that has come.
    was_today = newest is not None and newest.astimezone(UTC).date() >= now.astimezone(UTC).date()
    return tuple(
        name
        for name in REFERENCE_LISTS
        if not (name == DAILY and was_today) and (users or name != "users")
    )


class ReferenceReader:
    """Requests the first pages of all wanted lists at once, and reads them later."""

    def __init__(self, api: Client, wanted: Collection[str]) -> None:
        self._api = api
        self._wanted = tuple(wanted)
        self._first_pages: dict[str, Exchange] = {}

    def request(self) -> None:
        """Request the first page of each list now."""
        seconds = _seconds_for_lists(self._api) / 2
        with suppress(ApiUnavailableError), self._api.time_limit(seconds):  # no time is left
            for name in self._wanted:
                self._first_pages[name] = self._api.request_list(REFERENCE_LISTS[name].path)

    def read(self, digest_key: DigestKey, lock: Lock) -> References:
        """Read the lists, in at most a minute and a quarter of the time that is left.

        Each may take half of the time for it and those after it: one that hangs must not cost the
        rest.
        """
        references = References()
        on_anomaly = AnomalyLogger()
        kept_for_the_run = self._api.seconds_left - _seconds_for_lists(self._api)
        for name in self._wanted:
            lock.check()
            left = self._api.seconds_left - kept_for_the_run
            try:
                with self._api.time_limit(left if name == self._wanted[-1] else left / 2):
                    items = self._api.reference_list(
                        REFERENCE_LISTS[name].path, self._first_pages.pop(name, None)
                    )
                if items is not None:
                    of = REFERENCE_LISTS[name]
                    references.lists[name] = read_list(of, items, digest_key, on_anomaly)
            except (ApiUnavailableError, ConfigurationError, UnexpectedResponseError) as error:
                log.warning("The list of %s is left as it is: %s", spoken(name), error)
                # The quota is that of all requests: the others would wait for the same.
                if isinstance(error, ApiUnavailableError) and self._api.is_refused:
                    break
        references.skipped = {*self._wanted} - references.lists.keys()
        return references


def _seconds_for_lists(api: Client) -> float:
    return min(_MAX_SECONDS, _MAX_SHARE * api.seconds_left)


def spoken(name: str) -> str:
    return name.replace("_", " ")


def in_words(names: Set[str]) -> str | None:
    """Name lists in their order, as a run's row does; None if there are none."""
    return ", ".join(name for name in REFERENCE_LISTS if name in names) or None
