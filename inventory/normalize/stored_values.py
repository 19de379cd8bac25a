"""Gives the stored cells in place of those that cannot be read. Pure: the caller brings the lookup.

An unreadable value neither ends the stored one nor replaces it by null.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

# Looks up rows of a current table by the ids of their connectors, as cells by column.
Lookup = Callable[[str, Collection[str]], Iterable[Mapping[str, Any]]]


class StoredRows:
    """The stored rows of the changed connectors of a page, looked up when one is needed."""

    def __init__(self, lookup: Lookup, connector_ids: Collection[str]) -> None:
        self._lookup = lookup
        self._connector_ids = connector_ids
        self._tables: dict[str, dict[str, Mapping[str, Any]]] = {}

    def row(self, table: str, connector_id: str) -> Mapping[str, Any]:
        """Return a connector's row; empty if there is none."""
        if table not in self._tables:
            rows = self._lookup(table, self._connector_ids)
            self._tables[table] = {row["connector_id"]: row for row in rows}
        return self._tables[table].get(connector_id, {})
