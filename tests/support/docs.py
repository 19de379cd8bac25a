"""Reads the documentation, and rewrites the parts of it that are generated.

`.venv/bin/python tests/support/docs.py` writes `inventory/docs/schema.md` from the models, the
headers of the views and the health rules, the result below each query of the other pages from the
demo's database, and what `inventory schedule` prints. `tests/test_docs.py` compares them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from inventory.db.views import FUNCTIONS, PARAMETER, VIEWS, View
from inventory.health import SHOWN
from inventory.models import METADATA
from inventory.schedules import KINDS, Kind, Schedule, join, render
from inventory.schedules.database import ChosenDatabase
from inventory.schedules.installation import Installation

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "inventory" / "docs"
SCHEMA = DOCS / "schema.md"
SCHEDULES = DOCS / "schedules.md"
PAGES = (README, *sorted(DOCS.glob("*.md")), *sorted((ROOT / ".github").glob("*.md")))

QUERY = re.compile(r"(^```sql\n(.*?);\n```\n\n```text\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
SCHEDULE = re.compile(
    r"(^`inventory schedule (\w+)` prints:\n\n```\w+\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE
)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)

_HEAD = """\
# Schema

Generated from the models, the headers of the views and the health rules by
`tests/support/docs.py`: change those, not this page.

**From 0.2.0 on, the names of tables, views, functions and columns are a promise.** A release may
add names; it does not rename or remove one. A test lists them. The order of columns is not
promised, so name the columns that you read.

Types are those of PostgreSQL; how SQLite stores them, and what the values mean, is in
[semantics](semantics.md).

## Health

Each connector has one health, the first in this order that matches. Those marked *down* count as
outages. Severity: 3 = down, 2 = somebody must act, 1 = worth a look, 0 = as it should be. The last
one is never stored: only views about now show it.

| health | down | severity | meaning |
|---|---|---|---|
"""


def blocks(language: str, *pages: Path) -> list[str]:
    """Return the contents of the fenced blocks of a language."""
    fence = rf"^```{language}\n(.*?)^```$"
    return [
        block
        for page in pages or PAGES
        for block in re.findall(fence, page.read_text(), re.DOTALL | re.MULTILINE)
    ]


def anchors(page: Path) -> set[str]:
    """Return what links may point to within a page, by GitHub's rules."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    words = (re.sub(r"[^\w -]", "", heading).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


# --- schema.md ------------------------------------------------------------------------------


def schema_page() -> str:
    """Return what schema.md should contain."""
    return f"{_HEAD}{''.join(_health())}\n{''.join(_sections())}".rstrip("\n") + "\n"


def _health() -> Iterator[str]:
    for rule in SHOWN:
        is_down = "down" if rule.is_down else ""
        yield f"| `{rule.name}` | {is_down} | {rule.severity} | {rule.meaning} |\n"


def _sections() -> Iterator[str]:
    yield "## Tables\n\n"
    for table in METADATA.sorted_tables:
        columns = ((each.name, each.type, each.comment, each.primary_key) for each in table.columns)
        yield from _section(f"`{table.name}`", table.comment, columns)
    yield "## Views\n\n"
    for view in VIEWS.values():
        yield from _view(f"`{view.name}`", view)
    yield "## Functions\n\nOn PostgreSQL only.\n\n"
    for function in FUNCTIONS.values():
        yield from _view(f"`{function.name}({PARAMETER} timestamptz)`", function)


def _view(heading: str, view: View) -> Iterator[str]:
    columns = ((name, each.type, each.comment, False) for name, each in view.columns.items())
    yield from _section(heading, view.comment, columns)


def _section(
    heading: str,
    grain: str | None,
    columns: Iterable[tuple[str, TypeEngine[Any], str | None, bool]],
) -> Iterator[str]:
    assert grain
    yield f"### {heading}\n\n{grain}.\n\n| column | type | meaning |\n|---|---|---|\n"
    for name, kind, comment, is_key in columns:
        assert comment
        meaning = comment.replace("|", "\\|")
        yield f"| `{name}`{' (key)' if is_key else ''} | {_type(kind)} | {meaning} |\n"
    yield "\n"


def _type(kind: TypeEngine[Any]) -> str:
    words = str(kind.compile(postgresql.dialect())).lower()
    return words.replace("timestamp with time zone", "timestamptz")


# --- schedules.md ---------------------------------------------------------------------------


def documented_schedule(kind: Kind) -> Schedule:
    """The schedule that the page shows."""
    return Schedule(
        every=timedelta(minutes=15),
        installation=Installation(("/opt/inventory/bin/inventory",)),
        database=ChosenDatabase(
            "postgresql://inventory:...@db.example.com/observability", is_file=False, spread=7
        ),
        env_file="/etc/inventory.env" if kind == "systemd" else "/home/ada/.inventory.env",
    )


def schedules_page(page: str) -> str:
    """Return the page with what the command prints below each of its names."""

    def with_files(example: re.Match[str]) -> str:
        opening, kind, _, closing = example.groups()
        assert kind in KINDS
        return f"{opening}{join(render(kind, documented_schedule(kind)))}{closing}"

    return SCHEDULE.sub(with_files, page)


# --- results of queries ---------------------------------------------------------------------


def _rewrite_results() -> None:
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/inventory-demo.db"
        environment = os.environ | {"INVENTORY_DATABASE_URL": database, "TZ": "UTC"}

        def inventory(*words: str) -> str:
            command = [sys.executable, "-m", "inventory", *words]
            return subprocess.run(
                command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
            ).stdout

        def with_result(example: re.Match[str]) -> str:
            opening, sql, _, closing = example.groups()
            return f"{opening}{inventory('query', sql)}{closing}"

        inventory("demo")
        for page in PAGES:
            page.write_text(QUERY.sub(with_result, page.read_text()))


if __name__ == "__main__":
    SCHEMA.write_text(schema_page())
    SCHEDULES.write_text(schedules_page(SCHEDULES.read_text()))
    _rewrite_results()
