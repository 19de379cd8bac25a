"""Rows to text on stdout: a table for people, JSON and CSV for programs."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from inventory import moments, tables

Format = Literal["table", "json", "csv"]
Row = Mapping[str, Any]
Rows = Sequence[Row]
# For some columns: how a row's cell looks on a terminal, as rich names styles.
Paint = Mapping[str, Callable[[Row], str]]

# A spreadsheet runs a cell that begins like this; some take the wide forms for the same.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def write_rows(
    rows: Rows, columns: Iterable[str], output_format: Format, paint: Paint | None = None
) -> None:
    """Write rows to stdout. JSON is one list of objects.

    Times are UTC, but in the user's zone in tables.
    """
    names = list(columns)
    if output_format == "table":
        _table(rows, names, paint or {})
    elif output_format == "json":
        write_line(_dumped([{name: row[name] for name in names} for row in rows], indent=1))
    else:
        _csv(rows, names)


def write_object(row: Row, *, indent: int | None = None) -> None:
    """Write one row as one JSON object."""
    write_line(_dumped(row, indent=indent))


def write_facts(row: Row) -> None:
    """Write one row to people, a line for each column."""
    for line in tables.aligned([(name, _table_cell(value)) for name, value in row.items()]):
        write_line(line)


def write_line(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{text}\n")


def printable(text: str) -> str:
    """Return the text with control characters escaped: names must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


# --- for people -----------------------------------------------------------------------------


def _table(rows: Rows, names: list[str], paint: Paint) -> None:
    cells = [[_table_cell(row[name]) for name in names] for row in rows]
    styles = {name: [style(row) for row in rows] for name, style in paint.items()}
    for line in tables.draw([printable(name) for name in names], cells, styles):
        write_line(line)


def _table_cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moments.local(value) if value.tzinfo else value.isoformat(sep=" ")
    return printable(_text(value))


def _text(value: Any) -> str:
    """What a value of any kind is as text; what has parts is JSON."""
    if isinstance(value, (dict, list, tuple)):
        return _dumped(value)
    plain = _json_value(value)
    return plain if isinstance(plain, str) else str(value)


# --- JSON -----------------------------------------------------------------------------------


def _dumped(value: Any, **options: Any) -> str:
    """JSON with every letter as it is, but for those that could steer a terminal."""
    text = json.dumps(_json_value(value), ensure_ascii=False, allow_nan=False, **options)
    return "\n".join(
        line if line.isprintable() else "".join(map(_json_letter, line))
        for line in text.split("\n")
    )


def _json_letter(letter: str) -> str:
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]


def _json_value(value: Any) -> Any:
    """What a value of any kind is in JSON: itself, or the text that PostgreSQL would make of it."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return _json_number(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _json_value(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(part) for part in value]
    if isinstance(value, (bytes, memoryview)):
        return f"\\x{value.hex()}"
    return str(value)


def _json_number(value: float | Decimal) -> float | int | str:
    """A number, if that holds it exactly; NaN and the infinite are no JSON."""
    number = float(value)
    if not math.isfinite(number):
        return str(Decimal(value))
    if isinstance(value, Decimal) and value == value.to_integral() and "." not in str(value):
        return int(value)
    if isinstance(value, float) or Decimal(repr(number)) == value:
        return number
    return str(value)


# --- CSV ------------------------------------------------------------------------------------


def _csv(rows: Rows, columns: list[str]) -> None:
    writer = csv.writer(_Lines())
    writer.writerow(map(_csv_cell, columns))
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
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return _json_number(value)  # or it would be told in Python's words
    if value is None or isinstance(value, (int, float, Decimal)):
        return value
    text = _text(value)
    harmless = f"'{text}" if text.startswith(_FORMULA) else text
    return printable(harmless) if sys.stdout.isatty() else harmless
