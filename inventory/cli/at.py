"""`inventory at`."""

import click

from inventory.cli import base
from inventory.cli.options import TIMESTAMP, filter_options, rows_output
from inventory.cli.sections import command
from inventory.output.formats import Output
from inventory.times import TimeOrAge


@command()
@click.argument("when", metavar="TIME", type=TIMESTAMP)
@filter_options
@rows_output
@base.reports_errors
def at(when: TimeOrAge, output: Output, **filters: tuple[str, ...]) -> None:
    """Show the account as it was at TIME.

    Prints one line per connector that existed then, with its health at that time, worst first.
    TIME is 2026-11-20, 2026-11-20T03:00 (in your time zone), 2026-11-20T03:00Z, yesterday, or a
    duration such as 7d for that long ago.
    """
    from inventory.db import session
    from inventory.output import columns, summary
    from inventory.output.listing import write_rows, write_table
    from inventory.queries import as_of
    from inventory.queries.connectors import matching

    with base.open_session() as connection:
        time = base.resolve_time(connection, when)
        found = as_of.at(connection, time)
        observed = as_of.observed_period(connection)
        now = session.now(connection)
        rows = matching(connection, found, **filters)
    if output.is_table:
        write_table(base.with_names(rows), columns.AT, output, now)
    else:
        write_rows(rows, as_of.COLUMNS, output)
    if (note := summary.beyond(time, observed)) is not None:
        base.print_note(note)
