"""Reads the documentation, and rewrites the parts of it that are generated.

`.venv/bin/python tests/support/docs.py` writes `inventory/docs/schema.md`, which is what `inventory
schema --format markdown` prints, and the result below each query of the other pages from the demo's
database. `tests/test_docs.py` compares both.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from inventory.dictionary import markdown
from inventory.dictionary.entities import all_entities

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "inventory" / "docs"
SCHEMA = DOCS / "schema.md"
PAGES = (README, *sorted(DOCS.glob("*.md")), *sorted((ROOT / ".github").glob("*.md")))

QUERY = re.compile(r"(^```sql\n(.*?);\n```\n\n```text\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
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
    _rewrite_results()
