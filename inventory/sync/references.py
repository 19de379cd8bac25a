"""Reads the lists beside the connectors: groups, destinations, users, connector types.

Each is optional: one that this key may not read, or that fails, is skipped, and nothing of it
changes. Writes nothing.
"""

import logging
from collections.abc import Collection, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from inventory.api.client import Client
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


def read_references(
    api: Client, wanted: Collection[str], digest_key: DigestKey, lock: Lock
) -> References:
    """Read these lists, in at most a minute and a quarter of the time that is left.

    Each may take half of the time for it and those after it: one that hangs must not cost the rest.
    """
    references = References()
    on_anomaly = AnomalyLogger()
    kept_for_the_run = api.seconds_left - min(_MAX_SECONDS, _MAX_SHARE * api.seconds_left)
    for name in wanted:
        lock.check()
        left = api.seconds_left - kept_for_the_run
        try:
            with api.time_limit(left if name == [*wanted][-1] else left / 2):
                items = api.reference_list(REFERENCE_LISTS[name].path)
            if items is not None:
                of = REFERENCE_LISTS[name]
                references.lists[name] = read_list(of, items, digest_key, on_anomaly)
        except (ApiUnavailableError, ConfigurationError, UnexpectedResponseError) as error:
            log.warning("The list of %s is left as it is: %s", spoken(name), error)
            # The quota is that of all requests: the others would wait for the same.
            if isinstance(error, ApiUnavailableError) and api.is_refused:
                break
    references.skipped = {*wanted} - references.lists.keys()
    return references


def spoken(name: str) -> str:
    return name.replace("_", " ")


def in_words(names: Set[str]) -> str | None:
    """Name lists in their order, as a run's row does; None if there are none."""
    return ", ".join(name for name in REFERENCE_LISTS if name in names) or None
