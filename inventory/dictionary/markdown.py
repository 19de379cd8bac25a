"""The dictionary as a page of Markdown; `inventory/docs/schema.md` is this page."""

from collections.abc import Iterator, Sequence

from inventory.dictionary.entities import Column, Entity
from inventory.dictionary.joins import Join
from inventory.health import SHOWN

_HEAD = """\
# Schema

Printed by `inventory schema --format markdown` from the models, the headers of the views and the
health rules.

**From 0.2.0 on, the names of tables, views, functions and columns are a promise.** A release may
add names; it does not rename or remove one. The order of columns is not promised, so name the
columns that you read.

Types are those of PostgreSQL; how SQLite stores them, and what the values mean, is in
`inventory/docs/semantics.md`. A join leads to at most one row; one that is not marked as a foreign
key may lead to none.

## Health

Each connector has one health, the first in this order that matches. Those marked *down* count as
outages. Severity: 3 = down, 2 = somebody must act, 1 = worth a look, 0 = as it should be. The last
one is never stored: only views about now show it.

| health | down | severity | meaning |
|---|---|---|---|
"""
_SECTIONS = {
    "table": "## Tables\n",
    "view": "## Views\n",
    "function": "## Functions\n\nOn PostgreSQL only.\n",
}


def page(entities: Sequence[Entity]) -> Iterator[str]:
    """Yield the lines of the page: the promise, the health rules, then a section per entity."""
    yield from _HEAD.splitlines()
    for rule in SHOWN:
        is_down = "down" if rule.is_down else ""
        yield f"| `{rule.name}` | {is_down} | {rule.severity} | {_cell(rule.meaning)} |"
    for kind, heading in _SECTIONS.items():
        yield ""
        yield from heading.splitlines()
        for entity in entities:
            if entity.kind == kind:
                yield ""
                yield from section(entity)


def section(entity: Entity) -> Iterator[str]:
    """Yield the lines about one entity."""
    yield from (f"### `{entity.signature}`", "", f"{entity.comment}.", "")
    yield from ("| column | type | meaning |", "|---|---|---|")
    for column in entity.columns:
        yield f"| {_name(entity, column)} | {column.type} | {_cell(column.comment)} |"
    if entity.joins:
        yield ""
        yield f"Joins: {'; '.join(map(_join, entity.joins))}."


def _name(entity: Entity, column: Column) -> str:
    return f"`{column.name}`{' (key)' if column.name in entity.key else ''}"


def _join(join: Join) -> str:
    pairs = " and ".join(f"`{column}` = `{join.target}.{other}`" for column, other in join.pairs)
    return f"{join.name} on {pairs}{' (foreign key)' if join.is_foreign_key else ''}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
