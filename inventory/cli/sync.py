"""`inventory sync`."""

from typing import Any

import click

from inventory import process
from inventory.cli import base, pings
from inventory.cli.notify import tell
from inventory.cli.options import format_option
from inventory.cli.run_options import (
    ENRICHMENT_OPTIONS,
    READ_OPTIONS,
    REMOVAL_OPTIONS,
    WAIT_OPTIONS,
    settings_of,
)
from inventory.cli.sections import command, option
from inventory.errors import InventoryError, RunInterruptedError


@command(cls=pings.PingingCommand)
@option(
    "--dry-run",
    is_flag=True,
    help="Show what would change; write nothing and run no setup tests.",
)
@option("--skip-if-running", is_flag=True, help="Exit 0 if another run is in progress.")
@option(
    "--notify",
    is_flag=True,
    help="Then do as `inventory notify`, also after a run that failed.",
)
@READ_OPTIONS
@WAIT_OPTIONS
@ENRICHMENT_OPTIONS
@REMOVAL_OPTIONS
@format_option("text", "json")
@base.reports_errors
def sync(dry_run: bool, notify: bool, **options: Any) -> None:
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
    if notify and dry_run:
        raise click.UsageError("--notify cannot be combined with --dry-run.")
    pings.start()
    try:
        is_skipped = not _sync(dry_run=dry_run, **options)
    except Exception as error:  # one that nothing foresees is not to silence the rest
        if notify and not isinstance(error, (RunInterruptedError, click.ClickException)):
            _notify_after_failure()
        raise
    if notify and not is_skipped:
        with process.interruptible():
            tell()


def _sync(*, dry_run: bool, skip_if_running: bool, output_format: str, **options: Any) -> bool:
    """Execute a run and report it; return False if it was skipped."""
    from inventory.errors import AlreadyRunningError, RunHangsError

    try:
        row = _run(dry_run=dry_run, output_format=output_format, **options)
    except AlreadyRunningError as running:
        if dry_run or not skip_if_running or isinstance(running, RunHangsError):
            raise
        base.print_note(f"Skipped: {running.what}")
        return False
    except InventoryError as error:
        if output_format == "json" and not dry_run and error.run is not None:
            _print_failed_run(error)
        raise
    base.raise_if_withheld(row)
    base.log_run(row)
    return True


def _notify_after_failure() -> None:
    """Tell people; the error of the run decides the exit code, whatever becomes of this."""
    from inventory.redaction import redacted
    from inventory.text import escape_control_chars

    try:
        with process.interruptible():
            tell()
    except InventoryError as error:
        process.write_message("warning", escape_control_chars(redacted(str(error))))


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
