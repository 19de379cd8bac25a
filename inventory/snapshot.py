"""One complete look at the account: the walk, and the questions about what it did not show.

Nothing is written but the spool. A walk that was not complete has told nothing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from inventory.client import Client
from inventory.errors import ApiUnavailable, InventoryError
from inventory.payload import Reader
from inventory.runs import Lock
from inventory.staging import Spool

log = logging.getLogger(__name__)

# Told after each page: connectors read so far, and connectors held before the run.
OnPage = Callable[[int, int], object]


@dataclass
class Snapshot:
    """What one complete walk saw, and what became of the connectors it did not see."""

    spool: Spool
    anomalies: int = 0
    unconfirmed: int = 0
    removals: dict[str, str] = field(default_factory=dict)

    @property
    def changes_nothing(self) -> bool:
        return not self.spool.has_rows and not self.removals


def take(api: Client, known: Mapping[str, bytes], lock: Lock, on_page: OnPage) -> Snapshot:
    """Walk every page, then ask for each connector that is held but was not shown.

    Writes nothing but the spool, which the caller closes. Raises where the walk was not complete:
    such a walk has told nothing.
    """
    reader = Reader(known=known, on_oddity=_OddityLog())
    snapshot = Snapshot(Spool())
    try:
        for page in api.pages():
            lock.check()
            snapshot.spool.add(reader.read(page))
            on_page(len(snapshot.spool), len(known))
        missing = sorted(known.keys() - snapshot.spool.connector_ids)
        _ask_for(missing, api, reader, snapshot, lock)
        snapshot.anomalies = reader.anomalies
    except BaseException:
        snapshot.spool.close()
        raise
    return snapshot


def _ask_for(
    missing: Iterable[str], api: Client, reader: Reader, snapshot: Snapshot, lock: Lock
) -> None:
    """Find out what became of connectors that the walk did not show.

    The list is no snapshot: a connector deleted mid-walk shifts the rest, and a live one is
    skipped. Only the API's own word removes; what has no clear answer stays as it was.
    """
    answering = True
    for connector_id in missing:
        fate = "unknown"
        if answering:
            lock.check()
            try:
                fate = _fate(connector_id, api, reader, snapshot.spool)
            except ApiUnavailable as error:
                answering = False  # the others would only wait for the same
                log.warning("Missing connectors are left as they are: %s", error)
            except InventoryError as error:
                log.warning("Missing connector %s is left as it is: %s", connector_id, error)
        if fate == "unknown":
            snapshot.unconfirmed += 1
        elif fate != "alive":
            snapshot.removals[connector_id] = fate


def _fate(connector_id: str, api: Client, reader: Reader, spool: Spool) -> str:
    """Ask for one connector; where it is alive, take the answer as its item."""
    fate, item = api.connector(connector_id)
    if fate == "not_found":
        return "deleted" if _answers_for_any(api, spool) else "unknown"
    if item is None:
        return fate
    batch = reader.read([item])
    if batch.connector_ids != [connector_id]:
        return "unknown"
    spool.add(batch)
    return fate


def _answers_for_any(api: Client, spool: Spool) -> bool:
    """Ask for a connector that was shown: were single ones not served, all would be not found."""
    return any(api.connector(shown).fate == "alive" for shown in islice(spool.connector_ids, 1))


class _OddityLog:
    """Logs each kind of oddity once a run, however many connectors have it."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str, str]] = set()

    def __call__(self, section: str, field_name: str, what: str) -> None:
        kind = (section, field_name, what)
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning("In %s, the API's field %s %s; it is kept and counted", *kind)
