"""`inventory incidents`."""

from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import TEXT, TIMESTAMP, filter_options, rows_format_option
from inventory.cli.sections import command, option
from inventory.times import TimeOrAge

_COLUMNS = (
    "started_at",
    "ended_at",
    "lasted",
    "connector_id",
    "schema_name",
    "service",
    "group",
    "path",
    "closed_by",
)


@command()
@click.argument("connector", type=TEXT, required=False)
@option("--open", "open_only", is_flag=True, help="Only outages that have not ended.")
@option(
    "--since",
    type=TIMESTAMP,
    help="Only outages that ended after this time, or have not ended: a time, yesterday, or 7d.",
)
@filter_options
@rows_format_option
@base.reports_errors
def incidents(
    connector: str | None,
    open_only: bool,
    since: TimeOrAge | None,
    output_format: Any,
    **place: tuple[str, ...],
) -> None:
    """Show outages, oldest first.

    Prints when each outage began, how long it lasted, which states it went through and how it
    ended, for all connectors or for CONNECTOR (an id or a name).
    """
    from inventory import queries, times
    from inventory.output.rows import write_rows

    with base.open_session() as connection:
        begin = None if since is None else base.resolve_time(connection, since)
        key = base.resolve_connector(connection, connector)
        ids = None if key is None else [key]
        found = queries.list_incidents(
            connection, open_only=open_only, since=begin, connector_ids=ids
        )
        notes = base.recreation_notes(connection, connector, key)
    rows = queries.located(found, **place)
    if output_format == "table":
        lines = [row | {"lasted": times.format_duration(row["minutes"])} for row in rows]
        write_rows(base.with_names(lines), _COLUMNS, "table")
    else:
        write_rows(rows, queries.view_columns("incidents"), output_format)
    base.print_notes(notes)
