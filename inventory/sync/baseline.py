"""What the database knows about an account's connectors before a run."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from inventory.db import digest_key
from inventory.db.engine import read_only
from inventory.models import CONNECTOR_STATUS, CONNECTORS
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.stored_values import ReadStored
from inventory.sync import stored_rows


class Baseline(NamedTuple):
    """The account's connectors that exist according to the database.

    `digests` identify what the API last said about each one. `load_groups` reads the group of
    each: only a run that misses some needs it. `read_stored` reads rows of a few connectors.
    Masks are made with `digest_key`.
    """

    digests: Mapping[str, bytes]
    load_groups: Callable[[], Mapping[str, str | None]]
    digest_key: DigestKey
    read_stored: ReadStored


def load_baseline(engine: Engine, connection: Connection, account_id: str) -> Baseline:
    status, connector = CONNECTOR_STATUS.current.c, CONNECTORS.current.c
    existing = (connector.account_id == account_id, connector.removed_at.is_(None))
    digests = connection.execute(
        select(status.connector_id, status.digests)
        .join(CONNECTORS.current, connector.connector_id == status.connector_id)
        .where(*existing)
    )

    def load_groups() -> dict[str, str | None]:
        with read_only(engine) as another:
            wanted = select(connector.connector_id, connector.group_id).where(*existing)
            return {row.connector_id: row.group_id for row in another.execute(wanted)}

    key = digest_key.read(connection)
    return Baseline(dict(digests.all()), load_groups, key, stored_rows.read_stored(engine))
