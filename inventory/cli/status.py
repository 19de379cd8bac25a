"""`inventory status`."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from inventory.cli import base
from inventory.cli.options import HEALTH, HEALTH_NAMES, TEXT, filter_options, rows_output
from inventory.cli.sections import command, option
from inventory.output.formats import Output

if TYPE_CHECKING:
    from inventory.queries import Rows

_LISTED = ("account_id", "health_since", "owner", "reason")


@command(epilog=HEALTH_NAMES)
@click.argument("connector", type=TEXT, required=False)
@option("--all", "show_all", is_flag=True, help="List connectors that are well, too.")
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
@rows_output
@base.reports_errors
def status(
    connector: str | None,
    show_all: bool,
    down: bool,
    health: tuple[str, ...],
    output: Output,
    **filters: tuple[str, ...],
) -> None:
    """Show the health of each connector, worst first.

    On a terminal, begins with the number of connectors of each health. Then lists those that are
    not well, one per line: health, since when, and why. JSON and CSV list all. With CONNECTOR (an
    id or a name), prints every column of that connector.
    """
    from inventory import queries
    from inventory.db import session
    from inventory.health import REMOVED
    from inventory.output import summary
    from inventory.output.listing import write_facts, write_rows

    is_list = connector is None
    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        columns = _LISTED if output.is_table and is_list else ()
        rows = queries.status(connection, columns, connector_id=key)
        runs = queries.latest_runs(connection)
        notes = base.recreation_notes(connection, connector, key)
        now = session.now(connection)
        rows = queries.matching(connection, rows, **filters)
    if not is_list and not health and any(row["health"] in REMOVED for row in rows):
        health = REMOVED  # a removed connector is shown if the user names it
    chosen = queries.filter_rows(rows, down=down, health=health)
    if not output.is_table:
        write_rows(chosen, queries.view_columns("connector_health"), output)
    elif is_list:
        listed = chosen if show_all or down or health else queries.not_well(chosen)
        _write_list(rows, listed, runs, output, now)
        if hidden := len(chosen) - len(listed):
            base.print_note(f"Not listed because well: {hidden:,}; --all lists them.")
        if not output.screen().is_terminal:
            base.print_note(summary.as_of(runs, rows))
    else:
        write_facts(chosen, output, now)
        base.print_age(runs, output, now)
    base.print_notes(notes)


def _write_list(rows: "Rows", listed: "Rows", runs: "Rows", output: Output, now: datetime) -> None:
    """Write the list; on a terminal below a summary of `rows`."""
    from inventory.output import columns, health_summary, reasons
    from inventory.output.listing import write_table

    screen = output.screen()
    shown = [row | {"since": row["health_since"]} for row in base.with_names(listed)]
    if screen.fits_rows:
        shown = [row | {"reason": reasons.brief(row)} for row in shown]
    above: list[str] = []
    if screen.is_terminal:
        above = [*health_summary.lines(runs, rows, screen, now), *([""] if shown else [])]
    write_table(shown, columns.STATUS, output, now, above=above)
