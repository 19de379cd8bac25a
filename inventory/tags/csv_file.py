"""Reads the CSV file of `inventory tag import`, also as spreadsheet programs save it. Pure."""

import csv
import io
from collections.abc import Iterator

from inventory.errors import ConfigurationError
from inventory.tags.store import COLUMNS, Assignment


class InvalidFileError(ConfigurationError):
    """The file is not a CSV file of tags."""

    code = "invalid_file"


def read(content: bytes, file: str) -> list[tuple[int, Assignment]]:
    """Return each tag with the number of its line. Empty lines and other columns are left out.

    Raises InvalidFileError if it is not UTF-8 with the columns of a tag.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFileError(
            f"{file} is not valid UTF-8: {error.reason}. Save it as UTF-8."
        ) from error
    if "\0" in text:
        raise InvalidFileError(f"{file} contains a NUL character, so it is not a CSV file.")
    try:
        return list(_tags(text, file))
    except csv.Error as error:
        raise InvalidFileError(f"{file} is not a CSV file: {error}.") from error


def _tags(text: str, file: str) -> Iterator[tuple[int, Assignment]]:
    header, _, _ = text.partition("\n")
    # Spreadsheet programs write semicolons where a comma is the decimal sign.
    delimiter = ";" if ";" in header and "," not in header else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().casefold() for name in next(reader, [])]
    if missing := [name for name in COLUMNS if name not in names]:
        raise InvalidFileError(
            f"{file} has no column {missing[0]}. Its first line must be: {','.join(COLUMNS)}."
        )
    places = [names.index(name) for name in COLUMNS]
    begins = reader.line_num + 1
    for row in reader:
        number, begins = begins, reader.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(places):
            raise InvalidFileError(f"{file}, line {number}: it has fewer cells than line 1.")
        scope, scope_id, name, value = (row[place] for place in places)
        yield number, Assignment(scope.strip().casefold(), scope_id.strip(), name.strip(), value)
