"""Writes what a command has found: a table for people, JSON or CSV for programs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from inventory.output import cells, rows, tables
from inventory.output.formats import Output
from inventory.output.rows import Row
from inventory.output.screen import Screen, Style
from inventory.output.tables import NARROWEST, Column
from inventory.text import escape_control_chars


def write_table(
    found: Sequence[Row],
    columns: Sequence[Column],
    output: Output,
    now: datetime,
    *,
    above: Sequence[str] = (),
) -> None:
    """Print a table below the lines `above`; on a terminal with times as seen from `now`."""
    screen = output.screen()
    screen.show([*above, *_lines(found, columns, screen, now)], pager=output.pager)


def write_rows(found: Iterable[Row], names: Iterable[str], output: Output) -> None:
    """Write rows with all these columns, in any format; times in a table are whole.

    On a terminal cells may be shortened, but no column goes: the user has asked for each.
    """
    named = list(names)
    if not output.is_table:
        rows.write_data(found, named, output.format)
        return
    texts = [[cells.whole(name, row[name]) for name in named] for row in found]
    columns = [Column(escape_control_chars(name), least=NARROWEST) for name in named]
    screen = output.screen()
    screen.show(list(tables.draw(columns, texts, screen)), pager=output.pager)


def write_facts(row: Row) -> None:
    """Write one row for people, a line per column."""
    for line in tables.aligned([(name, cells.whole(name, value)) for name, value in row.items()]):
        rows.write_line(line)


def _lines(
    found: Sequence[Row], columns: Sequence[Column], screen: Screen, now: datetime
) -> Iterable[str]:
    def cell(column: Column, value: Any) -> str:
        if screen.fits_rows:
            return cells.short(column.name, value, now, is_age=column.is_age)
        return cells.whole(column.name, value)

    def style(row: int, column: int) -> Style:
        chosen = columns[column].style
        return chosen(found[row]) if chosen else {}

    texts = [[cell(column, row[column.name]) for column in columns] for row in found]
    return tables.draw(columns, texts, screen, style)
