"""`inventory status`."""

from typing import Any

import click

from inventory.cli import base
from inventory.cli.options import HEALTH, HEALTH_NAMES, TEXT, filter_options, rows_format_option
from inventory.cli.sections import command, option

_COLUMNS = ("health", "since", "connector_id", "schema_name", "service", "group", "reason")


@command(epilog=HEALTH_NAMES)
@click.argument("connector", type=TEXT, required=False)
@option("--down", is_flag=True, help="Only connectors that are down.")
@option(
    "--health",
    metavar="HEALTH",
    type=HEALTH,
    multiple=True,
    help="Only connectors of this health. Repeatable. Without it, deleted and not_visible "
    "connectors are left out.",
)
@filter_options
@rows_format_option
@base.reports_errors
def status(connector: str | None, output_format: Any, **filters: Any) -> None:
    """Show the health of each connector, worst first.

    Prints one line per connector: its health, since when, and why. With CONNECTOR (an id or a
    name), prints every column of that connector.
    """
    from inventory import queries
    from inventory.health import REMOVED
    from inventory.output import summary

    is_table, is_list = output_format == "table", connector is None
    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        columns = ("account_id", "health_since", "reason") if is_table and is_list else ()
        rows = queries.status(connection, columns, connector_id=key)
        runs = queries.latest_runs(connection)
        notes = base.recreation_notes(connection, connector, key)
    if not is_list and not filters["health"] and rows[0]["health"] in REMOVED:
        filters["health"] = REMOVED  # a removed connector is shown if the user names it
    _write(queries.filter_rows(rows, **filters), output_format, is_list=is_list)
    if is_table:
        base.print_note(summary.as_of(runs, rows if is_list else None))
    base.print_notes(notes)


def _write(rows: Any, output_format: Any, *, is_list: bool) -> None:
    from inventory import queries
    from inventory.output.rows import write_facts, write_rows

    if output_format != "table":
        write_rows(rows, queries.view_columns("connector_health"), output_format)
    elif is_list:
        lines = [row | {"since": row["health_since"]} for row in base.with_names(rows)]
        write_rows(lines, _COLUMNS, "table", {"health": base.health_style})
    else:
        for row in rows:
            write_facts(row)
