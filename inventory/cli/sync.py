"""`inventory sync`."""

from typing import Any

from inventory import process
from inventory.cli import base, pings
from inventory.cli.options import format_option
from inventory.cli.run_options import (
    ENRICHMENT_OPTIONS,
    READ_OPTIONS,
    REMOVAL_OPTIONS,
    WAIT_OPTIONS,
    settings_of,
)
from inventory.cli.sections import command, option
from inventory.errors import InventoryError


@command(cls=pings.PingingCommand)
@option(
    "--dry-run",
    is_flag=True,
    help="Show what would change; write nothing and run no setup tests.",
)
@option("--skip-if-running", is_flag=True, help="Exit 0 if another run is in progress.")
@READ_OPTIONS
@WAIT_OPTIONS
@ENRICHMENT_OPTIONS
@REMOVAL_OPTIONS
@format_option("text", "json")
@base.reports_errors
def sync(dry_run: bool, skip_if_running: bool, output_format: str, **options: Any) -> None:
    """Read every connector from the API and save what changed.

    \b
    Environment variables:
      FIVETRAN_API_KEY        API key, required
      FIVETRAN_API_SECRET     API secret, required
      INVENTORY_DATABASE_URL  postgresql://user:password@host/database or
                              sqlite:////path; by default a SQLite file in
                              your data directory
      INVENTORY_SCHEMA        schema of the tables, PostgreSQL only
      INVENTORY_PING_URL      healthchecks.io or alike: gets /start, then the
                              exit code and the last lines printed

    All but the schema may be in files: FIVETRAN_API_KEY_FILE and so on name them. The first run
    creates the tables.
    """
    from inventory.errors import AlreadyRunningError, RunHangsError

    pings.start()
    try:
        row = _run(dry_run=dry_run, output_format=output_format, **options)
    except AlreadyRunningError as running:
        if dry_run or not skip_if_running or isinstance(running, RunHangsError):
            raise
        base.print_note(f"Skipped: {running.what}")
        return
    except InventoryError as error:
        if output_format == "json" and not dry_run and error.run is not None:
            _print_failed_run(error)
        raise
    base.raise_if_withheld(row)
    base.log_run(row)


def _run(
    *,
    dry_run: bool,
    output_format: str,
    lock_timeout: float | None,
    **options: Any,
) -> dict[str, Any]:
    """Execute the run, print its report and return its row."""
    from inventory.db import errors
    from inventory.output import run_report
    from inventory.sync import run as job
    from inventory.sync.preview import preview

    engine = base.engine()
    api_settings, removals, enrichment = settings_of(options)
    is_interactive = not (base.is_quiet() or process.uses_json())
    notes: list[str] = []
    with run_report.progress(wanted=is_interactive) as on_page:
        how: dict[str, Any] = {
            "on_page": on_page,
            "on_note": notes.append,
            "lock_timeout": lock_timeout,
            "enrichment": enrichment,
        }
        if dry_run:
            row, changes = preview(engine, api_settings, removals, **how)
        else:
            row, changes = job.sync(engine, api_settings, removals, **how), None
    with process.final_output(when=bool(row["withheld"]) or not dry_run):
        run_report.run(
            row,
            changes,
            where=errors.display_url(engine),
            output_format=output_format,
            quiet=base.is_quiet(),
            notes=notes,
        )
    return row


def _print_failed_run(error: InventoryError) -> None:
    from inventory.output import rows

    assert error.run is not None
    with process.final_output():
        rows.write_object(error.run)
