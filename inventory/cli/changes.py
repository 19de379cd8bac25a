"""`inventory changes`."""

from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import SINCE, TEXT, filter_options, rows_format_option
from inventory.cli.sections import command, option
from inventory.times import TimeOrAge

_COLUMNS = (
    "changed_at",
    "connector_id",
    "schema_name",
    "table_name",
    "kind",
    "field",
    "old_value",
    "new_value",
)


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
@rows_format_option
@base.reports_errors
def changes(
    connector: str | None,
    since: TimeOrAge | None,
    fields: tuple[str, ...],
    output_format: Any,
    **place: tuple[str, ...],
) -> None:
    """Show what changed, oldest first, one line per field.

    Covers settings, states, alerts and setup tests of all connectors, or of CONNECTOR (an id or a
    name). A change happened at or before changed_at, and after the previous complete run.
    """
    from inventory import queries
    from inventory.output.rows import write_rows

    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        begin = None if since is None else base.resolve_time(connection, since)
        found = queries.list_changes(connection, since=begin, fields=fields, connector_id=key)
        notes = base.recreation_notes(connection, connector, key)
    rows = queries.located(found, **place)
    columns = _COLUMNS if output_format == "table" else queries.view_columns("state_changes")
    write_rows(rows, columns, output_format)
    base.print_notes(notes)
