"""`inventory changes`."""

import click

from inventory.cli import base
from inventory.cli.options import SINCE, TEXT, filter_options, rows_output
from inventory.cli.sections import command, option
from inventory.output.formats import Output
from inventory.times import TimeOrAge


@command()
@click.argument("connector", type=TEXT, required=False)
@option(
    "--since",
    type=SINCE,
    default="24h",
    help="Start of the period: a time, today, yesterday, a duration such as 7d or 1h30m, or "
    "last-run for the changes of the last run.",
)
@option(
    "--field",
    "fields",
    type=TEXT,
    multiple=True,
    help="Only this field and the fields inside it: config includes config.host. Repeatable.",
)
@filter_options
@rows_output
@base.reports_errors
def changes(
    connector: str | None,
    since: TimeOrAge | None,
    fields: tuple[str, ...],
    output: Output,
    **filters: tuple[str, ...],
) -> None:
    """Show what changed, oldest first, one line per field.

    Covers settings, states, alerts and setup tests of all connectors, or of CONNECTOR (an id or a
    name). A change happened at or before changed_at, and after the previous complete run.
    """
    from inventory import queries
    from inventory.db import session
    from inventory.output import columns, happenings
    from inventory.output.cells import CellFormat
    from inventory.output.happenings import wording_for
    from inventory.output.listing import write_rows, write_table

    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        begin = None if since is None else base.resolve_time(connection, since)
        found = queries.list_changes(connection, since=begin, fields=fields, connector_id=key)
        notes = base.recreation_notes(connection, connector, key)
        runs = queries.latest_runs(connection)
        now = session.now(connection)
        rows = queries.matching(connection, found, **filters)
    if output.is_table:
        wording = wording_for(CellFormat(output.screen(), now))
        told = [row | {"change": happenings.describe(row, wording).told} for row in rows]
        write_table(told, columns.CHANGES, output, now)
        if not told:
            base.print_note("Nothing changed.")
        base.print_age(runs, output, now)
    else:
        write_rows(rows, queries.view_columns("state_changes"), output)
    base.print_notes(notes)
