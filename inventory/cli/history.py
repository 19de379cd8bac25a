"""`inventory history`: everything that is known about one connector."""

from datetime import timedelta

import click

from inventory.cli import base
from inventory.cli.options import TEXT, rows_output
from inventory.cli.sections import command
from inventory.output.formats import Output


@command()
@click.argument("connector", type=TEXT)
@rows_output
@base.reports_errors
def history(connector: str, output: Output) -> None:
    """Show the history of one connector as a timeline.

    CONNECTOR is an id or a name. Prints its health and its syncs on each of the last 30 days, then
    its outages and changes. JSON contains every version as well; CSV contains the timeline only.
    """
    from inventory.db import session
    from inventory.output import columns, strips, timeline
    from inventory.output.cells import CellFormat
    from inventory.output.happenings import wording_for
    from inventory.output.listing import write_rows, write_table
    from inventory.output.rows import write_object
    from inventory.queries.daily_health import daily_health
    from inventory.queries.history import connector_history

    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        assert key is not None
        found = connector_history(connection, key)
        now = session.now(connection)
        health = daily_health(
            connection,
            first_day=(now - timedelta(days=strips.DAYS - 1)).date(),
            last_day=now.date(),
            connector_ids=[key],
        )[key]
    if output.format == "json":
        write_object(found, indent=1)
    elif output.is_table:
        screen = output.screen()
        events = timeline.events(found, wording_for(CellFormat(screen, now)))
        above = timeline.header(found, health, now, screen)
        write_table(events, columns.TIMELINE, output, now, above=list(above))
    else:
        write_rows(timeline.events(found), timeline.COLUMNS, output)
