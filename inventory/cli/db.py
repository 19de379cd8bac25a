"""`inventory db ...`: looking after the tables."""

import click

from inventory.cli import frame
from inventory.cli.options import WORDS


@click.group()
def db() -> None:
    """Look after the tables."""


@db.command()
@frame.reported
def upgrade() -> None:
    """Bring the tables to this version of the tool, or make them. Rows and grants are kept."""
    from inventory import refusals, schema, upgrades

    engine = frame.engine()
    upgrades.upgrade(engine)
    if not frame.is_quiet():
        click.echo(f"{refusals.describe(engine)} is at revision {schema.HEAD}.")


@db.command("grant-reader")
@click.argument("role", type=WORDS)
@frame.reported
def grant_reader(role: str) -> None:
    """Let the PostgreSQL role ROLE read all tables and views, now and after upgrades.

    What it gets is SELECT, and no more. The role must be there; the right to log in, a password
    and the like are whatever they are.
    """
    from inventory import upgrades
    from inventory.output import printable

    upgrades.grant_reader(frame.engine(), role)
    if not frame.is_quiet():
        click.echo(f"{printable(role)} may read all tables and views.")
