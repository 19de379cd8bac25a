"""`inventory test`."""

from typing import Any

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import TEXT, rows_output
from inventory.cli.run_options import READ_OPTIONS, WAIT_OPTIONS, settings_of
from inventory.cli.sections import command
from inventory.errors import InventoryError
from inventory.output.formats import Output

_COLUMNS = ("connector_id", "schema_name", "title", "status", "message")


@command()
@click.argument("connectors", metavar="CONNECTOR...", type=TEXT, nargs=-1, required=True)
@READ_OPTIONS
@WAIT_OPTIONS
@rows_output
@base.reports_errors
def test(
    connectors: tuple[str, ...], output: Output, lock_timeout: float | None, **options: Any
) -> None:
    """Run setup tests of connectors at the vendor; show results.

    The tests run against the sources of these connectors (ids or names), and may change their
    setup state. This is a run of `inventory sync` that also tests: it saves the results with
    whatever else has changed. It never asks the vendor to trust a certificate. Exits 3 if a test
    failed or removals were withheld.
    """
    from inventory.output.listing import write_rows
    from inventory.queries import setup_tests
    from inventory.sync.run import sync

    with base.open_session() as connection:
        ids = [setup_tests.testable(connection, name) for name in connectors]
    settings, removals, enrichment = settings_of(
        options | {"details": "none", "tested": frozenset(ids)}
    )
    notes: list[str] = []
    row = sync(
        base.engine(),
        settings,
        removals,
        enrichment=enrichment,
        lock_timeout=lock_timeout,
        on_note=notes.append,
    )
    with base.open_session() as connection:
        results = setup_tests.results(connection, ids, row["observed_at"])
        missing = setup_tests.untested(connection, ids, row)
    write_rows(results, _COLUMNS, output)
    for name in setup_tests.without_tests(results, ids, missing):
        base.print_note(f"{name} has no setup tests.")
    _report(row, setup_tests.verdict(row, results, missing, notes))


def _report(row: dict[str, Any], verdict: InventoryError | None) -> None:
    """Raise what is wrong with the run or with the results; print one if it is both."""
    if verdict and row["withheld"]:
        process.write_message("error", str(verdict), error_code=verdict.code)
    base.raise_if_withheld(row)
    base.log_run(row)
    if verdict:
        raise verdict
