"""Tables of texts for people: on a terminal as wide as that is, elsewhere as wide as they are."""

import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

# For each column that has them: the style of each of its cells, as rich names styles.
Styles = Mapping[str, Sequence[str]]


def draw(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Styles) -> Iterator[str]:
    """Yield the lines. Only a terminal gets styles, and has cells folded to its width.

    Cut to a width, a table in a pipe or a file would lose what somebody greps for.
    """
    if sys.stdout.isatty():
        return _for_terminal(columns, rows, styles)
    return aligned([columns, *rows])


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each row, its cells one under the other.

    By hand, as rich takes two seconds for the rows of a large account.
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def _for_terminal(
    columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Styles
) -> Iterator[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for number, row in enumerate(rows):
        table.add_row(
            *(
                Text(cell, style=styles[name][number] if name in styles else "")
                for name, cell in zip(columns, row, strict=True)
            )
        )
    console = Console(highlight=False)
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        yield line.rstrip()
