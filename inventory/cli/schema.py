"""`inventory schema`."""

from pathlib import Path
from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import TEXT, format_option, no_pager_option
from inventory.cli.sections import command

_DATASETTE = "datasette"


@command()
@click.argument("name", type=TEXT, required=False, metavar="[TABLE|VIEW|FUNCTION]")
@format_option("text", "markdown", "dbt", "mermaid", "json", _DATASETTE)
@no_pager_option
@base.reports_errors
def schema(name: str | None, output_format: Any, no_pager: bool) -> None:
    """Print the data dictionary: tables, views, columns, joins.

    It reads no database. Without a name, text lists all tables, views and functions, mermaid draws
    all tables, and the other formats describe all. dbt, mermaid and datasette leave out functions,
    which only PostgreSQL has, and the secret digest_key.

    \b
    markdown   a dictionary to paste
    dbt        sources.yml, with tests and the freshness of the last run
    mermaid    an entity-relationship diagram
    datasette  metadata.json, with facets and the queries of the documentation
    """
    from inventory.dictionary import formats
    from inventory.output.screen import of_stdout

    screen = of_stdout()
    database = _database_in_datasette() if output_format == _DATASETTE else ""
    lines = formats.lines(output_format, name, screen=screen, database=database)
    screen.show([*lines], pager=not no_pager)


def _database_in_datasette() -> str:
    """Return how Datasette calls the configured file, or the usual one beside PostgreSQL."""
    url = base.engine().url
    return Path(url.database).stem if url.get_backend_name() == "sqlite" else "inventory"
