"""`inventory db ...`: maintenance of the tables."""

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import TEXT, lock_timeout_option
from inventory.cli.sections import SectionedCommand, option
from inventory.text import escape_control_chars


@click.group()
def db() -> None:
    """Create, upgrade, verify and repair the tables; grant access."""


@db.command(cls=SectionedCommand)
@lock_timeout_option
@base.reports_errors
def upgrade(lock_timeout: float) -> None:
    """Create the tables, or upgrade them to this release.

    Rows and grants are kept.
    """
    from inventory.db import errors, revision
    from inventory.db import upgrade as upgrades
    from inventory.output import rows

    engine = base.engine(lock_timeout)
    upgrades.upgrade(engine)
    with process.final_output():
        if not base.is_quiet():
            rows.write_line(f"{errors.display_url(engine)} is at revision {revision.HEAD}.")


@db.command(cls=SectionedCommand)
@base.reports_errors
def verify() -> None:
    """Check that the database is consistent; exit 3 if not.

    Writes nothing. Checks that the versions of a row do not overlap, that health, downtime and run
    results agree with each other, that a removed connector has no state, that no run is marked as
    running that is not, that the time of every run is possible, that tags have valid values, and
    that no view, index or constraint is missing.
    """
    from inventory.db import errors, verify
    from inventory.output import rows

    engine = base.engine()
    problems = verify.problems(engine)
    with process.final_output(when=bool(problems)):
        for problem in problems:
            rows.write_line(escape_control_chars(str(problem)))
    if problems:
        click.get_current_context().exit(3)
    if not base.is_quiet():
        rows.write_line(f"{errors.display_url(engine)} is consistent.")


@db.command(cls=SectionedCommand)
@option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@lock_timeout_option
@base.reports_errors
def redate(dry_run: bool, lock_timeout: float) -> None:
    """Correct the times of runs that had a wrong clock.

    Set the clock of the database right first. The order of the runs is kept. A run whose time
    contradicts most other runs, or the clock now, gets the latest possible time: just before the
    next run. Everything that the run changed is re-dated with it, in one transaction. The next run
    of each account judges the health of all connectors again.
    """
    from inventory.db import redate as redating
    from inventory.output import rows

    done = redating.redate(base.engine(lock_timeout), dry_run=dry_run)
    with process.final_output(when=not dry_run):
        for run in done.runs:
            rows.write_line(escape_control_chars(redating.format_run(run)))
        if not base.is_quiet():
            rows.write_line(redating.summary(done, dry_run=dry_run))


@db.command("grant-reader", cls=SectionedCommand)
@click.argument("role", type=TEXT)
@option("--keep-jit", is_flag=True, help="Leave the role's jit setting as it is.")
@base.reports_errors
def grant_reader(role: str, keep_jit: bool) -> None:
    """Let a PostgreSQL role read all tables and views.

    ROLE gets SELECT and nothing else, now and after upgrades. It must exist; its password and its
    right to log in are not changed. jit is switched off for it in this database, because PostgreSQL
    would spend seconds on compiling a query that runs in milliseconds.
    """
    from inventory.db import upgrade as upgrades
    from inventory.output import rows

    left = upgrades.grant_reader(base.engine(), role, keep_jit=keep_jit)
    with process.final_output():
        if not base.is_quiet():
            rows.write_line(f"{escape_control_chars(role)} may read all tables and views.")
            if left:
                rows.write_line(f"jit is on for it; an administrator can run: {left};")
            elif not keep_jit:
                rows.write_line("jit is off for it in this database (--keep-jit leaves it on).")
