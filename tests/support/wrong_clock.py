"""Four runs, of which the second had a clock that was two days ahead."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from inventory.db import verify, views
from inventory.db.engine import Clock, transaction
from inventory.demo.fake_api import FakeApi
from inventory.sync import run as sync
from support.builders import (
    Account,
    Item,
    api_settings,
    item,
)

# Later than any clock that the tests run under.
S = datetime(2100, 3, 1, 3, tzinfo=UTC)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
MINUTE, SOME_SECONDS = timedelta(minutes=1), timedelta(seconds=5)
ONE = Account.account_id


def stop_clock(engine: Engine, now: datetime) -> None:
    with transaction(engine) as connection:
        views.stop_clock(connection, now)


def at(moment: datetime) -> Clock:
    return lambda _: moment


def manual(connector_id: str, **changes: Any) -> Item:
    """Return a connector that is never overdue."""
    return item(connector_id, schedule_type="manual", **changes)


A, B, C = manual("a"), manual("b"), manual("c")
BROKEN = manual("b", status={"setup_state": "broken"})
TASK = {"code": "reconnect", "message": "m"}
# The connectors that four runs saw.
SHOWN = (
    [A, B],
    [A, BROKEN, manual("d")],
    [A | {"paused": True}, manual("b", status={"setup_state": "broken", "tasks": [TASK]}), C],
    [A | {"paused": True}, B, C],
)
# The second had a clock that was two days ahead.
CLOCKS = (S, S + HOUR + 2 * DAY, S + 2 * HOUR, S + 3 * HOUR)
WRONG = CLOCKS[1]
# The right times of the four runs.
RIGHT = (S, S + 2 * HOUR - TICK, S + 2 * HOUR, S + 3 * HOUR)


def live(
    engine: Engine, api: FakeApi, account: Account, clocks: tuple[datetime, ...] = CLOCKS
) -> Engine:
    """Execute a run at each of the times of the clock, each with the connectors of its own."""
    for shown, clock in zip(SHOWN, clocks, strict=False):
        account.connectors = shown
        sync.sync(engine, api_settings(api), clock=at(clock))
    return engine


def named(engine: Engine) -> list[str]:
    return [problem.what for problem in verify.problems(engine)]
