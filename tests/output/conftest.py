"""A database of names that are long, wide or hostile, to look at."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from support.builders import DAY, T0, Item, item
from support.databases import new_database
from support.four_days import live, stamp
from support.references import group

NAMES = {
    "cobalt_fig": "売上データ_東京支店_月次レポート",
    "lunar_moth": "rocket 🚀 \x1b[31mred\r\nalert",
    "amber_oak": "a_name_" + "that_goes_on_" * 10 + "and_ends",
    "plain_elm": "stripe_teal",
}


def _day(number: int) -> list[Item]:
    """What the list shows on the days 0 to 3."""
    at = [stamp(T0 + day * DAY - timedelta(hours=1)) for day in range(4)]
    broken = {
        "setup_state": "broken",
        "tasks": [{"code": "reconnect", "message": "Log in, 再接続"}],
    }
    warned = {"warnings": [{"code": "schema_drift", "message": "A column is new"}]}
    states = {
        "cobalt_fig": {"status": broken if number == 3 else {}, "group_id": "group_two"},
        "lunar_moth": {"succeeded_at": at[0], "failed_at": at[number] if number else None},
        "amber_oak": {"status": warned if number else {}},
        "plain_elm": {"status": {"update_state": "delayed"} if number == 2 else {}},
    }
    return [
        item(
            key,
            **{"schema": name, "succeeded_at": at[number], "sync_frequency": 1440} | states[key],
            pause_after_trial=key == "plain_elm",
        )
        for key, name in NAMES.items()
    ]


def _live(url: str) -> None:
    groups = [group(name="Finance"), group("group_two", name="営業 🗾 部")]
    live(url, map(_day, range(4)), {"groups": groups})


@pytest.fixture(scope="module")
def odd_names(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a SQLite database with these names; tests only read it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('odd_names') / 'inventory.db'}"
    _live(url)
    return url


@pytest.fixture(scope="module")
def odd_names_on_postgresql(postgres_server: str) -> Iterator[str]:
    with new_database(postgres_server) as url:
        _live(url)
        yield url
