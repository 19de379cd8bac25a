"""`inventory prune`: deletes old history."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from inventory import process
from inventory.cli import base
from inventory.cli.options import DURATION, format_option, lock_timeout_option
from inventory.cli.sections import command, option


@command()
@option(
    "--older-than",
    type=DURATION,
    required=True,
    help="Delete what ended longer ago than this: 400d, 104w; at least 35d.",
)
@option("--dry-run", is_flag=True, help="Count what would be deleted; write nothing.")
@lock_timeout_option
@format_option("text", "json")
@base.reports_errors
def prune(older_than: timedelta, dry_run: bool, lock_timeout: float, output_format: str) -> None:
    """Delete history that ended long ago.

    Deletes closed versions, sync outcomes and runs. Current rows are never deleted. What is true
    now stays exact; see "Prune history" in inventory/docs/operations.md for what is lost. Runs may
    go on meanwhile. If it is interrupted, run it again to go on.
    """
    from inventory.db import errors
    from inventory.db import prune as retention
    from inventory.output.rows import write_line, write_object

    engine = base.engine(lock_timeout)
    pruned = retention.prune(engine, older_than, dry_run=dry_run)
    with process.final_output(when=not dry_run):
        if output_format == "json":
            write_object({"cutoff": pruned.cutoff, "dry_run": dry_run, "rows": pruned.rows})
        elif not base.is_quiet():
            for line in _summary(pruned, dry_run):
                write_line(line)
            if dry_run:
                write_line(f"Dry run: nothing was written to {errors.display_url(engine)}.")


def _summary(pruned: Any, dry_run: bool) -> Iterator[str]:
    from inventory import times

    rows = "1 row" if pruned.total == 1 else f"{pruned.total:,} rows"
    deleted = "Would have deleted" if dry_run else "Deleted"
    yield f"{deleted} {rows} that ended before {times.format_local(pruned.cutoff)}."
    for table, count in pruned.rows.items():
        if count:
            yield f"  {count:>13,}  {table}"
