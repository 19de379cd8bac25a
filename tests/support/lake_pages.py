"""The pages about the export: their snippets and their questions, as they are run by tests."""

import contextlib
import io
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from support.docs import EXPORT_PAGES, QUERY

README, QUESTIONS_PAGE = EXPORT_PAGES

SNIPPET = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
AVAILABILITY = 9  # the question that the database has no view for


class Question(NamedTuple):
    """A question of the page, as it stands there."""

    sql: str
    shown: str


class Snippet(NamedTuple):
    code: str
    shown: str

    @property
    def is_for_spark(self) -> bool:
        return "pyspark" in self.code


def questions() -> dict[int, Question]:
    """Return them by their number on the page."""
    found = QUERY.findall(QUESTIONS_PAGE.read_text())
    return {number: Question(sql, shown) for number, (_, sql, shown, _) in enumerate(found, 1)}


def snippets() -> list[Snippet]:
    return [Snippet(*found) for found in SNIPPET.findall(README.read_text())]


def run_snippet(code: str, names: dict[str, Any], folder: Path) -> str:
    """Run a snippet in a folder, with the names that others left; return what it prints."""
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(code, README.name, "exec"), names)
    return printed.getvalue()


def plain(rows: Any) -> list[tuple[Any, ...]]:
    """Return rows whose values are equal if they mean the same."""
    return [tuple(map(_plain, row.values() if isinstance(row, dict) else row)) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        assert value.tzinfo is not None
        return value.astimezone(UTC).isoformat()
    if value is None or isinstance(value, (str, bool, date)):
        return value
    return round(float(value), 6)
