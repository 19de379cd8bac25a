"""The dictionary as objects for JSON."""

from typing import Any

from inventory.dictionary.entities import Entity


def entity_object(entity: Entity) -> dict[str, Any]:
    """Return what `--format json` prints of an entity."""
    return {
        "name": entity.name,
        "kind": entity.kind,
        "comment": entity.comment,
        "secret": not entity.is_readable,
        "key": list(entity.key),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "nullable": column.is_nullable,
                "comment": column.comment,
            }
            for column in entity.columns
        ],
        "joins": [
            {
                "name": join.name,
                "to": join.target,
                "on": [{"column": column, "equals": other} for column, other in join.pairs],
                "foreign_key": join.is_foreign_key,
            }
            for join in entity.joins
        ],
    }
