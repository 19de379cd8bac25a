"""What the database knows about an account's connectors before a run."""

from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from inventory import known_tags
from inventory.db import digest_key
from inventory.db.engine import read_only, read_pairs
from inventory.models import CONNECTOR_STATUS, CONNECTORS, DESTINATIONS, TAGS
from inventory.normalize import time_zones
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.service_levels import ServiceLevels
from inventory.normalize.stored_values import ReadStored
from inventory.normalize.time_zones import TimeZones
from inventory.settings import EnrichmentSettings
from inventory.sync import stored_rows
from inventory.sync.stored_details import StoredDetails, load_stored_details


class Baseline(NamedTuple):
    """The account's connectors that exist according to the database.

    `digests` identify what the API last said about each one. `load_groups` reads the group of
    each: only a run that misses some needs it. `read_stored` reads rows of a few connectors.
    Masks are made with `digest_key`. `details` are of what was read beyond the list.
    `time_zones` are those of destinations, by group. The deadlines of `reread` do not follow the
    `service_levels` yet.
    """

    digests: Mapping[str, bytes]
    load_groups: Callable[[], Mapping[str, str | None]]
    digest_key: DigestKey
    read_stored: ReadStored
    details: StoredDetails
    time_zones: Mapping[str, TimeZones]
    service_levels: ServiceLevels
    reread: Set[str]


def load_baseline(
    engine: Engine, connection: Connection, account_id: str, enrichment: EnrichmentSettings
) -> Baseline:
    status, connector = CONNECTOR_STATUS.current.c, CONNECTORS.current.c
    existing = (connector.account_id == account_id, connector.removed_at.is_(None))
    digests = read_pairs(
        connection,
        select(status.connector_id, status.digests)
        .join(CONNECTORS.current, connector.connector_id == status.connector_id)
        .where(*existing),
    )

    def load_groups() -> dict[str, str | None]:
        with read_only(engine) as another:
            wanted = select(connector.connector_id, connector.group_id).where(*existing)
            return {row.connector_id: row.group_id for row in another.execute(wanted)}

    key = digest_key.read(connection)
    details = load_stored_details(connection, account_id, enrichment)
    levels = _service_levels(connection, account_id)
    return Baseline(
        digests,
        load_groups,
        key,
        stored_rows.read_stored(engine),
        details,
        _time_zones(connection, account_id),
        levels,
        _with_another_level(connection, account_id, levels),
    )


def _time_zones(connection: Connection, account_id: str) -> dict[str, TimeZones]:
    d = DESTINATIONS.current.c
    stated = select(d.destination_id, d.time_zone_offset, d.daylight_saving_time_enabled).where(
        d.account_id == account_id, d.removed_at.is_(None), d.time_zone_offset.is_not(None)
    )
    return {
        group_id: zones
        for group_id, offset, daylight in connection.execute(stated)
        if (zones := time_zones.parse(offset, has_daylight_saving=daylight)) is not None
    }


def _service_levels(connection: Connection, account_id: str) -> ServiceLevels:
    tags = select(TAGS.c.scope, TAGS.c.scope_id, TAGS.c.value).where(
        TAGS.c.name == known_tags.SLO_MINUTES
    )
    found = connection.execute(tags)
    return ServiceLevels(account_id, [(scope, key, value) for scope, key, value in found])


def _with_another_level(connection: Connection, account_id: str, levels: ServiceLevels) -> Set[str]:
    """Return the connectors that exist and whose service level was another when last read."""
    c, status = CONNECTORS.current.c, CONNECTOR_STATUS.current.c
    known = (
        select(c.connector_id, c.service, c.group_id, status.slo_minutes)
        .join(CONNECTOR_STATUS.current, status.connector_id == c.connector_id)
        .where(c.account_id == account_id, c.removed_at.is_(None))
    )
    if not levels:
        known = known.where(status.slo_minutes.is_not(None))
    return {
        name
        for name, service, group_id, minutes in connection.execute(known)
        if levels.minutes(name, service=service, group_id=group_id) != minutes
    }
