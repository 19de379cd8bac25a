"""`inventory notify`."""

from typing import TYPE_CHECKING

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import SECONDS, TEXT
from inventory.cli.sections import command, option
from inventory.text import escape_control_chars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inventory.notify.run import Report


@command()
@option("--dry-run", is_flag=True, help="Print what would be sent to whom; send and write nothing.")
@option(
    "--test",
    metavar="CHANNEL",
    type=TEXT,
    help="Send a test message to this channel, and nothing else.",
)
@option(
    "--lock-timeout",
    metavar="SECONDS",
    type=SECONDS,
    default=60,
    help="Maximum time to wait for another `inventory notify`.",
)
@base.reports_errors
def notify(dry_run: bool, test: str | None, lock_timeout: float) -> None:
    """Tell people what went down, and what is well again.

    Sends at most one message to each channel of the configuration, a TOML file that
    INVENTORY_CONFIG names; by default config.toml in your config directory. An outage is announced
    once it has lasted for a while, once more per day while it is open, and when it is over. A
    channel that fails is tried again by the next run.
    """
    from inventory.notify import config, run

    if dry_run and test is not None:
        raise click.UsageError("--dry-run cannot be combined with --test.")
    settings = config.load()
    if dry_run:
        _print_messages(run.preview(base.engine(), settings))
    elif test is not None:
        _finish([run.send_test(settings, test)])
    else:
        tell(lock_timeout)


def tell(lock_timeout: float | None = None) -> None:
    """Tell each channel its news, and raise an error if one could not be told."""
    from inventory.notify import config, run

    settings = config.load()
    timeout = run.LOCK_TIMEOUT if lock_timeout is None else lock_timeout
    _finish(run.notify(base.engine(), settings, lock_timeout=timeout))


def _finish(reports: "Sequence[Report]") -> None:
    from inventory.notify import run
    from inventory.output.rows import write_line

    error = run.failure(reports)
    with process.final_output(when=error is None):
        for report in reports if not base.is_quiet() else ():
            if report.error is None:
                write_line(escape_control_chars(f"{report.channel}: {_said(report)}"))
    if error is not None:
        raise error


def _said(report: "Report") -> str:
    return f"sent {report.message.title!r}" if report.message else "nothing to tell"


def _print_messages(reports: "Sequence[Report]") -> None:
    from inventory.output.rows import write_line

    for report in reports:
        if report.message is None:
            write_line(escape_control_chars(f"{report.channel}: nothing to tell"))
            continue
        write_line(
            escape_control_chars(f"{report.channel}: would send, as {report.message.severity}:")
        )
        for line in (report.message.title, *report.message.plain().split("\n")):
            write_line(escape_control_chars(f"    {line}") if line else "")
