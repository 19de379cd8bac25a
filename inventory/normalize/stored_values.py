"""Gives the stored cells in place of those that cannot be read.

An unreadable value neither ends the stored one nor replaces it by null. Pure: the caller brings the
function that reads the rows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from inventory.normalize.service_levels import NO_SERVICE_LEVELS, ServiceLevels
from inventory.normalize.time_zones import TimeZones

# Reads the rows of a current table that belong to these connectors, as cells by column.
ReadStored = Callable[[str, Collection[str]], Iterable[Mapping[str, Any]]]


class StoredRows:
    """The stored rows of the changed connectors of a batch, read when one is needed.

    `time_zones` are those of destinations, by group. Deadlines depend on them, and on the
    `service_levels`.
    """

    def __init__(
        self,
        read_stored: ReadStored,
        connector_ids: Collection[str],
        time_zones: Mapping[str, TimeZones] = MappingProxyType({}),
        service_levels: ServiceLevels = NO_SERVICE_LEVELS,
    ) -> None:
        self.time_zones = time_zones
        self.service_levels = service_levels
        self._read_stored = read_stored
        self._connector_ids = connector_ids
        self._tables: dict[str, dict[str, Mapping[str, Any]]] = {}

    def row(self, table: str, connector_id: str) -> Mapping[str, Any]:
        """Return a connector's row; empty if there is none."""
        if table not in self._tables:
            rows = self._read_stored(table, self._connector_ids)
            self._tables[table] = {row["connector_id"]: row for row in rows}
        return self._tables[table].get(connector_id, {})
