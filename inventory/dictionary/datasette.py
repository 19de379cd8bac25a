"""The dictionary as `metadata.json` of Datasette, with the sample queries as canned queries.

Visitors open tables, views and the canned queries, but write no SQL: it could read closed tables.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from inventory.dictionary.entities import Entity
from inventory.dictionary.sample_queries import SampleQuery

# Of each line, the first column that a table has becomes a facet.
_STATES = (
    *("health", "connection_health", "finding", "kind", "closed_by", "outcome", "status"),
    *("setup_status", "scope", "code", "role", "type"),
)
_SERVICES = ("service_name", "service", "connection_type")
_GROUPS = ("group_name", "group_id", "destination_name")
# Here each service or each group, which is a destination, has a row of its own.
_ABOUT_SERVICES = {"connector_types"}
_ABOUT_GROUPS = {
    *("groups", "groups_past", "group_history"),
    *("destinations", "destinations_past", "destination_history", "destination_health"),
}
# Each facet computes the whole view, which takes longer than the 200 ms that Datasette allows: of
# 150,000 outcomes, 250 ms.
_TOO_SLOW_FOR_FACETS = {"sync_outcomes_daily"}
# The first column that a table has sorts it, so that what matters most comes first, and nulls last.
_DESCENDING = (
    *("severity", "changed_at", "started_at", "last_flip_at", "since", "down_minutes", "down_now"),
    *("day", "observed_at", "finished_at", "valid_from", "_fivetran_start"),
    "last_sync_completed_at",
)
_ASCENDING = ("service_name", "email", "account_name")
# What a link to a row of these tables shows.
_LABELS = {
    "accounts": "account_name",
    "connector_types": "service_name",
    "connectors": "schema_name",
    "groups": "group_name",
    "inventory_runs": "observed_at",
    "users": "email",
}


def metadata(
    database: str,
    entities: Iterable[Entity],
    closed: Iterable[str] = (),
    queries: Iterable[SampleQuery] = (),
) -> dict[str, Any]:
    """Return the object for `datasette --metadata`.

    `database`: the file's name without its suffix. `closed`: tables that nobody may open. The file
    itself contains them, so it must not be offered for download (`allow_download`).
    """
    tables: dict[str, Any] = {entity.name: _table(entity) for entity in entities}
    tables |= {name: {"allow": False} for name in closed}
    described: dict[str, Any] = {"allow_sql": False, "tables": tables}
    if canned := {query.name: _query(query) for query in queries}:
        described["queries"] = canned
    return {
        "title": "Inventory",
        "description": "Every Fivetran connector of an account: current state and full history",
        "databases": {database: described},
    }


def _table(entity: Entity) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": f"{entity.comment}.",
        "columns": {column.name: column.comment for column in entity.columns},
    }
    if entity.name in _LABELS:
        described["label_column"] = _LABELS[entity.name]
    return described | _facets(entity) | _order(entity)


def _facets(entity: Entity) -> dict[str, Any]:
    if entity.name in _TOO_SLOW_FOR_FACETS:
        return {}
    lines = [
        _STATES,
        *([] if entity.name in _ABOUT_SERVICES else [_SERVICES]),
        *([] if entity.name in _ABOUT_GROUPS else [_GROUPS]),
    ]
    facets = [column for line in lines if (column := _first(line, entity))]
    return {"facets": facets} if facets else {}


def _order(entity: Entity) -> dict[str, Any]:
    if column := _first(_DESCENDING, entity):
        return {"sort_desc": column}
    if column := _first(_ASCENDING, entity):
        return {"sort": column}
    return {}


def _first(names: Sequence[str], entity: Entity) -> str | None:
    """Return the first of these columns that an entity has."""
    own = {column.name for column in entity.columns}
    return next((name for name in names if name in own), None)


def _query(query: SampleQuery) -> dict[str, Any]:
    described = {"title": query.question, "sql": query.sql}
    if query.examples:
        examples = ", ".join(f"{name}: {value}" for name, value in query.examples.items())
        described["description"] = f"For example {examples}"
    return described
