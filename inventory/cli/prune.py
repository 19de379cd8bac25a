"""`inventory prune`: how long history is kept."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import DURATION, format_option
from inventory.cli.sync import ending_on_sigterm


@click.command()
@click.option(
    "--older-than",
    type=DURATION,
    required=True,
    help="How long ago it must have ended: 400d, 104w; 35 days at least.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be deleted; write nothing.")
@format_option("text", "json")
@frame.reported
def prune(older_than: timedelta, dry_run: bool, output_format: str) -> None:
    """Delete history that ended long ago.

    That is superseded versions, ends of syncs and runs. What is so now stays, whatever its age, and
    all that answers about the time since then are made of. Runs may go on meanwhile; what is
    interrupted can be run again.
    """
    from inventory import output, refusals
    from inventory import prune as retention

    engine = frame.engine()
    with ending_on_sigterm():
        pruned = retention.prune(engine, older_than, dry_run=dry_run)
    if output_format == "json":
        output.write_object({"horizon": pruned.horizon, "dry_run": dry_run, "rows": pruned.rows})
    elif not frame.is_quiet():
        for line in _summary(pruned, dry_run):
            output.write_line(line)
        if dry_run:
            output.write_line(f"Dry run: nothing was written to {refusals.describe(engine)}.")


def _summary(pruned: Any, dry_run: bool) -> Iterator[str]:
    from inventory import moments

    rows = "1 row" if pruned.total == 1 else f"{pruned.total:,} rows"
    deleted = "Would have deleted" if dry_run else "Deleted"
    yield f"{deleted} {rows} of what was over before {moments.local(pruned.horizon)}."
    for table, count in pruned.rows.items():
        if count:
            yield f"  {count:>13,}  {table}"
