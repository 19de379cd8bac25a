"""Looks up by id the connectors that a walk did not show, and says what became of each.

The list is not a snapshot: if a connector is deleted during the walk, the others move up, and one
that exists is skipped. So a connector counts as removed only if the API says so. Changes nothing.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import Raw

from inventory.api.client import Client
from inventory.db.locks import Lock
from inventory.errors import ApiUnavailableError, InventoryError
from inventory.normalize.sections import split

log = logging.getLogger(__name__)


class LookupOutcome(NamedTuple):
    """What became of one connector; `item` is set if it exists."""

    connector_id: str
    status: Literal["exists", "deleted", "not_visible", "unknown"]
    item: Raw | None = None


def look_up(
    api: Client,
    connector_ids: Sequence[str],
    first_listed: Callable[[], str | None],
    lock: Lock,
) -> Iterator[LookupOutcome]:
    """Yield the outcome for each of these connectors.

    `first_listed` returns the first connector that the walk or a lookup showed, if any did. After a
    lookup without a response, all outcomes that remain are "unknown".
    """
    lookups = _Lookups(api, first_listed)
    for number, connector_id in enumerate(connector_ids):
        lock.check()
        try:
            outcome = lookups.outcome(connector_id)
        except ApiUnavailableError as error:  # the others would wait for the same error
            log.warning("Missing connectors are left as they are: %s", error)
            yield from (LookupOutcome(skipped, "unknown") for skipped in connector_ids[number:])
            return
        except InventoryError as error:
            log.warning("Missing connector %s is left as it is: %s", connector_id, error)
            outcome = LookupOutcome(connector_id, "unknown")
        yield outcome


class _Lookups:
    def __init__(self, api: Client, first_listed: Callable[[], str | None]) -> None:
        self._api = api
        self._first_listed = first_listed
        self._can_read_any: bool | None = None

    def outcome(self, connector_id: str) -> LookupOutcome:
        status, item = self._api.connector(connector_id)
        if status in ("not_found", "not_visible") and not self._can_read_single_connector():
            return LookupOutcome(connector_id, "unknown")
        if item is not None and split(item).connector_id != connector_id:
            return LookupOutcome(connector_id, "unknown")
        return LookupOutcome(connector_id, "deleted" if status == "not_found" else status, item)

    def _can_read_single_connector(self) -> bool:
        """Look up a listed connector, once: the key or the path may not allow any lookup."""
        if self._can_read_any is None:
            known = self._first_listed()
            item = None if known is None else self._api.connector(known).item
            self._can_read_any = item is not None and split(item).connector_id == known
        return self._can_read_any
