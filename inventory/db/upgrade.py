"""Brings the tables to the revision of this version, and grants read access to them.

An upgrade is one transaction: it drops the views, alters the tables, recreates the views and
restores what others had attached to them. If a revision fails, nothing has changed.
"""

from pathlib import Path

from sqlalchemy import Engine

from inventory.db import grants, revision, view_recreation
from inventory.db.engine import transaction
from inventory.db.errors import display_url
from inventory.errors import SchemaVersionError


def upgrade(engine: Engine) -> None:
    """Bring the tables to HEAD and recreate the views, in an empty database as well.

    `alembic upgrade head` does the same.

    Raises SchemaVersionError for tables of a newer version or of another tool.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    config.attributes["engine"] = engine
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaVersionError(
            f"{display_url(engine)} has tables that this tool cannot upgrade: {error}."
        ) from error


def renew_views(engine: Engine) -> None:
    """Recreate the views if those of another release are there. The tables must be at HEAD."""
    with transaction(engine) as connection:
        view_recreation.begin_upgrade(connection)
        # Another process may have been faster.
        if revision.state_in(connection) is revision.State.OTHER_RELEASE:
            view_recreation.renew_views(connection)


def grant_reader(engine: Engine, role: str, *, keep_jit: bool = True) -> str | None:
    """Grant a PostgreSQL role read access to all tables and views, now and after upgrades.

    Without `keep_jit`, switch jit off for it; returns the statement if an administrator has to do
    that. Raises SchemaVersionError for tables of another version, and ConfigurationError if access
    cannot be granted.
    """
    revision.require_current(engine)
    with transaction(engine) as connection:
        grants.grant(connection, role, view_recreation.relations())
        return None if keep_jit else grants.disable_jit(connection, role)


def _migrations() -> Path:
    """Find the revisions: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
