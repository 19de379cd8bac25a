"""Reads the account once: the walk, the removal guards, and lookups of missing connectors.

Writes nothing but the spool. Nothing follows from an incomplete walk.
"""

import logging
import random
from collections.abc import Callable, Collection, Set
from dataclasses import dataclass, field

from inventory.api.client import Client
from inventory.db.locks import Lock
from inventory.errors import ApiUnavailableError, InventoryError, RemovalsWithheldError
from inventory.normalize.normalizer import Normalizer
from inventory.settings import RemovalSettings
from inventory.sync.baseline import Baseline
from inventory.sync.candidates import Candidates
from inventory.sync.enrich import Enriched
from inventory.sync.lookups import LookupOutcome, look_up
from inventory.sync.removals import implausible_removals
from inventory.sync.spool import Spool

log = logging.getLogger(__name__)

_BATCH_SIZE = 200  # items: the rows of a whole page would need more memory than all else

# Called after each page with the connectors read so far and those known before the run.
OnPage = Callable[[int, int], object]


@dataclass
class Snapshot:
    """What one complete walk saw, and what became of the connectors that it missed.

    `removals` maps each removed connector to the reason; `unconfirmed` counts those without a
    clear outcome, `withheld` all missing ones if their removal is implausible. `unseen` are those
    of both kinds.
    """

    spool: Spool
    normalizer: Normalizer
    candidates: Candidates
    removals: dict[str, str] = field(default_factory=dict)
    unconfirmed: int = 0
    withheld: int = 0
    unseen: Set[str] = frozenset()
    withheld_reason: RemovalsWithheldError | None = None
    enriched: Enriched = field(default_factory=Enriched)

    @property
    def changes_nothing(self) -> bool:
        return not self.spool.tables and not self.removals

    @property
    def list_changed(self) -> bool:
        """Whether the list changed during the walk: it showed a connector twice.

        Then it may have skipped another one.
        """
        return self.spool.duplicates > 0

    def apply(self, outcome: LookupOutcome) -> None:
        """Add what a lookup found."""
        if outcome.item is not None:
            self.spool.add_details(self.normalizer.normalize_lookup(outcome.item))
        elif outcome.status == "unknown":
            self.unconfirmed += 1
        else:
            self.removals[outcome.connector_id] = outcome.status


def take_snapshot(
    api: Client,
    baseline: Baseline,
    settings: RemovalSettings,
    lock: Lock,
    on_page: OnPage,
    new_candidates: Callable[[], Candidates],
) -> Snapshot:
    """Walk every page and resolve the missing connectors.

    The caller closes the spool. Each walk fills candidates of its own. Raises an InventoryError if
    the walk was incomplete.
    """
    snapshot = _walk(api, baseline, lock, on_page, new_candidates())
    try:
        if snapshot.list_changed:
            snapshot = _rewalk(snapshot, api, baseline, lock, on_page, new_candidates())
        listed = snapshot.spool.connector_ids
        # Not by `-`, which would first copy the keys of all.
        missing = {name for name in baseline.digests if name not in listed}
        if missing:
            _resolve_missing(snapshot, missing, api, baseline, settings, lock)
            snapshot.unseen = missing - snapshot.spool.connector_ids - snapshot.removals.keys()
    except BaseException:
        snapshot.spool.close()
        raise
    return snapshot


def _walk(
    api: Client, baseline: Baseline, lock: Lock, on_page: OnPage, candidates: Candidates
) -> Snapshot:
    normalizer = Normalizer(
        known=baseline.digests,
        on_anomaly=AnomalyLogger(),
        digest_key=baseline.digest_key,
        read_stored=baseline.read_stored,
        details_fields=baseline.details.fields,
        wanted=candidates.wanted,
        on_listed=candidates.offer,
        time_zones=baseline.time_zones,
        service_levels=baseline.service_levels,
        reread=baseline.reread,
    )
    snapshot = Snapshot(Spool(baseline.digests), normalizer, candidates)
    try:
        for page in api.pages():
            lock.check()
            for begin in range(0, len(page), _BATCH_SIZE):
                snapshot.spool.add(normalizer.normalize(page[begin : begin + _BATCH_SIZE]))
            on_page(len(snapshot.spool), len(baseline.digests))
    except BaseException:
        snapshot.spool.close()
        raise
    return snapshot


def _rewalk(
    first: Snapshot,
    api: Client,
    baseline: Baseline,
    lock: Lock,
    on_page: OnPage,
    candidates: Candidates,
) -> Snapshot:
    """Walk a second time; return the first snapshot if the API becomes unavailable."""
    log.info("The list changed during the walk; walking it a second time")
    try:
        second = _walk(api, baseline, lock, on_page, candidates)
    except ApiUnavailableError as error:
        log.warning("The list changed during the walk, and a second walk failed: %s", error)
        return first
    first.spool.close()
    return second


def _resolve_missing(
    snapshot: Snapshot,
    missing: Collection[str],
    api: Client,
    baseline: Baseline,
    settings: RemovalSettings,
    lock: Lock,
) -> None:
    """Withhold implausible removals; look up the missing connectors otherwise."""
    listed, groups = len(snapshot.spool), baseline.load_groups()
    snapshot.withheld_reason = implausible_removals(listed, missing, groups, settings)
    if snapshot.withheld_reason:
        snapshot.withheld = len(missing)
    elif snapshot.list_changed:
        snapshot.unconfirmed = len(missing)
    else:
        looked_up = _sample(missing, settings.max_lookups)
        snapshot.unconfirmed = len(missing) - len(looked_up)
        for outcome in look_up(api, looked_up, lambda: snapshot.spool.first_id, lock):
            try:
                snapshot.apply(outcome)
            except InventoryError as error:  # its item cannot be read
                log.warning(
                    "Missing connector %s is left as it is: %s", outcome.connector_id, error
                )
                snapshot.unconfirmed += 1


def _sample(missing: Collection[str], most: int) -> list[str]:
    """Choose at random: with a fixed order, those without an outcome would block the others."""
    return random.sample(sorted(missing), min(most, len(missing)))


class AnomalyLogger:
    """Logs each kind of anomaly once per walk, however many connectors have it."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str, str]] = set()

    def __call__(self, section: str, field_name: str, what: str) -> None:
        kind = (section, field_name, what)
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning("In %s, the API's field %s %s; it is kept and counted", *kind)
