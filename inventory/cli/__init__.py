"""Owns the command line: a command parses its options, calls one function, prints and exits.

It never computes an answer itself. Data goes to stdout, everything else to stderr. At the top of
its modules only click and pure modules of this package are imported: a function imports the rest
when a command runs, because cron pays for each import every time.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from inventory import __version__, process
from inventory.cli import (
    at,
    changes,
    check,
    dashboards,
    db,
    demo,
    export,
    findings,
    history,
    incidents,
    metrics,
    notify,
    prune,
    query,
    report,
    runs,
    schedule,
    schema,
    status,
    sync,
    tag,
    test,
)

_EXIT_CODES = """\b
Exit codes:
  0  success
  1  the next run may succeed: API or database unavailable, rate limit, lock
     held by another run, Ctrl-C
  2  a setting, the API key or the schema must be corrected first
  3  a person must look: implausibly many connectors are missing, the API
     sends no usable list, check found a problem, a setup test failed, or an
     internal error
"""


class _Commands(click.Group):
    """Reports usage errors as JSON if --log-format json asks for that."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which a newcomer needs them

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        process.use_json(process.requests_json(args))
        with _reporting_usage_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _reporting_usage_errors():
            return super().invoke(ctx)


@contextmanager
def _reporting_usage_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        if not process.uses_json():
            raise  # click prints it together with the usage line
        from inventory.text import escape_control_chars

        process.write_message(
            "error", escape_control_chars(error.format_message()), exit_code=error.exit_code
        )
        sys.exit(error.exit_code)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=_EXIT_CODES,
)
@click.version_option(__version__, prog_name="inventory")
def main() -> None:
    """Keep every Fivetran connector of an account in SQL: current state and full history."""


for command in (
    sync.sync,
    status.status,
    check.check,
    notify.notify,
    metrics.metrics,
    changes.changes,
    history.history,
    incidents.incidents,
    at.at,
    findings.findings,
    report.report,
    tag.tag,
    runs.runs,
    test.test,
    query.query,
    schema.schema,
    export.export,
    prune.prune,
    db.db,
    schedule.schedule,
    dashboards.dashboards,
    demo.demo,
):
    main.add_command(command)
