"""`inventory check`: what a monitoring system calls."""

from datetime import timedelta
from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import DURATION, HEALTH, asked_format, setting

FINDINGS = 3  # as of all that a person must look at


@click.command()
@setting("--for", DURATION, "0m", "Only what has lasted this long: 30m, 2h, 1d.")
@click.option(
    "--health", type=HEALTH, multiple=True, help="Look for this health instead of what is down."
)
@click.option(
    "--max-age",
    type=DURATION,
    help="How old the last complete run may be; by default three of its usual intervals.",
)
@asked_format
@frame.reported
def check(
    health: tuple[str, ...],
    max_age: timedelta | None,
    output_format: Any,
    **options: Any,
) -> None:
    """Exit with 3 if something is down or too old, else with 0.

    There is a line for each finding: what is down, and where the inventory is too old to tell or
    withholds removals.
    """
    from inventory import checks, output, questions, summary

    with frame.asking() as connection:
        found = checks.findings(connection, lasting=options["for"], health=health, max_age=max_age)
        runs = questions.latest_runs(connection)
    if output_format != "table":
        output.write_rows(found, checks.COLUMNS, output_format)
    elif found:
        for finding in found:
            output.write_line(output.printable(checks.line(finding)))
    elif not frame.is_quiet():
        output.write_line(f"All is well. {summary.as_of(runs)}")
    if found:
        click.get_current_context().exit(FINDINGS)
