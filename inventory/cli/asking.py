"""The questions: commands that only read."""

from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import POSITIVE, format_option, setting


@click.command()
@setting("--limit", POSITIVE, 20, "How many.")
@format_option("table", "json", "csv")
@frame.reported
def runs(limit: int, output_format: Any) -> None:
    """Show the run log, newest first. A table has the main columns, JSON and CSV have all."""
    from inventory import output, questions

    rows = questions.runs(frame.engine(), limit=limit)
    columns = questions.RUN_COLUMNS if output_format == "table" else questions.ALL_RUN_COLUMNS
    output.write_rows(rows, columns, output_format)


@click.command()
@click.option("--service", "services", multiple=True, help="Only connectors of this type.")
@click.option("--group", "groups", multiple=True, help="Only connectors of this group.")
@click.option(
    "--state",
    "states",
    multiple=True,
    help="Only connectors with this setup, sync, update or schema state, e.g. broken.",
)
@format_option("table", "json", "csv")
@frame.reported
def status(
    services: tuple[str, ...], groups: tuple[str, ...], states: tuple[str, ...], output_format: Any
) -> None:
    """Show one line per connector that exists, with its states. Filters may be repeated."""
    from inventory import output, questions

    rows = questions.status(frame.engine(), services=services, groups=groups, states=states)
    output.write_rows(rows, [column.name for column in questions.STATUS_COLUMNS], output_format)
