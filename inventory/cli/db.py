"""`inventory db ...`: looking after the tables."""

import click

from inventory.cli import frame


@click.group()
def db() -> None:
    """Look after the tables."""


@db.command()
@frame.reported
def upgrade() -> None:
    """Bring the tables to this version of the tool, or make them. Rows and grants are kept."""
    from inventory import refusals, schema

    engine = frame.engine()
    schema.upgrade(engine)
    if not frame.is_quiet():
        click.echo(f"{refusals.describe(engine)} is at revision {schema.HEAD}.")
