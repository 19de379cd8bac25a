"""Reads the documentation, and rewrites the parts of it that are generated.

`.venv/bin/python tests/support/docs.py` writes `inventory/docs/schema.md`, which is what `inventory
schema --format markdown` prints, the result below each query of the other pages from the demo's
database, and what `inventory schedule` prints. `tests/test_docs.py` compares them.
"""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from inventory.dictionary import markdown
from inventory.dictionary.entities import all_entities
from inventory.schedules.chosen_database import ChosenDatabase
from inventory.schedules.files import Schedule, join, render
from inventory.schedules.installation import Installation
from inventory.schedules.kinds import KINDS, Kind

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "inventory" / "docs"
SCHEMA = DOCS / "schema.md"
SCHEDULES = DOCS / "schedules.md"
PAGES = (README, *sorted(DOCS.glob("*.md")), *sorted((ROOT / ".github").glob("*.md")))
# What they show is run by tests/export, see support/lake_pages.py.
EXPORT_README = ROOT / "inventory" / "export" / "README.md"
EXPORT_PAGES = (EXPORT_README, EXPORT_README.with_name("questions.md"))
ALL_PAGES = (*PAGES, *EXPORT_PAGES)

QUERY = re.compile(r"(^```sql\n(.*?);\n```\n\n```text\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
SCHEDULE = re.compile(
    r"(^`inventory schedule (\w+)` prints:\n\n```\w+\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE
)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


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
    """Return what schema.md should contain: what `inventory schema` prints."""
    return "".join(f"{line}\n" for line in markdown.page(all_entities()))


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
