"""`inventory sync`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import NOT_NEGATIVE, PERCENT, POSITIVE, SECONDS, format_option, setting
from inventory.errors import InventoryError


@click.command()
@click.option("--account", help="Name of the account, where the key may not ask for it.")
@setting(
    "--endpoint",
    click.Choice(["auto", "connectors", "connections"]),
    "auto",
    "Name that the list is served under; auto tries the first, then the second.",
)
@setting("--page-size", click.IntRange(1, 1000), 1000, "Connectors asked for at a time.")
@setting("--deadline", SECONDS, 900, "Seconds after which nothing more is asked of the API.")
@setting("--attempts", POSITIVE, 6, "How often one request is sent before the run fails.")
@setting("--connect-timeout", SECONDS, 10, "Seconds to wait for a connection.")
@setting("--read-timeout", SECONDS, 60, "Seconds to wait for an answer to go on.")
@setting("--max-response-mb", POSITIVE, 64, "Largest answer that is read.")
@setting(
    "--suspect-percent",
    PERCENT,
    20,
    "Withhold removals where more than this percentage of all connectors ...",
)
@setting("--suspect-count", POSITIVE, 5, "... and at least this many are missing at once, ...")
@setting("--suspect-group", POSITIVE, 3, "... or all of a group of at least this many.")
@click.option(
    "--accept-removals", "accept", is_flag=True, help="Believe in this run that they are gone."
)
@setting("--max-questions", NOT_NEGATIVE, 500, "Most missing ones that a run asks for and removes.")
@click.option("--skip-if-running", is_flag=True, help="Exit 0 where another run is at work.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@format_option("text", "json")
@frame.reported
def sync(dry_run: bool, skip_if_running: bool, output_format: str, **options: Any) -> None:
    """Walk every page of the list and merge what it says.

    FIVETRAN_API_KEY and FIVETRAN_API_SECRET (or ..._FILE, a file that holds it) give access;
    INVENTORY_DATABASE_URL says where to, by default a SQLite file in the user's data directory;
    INVENTORY_SCHEMA names a PostgreSQL schema. The tables are made by the first run.
    """
    from inventory import database, output, refusals, report, settings
    from inventory import sync as job
    from inventory.errors import AlreadyRunning, RemovalsWithheld

    engine = database.connect(settings.database_settings())
    names = settings.RemovalSettings.__dataclass_fields__
    removals = settings.RemovalSettings(**{name: options.pop(name) for name in names})
    api_settings = settings.api_settings(**options)
    with ending_on_sigterm(), report.progress(wanted=not frame.is_quiet()) as on_page:
        if dry_run:
            row, changes = job.preview(engine, api_settings, removals, on_page=on_page)
        else:
            try:
                row, changes = job.sync(engine, api_settings, removals, on_page=on_page), None
            except AlreadyRunning as running:
                if not skip_if_running:
                    raise
                if not frame.is_quiet():
                    click.echo(f"Skipped: {running.what}", err=True)
                return
            except InventoryError as error:
                if output_format == "json" and error.run is not None:
                    output.write_object(error.run)
                raise
    report.run(
        row,
        changes,
        where=refusals.describe(engine),
        output_format=output_format,
        quiet=frame.is_quiet(),
    )
    if row["withheld"]:
        raise RemovalsWithheld(row["error_message"])


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: nothing merged, the run marked."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: now the run is marked
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
