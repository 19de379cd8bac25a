"""`inventory dashboards`."""

from pathlib import Path
from typing import Any, NamedTuple

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import TEXT
from inventory.cli.sections import command, option


class _File(NamedTuple):
    name: str
    advice: str  # what to do with a file that was written


_FILES = {
    "grafana": _File("grafana.json", "In Grafana, choose Dashboards, New, Import, and upload {}."),
    "prometheus": _File(
        "prometheus-rules.yml", "Name {} under rule_files in Prometheus' configuration."
    ),
}


@command()
@click.argument("kind", type=click.Choice(tuple(_FILES)), default="grafana")
@option("--output", type=TEXT, metavar="FILE", help="Write to this file instead of stdout.")
@base.reports_errors
def dashboards(kind: Any, output: str | None) -> None:
    """Print a dashboard for Grafana, or alert rules for Prometheus.

    \b
    grafana     a dashboard to import. It queries the PostgreSQL database that
                `inventory sync` writes to. Let Grafana log in as the role
                that you passed to `inventory db grant-reader`.
    prometheus  alert rules for what `inventory metrics` prints
    """
    import inventory
    from inventory.cli.output_file import write_file
    from inventory.output.rows import write_line
    from inventory.text import escape_control_chars

    file = _FILES[kind]
    text = (Path(inventory.__file__).parent / "dashboards" / file.name).read_text("utf-8")
    if output is None:
        write_line(text.rstrip("\n"))
        return
    write_file(output, text.encode())
    with process.final_output():
        if not base.is_quiet():
            write_line(escape_control_chars(file.advice.format(output)))
