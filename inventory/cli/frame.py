"""The frame of every command: log options, errors as one line and an exit code, the database."""

import functools
import io
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

import click

from inventory.errors import Bug, HostTrouble, InventoryError

Command = Callable[..., None]


def reported(command: Command) -> Command:
    """Give a command its log options, and let its errors end in one line and an exit code."""

    @click.option("-v", "--verbose", count=True, help="Say more; twice: libraries too.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something is wrong.")
    @click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Form of the log lines on stderr.",
    )
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(command)
    def wrapped(verbose: int, quiet: bool, log_format: Any, debug: bool, **options: Any) -> None:
        from inventory import logs

        logs.configure(verbosity=verbose, log_format=log_format)
        _write_any_character()
        try:
            command(**options)
        except InventoryError as error:
            _fail(error, debug)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except OSError as error:
            _fail(HostTrouble(f"This host did not do its part: {error}."), debug)
        except Exception as bug:
            _fail(Bug(type(bug).__name__), debug)

    return wrapped


def _write_any_character() -> None:
    """Escape what the locale cannot show, rather than stop half-way through an answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_quiet() -> bool:
    """Say whether the command that runs was told to be."""
    return bool(click.get_current_context().params["quiet"])


def _fail(error: InventoryError, debug: bool) -> NoReturn:
    from inventory.output import printable
    from inventory.redaction import redacted

    if debug:
        for line in redacted(traceback.format_exc()).splitlines():
            click.echo(printable(line), err=True)
    # What the run log says of it is said here, too.
    message = error.run["error_message"] if error.run else str(error)
    click.echo(f"Error: {printable(redacted(message))}", err=True)
    sys.exit(error.exit_code)


def engine() -> Any:
    """The database that the settings name; nothing is contacted yet."""
    from inventory import database, settings

    return database.connect(settings.database_settings())


def remark(words: str) -> None:
    """Say something about an answer, after it, where both go to one place."""
    if not is_quiet():
        sys.stdout.flush()
        click.echo(words, err=True)


def asking() -> Any:
    """A connection that only reads, for the questions of one command; to be used by `with`."""
    from inventory import questions

    return questions.asking(engine())


def named(connection: Any, connector: str | None) -> str | None:
    """The id of the connector that a person means; None for none."""
    from inventory import finding

    return None if connector is None else finding.connector_id(connection, connector)


def before_now(connection: Any, when: datetime | timedelta | None) -> datetime | None:
    """The instant that is meant by a time or by how long ago, by the database's clock."""
    from inventory import questions

    if isinstance(when, timedelta):
        return questions.now(connection) - when
    return when
