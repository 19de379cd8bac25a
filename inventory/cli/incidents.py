"""`inventory incidents`."""

from typing import Any

import click

from inventory import times
from inventory.cli import base
from inventory.cli.options import TEXT, TIMESTAMP, filter_options, rows_output
from inventory.cli.sections import command, option
from inventory.output.formats import Output
from inventory.times import TimeOrAge


@command()
@click.argument("connector", type=TEXT, required=False)
@option("--open", "open_only", is_flag=True, help="Only outages that have not ended.")
@option(
    "--since",
    type=TIMESTAMP,
    help="Only outages that ended after this time, or have not ended: a time, yesterday, or 7d.",
)
@filter_options
@rows_output
@base.reports_errors
def incidents(
    connector: str | None,
    open_only: bool,
    since: TimeOrAge | None,
    output: Output,
    **filters: tuple[str, ...],
) -> None:
    """Show outages, oldest first.

    Prints when each outage began, how long it lasted, which states it went through and how it
    ended, for all connectors or for CONNECTOR (an id or a name).
    """
    from inventory import queries
    from inventory.db import session
    from inventory.output import columns
    from inventory.output.listing import write_rows, write_table

    with base.open_session() as connection:
        begin = None if since is None else base.resolve_time(connection, since)
        key = base.resolve_connector(connection, connector)
        ids = None if key is None else [key]
        found = queries.list_incidents(
            connection, open_only=open_only, since=begin, connector_ids=ids
        )
        notes = base.recreation_notes(connection, connector, key)
        runs = queries.latest_runs(connection)
        now = session.now(connection)
        rows = queries.matching(connection, found, **filters)
    if output.is_table:
        lines = [row | {"lasted": _lasted(row)} for row in rows]
        write_table(base.with_names(lines), columns.INCIDENTS, output, now)
        if not lines:
            base.print_note("No outage.")
        base.print_age(runs, output, now)
    else:
        write_rows(rows, queries.view_columns("incidents"), output)
    base.print_notes(notes)


def _lasted(outage: dict[str, Any]) -> str:
    lasted = times.format_duration(outage["minutes"])
    return lasted if outage["ended_at"] else f"{lasted} open"
