"""`inventory findings`."""

from inventory.cli import base
from inventory.cli.options import filter_options, rows_output
from inventory.cli.sections import command
from inventory.output.formats import Output


@command()
@filter_options
@rows_output
@base.reports_errors
def findings(output: Output, **filters: tuple[str, ...]) -> None:
    """List non-urgent findings.

    A finding is a connector whose setup was never finished, that has been paused for long, that
    reads the same source as another one, or whose creator is gone, for example.
    """
    from inventory import queries
    from inventory.db import session
    from inventory.output import columns
    from inventory.output.listing import write_rows, write_table

    with base.open_session() as connection:
        found = queries.list_findings(connection)
        runs = queries.latest_runs(connection)
        now = session.now(connection)
        rows = queries.matching(connection, found, **filters)
    if output.is_table:
        write_table(base.with_names(rows), columns.FINDINGS, output, now)
        if not rows:
            base.print_note("No finding.")
        base.print_age(runs, output, now)
    else:
        write_rows(rows, queries.view_columns("findings"), output)
