"""Prepares the database for a run: creates the tables of an empty one, renews outdated views."""

import logging

from sqlalchemy import Engine

from inventory.db import revision
from inventory.db.engine import enable_wal
from inventory.deadline import Deadline
from inventory.errors import ConfigurationError, DatabaseUnavailableError

log = logging.getLogger(__name__)

_VIEWS_SECONDS = 60.0  # for all views of a release; that takes two


def prepare(engine: Engine) -> None:
    """Create the tables in an empty database, and renew views of another release.

    Raises SchemaVersionError for tables of another version.
    """
    state = revision.state_of(engine)
    if state is revision.State.EMPTY:
        from inventory.db import upgrade  # loaded by the first run only

        upgrade.upgrade(engine)
    revision.check_version(engine, state)
    if state is revision.State.OTHER_RELEASE:
        _renew_views(engine)
    # On every run: one that was killed may have created the tables and not enabled it.
    enable_wal(engine)


def _renew_views(engine: Engine) -> None:
    """Renew the views if this role may; if not, the run goes on with the old ones.

    Readers of a view block its renewal, and a renewal that waits blocks new readers: so it waits
    for a short time only.
    """
    from inventory.db import upgrade

    short_deadline = Deadline(_VIEWS_SECONDS, lock_timeout=2.0)
    try:
        with short_deadline.enforced():
            upgrade.renew_views(engine.execution_options(deadline=short_deadline))
    except (ConfigurationError, DatabaseUnavailableError) as error:
        log.warning("The views are still those of another release of this tool: %s", error)
