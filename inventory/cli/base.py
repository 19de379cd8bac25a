"""What every command shares: log options, error reporting, the engine, a read-only session."""

import functools
import io
import math
import sys
import traceback
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import click

from inventory import process
from inventory.cli.sections import OUTPUT, Body, option
from inventory.errors import (
    InventoryError,
    OutputLostError,
    RemovalsWithheldError,
    RunInterruptedError,
    from_unforeseen,
)
from inventory.text import escape_control_chars

if TYPE_CHECKING:
    from inventory import times
    from inventory.output.formats import Output


def reports_errors(body: Body) -> Body:
    """Add the log options to a command; report an error as one line and an exit code."""

    @_log_options
    @functools.wraps(body)
    def wrapped(verbose: int, quiet: bool, log_format: Any, debug: bool, **options: Any) -> None:
        from inventory import logs

        process.use_json(log_format == "json")
        logs.configure(verbosity=verbose, log_format=log_format)
        _escape_unencodable_characters()
        try:
            with process.interruptible():
                body(**options)
                sys.stdout.flush()
                process.ignore_signals()
        except OutputLostError as lost:
            sys.exit(process.finish(0, lost))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BaseException as error:
            _exit_with(_translate(error), debug)
        finally:
            process.ignore_signals()

    return wrapped


def _log_options(body: Body) -> Body:
    for add in reversed(
        (
            option(
                "-v",
                "--verbose",
                section=OUTPUT,
                count=True,
                help="Log more to stderr; -vv also logs libraries.",
            ),
            option(
                "-q", "--quiet", section=OUTPUT, is_flag=True, help="Print problems and data only."
            ),
            option(
                "--log-format",
                section=OUTPUT,
                type=click.Choice(["text", "json"]),
                default="text",
                help="Format of stderr.",
            ),
            option("--debug", section=OUTPUT, is_flag=True, help="Show the traceback of an error."),
        )
    ):
        body = add(body)
    return body


def _escape_unencodable_characters() -> None:
    """Escape what the locale cannot encode, instead of failing in the middle of the output."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_quiet() -> bool:
    """Return whether the running command was given --quiet."""
    return bool(click.get_current_context().params["quiet"])


def _translate(error: BaseException) -> InventoryError:
    is_ours = isinstance(error, InventoryError)
    if isinstance(error, KeyboardInterrupt) or (process.was_interrupted() and not is_ours):
        process.discard_output()  # the reader of a pipe may be gone as well
        return RunInterruptedError(process.INTERRUPTED)
    if isinstance(error, Exception):
        return from_unforeseen(error)
    raise error


def _exit_with(error: InventoryError, debug: bool) -> NoReturn:
    process.ignore_signals()
    from inventory.output import rows
    from inventory.redaction import redacted

    fields: dict[str, Any] = {"error_code": error.code, "exit_code": error.exit_code}
    if debug:
        fields["traceback"] = redacted(traceback.format_exc())
        if not process.uses_json():
            for line in fields["traceback"].splitlines():
                click.echo(escape_control_chars(line), err=True)
    if error.run:
        fields["run"] = rows.json_value(error.run)
    # The message in the run log is the more complete one.
    message = error.run["error_message"] if error.run else str(error)
    if click.get_current_context().params.get("nagios"):
        exit_nagios_unknown(redacted(message))
    process.write_message("error", escape_control_chars(redacted(message)), **fields)
    sys.exit(error.exit_code)


def exit_nagios_unknown(message: str) -> NoReturn:
    """Print UNKNOWN and the message on stdout, where Nagios reads, and exit with its code."""
    from inventory.output import nagios

    with process.final_output():
        click.echo(nagios.line(nagios.UNKNOWN, message))
    sys.exit(nagios.UNKNOWN)


def engine(lock_timeout: float | None = None) -> Any:
    """Return an engine for the configured database, without connecting to it.

    `lock_timeout` is how many seconds to wait for each lock held by others; None = no limit.
    """
    from inventory import settings
    from inventory.db.engine import connect

    configured = connect(settings.database_settings())
    if lock_timeout is None:
        return configured
    from inventory.deadline import Deadline

    return configured.execution_options(deadline=Deadline(math.inf, lock_timeout))


def open_session() -> Any:
    """Return a context manager: a connection that reads one snapshot and cannot write."""
    from inventory.db import session

    return session.open_session(engine())


def print_note(message: str) -> None:
    """Print a note about the output on stderr, after the output where both share a terminal."""
    if not is_quiet():
        sys.stdout.flush()
        process.write_message("info", message)


def print_age(runs: list[dict[str, Any]], output: "Output", now: datetime) -> None:
    """Print how old the data of a table is."""
    from inventory.output import summary
    from inventory.output.cells import CellFormat

    print_note(summary.as_of(runs, time=CellFormat(output.screen(), now).dated))


def print_notes(messages: Iterable[str]) -> None:
    for message in messages:
        print_note(message)


def log_run(row: dict[str, Any]) -> None:
    """Log the row of a successful run for log collectors, if stderr is JSON."""
    if process.uses_json() and not is_quiet():
        from inventory.output import rows

        sys.stdout.flush()
        message = f"Run {row['run_id']} {row['status']}." if row["run_id"] else "Dry run."
        process.write_message("info", message, run=rows.json_value(row))


def raise_if_withheld(row: dict[str, Any]) -> None:
    """Raise an error if a run has withheld removals: it has succeeded, but a person must look."""
    if row["withheld"]:
        error = RemovalsWithheldError(row["error_message"])
        error.run = row
        raise error


def resolve_connector(connection: Any, connector: str | None) -> str | None:
    """Return the connector id that a user's id or name means; None for None."""
    if connector is None:
        return None
    from inventory.queries import lookup

    return lookup.connector_id(connection, connector)


def recreation_notes(connection: Any, connector: str | None, key: str | None) -> list[str]:
    """Return notes about connectors that had the same name before or after this one."""
    if connector is None or key is None:
        return []
    from inventory.output import summary
    from inventory.queries.history import predecessor_and_successor

    links = predecessor_and_successor(connection, key)
    return [escape_control_chars(note) for note in summary.recreation_notes(connector, links)]


def resolve_time(connection: Any, when: "times.TimeOrAge") -> datetime:
    """Return the timestamp that a user's time means, by the database's clock."""
    from inventory import times
    from inventory.db import session

    return times.resolve(when, session.now(connection))


def with_names(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add what tables show of service and group: the name, or the id where that is unknown."""
    return [
        row
        | {
            "service": row["service_name"] or row["service"],
            "group": row["group_name"] or row["group_id"],
        }
        for row in rows
    ]
