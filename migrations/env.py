"""Where alembic meets the database: for `inventory db upgrade`, `inventory sync` and `alembic`."""

from contextlib import AbstractContextManager, nullcontext

from alembic import command, context
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from inventory import database, schema, upgrades
from inventory.errors import InventoryError
from inventory.models import METADATA
from inventory.settings import database_settings


def around_revisions(connection: Connection) -> AbstractContextManager[None]:
    """Take the views out of the way, but not for the commands of alembic that only look."""
    options = context.config.cmd_opts
    if options is None or options.cmd[0] in (command.upgrade, command.downgrade):
        return upgrades.rebuilding_views(connection, to=context.get_revision_argument())
    return nullcontext()


def migrate(engine: Engine) -> None:
    rebuilding = engine.execution_options(rebuilding=True)
    with database.transaction(rebuilding) as connection, around_revisions(connection):
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            version_table=schema.VERSION_TABLE,
            # SQLite rolls DDL back, too, once BEGIN is sent by hand, as database.py does.
            transactional_ddl=True,
            render_as_batch=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    database.let_readers_go_on(engine)


if context.is_offline_mode():
    raise SystemExit("Scripts for offline use are not made: the views need a live database.")
try:
    migrate(context.config.attributes.get("engine") or database.connect(database_settings()))
except InventoryError as error:
    if "engine" in context.config.attributes:
        raise
    raise CommandError(str(error)) from error  # which the alembic command prints in a line
