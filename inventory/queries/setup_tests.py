"""The results of setup tests, and which connectors can be tested."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from inventory.errors import ApiUnavailableError, ConfigurationError, NeedsAttentionError
from inventory.models import CONNECTORS, SETUP_TESTS
from inventory.queries.base import Rows, fetch
from inventory.queries.lookup import connector_id

_FAILED = ("failed", "job_failed")


def testable(connection: Connection, name: str) -> str:
    """Return the id of the connector with this id or name.

    Raises ConfigurationError if there is none, or if it is removed or paused.
    """
    found = connector_id(connection, name)
    c = CONNECTORS.current.c
    state = select(c.removed_at, c.paused).where(c.connector_id == found)
    removed_at, paused = connection.execute(state).one()
    if removed_at is not None or paused:
        why = "was removed" if removed_at is not None else "is paused"
        raise ConfigurationError(f"{name} {why}, so its setup tests are not run.")
    return found


def results(connection: Connection, ids: Sequence[str], tested_at: datetime) -> Rows:
    """Return one row per setup test of these connectors, if they were tested at that time."""
    c, t = CONNECTORS.current.c, SETUP_TESTS.current.c
    tests = (
        select(c.connector_id, c.schema_name, t.title, t.status, t.message)
        .join(SETUP_TESTS.current, t.connector_id == c.connector_id)
        .where(c.connector_id.in_(ids), c.tested_at == tested_at)
        .order_by(c.connector_id, t.title, t.ordinal)
    )
    return fetch(connection, tests)


def untested(connection: Connection, ids: Sequence[str], tested_at: datetime) -> list[str]:
    """Return which of these connectors were not tested at that time."""
    c = CONNECTORS.current.c
    tested = select(c.connector_id).where(c.connector_id.in_(ids), c.tested_at == tested_at)
    return sorted({*ids} - {*connection.scalars(tested)})


def without_tests(results: Rows, ids: Sequence[str], missing: Sequence[str]) -> list[str]:
    """Return which of these connectors were tested, but have no setup tests."""
    return sorted({*ids} - {*missing} - {row["connector_id"] for row in results})


def raise_unless_passed(results: Rows, missing: Sequence[str]) -> None:
    """Raise an error that names the connectors that have a failed test, or no results."""
    failed = sorted({row["connector_id"] for row in results if _has_failed(row["status"])})
    if failed:
        raise NeedsAttentionError(f"Setup tests failed: {', '.join(failed)}.")
    if missing:
        raise ApiUnavailableError(
            f"No results came for {', '.join(missing)}. Run it again later; -v shows the responses."
        )


def _has_failed(status: str | None) -> bool:
    return (status or "").lower() in _FAILED
