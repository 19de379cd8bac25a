"""Runs revisions in one transaction, for `inventory db upgrade`, `inventory sync` and `alembic`."""

from contextlib import AbstractContextManager, nullcontext

from alembic import command, context
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from inventory.db import revision, view_recreation
from inventory.db.constraints import is_made_on
from inventory.db.engine import connect, enable_wal, transaction
from inventory.errors import InventoryError
from inventory.models import METADATA
from inventory.settings import database_settings


def around_revisions(connection: Connection) -> AbstractContextManager[None]:
    """Drop and recreate the views, except for commands of alembic that change nothing."""
    options = context.config.cmd_opts
    if options is None or options.cmd[0] in (command.upgrade, command.downgrade):
        return view_recreation.recreate_views(connection, to=context.get_revision_argument())
    return nullcontext()


def migrate(engine: Engine) -> None:
    without_foreign_keys = engine.execution_options(foreign_keys_off=True)
    with transaction(without_foreign_keys) as connection, around_revisions(connection):
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            version_table=revision.VERSION_TABLE,
            # SQLite rolls back DDL, too, as db/sqlite.py sends BEGIN itself.
            transactional_ddl=True,
            render_as_batch=True,
            include_object=lambda part, *_: is_made_on(connection.dialect.name, part),
        )
        with context.begin_transaction():
            context.run_migrations()
    enable_wal(engine)


if context.is_offline_mode():
    raise SystemExit("Offline scripts are not supported: the views need a live database.")
try:
    migrate(context.config.attributes.get("engine") or connect(database_settings()))
except InventoryError as error:
    if "engine" in context.config.attributes:
        raise
    raise CommandError(str(error)) from error  # the alembic command prints it as one line
