"""The dictionary as `sources.yml` of dbt.

It is written by hand, without a YAML library: people edit this file, and a few lines give them
comments and one column after the other. JSON's strings are YAML's too.
"""

import json
from collections.abc import Iterator, Sequence

from inventory.dictionary.entities import Column, Entity

_HEAD = """\
# Printed by `inventory schema --format dbt`, for dbt 1.11 or newer.
# Save it as models/inventory.yml.
# If the tables are not in the schema public of the target's database, set the variables
# inventory_schema and inventory_database in dbt_project.yml.
version: 2

sources:
  - name: inventory
    description: "Every Fivetran connector of an account: current state and full history"
    database: "{{ var('inventory_database', target.database) }}"
    schema: "{{ var('inventory_schema', 'public') }}"
    tables:"""
_RUNS = "inventory_runs"
_FRESHNESS = """\
        config:
          loaded_at_field: observed_at
          # Three times the interval of your runs is a good limit.
          freshness:
            warn_after: {count: 6, period: hour}
            error_after: {count: 1, period: day}"""


def sources(entities: Sequence[Entity]) -> Iterator[str]:
    """Yield the lines of a file with one source, which has these tables and views."""
    yield from _HEAD.splitlines()
    for entity in entities:
        yield from _table(entity)


def _table(entity: Entity) -> Iterator[str]:
    yield f"      - name: {entity.name}"
    yield f"        description: {_quoted(f'{entity.comment}.')}"
    if entity.name == _RUNS:
        yield from _FRESHNESS.splitlines()
    if len(entity.key) > 1:
        yield "        data_tests:"
        yield "          - unique:"
        yield "              arguments:"
        yield f"                column_name: {_quoted(_joined(entity.key))}"
    yield "        columns:"
    for column in entity.columns:
        yield f"          - name: {column.name}"
        yield f"            description: {_quoted(column.comment)}"
        yield f"            data_type: {column.type}"
        if tests := _tests(entity, column):
            yield f"            data_tests: [{', '.join(tests)}]"


def _joined(key: Sequence[str]) -> str:
    """Return one expression for a key of several columns; dbt itself has no other test of it."""
    return "(" + " || '|' || ".join(f"cast({column} as text)" for column in key) + ")"


def _tests(entity: Entity, column: Column) -> list[str]:
    """Name the tests of a column: it is (in) the key. Its comment says if it can be null."""
    if column.name not in entity.key:
        return []
    unique = ["unique"] if entity.key == (column.name,) else []
    return unique if "null = " in column.comment else [*unique, "not_null"]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
