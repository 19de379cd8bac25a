"""`inventory report`."""

import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import click

from inventory.cli import base
from inventory.cli.options import TEXT, filter_options
from inventory.cli.sections import OUTPUT, command, option
from inventory.errors import ConfigurationError

if TYPE_CHECKING:
    from inventory.output.report.content import Content


@command()
@option(
    "--days",
    type=click.IntRange(1, 366),
    metavar="DAYS",
    default=30,
    help="Days to show, today (UTC) included.",
)
@filter_options
@option(
    "--output",
    section=OUTPUT,
    type=TEXT,
    metavar="FILE",
    default="report.html",
    help="File to write; - is stdout.",
)
@base.reports_errors
def report(days: int, output: str, **filters: tuple[str, ...]) -> None:
    """Write a report as one HTML page.

    The page shows how current the data is, what is down and why, what needs attention, outages,
    the reliability of services, what changed, and each connector day by day. It loads nothing from
    the network, so it can be sent as an attachment, and it can be printed.
    """
    from inventory.cli.output_file import require_another_file
    from inventory.db import session
    from inventory.output import summary
    from inventory.output.report.page import render
    from inventory.queries.report import report as read

    with base.open_session() as connection:
        content = read(connection, days=days, **filters)
        file = session.file_of(connection)
    _require_a_match(content, filters)
    require_another_file(output, file)
    page = render(content).encode()
    current = summary.as_of(content.runs, content.connectors)
    if output == "-":
        _print(page)
        base.print_note(current)
    else:
        _write(output, page, current)


def _require_a_match(content: "Content", filters: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigurationError if a mistyped name would make a report on which all is well."""
    if content.connectors or not any(filters.values()):
        return
    names = {"groups": "--group", "services": "--service", "owners": "--owner"}
    given = [f"{names[each]} {value}" for each, values in filters.items() for value in values]
    raise ConfigurationError(
        f"No connector matches {' '.join(given)}. Check the spelling; a name must be whole."
    )


def _print(page: bytes) -> None:
    """Write the page in the encoding that it names, whatever the locale."""
    sys.stdout.flush()
    sys.stdout.buffer.write(page)


def _write(output: str, page: bytes, current: str) -> None:
    from inventory import process
    from inventory.cli.output_file import write_file
    from inventory.output.rows import write_line
    from inventory.text import escape_control_chars

    write_file(output, page)
    with process.final_output():
        if not base.is_quiet():
            size = f"{len(page) / 1000:,.0f} KB"
            write_line(escape_control_chars(f"Wrote {output}, {size}. {current}"))
