"""What `reason` says of setup tests that fail."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from support.builders import Account, FakeClock, Item, api_settings, item
from support.details import LOGIN_FAILED, query

from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

NOW = datetime.now(UTC)  # the view compares with the time of the database
AN_HOUR_AGO = (NOW - timedelta(hours=1)).isoformat()
ALERT = {"code": "c", "message": "m"}
STATES: dict[str, Item] = {
    "incomplete": {"status": {"setup_state": "incomplete"}},
    "broken": {"status": {"setup_state": "broken"}},
    "unknown": {"status": {"setup_state": "odd"}},
    "initial_sync": {"succeeded_at": None, "status": {"sync_state": "syncing"}},
    "historical_sync": {"status": {"sync_state": "syncing", "is_historical_sync": True}},
    "blocked": {"status": {"schema_status": "blocked_on_capture"}},
    "failing": {"failed_at": NOW.isoformat()},
    "delayed": {"status": {"update_state": "delayed"}},
    "stale": {"succeeded_at": (NOW - timedelta(days=9)).isoformat()},
    "action_required": {"status": {"tasks": [ALERT]}},
    "never_synced": {"succeeded_at": None},
    "rescheduled": {"status": {"sync_state": "rescheduled"}},
    "warning": {"status": {"warnings": [ALERT]}},
    "healthy": {},
}


@pytest.fixture
def reasons(engine: Engine, api: FakeApi, account: Account, clock: FakeClock) -> dict[str, str]:
    """By health, of connectors that all have two failing tests, one of them without a title."""
    clock.now = NOW
    failed = [LOGIN_FAILED, {"title": "", "status": "FAILED"}]
    account.connectors = [
        item(health, **({"succeeded_at": AN_HOUR_AGO, "setup_tests": failed} | state))
        for health, state in STATES.items()
    ]
    sync(engine, api_settings(api), clock=clock)
    found = query(engine, "select health, reason from connector_health")
    return dict(found)


def test_failing_tests_show_in_the_reason_of_every_health(reasons: dict[str, str]) -> None:
    assert reasons.keys() == STATES.keys()
    words = "test Validate Login: Invalid login credentials, without a title"
    assert {health for health, reason in reasons.items() if words not in reason} == set()
