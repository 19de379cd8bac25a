"""The secret that digests are keyed with. A table only: no session is to load it."""

from sqlalchemy import CheckConstraint, Column, Table

from inventory.column_types import BYTES, INTEGER
from inventory.models.base import METADATA

DIGEST_KEY = Table(
    "digest_key",
    METADATA,
    Column("id", INTEGER, primary_key=True, autoincrement=False, comment="Always 1"),
    Column("secret", BYTES, nullable=False, comment="32 random bytes that digests are keyed with"),
    CheckConstraint("id = 1", name="one_row"),
    comment="The one secret of this database: no read-only role is granted it, no view shows it",
)
