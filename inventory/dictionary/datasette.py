"""The dictionary as `metadata.json` of Datasette, with the sample queries as canned queries."""

from collections.abc import Iterable
from typing import Any

from inventory.dictionary.entities import Entity
from inventory.dictionary.sample_queries import SampleQuery

# Of each line, the first column that a table has becomes a facet.
_FACETS = (
    (
        *("health", "connection_health", "finding", "kind", "closed_by", "outcome", "status"),
        *("setup_status", "scope", "code", "role", "type"),
    ),
    ("service_name", "service", "connection_type"),
    ("group_name", "group_id", "destination_name"),
)
# The first column that a table has sorts it, so that what matters most comes first.
_SORT_ASCENDING, _SORT_DESCENDING = "sort", "sort_desc"
_SORTS = (
    ("severity", _SORT_DESCENDING),
    ("changed_at", _SORT_DESCENDING),
    ("started_at", _SORT_DESCENDING),
    ("last_flip_at", _SORT_DESCENDING),
    ("since", _SORT_DESCENDING),
    ("availability", _SORT_ASCENDING),
    ("down_now", _SORT_DESCENDING),
    ("day", _SORT_DESCENDING),
    ("observed_at", _SORT_DESCENDING),
    ("finished_at", _SORT_DESCENDING),
    ("valid_from", _SORT_DESCENDING),
    ("_fivetran_start", _SORT_DESCENDING),
    ("last_sync_completed_at", _SORT_DESCENDING),
    ("service_name", _SORT_ASCENDING),
    ("email", _SORT_ASCENDING),
    ("account_name", _SORT_ASCENDING),
)
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

    `database`: the file's name without its suffix. `closed`: tables that nobody may open.
    """
    tables: dict[str, Any] = {entity.name: _table(entity) for entity in entities}
    tables |= {name: {"allow": False} for name in closed}
    described: dict[str, Any] = {"tables": tables}
    if canned := {query.name: _query(query) for query in queries}:
        described["queries"] = canned
    return {
        "title": "Inventory",
        "description": "Every Fivetran connector of an account: current state and full history",
        "databases": {database: described},
    }


def _table(entity: Entity) -> dict[str, Any]:
    names = [column.name for column in entity.columns]
    facets = [next((each for each in line if each in names), None) for line in _FACETS]
    described: dict[str, Any] = {
        "description": f"{entity.comment}.",
        "columns": {column.name: column.comment for column in entity.columns},
    }
    if any(facets):
        described["facets"] = [facet for facet in facets if facet]
    for column, direction in _SORTS:
        if column in names:
            described[direction] = column
            break
    if entity.name in _LABELS:
        described["label_column"] = _LABELS[entity.name]
    return described


def _query(query: SampleQuery) -> dict[str, Any]:
    described = {"title": query.question, "sql": query.sql}
    if query.examples:
        examples = ", ".join(f"{name}: {value}" for name, value in query.examples.items())
        described["description"] = f"For example {examples}"
    return described
