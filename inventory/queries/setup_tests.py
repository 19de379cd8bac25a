"""The results of setup tests, and which connectors can be tested."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from inventory.errors import (
    ApiUnavailableError,
    ConfigurationError,
    InventoryError,
    NeedsAttentionError,
)
from inventory.models import CONNECTORS, SETUP_TESTS
from inventory.queries.base import Row, Rows, fetch
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
    if why := _obstacle(removed_at, paused):
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


def untested(connection: Connection, ids: Sequence[str], run: Row) -> dict[str, str | None]:
    """Return which of these connectors were not tested in that run.

    The values say what must change first; None if their rows do not tell.
    """
    c = CONNECTORS.current.c
    columns = (c.connector_id, c.account_id, c.removed_at, c.paused)
    statement = (
        select(*columns)
        .where(c.connector_id.in_(ids), c.tested_at.is_distinct_from(run["observed_at"]))
        .order_by(c.connector_id)
    )
    missing: dict[str, str | None] = {}
    for name, account_id, removed_at, paused in connection.execute(statement):
        missing[name] = _obstacle(removed_at, paused)
        if account_id != run["account_id"]:
            key = f"the key to {run['account_id']} (use a key of {account_id})"
            missing[name] = f"belongs to account {account_id}, but {key}"
    return missing


def _obstacle(removed_at: datetime | None, paused: bool | None) -> str | None:
    if removed_at is not None:
        return "was removed"
    return "is paused" if paused else None


def without_tests(results: Rows, ids: Sequence[str], missing: Iterable[str]) -> list[str]:
    """Return which of these connectors were tested, but have no setup tests."""
    return sorted({*ids} - {*missing} - {row["connector_id"] for row in results})


def verdict(
    run: Row, results: Rows, missing: Mapping[str, str | None], notes: Sequence[str]
) -> InventoryError | None:
    """Return an error that names the connectors that have a failed test, or no results.

    `notes` are those of the run: they say what it left out. The gravest kind is that of the error.
    """
    failed = sorted({row["connector_id"] for row in results if _has_failed(row["status"])})
    lasting = [
        f"{name} {why}, so its setup tests were not run." for name, why in missing.items() if why
    ]
    others = [name for name, why in missing.items() if why is None]
    kind: type[InventoryError] | None = None
    said = []
    if failed:
        kind = NeedsAttentionError
        said.append(f"Setup tests failed: {', '.join(failed)}.")
    if lasting:
        kind = kind or ConfigurationError
        said += lasting
    if others:
        kind = kind or ApiUnavailableError
        were_asked = run["tests_failed"] > 0
        what = "No results came for" if were_asked else "Not tested:"
        advice = "Run it again later; -v shows the responses." if were_asked else "Run it later."
        said += [f"{what} {', '.join(others)}.", *notes, advice]
    return kind(" ".join(said)) if kind else None


def _has_failed(status: str | None) -> bool:
    return (status or "").lower() in _FAILED
