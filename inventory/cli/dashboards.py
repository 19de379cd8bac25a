"""`inventory dashboards`."""

from pathlib import Path

from inventory import process
from inventory.cli import base
from inventory.cli.options import TEXT
from inventory.cli.sections import command, option


@command()
@option("--output", type=TEXT, metavar="FILE", help="Write to this file instead of stdout.")
@base.reports_errors
def dashboards(output: str | None) -> None:
    """Print a Grafana dashboard to import.

    It queries the PostgreSQL database that `inventory sync` writes to. Let Grafana log in as the
    role that you passed to `inventory db grant-reader`.
    """
    import inventory
    from inventory.cli.output_file import write_file
    from inventory.output.rows import write_line

    dashboard = Path(inventory.__file__).parent / "dashboards" / "grafana.json"
    text = dashboard.read_text("utf-8")
    if output is None:
        write_line(text.rstrip("\n"))
        return
    write_file(output, text.encode())
    with process.final_output():
        if not base.is_quiet():
            write_line(f"In Grafana, choose Dashboards, New, Import, and upload {output}.")
