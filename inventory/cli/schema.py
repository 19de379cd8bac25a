"""`inventory schema`."""

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import TEXT, format_option
from inventory.cli.sections import command

_DATASETTE = "datasette"


@command()
@click.argument("name", type=TEXT, required=False, metavar="[TABLE|VIEW]")
@format_option("text", "markdown", "dbt", "mermaid", "json", _DATASETTE)
@base.reports_errors
def schema(name: str | None, output_format: Any) -> None:
    """Print the data dictionary: tables, views, columns, joins.

    It reads no database. Without a name, text lists all tables and views, mermaid draws all
    tables, and the other formats describe all.

    \b
    markdown   a dictionary to paste
    dbt        sources.yml, with tests and the freshness of the last run
    mermaid    an entity-relationship diagram
    datasette  metadata.json, with facets and the queries of the documentation
    """
    from inventory.dictionary import formats
    from inventory.output.rows import write_line

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    database = _database_in_datasette() if output_format == _DATASETTE else ""
    for line in formats.lines(output_format, name, width=width, database=database):
        write_line(line)


def _database_in_datasette() -> str:
    """Return how Datasette calls the configured file, or the usual one beside PostgreSQL."""
    url = base.engine().url
    return Path(url.database).stem if url.get_backend_name() == "sqlite" else "inventory"
