"""`inventory findings`."""

from typing import Any

from inventory.cli import base
from inventory.cli.options import rows_format_option
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
@rows_format_option
@base.reports_errors
def findings(output_format: Any) -> None:
    """List non-urgent findings.

    A finding is a connector whose setup was never finished, that has been paused for long, that
    reads the same source as another one, or whose creator is gone, for example.
    """
    from inventory import queries
    from inventory.output.rows import write_rows

    with base.open_session() as connection:
        rows = queries.list_findings(connection)
    if output_format == "table":
        write_rows(base.with_names(rows), _COLUMNS, "table")
    else:
        write_rows(rows, queries.view_columns("findings"), output_format)
