"""`inventory export`."""

from typing import TYPE_CHECKING

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import TEXT
from inventory.cli.sections import command, option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.export.run import ExportResult


@command()
@click.argument("url", type=TEXT)
@option(
    "--format",
    "output_format",
    type=click.Choice(["parquet", "delta"]),
    default="parquet",
    help="Parquet files with a manifest, or Delta tables.",
)
@option(
    "--tables",
    metavar="NAMES",
    type=TEXT,
    help="Only these tables, separated by commas.",
)
@option(
    "--full",
    is_flag=True,
    help="Export again what the target holds already; what was pruned here stays there.",
)
@base.reports_errors
def export(url: str, output_format: str, tables: str | None, full: bool) -> None:
    """Copy the history to where distributed engines read it.

    URL is a folder, or s3://, gs:// or az:// with a bucket and a prefix. Credentials come from the
    variables of the environment that the vendors' own tools read. What is closed is appended once,
    what is open is replaced. An export that fails or is killed is continued by the next one.
    inventory/export/README.md says which engine reads what. Needs the extra lake.
    """
    from inventory.export import run

    chosen = None if tables is None else _chosen(tables)
    result = run.export(base.engine(), url, output_format=output_format, tables=chosen, full=full)
    with process.final_output():
        if not base.is_quiet():
            from inventory.output.rows import write_line

            for line in _summary(result):
                write_line(line)


def _chosen(tables: str) -> set[str]:
    from inventory.export.tables import exported_tables

    known = [table.name for table in exported_tables()]
    chosen = {name.strip() for name in tables.split(",")} - {""}
    if not chosen:
        raise click.UsageError(f"--tables names no table. These are: {', '.join(known)}.")
    if unknown := sorted(chosen - {*known}):
        raise click.UsageError(
            f"--tables: {unknown[0]!r} is not exported. These are: {', '.join(known)}."
        )
    return chosen


def _summary(result: "ExportResult") -> "Iterator[str]":
    from inventory.text import escape_control_chars

    width = max(len(table.name) for table in result.tables)
    yield f"{'table':{width}}  {'appended':>12}  {'replaced':>12}"
    for table in result.tables:
        if table.is_unchanged:
            yield f"{table.name:{width}}  {'unchanged':>12}"
            continue
        line = f"{table.name:{width}}  {table.settled:12,}  {table.current:12,}"
        yield f"{line}  exported whole: {table.whole}" if table.whole else line
    run = "no complete run yet" if result.run_id is None else f"run {result.run_id}"
    yield escape_control_chars(f"Exported to {result.url}, up to {run}.")
