"""Rows to text on stdout: a table for people, JSON and CSV for programs."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

Format = Literal["table", "json", "csv"]
Rows = Sequence[Mapping[str, Any]]

# A spreadsheet runs a cell that begins like this; some take the wide forms for the same.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def write_rows(rows: Rows, columns: Iterable[str], output_format: Format) -> None:
    """Write rows to stdout. JSON is one list of objects; times are UTC everywhere."""
    _WRITERS[output_format](rows, list(columns))


def write_object(row: Mapping[str, Any]) -> None:
    """Write one row as one JSON object."""
    write_line(_dumped(row))


def write_line(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{text}\n")


def when(moment: datetime) -> str:
    """Show a time to people, in UTC and to the second."""
    moment = moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    return f"{moment.isoformat(sep=' ')}Z"


def printable(text: str) -> str:
    """Return the text with control characters escaped: names must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _table(rows: Rows, columns: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    on_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, no_wrap=not on_terminal, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_table_cell(row[name])) for name in columns))
    # Cut to a width, a table in a pipe or a file would lose what somebody greps for.
    width = None if on_terminal else 100_000
    console = Console(width=width, highlight=False)
    with console.capture() as drawn:
        console.print(table, crop=False)
    for line in drawn.get().splitlines():
        write_line(line.rstrip())


def _table_cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return when(value)
    return printable(str(value))


def _json(rows: Rows, columns: list[str]) -> None:
    write_line(_dumped([{name: row[name] for name in columns} for row in rows], indent=1))


def _dumped(value: Any, **options: Any) -> str:
    """JSON with every letter as it is, but for those that could steer a terminal."""
    text = json.dumps(value, default=_json_cell, ensure_ascii=False, **options)
    return "\n".join(
        line if line.isprintable() else "".join(map(_json_letter, line))
        for line in text.split("\n")
    )


def _json_letter(letter: str) -> str:
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]


def _json_cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def _csv(rows: Rows, columns: list[str]) -> None:
    writer = csv.writer(_Lines())
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(row[name]) for name in columns])


class _Lines:
    """Takes lines that end as the writer's do by default, and ends them as all others here.

    Told to end them with a line feed, it would not quote a carriage return within a cell, where
    readers end a line as well: the rest of a name would begin a row, as a formula perhaps.
    """

    def write(self, line: str) -> None:
        write_line(line.removesuffix("\r\n"))


def _csv_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        harmless = f"'{value}" if value.startswith(_FORMULA) else value
        return printable(harmless) if sys.stdout.isatty() else harmless
    return value


_WRITERS: dict[Format, Callable[[Rows, list[str]], None]] = {
    "table": _table,
    "json": _json,
    "csv": _csv,
}
