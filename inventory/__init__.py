"""Inventory: every Fivetran connector of an account in SQL, current state and full history.

Importing the package loads nothing else and never contacts anything.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

__version__ = "0.2.0"


def connect(url: str | None = None) -> "AbstractContextManager[Connection]":
    """Open one read-only snapshot of an inventory, to be used by `with`.

    `url` is a database URL as in INVENTORY_DATABASE_URL, which is the default. Everything that is
    read from the connection, by SQL, by pandas or by a session on the models, comes from one
    snapshot.
    Raises an InventoryError if the database cannot be reached or is of another version.
    """
    import os

    from inventory.db import engine, session
    from inventory.settings import database_settings

    environment = dict(os.environ)
    if url is not None:
        environment |= {"INVENTORY_DATABASE_URL": url}
        environment.pop("INVENTORY_DATABASE_URL_FILE", None)
    return session.open_session(engine.connect(database_settings(environment)))
