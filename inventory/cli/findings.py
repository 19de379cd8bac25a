"""`inventory findings`."""

from typing import Any

from inventory.cli import base
from inventory.cli.options import filter_options, rows_format_option
from inventory.cli.sections import command

_COLUMNS = (
    "finding",
    "since",
    "connector_id",
    "schema_name",
    "service",
    "group",
    "detail",
)


@command()
@filter_options
@rows_format_option
@base.reports_errors
def findings(output_format: Any, **place: tuple[str, ...]) -> None:
    """List non-urgent findings.

    A finding is a connector whose setup was never finished, that has been paused for long, that
    reads the same source as another one, or whose creator is gone, for example.
    """
    from inventory import queries
    from inventory.output.rows import write_rows

    with base.open_session() as connection:
        found = queries.list_findings(connection)
    rows = queries.located(found, **place)
    if output_format == "table":
        write_rows(base.with_names(rows), _COLUMNS, "table")
    else:
        write_rows(rows, queries.view_columns("findings"), output_format)
