"""Where alembic meets the database: for `inventory db upgrade`, `inventory sync` and `alembic`."""

from alembic import context

from inventory import database, schema
from inventory.models import Base
from inventory.settings import database_settings


def migrate() -> None:
    engine = context.config.attributes.get("engine") or database.connect(database_settings())
    with database.transaction(engine) as connection, schema.rebuilding_views(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            version_table=schema.VERSION_TABLE,
            # SQLite rolls DDL back, too, once BEGIN is sent by hand, as database.py does.
            transactional_ddl=True,
            render_as_batch=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Scripts for offline use are not made: the views need a live database.")
migrate()
