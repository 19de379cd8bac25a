"""`inventory check`: what a monitoring system calls."""

import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import (
    DURATION,
    HEALTH,
    HEALTH_NAMES,
    owner_option,
    rows_format_option,
)
from inventory.cli.sections import SectionedCommand, command, option
from inventory.text import escape_control_chars

if TYPE_CHECKING:
    from inventory.cli.check_state import State
    from inventory.queries.checks import Checked

PROBLEMS_FOUND = 3  # the exit code of everything that a person must look at


class _Check(SectionedCommand):
    """Reports usage errors in Nagios' form if --nagios is given."""

    def make_context(self, info_name: Any, args: list[str], *rest: Any, **more: Any) -> Any:
        nagios = "--nagios" in args
        try:
            context = super().make_context(info_name, args, *rest, **more)
            given = context.params
            if nagios and (given.get("state") or given.get("output_format") != "table"):
                raise click.UsageError(
                    "--nagios cannot be combined with --state or --format.", context
                )
        except click.UsageError as error:
            if not nagios:
                raise
            base.exit_nagios_unknown(error.format_message())
        return context


@command(cls=_Check, epilog=HEALTH_NAMES)
@option(
    "--for",
    type=DURATION,
    default="0m",
    help="Only connectors that have been down for this long: 30m, 2h, 1d.",
)
@option(
    "--health",
    metavar="HEALTH",
    type=HEALTH,
    multiple=True,
    help="Look for connectors of this health instead of those that are down. Repeatable.",
)
@owner_option
@option(
    "--max-age",
    type=DURATION,
    help="Maximum age of the last complete run; by default three times the usual interval "
    "between runs.",
)
@option(
    "--state",
    metavar="FILE",
    type=click.Path(),
    help="Print only what is new or over since the last call, which FILE records.",
)
@option(
    "--nagios", is_flag=True, help="Print one line and use the exit codes of Nagios and Icinga."
)
@rows_format_option
@base.reports_errors
def check(
    health: tuple[str, ...],
    max_age: timedelta | None,
    output_format: Any,
    state: str | None,
    nagios: bool,
    **options: Any,
) -> None:
    """Exit 3 if a connector is down or the data is overdue.

    Prints one line per problem: each connector that is down (those of one broken destination
    together), each account whose data is overdue, whose removals are withheld or whose runs fail,
    and each channel that `inventory notify` has not reached for a day. Failed runs are a problem at
    once if the next run will fail as well; otherwise after three in a row, or once the data is
    overdue. With --owner, problems that are not about a connector are reported as well.

    With --nagios, exits 2 if a connector is down, 1 if the data cannot be trusted, 3 if the check
    itself failed, otherwise 0.
    """
    from inventory.queries import checks

    with _open_state(state) as saved:
        with base.open_session() as connection:
            checked = checks.find_problems(
                connection,
                lasting=options["for"],
                health=health,
                max_age=max_age,
                owners=options["owners"],
            )
        if nagios:
            _exit_as_nagios(checked)
        with process.final_output(when=bool(checked.problems)):
            if saved is None:
                _print_problems(checked, output_format)
            else:
                _print_changes(checked, saved, output_format)
    if checked.problems:
        click.get_current_context().exit(PROBLEMS_FOUND)


def _open_state(file: str | None) -> "AbstractContextManager[State | None]":
    if file is None:
        return nullcontext()
    from inventory.cli import check_state

    return check_state.open_state(file)


def _print_problems(checked: "Checked", output_format: Any) -> None:
    from inventory.output import rows
    from inventory.queries import checks

    if output_format != "table":
        rows.write_data(checked.problems, checks.COLUMNS, output_format)
    elif checked.problems:
        for line in checks.lines(checked.problems):
            rows.write_line(escape_control_chars(line))
    elif not base.is_quiet():
        rows.write_line(_all_is_well(checked))


def _all_is_well(checked: "Checked") -> str:
    from inventory.output import summary

    accounts = [run["account_id"] for run in checked.runs if run["account_id"] is not None]
    of = f"account {accounts[0]}" if len(accounts) == 1 else f"{len(accounts):,} accounts"
    return escape_control_chars(
        f"All is well. {summary.as_of(checked.runs)} [{of}, {checked.database}]"
    )


def _print_changes(checked: "Checked", saved: "State", output_format: Any) -> None:
    """Print what is new or over, and save that only when it has been printed."""
    from inventory.output import rows
    from inventory.queries import checks

    difference = saved.compare(
        checked.problems,
        checked.database,
        existing=checked.existing,
        unobserved=checked.unobserved,
    )
    changes = {
        "new": difference.new,
        "over": difference.over,
        "over (removed)": difference.removed,
    }
    if output_format != "table":
        listed = [{"change": name} | dict(each) for name in changes for each in changes[name]]
        rows.write_data(listed, ("change", *checks.COLUMNS), output_format)
    else:
        for change, problems in changes.items():
            for line in checks.lines(problems):
                rows.write_line(escape_control_chars(f"{change}: {line}"))
    sys.stdout.flush()
    saved.write(checked.database, difference.known)


def _exit_as_nagios(checked: "Checked") -> NoReturn:
    from inventory.output import nagios, rows
    from inventory.queries import checks

    code = nagios.code(checked.problems)
    # Connectors that are down go first: they decide the exit code.
    ordered = sorted(checked.problems, key=lambda problem: problem["connector_id"] is None)
    text = nagios.summary([*checks.lines(ordered)]) or _all_is_well(checked)
    performance = nagios.performance(checked.connectors, len(checked.unobserved), checked.runs)
    with process.final_output():
        rows.write_line(nagios.line(code, text, performance))
    raise click.exceptions.Exit(code)
