"""`inventory history`: the life of one connector."""

from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import WORDS, asked_format


@click.command()
@click.argument("connector", type=WORDS)
@asked_format
@frame.reported
def history(connector: str, output_format: Any) -> None:
    """Show the life of CONNECTOR as a timeline.

    CONNECTOR is an id or a name; told are its syncs, outages and changes.
    JSON has all of it, with every version; CSV has the timeline.
    """
    from inventory import output, questions, timeline

    with frame.asking() as connection:
        key = frame.named(connection, connector)
        assert key is not None
        life = questions.life(connection, key)
        today = questions.now(connection).date()
    if output_format == "json":
        output.write_object(life, indent=1)
        return
    if output_format == "table":
        for line in timeline.head(life, today):
            output.write_line(output.printable(line))
    rows = [event._asdict() for event in timeline.events(life)]
    output.write_rows(rows, timeline.Event._fields, output_format, {"kind": _style})


def _style(event: Any) -> str:
    return {"down": "bold red", "recovered": "green"}.get(event["kind"], "")
