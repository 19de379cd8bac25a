"""Writes rows to stdout for programs, as JSON or CSV. Times are in UTC."""

import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

from inventory.output.formats import Format
from inventory.text import escape_control_chars

Row = Mapping[str, Any]

# Spreadsheets evaluate a cell that begins with one of these; some also accept the full-width forms.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def write_data(rows: Iterable[Row], names: Iterable[str], output_format: Format) -> None:
    """Write rows as JSON (a list of objects) or CSV, each as it arrives."""
    columns = list(names)
    if output_format == "json":
        _json(rows, columns)
    else:
        _csv(rows, columns, guarded=output_format == "spreadsheet")


def write_object(row: Row, *, indent: int | None = None) -> None:
    """Write one row as one JSON object."""
    write_line(_to_json(row, indent=indent))


def write_line(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{text}\n")


def to_text(value: Any) -> str:
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
    text = to_text(value)
    if guarded and text.startswith(_FORMULA):
        text = f"'{text}"
    return escape_control_chars(text) if sys.stdout.isatty() else text
