"""The dictionary as `sources.yml` of dbt.

It is written by hand, without a YAML library: people edit this file, and a few lines give them
comments and one column after the other. JSON's strings are YAML's too.
"""

import json
from collections.abc import Iterator, Sequence, Set

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
    names = {entity.name for entity in entities}
    for entity in entities:
        yield from _table(entity, names)


def _table(entity: Entity, names: Set[str]) -> Iterator[str]:
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
        if tests := [*_key_tests(entity, column), *_foreign_key_tests(entity, column, names)]:
            yield f"            data_tests: [{', '.join(tests)}]"


def _joined(key: Sequence[str]) -> str:
    """Return one expression for a key of several columns; dbt itself has no other test of it."""
    return "(" + " || '|' || ".join(f"cast({column} as text)" for column in key) + ")"


def _key_tests(entity: Entity, column: Column) -> Iterator[str]:
    if entity.key == (column.name,):
        yield "unique"
    if column.name in entity.key and not _is_nullable(column):
        yield "not_null"


def _is_nullable(column: Column) -> bool:
    """Of a column of a view, only the comment says so."""
    return "null = " in column.comment if column.is_nullable is None else column.is_nullable


def _foreign_key_tests(entity: Entity, column: Column, names: Set[str]) -> Iterator[str]:
    """Yield the relationships that lead to a table of the same file."""
    for join in entity.joins:
        if join.is_foreign_key and join.target in names and len(join.pairs) == 1:
            [(own, other)] = join.pairs
            if own == column.name:
                target = _quoted(f"source('inventory', '{join.target}')")
                yield f"{{relationships: {{arguments: {{to: {target}, field: {other}}}}}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
