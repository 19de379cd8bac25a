"""`inventory at`."""

from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import TIMESTAMP, filter_options, rows_format_option
from inventory.cli.sections import command
from inventory.times import TimeOrAge

_COLUMNS = (
    "health",
    "connector_id",
    "schema_name",
    "service",
    "group",
    "paused",
    "setup_state",
    "sync_state",
    "update_state",
    "schema_status",
    "is_historical_sync",
    "last_sync_failed",
)


@command()
@click.argument("when", metavar="TIME", type=TIMESTAMP)
@filter_options
@rows_format_option
@base.reports_errors
def at(when: TimeOrAge, output_format: Any, **place: tuple[str, ...]) -> None:
    """Show the account as it was at TIME.

    Prints one line per connector that existed then, with its health at that time, worst first.
    TIME is 2026-11-20, 2026-11-20T03:00 (in your time zone), 2026-11-20T03:00Z, yesterday, or a
    duration such as 7d for that long ago.
    """
    from inventory.output import summary
    from inventory.output.rows import write_rows
    from inventory.queries import as_of
    from inventory.queries.connectors import located

    with base.open_session() as connection:
        time = base.resolve_time(connection, when)
        found = as_of.at(connection, time)
        observed = as_of.observed_period(connection)
    rows = located(found, **place)
    if output_format == "table":
        write_rows(base.with_names(rows), _COLUMNS, "table", {"health": base.health_style})
    else:
        write_rows(rows, as_of.COLUMNS, output_format)
    if (note := summary.beyond(time, observed)) is not None:
        base.print_note(note)
