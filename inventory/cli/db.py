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


@db.command()
@frame.reported
def verify() -> None:
    """Look for what must never be so in the database. It only reads; exit 3 if something is wrong.

    Versions of one row must not overlap, whether one is down must agree with its health and since
    when with the version before, outcomes must agree with runs, a removed connector must have no
    state, no run may be marked as running that is not, and no view, index or constraint may be
    missing.
    """
    from inventory import output, refusals, verify

    engine = frame.engine()
    found = verify.problems(engine)
    for problem in found:
        output.write_line(output.printable(str(problem)))
    if found:
        click.get_current_context().exit(3)
    if not frame.is_quiet():
        output.write_line(f"{refusals.describe(engine)} is consistent.")


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
