"""The dictionary for a terminal: the list, or one table or view with its columns and joins."""

import textwrap
from collections.abc import Iterator, Sequence

from inventory.db.views import PARAMETER
from inventory.dictionary.entities import Entity
from inventory.dictionary.joins import Join
from inventory.output import tables

_MIN_WRAPPED = 24  # a last column with less room is not wrapped, but left to the terminal
_HEADINGS = {
    "view": "Views",
    "table": "Tables",
    "function": f"Functions NAME({PARAMETER} timestamptz), on PostgreSQL only",
}


def list_lines(entities: Sequence[Entity], width: int | None) -> Iterator[str]:
    """Yield a line per entity, views first. Texts are wrapped to the width; None = they are not."""
    for kind, heading in _HEADINGS.items():
        yield heading
        rows = [(each.name, f"{each.comment}.") for each in entities if each.kind == kind]
        yield from _aligned(sorted(rows), width, indent="  ")
        yield ""
    yield "`inventory schema NAME` shows the columns and joins of one."


def entity_lines(entity: Entity, width: int | None) -> Iterator[str]:
    """Yield a table, view or function: what a row is, then a line per column, then the joins."""
    yield f"{entity.signature} ({entity.kind})"
    comment = f"{entity.comment}."
    yield from _wrapped(comment, width) if width else [comment]
    if entity.key:
        yield f"Key: {', '.join(entity.key)}"
    yield ""
    rows = [(each.name, each.type, each.comment) for each in entity.columns]
    yield from _aligned([("column", "type", "meaning"), *rows], width)
    if entity.joins:
        yield ""
        joins = [(each.name, _condition(each)) for each in entity.joins]
        yield from _aligned([("joins", "on"), *joins], width)


def _condition(join: Join) -> str:
    equal = " and ".join(f"{column} = {join.target}.{other}" for column, other in join.pairs)
    return f"{equal} (foreign key)" if join.is_foreign_key else equal


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _aligned(rows: Sequence[tuple[str, ...]], width: int | None, indent: str = "") -> Iterator[str]:
    """Align the columns, and wrap the last one."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    room = (width or 0) - len(indent) - sum(widths) - 2 * len(widths)
    lines: list[tuple[str, ...]] = []
    for *cells, last in rows:
        wrapped = _wrapped(last, room) if room >= _MIN_WRAPPED else [last]
        lines.append((*cells, wrapped[0]))
        lines += [(*[""] * len(cells), rest) for rest in wrapped[1:]]
    for line in tables.aligned(lines):
        yield f"{indent}{line}"
