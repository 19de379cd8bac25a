"""`inventory history`: everything that is known about one connector."""

from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import TEXT, rows_format_option
from inventory.cli.sections import command


@command()
@click.argument("connector", type=TEXT)
@rows_format_option
@base.reports_errors
def history(connector: str, output_format: Any) -> None:
    """Show the history of one connector as a timeline.

    CONNECTOR is an id or a name. The timeline covers its syncs, outages and changes. JSON contains
    every version as well; CSV contains the timeline only.
    """
    from inventory import queries
    from inventory.db import session
    from inventory.output import timeline
    from inventory.output.rows import write_line, write_object, write_rows
    from inventory.text import escape_control_chars

    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        assert key is not None
        found = queries.connector_history(connection, key)
        today = session.now(connection).date()
    if output_format == "json":
        write_object(found, indent=1)
        return
    if output_format == "table":
        for line in timeline.header(found, today):
            write_line(escape_control_chars(line))
    rows = [event._asdict() for event in timeline.events(found)]
    write_rows(rows, timeline.TimelineEvent._fields, output_format, {"kind": _style})


def _style(event: Any) -> str:
    return {"down": "bold red", "recovered": "green"}.get(event["kind"], "")
