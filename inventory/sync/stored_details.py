"""What the database knows, before a run, of what was read beyond the list."""

import random
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, case, or_, select

from inventory.models import CONNECTOR_STATUS, CONNECTORS, INVENTORY_RUNS
from inventory.settings import EnrichmentSettings

# The health of connectors whose setup tests may show why.
_TESTED_HEALTH = ("broken", "failing", "incomplete")

_connector, _status = CONNECTORS.current.c, CONNECTOR_STATUS.current.c
_run = INVENTORY_RUNS.c


class StoredDetails(NamedTuple):
    """`fields`: the fields of each connector that only its details tell. `read_at`: when details
    were last read, for connectors that the list tells without `config`; None = not since their
    settings changed. `to_test`: the connectors whose setup tests are to be run, within the budget.
    `have_failed`: whether the last run could not read the details of some.
    """

    fields: Mapping[str, Set[str]] = MappingProxyType({})
    read_at: Mapping[str, datetime | None] = MappingProxyType({})
    to_test: Set[str] = frozenset()
    have_failed: bool = False


def load_stored_details(
    connection: Connection, account_id: str, settings: EnrichmentSettings
) -> StoredDetails:
    is_own, exists = _connector.account_id == account_id, _connector.removed_at.is_(None)
    fields, read_at = {}, {}
    sets: dict[tuple[str, ...], Set[str]] = {}  # nearly all connectors have the same
    # Details read before the open version began are those of other settings.
    read_since = case((_connector.details_at >= _connector.valid_from, _connector.details_at))
    # A config that is stored although no details were read is one that the list tells.
    known = select(_connector.connector_id, read_since, exists, _connector.details_fields).where(
        is_own, or_(_connector.details_at.is_not(None), _connector.config.is_(None))
    )
    for connector_id, at, is_there, names in connection.execute(known):
        if is_there:
            read_at[connector_id] = at
        if names:  # also of one that was removed: it may return
            fields[connector_id] = sets.setdefault(tuple(names), frozenset(names))
    to_test = _within_budget(connection.execute(_to_test(settings).where(is_own, exists)), settings)
    failures = (
        select(_run.details_failed)
        .where(_run.account_id == account_id, _run.observed_at.is_not(None))
        .order_by(_run.run_id.desc())
        .limit(1)
    )
    return StoredDetails(fields, read_at, to_test, bool(connection.scalar(failures)))


def _within_budget(testable: Iterable[Row[Any]], settings: EnrichmentSettings) -> Set[str]:
    """Choose those that are named, and of others the ones never tested, then the longest ago."""
    tested_at = {row.connector_id: row.tested_at for row in testable}
    others = [*(tested_at.keys() - settings.tested)]
    random.shuffle(others)  # those whose tests always fail to run must not block the others
    others.sort(key=lambda name: (tested_at[name] is not None, tested_at[name]))
    return {*(tested_at.keys() & settings.tested), *others[: settings.details_budget]}


def _to_test(settings: EnrichmentSettings) -> Select[Any]:
    """Select live connectors that nobody has paused: those of the settings, and named ones."""
    wanted = {
        "none": _connector.connector_id.in_(settings.tested),
        "down": or_(
            _status.health.in_(_TESTED_HEALTH), _connector.connector_id.in_(settings.tested)
        ),
        "all": _connector.paused.is_not(True),
    }[settings.setup_tests]
    return (
        select(_connector.connector_id, _connector.tested_at)
        .join(CONNECTOR_STATUS.current, _status.connector_id == _connector.connector_id)
        .where(wanted, _connector.paused.is_not(True))
    )
