"""The digest key of this database: created by a migration, never changed, read only by runs.

With another key, all masked values would look changed, and every API key would look new.
"""

from sqlalchemy import Connection, select

from inventory.models import DIGEST_KEY
from inventory.normalize.keyed_digests import DigestKey


def read(connection: Connection) -> DigestKey:
    """Return the key. The tables must be at HEAD."""
    return DigestKey(connection.execute(select(DIGEST_KEY.c.secret)).scalar_one())
