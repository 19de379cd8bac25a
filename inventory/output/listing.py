"""Writes what a command has found: a table for people, JSON or CSV for programs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from inventory.output import rows, tables
from inventory.output.cells import CellFormat
from inventory.output.formats import Output
from inventory.output.rows import Row
from inventory.output.screen import Style
from inventory.output.tables import NARROWEST, Column


def write_table(
    found: Sequence[Row],
    columns: Sequence[Column],
    output: Output,
    now: datetime,
    *,
    above: Sequence[str] = (),
) -> None:
    """Print a table below the lines `above`; on a terminal with times as seen from `now`.

    Without rows, a terminal shows no headings either; the caller says what there is none of.
    """
    screen = output.screen()
    lines = list(above)
    if found or not screen.is_terminal:
        lines += _table(found, columns, CellFormat(screen, now))
    if lines:
        screen.show(lines, pager=output.pager)


def write_rows(found: Iterable[Row], names: Iterable[str], output: Output) -> None:
    """Write rows with all these columns, in any format; times in a table are whole.

    On a terminal cells may be shortened, but no column goes: the user has asked for each. If there
    are too many columns for that, each row becomes a list of them.
    """
    named = list(names)
    if not output.is_table:
        rows.write_data(found, named, output.format)
        return
    listed, screen = list(found), output.screen()
    columns = [Column(name, least=_least(name, listed)) for name in named]
    if screen.fits_rows and len(columns) * (NARROWEST + 2) > screen.width:
        lines = list(_records(listed, named, CellFormat(screen)))
    else:
        lines = list(_table(listed, columns, CellFormat(screen)))
    screen.show(lines, pager=output.pager)


def write_facts(found: Sequence[Row], output: Output, now: datetime) -> None:
    """Write rows for people, a line per column."""
    screen = output.screen()
    lines = [line for row in found for line in _facts(row, row, CellFormat(screen, now))]
    if lines:
        screen.show(lines, pager=output.pager)


def _least(name: str, found: Sequence[Row]) -> int | None:
    """Return to what a column of a query may be shortened: a time is not cut."""
    is_time = any(isinstance(row[name], datetime) for row in found)
    return None if is_time else NARROWEST


def _table(found: Sequence[Row], columns: Sequence[Column], cells: CellFormat) -> Iterator[str]:
    columns = [
        column
        for column in columns
        if not column.optional or any(row[column.name] for row in found)
    ]

    def style(row: int, column: int) -> Style:
        chosen = columns[column].style
        return chosen(found[row]) if chosen else {}

    texts = [
        [cells.cell(column.name, row[column.name], is_age=column.is_age) for column in columns]
        for row in found
    ]
    titled = [column._replace(heading=cells.printable(column.title)) for column in columns]
    return tables.draw(titled, texts, cells.screen, style)


def _records(found: Sequence[Row], names: Sequence[str], cells: CellFormat) -> Iterator[str]:
    for number, row in enumerate(found, 1):
        yield f"row {number:,}"
        yield from _facts(row, names, cells)


def _facts(row: Row, names: Iterable[str], cells: CellFormat) -> Iterator[str]:
    return tables.aligned([(cells.printable(name), cells.cell(name, row[name])) for name in names])
