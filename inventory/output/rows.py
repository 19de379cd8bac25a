"""Writes rows to stdout: as a table for people, as JSON or CSV for programs."""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from inventory import times
from inventory.output import tables
from inventory.text import escape_control_chars

# "spreadsheet" is CSV that is safe to open in a spreadsheet program.
Format = Literal["table", "json", "csv", "spreadsheet"]
Row = Mapping[str, Any]
Rows = Sequence[Row]
# For some columns: the rich style of a row's cell on a terminal.
CellStyle = Mapping[str, Callable[[Row], str]]

# Columns with sentences of ours, in which times are in UTC.
_SENTENCES = ("reason", "detail", "what", "error_message", "last_attempt_error")
# Columns with values of other columns: only a value that is nothing but a time is converted.
_VALUES = ("old_value", "new_value")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC")
# Spreadsheets evaluate a cell that begins with one of these; some also accept the full-width forms.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def write_rows(
    rows: Iterable[Row],
    columns: Iterable[str],
    output_format: Format,
    paint: CellStyle | None = None,
) -> None:
    """Write rows to stdout; in JSON (a list of objects) and CSV each as it arrives.

    Times are in UTC; in tables they are in the user's zone, also within sentences of ours.
    """
    names = list(columns)
    if output_format == "table":
        _table(list(rows), names, paint or {})
    elif output_format == "json":
        _json(rows, names)
    else:
        _csv(rows, names, guarded=output_format == "spreadsheet")


def write_object(row: Row, *, indent: int | None = None) -> None:
    """Write one row as one JSON object."""
    write_line(_to_json(row, indent=indent))


def write_facts(row: Row) -> None:
    """Write one row for people, a line per column."""
    for line in tables.aligned([(name, _table_cell(name, value)) for name, value in row.items()]):
        write_line(line)


def write_line(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{text}\n")


# --- for people -----------------------------------------------------------------------------


def _table(rows: Rows, names: list[str], paint: CellStyle) -> None:
    cells = [[_table_cell(name, row[name]) for name in names] for row in rows]
    styles = {name: [style(row) for row in rows] for name, style in paint.items()}
    for line in tables.draw([escape_control_chars(name) for name in names], cells, styles):
        write_line(line)


def _table_cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return times.format_local(value) if value.tzinfo else value.isoformat(sep=" ")
    text = _text(value)
    has_our_times = name in _SENTENCES or (name in _VALUES and _TIME.fullmatch(text))
    return escape_control_chars(times.localize(text) if has_our_times else text)


def _text(value: Any) -> str:
    """Return any value as text; lists and objects as JSON."""
    if isinstance(value, (dict, list, tuple)):
        return _to_json(value)
    plain = json_value(value)
    return plain if isinstance(plain, str) else str(value)


# --- JSON -----------------------------------------------------------------------------------


def _json(rows: Iterable[Row], names: list[str]) -> None:
    """Write the same text as json.dumps of the whole list."""
    before = "["
    for row in rows:
        written = _to_json({name: row[name] for name in names}, indent=1)
        sys.stdout.write(f"{before}\n " + written.replace("\n", "\n "))
        before = ","
    write_line("[]" if before == "[" else "\n]")


def _to_json(value: Any, **options: Any) -> str:
    """Return JSON in which only characters that could control a terminal are escaped."""
    text = json.dumps(json_value(value), ensure_ascii=False, allow_nan=False, **options)
    return "\n".join(
        line if line.isprintable() else "".join(map(_escape, line)) for line in text.split("\n")
    )


def _escape(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def json_value(value: Any) -> Any:
    """Return a value that JSON can hold: the value itself, or its text as PostgreSQL writes it."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return _json_number(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): json_value(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(part) for part in value]
    if isinstance(value, (bytes, memoryview)):
        return f"\\x{value.hex()}"
    return str(value)


def _json_number(value: float | Decimal) -> float | int | str:
    """Return a number if it is exact, else its text. JSON has no NaN and no infinity."""
    number = float(value)
    if not math.isfinite(number):
        return str(Decimal(value))
    if isinstance(value, Decimal) and value == value.to_integral() and "." not in str(value):
        return int(value)
    if isinstance(value, float) or Decimal(repr(number)) == value:
        return number
    return str(value)


# --- CSV ------------------------------------------------------------------------------------


def _csv(rows: Iterable[Row], columns: list[str], *, guarded: bool) -> None:
    """Write CSV that programs read back unchanged; if guarded, with formulas disabled."""
    cell = partial(_csv_cell, guarded=guarded)
    writer = csv.writer(_LineWriter())
    writer.writerow(map(cell, columns))
    for row in rows:
        writer.writerow([cell(row[name]) for name in columns])


class _LineWriter:
    """Replaces the line ends of csv.writer (CR LF) with line feeds.

    With a line feed as its line end, csv.writer would not quote a carriage return within a cell.
    Readers end a line there too, so the rest of a name would begin a row, perhaps as a formula.
    """

    def write(self, line: str) -> None:
        write_line(line.removesuffix("\r\n"))


def _csv_cell(value: Any, *, guarded: bool) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return _json_number(value)  # Python would write "nan" or "inf"
    if value is None or isinstance(value, (int, float, Decimal)):
        return value
    text = _text(value)
    if guarded and text.startswith(_FORMULA):
        text = f"'{text}"
    return escape_control_chars(text) if sys.stdout.isatty() else text
