"""Text tables for people: one line per row, fitted to a terminal, whole elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from inventory.output.screen import BOLD, Screen, Style
from inventory.output.widths import display_width, shorten

Row = Mapping[str, Any]

_GAP = "  "
NARROWEST = 8  # to which a cell is shortened that has no other limit
_ORDINARY = 32  # a cell up to this width is never an exception to its column


class Column(NamedTuple):
    """A column of a table.

    If a terminal is too narrow, columns give way by `importance`: 0 stays, 1 goes last. A cell is
    shortened to `least` at most; None = shown whole or not at all. Only where even the columns
    that stay have no room, they are shortened further. An `optional` column is left out if all its
    cells are empty.
    """

    name: str
    importance: int = 0
    least: int | None = None
    heading: str = ""
    optional: bool = False
    is_age: bool = False  # a time whose age counts: "3 d"
    style: Callable[[Row], Style] | None = None

    @property
    def title(self) -> str:
        return self.heading or self.name


# The style of a row's cell, by the numbers of row and column.
CellStyle = Callable[[int, int], Style]


def unstyled(row: int, column: int) -> Style:
    return {}


def draw(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    screen: Screen,
    style: CellStyle = unstyled,
) -> Iterator[str]:
    """Yield a line per row, below the headings."""
    titles, fits = [column.title for column in columns], screen.fits_rows
    occurring = [sorted(map(display_width, cells)) for cells in zip(titles, *rows, strict=True)]
    if fits:
        widths = _fit(columns, occurring, screen.width)
    else:
        widths = dict(enumerate(map(_ordinary_width, occurring)))

    def line(cells: Sequence[str], style_of: Callable[[int], Style]) -> str:
        shown = []
        for number, width in widths.items():
            text = cells[number]
            taken = display_width(text)
            if fits and taken > width:
                text = shorten(text, width, screen.symbols.ellipsis)
                taken = display_width(text)
            shown.append(screen.paint(text, style_of(number)) + " " * (width - taken))
        return _GAP.join(shown).rstrip()

    yield line(titles, lambda number: BOLD)
    for position, cells in enumerate(rows):
        yield line(cells, partial(style, position))


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line per row of cells, all columns but the last padded."""
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell + " " * (width - display_width(cell))
            for cell, width in zip(row, widths, strict=True)
        )
        yield _GAP.join(padded).rstrip()


# --- widths of columns ----------------------------------------------------------------------


def _ordinary_width(widths: Sequence[int]) -> int:
    """Return the width of a column; cells much longer than most do not count.

    Otherwise one long name would spread all rows.
    """
    ordinary = max(_ORDINARY, 2 * widths[len(widths) // 2])
    return max(width for width in widths if width <= ordinary)


def _fit(
    columns: Sequence[Column], occurring: Sequence[Sequence[int]], room: int
) -> dict[int, int]:
    """Choose the columns that have room; return the width of each, by its number."""
    longest = [widths[-1] for widths in occurring]
    ordinary = [
        widths[-1] if column.least is None else _ordinary_width(widths)
        for column, widths in zip(columns, occurring, strict=True)
    ]
    least = [
        wide if column.least is None else min(wide, max(column.least, display_width(column.title)))
        for column, wide in zip(columns, longest, strict=True)
    ]
    widths = _choose(columns, least, room)
    left = room - _total(widths)
    for wanted in (ordinary, longest):
        for importance in sorted({column.importance for column in columns}):
            equals = [each for each in widths if columns[each].importance == importance]
            left = _share(widths, equals, wanted, left)
    return widths


def _choose(columns: Sequence[Column], least: Sequence[int], room: int) -> dict[int, int]:
    """Choose the columns that have room with their least widths, the important ones first."""
    chosen = {number: least[number] for number, each in enumerate(columns) if not each.importance}
    for is_shortened in (True, False):  # an id is shortened last: a row must stay one line
        if _total(chosen) > room:
            for number in chosen:
                if (columns[number].least is not None) == is_shortened:
                    chosen[number] = min(NARROWEST, chosen[number])
    if any(chosen[number] < least[number] for number in chosen):
        return chosen
    for number in sorted(range(len(columns)), key=lambda each: columns[each].importance):
        more = chosen | {number: least[number]}
        if columns[number].importance and _total(more) <= room:
            chosen = more
    return dict(sorted(chosen.items()))


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _share(widths: dict[int, int], equals: Sequence[int], wanted: Sequence[int], left: int) -> int:
    """Widen columns in equal parts until they are as wide as wanted; return what is left."""
    while left > 0 and (narrow := [one for one in equals if widths[one] < wanted[one]]):
        part = max(1, left // len(narrow))
        for number in narrow[: left // part]:
            gained = min(part, wanted[number] - widths[number])
            widths[number] += gained
            left -= gained
    return left
