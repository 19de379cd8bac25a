"""Pruning and re-dating of what people have been told."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert
from support.builders import Account, FakeClock, api_settings, item, rows

from inventory.db import redate, views
from inventory.db.engine import transaction
from inventory.db.prune import prune
from inventory.demo.fake_api import FakeApi
from inventory.models import NOTIFICATION_CHANNELS, NOTIFICATIONS
from inventory.sync.run import sync

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)


def tell(engine: Engine, **times: Any) -> None:
    row = {"channel": "oncall", "kind": "outage", "started_at": NOW, "announced_at": NOW}
    with transaction(engine) as connection:
        connection.execute(insert(NOTIFICATIONS), row | times)


def observed(engine: Engine) -> list[datetime]:
    return sorted(at for (at,) in rows(engine, "inventory_runs", "observed_at"))


def test_prune_deletes_what_was_told_to_be_over_before_the_cutoff(engine: Engine) -> None:
    ages = (100, 36, 35, 34)
    for over in (*(NOW - days * DAY for days in ages), None):
        tell(engine, started_at=NOW - 200 * DAY, announced_at=NOW - 190 * DAY, over_at=over)
    tell(engine)
    with transaction(engine) as connection:
        views.stop_clock(connection, NOW)
    assert prune(engine, 35 * DAY, dry_run=True).rows["notifications"] == 2
    assert prune(engine, 35 * DAY).rows["notifications"] == 2
    left = {NOW - over if over else None for (over,) in rows(engine, "notifications", "over_at")}
    assert left == {35 * DAY, 34 * DAY, None}


def test_redate_moves_what_was_told_with_the_runs(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    """Their times are those of runs, a microsecond apart, as while a clock is behind."""
    account.connectors = [item("one")]
    wrong = NOW + 1000 * DAY
    clock.now = wrong
    sync(engine, api_settings(api), clock=clock)  # at wrong
    clock.now = NOW
    for _ in range(2):  # each a tick later, as the clock is behind
        sync(engine, api_settings(api), clock=clock)
    times = observed(engine)
    assert times == [wrong, wrong + TICK, wrong + 2 * TICK]
    for at in times[1:]:
        tell(engine, connector_id="one", started_at=at, announced_at=at, over_at=at)
    channel = {"channel": "oncall", "first_used_at": wrong, "told_until": wrong + 2 * TICK}
    with transaction(engine) as connection:
        connection.execute(insert(NOTIFICATION_CHANNELS), channel)
        views.stop_clock(connection, NOW + HOUR)
    moved = redate.redate(engine).rows
    assert (moved["notifications"], moved["notification_channels"]) == (2, 1)
    right = observed(engine)
    assert max(right) <= NOW + HOUR
    columns = ("started_at", "announced_at", "reminded_at", "over_at")
    told = sorted(rows(engine, "notifications", *columns))
    assert told == [(at, at, None, at) for at in right[1:]]
    held = rows(engine, "notification_channels", "first_used_at", "told_until")
    assert held == [(right[0], right[2])]


def test_redate_moves_what_was_told_after_the_last_run_with_a_wrong_clock(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    """Or a digest, and what is told as past, would have to wait until that time has come."""
    account.connectors = [item("one")]
    clock.now = wrong = NOW + 1000 * DAY
    sync(engine, api_settings(api), clock=clock)
    later = wrong + HOUR
    tell(engine, connector_id="one", started_at=wrong, announced_at=later, reminded_at=later)
    channel = {"channel": "digest", "first_used_at": later, "delivered_at": later}
    with transaction(engine) as connection:
        connection.execute(insert(NOTIFICATION_CHANNELS), channel)
        views.stop_clock(connection, NOW)
    redate.redate(engine)
    [right] = observed(engine)
    assert right < wrong
    told = rows(engine, "notifications", "started_at", "announced_at", "reminded_at")
    assert told == [(right, right, right)]
    assert rows(engine, "notification_channels", "first_used_at", "delivered_at") == [
        (right, right)
    ]
