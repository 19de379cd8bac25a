"""One complete look at the account: the walk, and what became of the connectors it did not show.

Nothing is written but the spool. A walk that was not complete has told nothing.
"""

import logging
import random
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from inventory.client import Client
from inventory.errors import ApiUnavailable, InventoryError, RemovalsWithheld
from inventory.items import cut
from inventory.payload import Reader
from inventory.removals import doubt
from inventory.runs import Lock
from inventory.settings import RemovalSettings
from inventory.spool import Spool

log = logging.getLogger(__name__)

_AT_ONCE = 200  # items: the rows of a large page would take more memory than all else

# Told after each page: connectors read so far, and connectors held before the run.
OnPage = Callable[[int, int], object]


class Held(NamedTuple):
    """The account's connectors that exist as far as the database knows.

    `fingerprints` say what the API last said of each; `groups` asks for the group of each, which
    is needed only where some are missing.
    """

    fingerprints: Mapping[str, bytes]
    groups: Callable[[], Mapping[str, str | None]]


@dataclass
class Snapshot:
    """What one complete walk saw, and what became of the connectors it did not see.

    `removals` are those that are gone, and why; `unconfirmed` had no clear answer. Where a doubt
    withholds removals, `withheld` are all that were missing. `unseen` are those of both kinds.
    """

    spool: Spool
    reader: Reader
    removals: dict[str, str] = field(default_factory=dict)
    unconfirmed: int = 0
    withheld: int = 0
    unseen: Set[str] = frozenset()
    doubt: RemovalsWithheld | None = None

    @property
    def changes_nothing(self) -> bool:
        return not self.spool.tables and not self.removals

    @property
    def list_moved(self) -> bool:
        """Where a connector was shown twice, another may have been skipped."""
        return self.spool.duplicates > 0


def take(
    api: Client, held: Held, settings: RemovalSettings, lock: Lock, on_page: OnPage
) -> Snapshot:
    """Walk every page, and find out what became of the connectors that were not shown.

    Writes nothing but the spool, which the caller closes. Raises where the walk was not complete:
    such a walk has told nothing.
    """
    snapshot = _walk(api, held, lock, on_page)
    try:
        if snapshot.list_moved:
            snapshot = _walked_again(snapshot, api, held, lock, on_page)
        missing = held.fingerprints.keys() - snapshot.spool.connector_ids
        if missing:
            _settle(snapshot, missing, api, held, settings, lock)
            snapshot.unseen = missing - snapshot.spool.connector_ids - snapshot.removals.keys()
    except BaseException:
        snapshot.spool.close()
        raise
    return snapshot


def _walk(api: Client, held: Held, lock: Lock, on_page: OnPage) -> Snapshot:
    snapshot = Snapshot(Spool(), Reader(known=held.fingerprints, on_oddity=_OddityLog()))
    try:
        for page in api.pages():
            lock.check()
            for begin in range(0, len(page), _AT_ONCE):
                snapshot.spool.add(snapshot.reader.read(page[begin : begin + _AT_ONCE]))
            on_page(len(snapshot.spool), len(held.fingerprints))
    except BaseException:
        snapshot.spool.close()
        raise
    return snapshot


def _walked_again(
    first: Snapshot, api: Client, held: Held, lock: Lock, on_page: OnPage
) -> Snapshot:
    """Walk once more where the list moved; what the first walk saw still counts if that fails."""
    log.info("The list moved while it was read; it is read once more")
    try:
        second = _walk(api, held, lock, on_page)
    except ApiUnavailable as error:
        log.warning("The list moved, and could not be read once more: %s", error)
        return first
    first.spool.close()
    return second


def _settle(
    snapshot: Snapshot,
    missing: Collection[str],
    api: Client,
    held: Held,
    settings: RemovalSettings,
    lock: Lock,
) -> None:
    """Decide on the missing ones: withheld if so many are not believed, else asked for by id."""
    shown = len(snapshot.spool)
    snapshot.doubt = doubt(shown, missing, held.groups(), settings)
    if snapshot.doubt:
        snapshot.withheld = len(missing)
    elif snapshot.list_moved:
        snapshot.unconfirmed = len(missing)
    else:
        asked = _chosen(missing, settings.max_questions)
        snapshot.unconfirmed = len(missing) - len(asked)
        _Questions(api, snapshot).ask(asked, lock)


def _chosen(missing: Collection[str], most: int) -> list[str]:
    """Choose by lot, or the same ones without an answer would keep the others waiting."""
    return random.sample(sorted(missing), min(most, len(missing)))


class _Questions:
    """What became of connectors that the walk did not show.

    The list is no snapshot: a connector deleted mid-walk shifts the rest, and a live one is
    skipped. Only the API's own word removes; what has no clear answer stays as it was.
    """

    def __init__(self, api: Client, snapshot: Snapshot) -> None:
        self._api = api
        self._snapshot = snapshot
        self._serves_single_ones: bool | None = None

    def ask(self, connector_ids: list[str], lock: Lock) -> None:
        for number, connector_id in enumerate(connector_ids):
            lock.check()
            try:
                self._take(connector_id, self._fate(connector_id))
            except ApiUnavailable as error:  # the others would only wait for the same
                log.warning("Missing connectors are left as they are: %s", error)
                self._snapshot.unconfirmed += len(connector_ids) - number
                return
            except InventoryError as error:
                log.warning("Missing connector %s is left as it is: %s", connector_id, error)
                self._snapshot.unconfirmed += 1

    def _take(self, connector_id: str, fate: str) -> None:
        if fate == "unknown":
            self._snapshot.unconfirmed += 1
        elif fate != "alive":
            self._snapshot.removals[connector_id] = fate

    def _fate(self, connector_id: str) -> str:
        """Ask for one connector; where it is alive, take the answer as its item."""
        fate, item = self._api.connector(connector_id)
        if fate in ("not_found", "not_visible") and not self._are_single_ones_served():
            return "unknown"
        if item is not None:
            if cut(item).connector_id != connector_id:
                return "unknown"
            self._snapshot.spool.add(self._snapshot.reader.read([item]))
        return "deleted" if fate == "not_found" else fate

    def _are_single_ones_served(self) -> bool:
        """Ask for one that was shown, once: a key or a path may not lead to any single one."""
        if self._serves_single_ones is None:
            self._serves_single_ones = any(
                item is not None and cut(item).connector_id == shown
                for shown in islice(self._snapshot.spool.connector_ids, 1)
                for _, item in [self._api.connector(shown)]
            )
        return self._serves_single_ones


class _OddityLog:
    """Logs each kind of oddity once a walk, however many connectors have it."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str, str]] = set()

    def __call__(self, section: str, field_name: str, what: str) -> None:
        kind = (section, field_name, what)
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning("In %s, the API's field %s %s; it is kept and counted", *kind)
