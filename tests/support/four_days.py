"""Four days of a small account, and the commands that query them."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result
from sqlalchemy import Engine

from inventory.cli import main
from inventory.db import views
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync
from support.builders import (
    DAY,
    KEY,
    SECRET,
    T0,
    Account,
    FakeClock,
    api_settings,
    connect,
    item,
)

NOW = T0 + 3 * DAY + timedelta(minutes=12)
HOSTILE = "\x1b[31mred\r\n"
Rows = list[dict[str, Any]]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def stop_clock(engine: Engine, now: datetime) -> None:
    with transaction(engine) as connection:
        views.stop_clock(connection, now)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def days() -> Iterator[list[dict[str, Any]]]:
    """What the list shows on each of four days, of connectors that sync once a day."""
    fine = [stamp(T0 + day * DAY - timedelta(hours=1)) for day in range(4)]
    daily: dict[str, Any] = {"sync_frequency": 1440}
    broken = {"setup_state": "broken", "tasks": [{"code": "reconnect", "message": "Log in"}]}
    rest = [("twin_a", "Twin"), ("twin_b", "Twin"), ("gone", "leaver"), ("odd", HOSTILE)]
    for day, at in enumerate(fine):
        others = [
            item(key, schema=name, succeeded_at=at, pause_after_trial=key == "odd", **daily)
            for key, name in rest
            if (key, day) != ("gone", 3)
        ]
        yield [
            item(
                "one", schema="billing", succeeded_at=at, paused=1 <= day <= 2, **daily,
                config={"host": "old" if day < 2 else "new", "port": 1},
            ),
            item(
                "two", schema="sales", service="s3", group_id="group_two", succeeded_at=at,
                status=broken if day == 1 else {}, **daily,
            ),
            item(
                "three", schema="stock", service="s3", **daily, succeeded_at=fine[min(day, 1)],
                failed_at=fine[day] if day > 1 else None, status=broken if day == 3 else {},
            ),
            *others,
        ]  # fmt: skip


def run_four_days(url: str) -> None:
    live(url, days(), {})


def live(
    url: str, every_day: Iterable[list[dict[str, Any]]], lists: dict[str, list[dict[str, Any]]]
) -> None:
    """Let a database see what the lists show on each of four days, and stop its clock after."""
    engine, account, calendar = connect(url), Account(), FakeClock()
    account.lists = lists
    with FakeApi(account, key=KEY, secret=SECRET) as api:
        for connectors in every_day:
            account.connectors = connectors
            assert sync(engine, api_settings(api), clock=calendar)["status"] == "succeeded"
            calendar.pass_a_day()
    stop_clock(engine, NOW)


def rows_of(*words: str) -> Any:
    result = run(*words, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def columns_of(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]
