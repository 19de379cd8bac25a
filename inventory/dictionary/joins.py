"""The joins of tables and views: foreign keys, and those that no constraint can state.

A connector is stored whether or not its group or its creator is known, and views have no
constraints. Columns of equal names mean the same everywhere, so the joins follow from the names.
"""

from collections.abc import Collection
from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Join:
    """A join to at most one row of a table, where the columns of each pair are equal.

    The name is that of the models' relationship, if there is one.
    """

    name: str
    target: str
    pairs: Pairs
    is_foreign_key: bool = False


_JOINS = (
    Join("connector", "connectors", (("connector_id", "connector_id"),)),
    Join("run", "inventory_runs", (("run_id", "run_id"),)),
    Join("account", "accounts", (("account_id", "account_id"),)),
    Join("group", "groups", (("group_id", "group_id"),)),
    Join("destination", "destinations", (("destination_id", "destination_id"),)),
    Join("destination", "destinations", (("group_id", "destination_id"),)),
    Join("connector_type", "connector_types", (("service", "service"),)),
    Join("creator", "users", (("account_id", "account_id"), ("connected_by", "user_id"))),
)
# Their `service` is a kind of warehouse, not a connector type.
_ABOUT_DESTINATIONS = {
    "destinations",
    "destinations_past",
    "destination_history",
    "destination_health",
}
# A view that has the names of another tool.
_USUAL_NAMES = {
    "fivetran_platform__connection_status": {
        "connection_id": "connector_id",
        "destination_id": "group_id",
        "connection_type": "service",
    }
}


def joins_of(
    name: str, columns: Collection[str], foreign_keys: Collection[Pairs]
) -> tuple[Join, ...]:
    """Return the joins of a table or view with these columns, one for each name."""
    usual = _USUAL_NAMES.get(name, {})
    own_names = {usual.get(column, column): column for column in columns}
    found: dict[str, Join] = {}
    for join in _JOINS:
        if (
            join.target == name
            or join.name in found
            or not own_names.keys() >= {column for column, _ in join.pairs}
            or (join.name == "connector_type" and name in _ABOUT_DESTINATIONS)
        ):
            continue
        pairs = tuple((own_names[column], other) for column, other in join.pairs)
        found[join.name] = Join(join.name, join.target, pairs, pairs in foreign_keys)
    return tuple(found.values())
