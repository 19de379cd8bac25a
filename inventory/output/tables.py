"""Text tables for people: fitted to the width of a terminal, at full width elsewhere."""

import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

# For some columns: a rich style for each cell.
Styles = Mapping[str, Sequence[str]]


def draw(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Styles) -> Iterator[str]:
    """Yield the lines. Only on a terminal are they styled and folded to its width.

    In a pipe or a file nothing is cut, so that all text can be searched.
    """
    if sys.stdout.isatty():
        return _for_terminal(columns, rows, styles)
    return aligned([columns, *rows])


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line per row with aligned columns.

    Written by hand: rich takes two seconds for the rows of a large account.
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
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


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
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        yield line.rstrip()
