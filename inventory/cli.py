"""The command line: parse, call one function, print, exit with the code that cron reads.

Only click and the standard library are imported up here: whoever asks for help, and cron every
time, pays for each import. Data goes to stdout, everything else to stderr.
"""

import functools
import io
import math
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from inventory import __version__
from inventory.errors import Bug, HostTrouble, InventoryError

Command = Callable[..., None]
Decorator = Callable[[Command], Command]

_EXITS = """\b
Exit codes:
  0  good
  1  the next run may succeed (API or database away, rate limit, lock held)
  2  settings, key or schema must be fixed first
  3  a person must look (too many connectors missing, no inventory from the API, or a bug)
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXITS,
)
@click.version_option(__version__, prog_name="inventory")
def main() -> None:
    """Keep every Fivetran connector of an account in SQL: current state and full history."""


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


def _is_quiet() -> bool:
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


class _Finite(click.FloatRange):
    """A range that "nan" is not in, which no comparison keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


POSITIVE, NOT_NEGATIVE = click.IntRange(1, 1_000_000), click.IntRange(0, 1_000_000)
SECONDS, PERCENT = _Finite(0, 31_536_000, min_open=True), _Finite(0, 100)


def setting(flag: str, kind: "click.ParamType[Any]", default: Any, words: str) -> Decorator:
    """An option that shows its default."""
    return click.option(flag, type=kind, default=default, show_default=True, help=words)


def format_option(*formats: str) -> Decorator:
    """--format, the first of the formats being the default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the answer on stdout.",
    )


# --- sync -----------------------------------------------------------------------------------


@main.command()
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
@reported
def sync(dry_run: bool, skip_if_running: bool, output_format: str, **options: Any) -> None:
    """Walk every page of the account's connectors and merge what they say into the database.

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
    with _ending_on_sigterm(), report.progress(wanted=not _is_quiet()) as on_page:
        if dry_run:
            row, changes = job.preview(engine, api_settings, removals, on_page=on_page)
        else:
            try:
                row, changes = job.sync(engine, api_settings, removals, on_page=on_page), None
            except AlreadyRunning as running:
                if not skip_if_running:
                    raise
                if not _is_quiet():
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
        quiet=_is_quiet(),
    )
    if row["withheld"]:
        raise RemovalsWithheld(row["error_message"])


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: nothing merged, the run marked."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: now the run is marked
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- questions ------------------------------------------------------------------------------


@main.command()
@setting("--limit", POSITIVE, 20, "How many.")
@format_option("table", "json", "csv")
@reported
def runs(limit: int, output_format: Any) -> None:
    """Show the run log, newest first. A table has the main columns, JSON and CSV have all."""
    from inventory import output, questions

    rows = questions.runs(_engine(), limit=limit)
    columns = questions.RUN_COLUMNS if output_format == "table" else questions.ALL_RUN_COLUMNS
    output.write_rows(rows, columns, output_format)


@main.command()
@click.option("--service", "services", multiple=True, help="Only connectors of this type.")
@click.option("--group", "groups", multiple=True, help="Only connectors of this group.")
@click.option(
    "--state",
    "states",
    multiple=True,
    help="Only connectors with this setup, sync, update or schema state, e.g. broken.",
)
@format_option("table", "json", "csv")
@reported
def status(
    services: tuple[str, ...], groups: tuple[str, ...], states: tuple[str, ...], output_format: Any
) -> None:
    """Show one line per connector that exists, with its states. Filters may be repeated."""
    from inventory import output, questions

    rows = questions.status(_engine(), services=services, groups=groups, states=states)
    output.write_rows(rows, [column.name for column in questions.STATUS_COLUMNS], output_format)


# --- db -------------------------------------------------------------------------------------


@main.group()
def db() -> None:
    """Look after the tables."""


@db.command()
@reported
def upgrade() -> None:
    """Bring the tables to this version of the tool, or make them. Rows and grants are kept."""
    from inventory import refusals, schema

    engine = _engine()
    schema.upgrade(engine)
    if not _is_quiet():
        click.echo(f"{refusals.describe(engine)} is at revision {schema.HEAD}.")


# --- demo -----------------------------------------------------------------------------------


@main.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another life.")
@click.option("--serve", is_flag=True, help="Keep the stand-in running and try it by hand.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port for --serve; 0 takes a free one."
)
@reported
def demo(seed: int, serve: bool, port: int) -> None:
    """See it at work without an account: 30 days of an imaginary one, in ./inventory-demo.db.

    A stand-in for the API is started on localhost and walked once a day; no other address is
    contacted. With --serve nothing is walked: the stand-in stays, and a day passes per walk.
    """
    from inventory import demo as tour

    if serve:
        with _ending_on_sigterm():
            tour.serve(seed=seed, port=port)
    else:
        tour.show(seed=seed)


def _engine() -> Any:
    from inventory import database, settings

    return database.connect(settings.database_settings())
