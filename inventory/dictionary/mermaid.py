"""The dictionary as an entity-relationship diagram of Mermaid, which GitHub and others draw."""

from collections.abc import Iterator, Sequence

from inventory.dictionary.entities import Column, Entity
from inventory.dictionary.joins import Join


def diagram(entities: Sequence[Entity]) -> Iterator[str]:
    """Yield the lines of a diagram: each entity with the columns that it is joined by."""
    yield "erDiagram"
    for entity in entities:
        yield from _entity(entity, [each for each in entity.columns if _marks(entity, each)])
    for entity in entities:
        for join in entity.joins:
            if not (_leads_back(join, entity, entities) and _many(entity, join)):
                yield _relationship(entity, join, entities)


def neighbourhood(entity: Entity, others: Sequence[Entity]) -> Iterator[str]:
    """Yield the lines of a diagram of one entity, and of the keys of the tables that it joins."""
    yield "erDiagram"
    yield from _entity(entity, entity.columns)
    targets = {join.target for join in entity.joins}
    for other in others:
        if other.name in targets:
            yield from _entity(other, [each for each in other.columns if each.name in other.key])
    yield from (_relationship(entity, join, others) for join in entity.joins)


def _entity(entity: Entity, columns: Sequence[Column]) -> Iterator[str]:
    yield f"    {entity.name} {{"
    for column in columns:
        word = column.type.replace(" ", "_")  # Mermaid takes one: double_precision
        yield f"        {word} {column.name} {', '.join(_marks(entity, column))}".rstrip()
    yield "    }"


def _marks(entity: Entity, column: Column) -> list[str]:
    """Mark keys, and columns that lead to another table, whether or not a constraint says so."""
    leads_on = {name for join in entity.joins for name, _ in join.pairs}
    marks = {"PK": column.name in entity.key, "FK": column.name in leads_on}
    return [mark for mark, applies in marks.items() if applies]


def _relationship(entity: Entity, join: Join, others: Sequence[Entity]) -> str:
    """Draw a foreign key as a solid line, another join, which may lead to no row, as dashed."""
    is_many = _many(entity, join) and not _leads_back(join, entity, others)
    one, line = ("||", "--") if join.is_foreign_key else ("|o", "..")
    many = "o{" if is_many else "o|"
    return f'    {join.target} {one}{line}{many} {entity.name} : "{join.name}"'


def _many(entity: Entity, join: Join) -> bool:
    """Return whether the columns of a join are not the key, so that many rows may be equal."""
    return tuple(column for column, _ in join.pairs) != entity.key


def _leads_back(join: Join, entity: Entity, others: Sequence[Entity]) -> bool:
    """Return whether the target joins at most one row of the entity, too: they are one to one."""
    return any(
        back.target == entity.name
        for other in others
        if other.name == join.target
        for back in other.joins
    )
