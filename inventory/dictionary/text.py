"""The dictionary for people: the list, or one table or view with its columns and joins.

On a terminal the last column is wrapped to the width: here texts are to be read, not shortened.
"""

import textwrap
from collections.abc import Iterator, Sequence

from inventory.db.views import PARAMETER
from inventory.dictionary.entities import Entity
from inventory.dictionary.joins import Join
from inventory.output import tables
from inventory.output.screen import BOLD, Screen

_MIN_WRAPPED = 24  # a last column with less room is not wrapped, but left to the terminal
_HEADINGS = {
    "view": "Views",
    "table": "Tables",
    "function": f"Functions NAME({PARAMETER} timestamptz), on PostgreSQL only",
}


def list_lines(entities: Sequence[Entity], screen: Screen) -> Iterator[str]:
    """Yield what a row of each entity is, views first."""
    for kind, heading in _HEADINGS.items():
        yield screen.paint(heading, BOLD)
        rows = [(each.name, f"{each.comment}.") for each in entities if each.kind == kind]
        yield from _aligned(sorted(rows), screen, indent="  ")
        yield ""
    yield "`inventory schema NAME` shows the columns and joins of one."


def entity_lines(entity: Entity, screen: Screen) -> Iterator[str]:
    """Yield what a row of a table, view or function is, then its columns, then its joins."""
    yield screen.paint(f"{entity.signature} ({entity.kind})", BOLD)
    yield from screen.fold(f"{entity.comment}.".split())
    if entity.key:
        yield f"Key: {', '.join(entity.key)}"
    yield ""
    columns = [(each.name, each.type, each.comment) for each in entity.columns]
    yield from _table(("column", "type", "meaning"), columns, screen)
    if entity.joins:
        yield ""
        joins = [(each.name, _condition(each)) for each in entity.joins]
        yield from _table(("joins", "on"), joins, screen)


def _condition(join: Join) -> str:
    equal = " and ".join(f"{column} = {join.target}.{other}" for column, other in join.pairs)
    return f"{equal} (foreign key)" if join.is_foreign_key else equal


def _table(
    titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], screen: Screen
) -> Iterator[str]:
    head, *lines = _aligned([titles, *rows], screen)
    yield screen.paint(head, BOLD)
    yield from lines


def _aligned(rows: Sequence[tuple[str, ...]], screen: Screen, indent: str = "") -> Iterator[str]:
    """Align the columns; on a terminal wrap the last one."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    room = screen.width - len(indent) - sum(widths) - 2 * len(widths)
    lines: list[tuple[str, ...]] = []
    for *cells, last in rows:
        wrapped = [last]
        if screen.is_terminal and room >= _MIN_WRAPPED:
            wrapped = textwrap.wrap(last, room, break_on_hyphens=False)
        lines.append((*cells, wrapped[0]))
        lines += [(*[""] * len(cells), rest) for rest in wrapped[1:]]
    for line in tables.aligned(lines):
        yield f"{indent}{line}"
