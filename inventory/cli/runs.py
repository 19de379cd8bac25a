"""`inventory runs`."""

from inventory.cli import base
from inventory.cli.options import POSITIVE, rows_output
from inventory.cli.sections import command, option
from inventory.output.formats import Output


@command()
@option("--limit", metavar="N", type=POSITIVE, default=20, help="Maximum number of runs to show.")
@rows_output
@base.reports_errors
def runs(limit: int, output: Output) -> None:
    """Show the log of runs, newest first.

    A table shows the main columns, JSON and CSV show all.
    """
    from inventory.db import session
    from inventory.output import columns
    from inventory.output.listing import write_rows, write_table
    from inventory.queries.runs import ALL_RUN_COLUMNS, list_runs

    with base.open_session() as connection:
        rows = list_runs(connection, limit=limit)
        now = session.now(connection)
    if output.is_table:
        write_table(rows, columns.RUNS, output, now)
    else:
        write_rows(rows, ALL_RUN_COLUMNS, output)
