"""`inventory runs`."""

from typing import Any

from inventory.cli import base
from inventory.cli.options import POSITIVE, rows_format_option
from inventory.cli.sections import command, option


@command()
@option("--limit", metavar="N", type=POSITIVE, default=20, help="Maximum number of runs to show.")
@rows_format_option
@base.reports_errors
def runs(limit: int, output_format: Any) -> None:
    """Show the log of runs, newest first.

    A table shows the main columns, JSON and CSV show all.
    """
    from inventory import queries
    from inventory.output.rows import write_rows

    with base.open_session() as connection:
        rows = queries.list_runs(connection, limit=limit)
    columns = queries.RUN_COLUMNS if output_format == "table" else queries.ALL_RUN_COLUMNS
    write_rows(rows, columns, output_format)
