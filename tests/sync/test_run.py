"""One run after another: what is added, changed, removed and returned, on both databases."""

import random
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from support.builders import (
    DAY,
    T0,
    Account,
    FakeClock,
    Item,
    api_settings,
    assert_contents_equal,
    connect,
    contents,
    everything,
    item,
    rows,
)
from support.effort import Effort, few_of
from support.random_items import changed, some_item
from support.reference_model import ReferenceModel

from inventory.db.engine import is_sqlite, read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError
from inventory.models import METADATA
from inventory.sync.run import sync

# --- against an independent reading ---------------------------------------------------------


def test_three_runs_over_many_connectors_store_what_the_reference_predicts(
    engine: Engine, api: FakeApi, account: Account, tried: Effort
) -> None:
    rng, clock, ledger = random.Random(7), FakeClock(), ReferenceModel(account.account_id)
    size = tried.number(300, 2500)
    everyone = [some_item(rng, number) for number in range(size)]
    absent: list[Item] = []
    for _ in range(3):
        account.connectors = everyone
        run = sync(engine, api_settings(api), clock=clock)
        gone = {one["id"]: "deleted" for one in absent if one["id"] not in ledger.removed}
        ledger.observe(everyone, gone, clock.now)
        assert (run["status"], run["observed_at"]) == ("succeeded", clock.now)
        assert_contents_equal(contents(engine), ledger)
        rng.shuffle(everyone)
        some, half_of_them = size // 40, size // 80
        leaving = everyone[:some]
        everyone = [changed(rng, one) for one in everyone[some:]] + absent[:half_of_them]
        everyone += [some_item(rng, 5000 + rng.randrange(10**6)) for _ in range(some)]
        absent = absent[half_of_them:] + leaving
        clock.pass_a_day()


# --- a run that finds nothing new -----------------------------------------------------------


def test_run_without_a_change_adds_a_run_and_touches_nothing_else(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [some_item(random.Random(number), number) for number in range(50)]
    sync(engine, api_settings(api))
    before, physical = everything(engine, but=("inventory_runs",)), physical_rows(engine)
    run = sync(engine, api_settings(api))
    assert everything(engine, but=("inventory_runs",)) == before
    assert physical_rows(engine) == physical
    assert len(rows(engine, "inventory_runs")) == 2
    assert (run["connectors_seen"], run["changed"]) == (50, 0)


def test_run_without_a_change_writes_next_to_nothing_to_the_log_of_the_server(
    postgres_url: str, api: FakeApi, account: Account
) -> None:
    engine = connect(postgres_url)
    account.connectors = [some_item(random.Random(number), number) for number in range(200)]
    sync(engine, api_settings(api))
    written = []
    for _ in range(3):  # the server itself may write something at any time
        before = position(engine)
        sync(engine, api_settings(api))
        written.append(position(engine) - before)
    assert 0 < min(written) < 16 << 10


def position(engine: Engine) -> int:
    """How many bytes of log the server has made so far."""
    with read_only(engine) as connection:
        return int(connection.scalar(text("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")))


def test_run_that_adds_one_and_removes_another_counts_both(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("leaves"), *(item(f"stays_{number}") for number in range(9))]
    sync(engine, api_settings(api))
    account.connectors[0] = item("comes")
    run = sync(engine, api_settings(api))
    assert [run[kind] for kind in ("added", "changed", "removed", "returned")] == [1, 0, 1, 0]


def test_new_times_rewrite_no_wide_row_and_begin_no_version(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item(f"c{number}") for number in range(20)]
    sync(engine, api_settings(api))
    physical = physical_rows(engine)
    for each in account.connectors:
        each["succeeded_at"] = "2026-11-21T01:00:00.5Z"
    run = sync(engine, api_settings(api))
    assert run["changed"] == 0
    assert physical_rows(engine)["connectors"] == physical["connectors"]
    assert rows(engine, "connector_status_past") == []
    assert len(rows(engine, "sync_outcomes")) == 40


def test_row_beside_a_changed_one_is_not_touched(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("changes"), item("stays")]
    sync(engine, api_settings(api))
    before = physical_rows(engine)
    account.connectors[0]["paused"] = True
    assert sync(engine, api_settings(api))["changed"] == 1
    after = physical_rows(engine)
    assert [after[name]["stays"] for name in after] == [before[name]["stays"] for name in before]
    assert after["connectors"]["changes"] != before["connectors"]["changes"]


def physical_rows(engine: Engine) -> dict[str, dict[str, Any]]:
    """Which physical row holds each connector; it is another one after any rewrite.

    SQLite rewrites in place, so there the content has to do.
    """
    place = "rowid" if is_sqlite(engine) else "ctid::text || xmin::text"
    found = {}
    with read_only(engine) as connection:
        for table in ("connectors", "connector_status"):
            ids = connection.execute(text(f"select connector_id, {place} as place from {table}"))
            found[table] = {row.connector_id: row.place for row in ids}
            if is_sqlite(engine):
                content = connection.execute(select(METADATA.tables[table]))
                found[table] = {row.connector_id: tuple(row) for row in content}
    return found


# --- versions -------------------------------------------------------------------------------


def test_version_has_the_bounds_of_its_change(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    clock = FakeClock()
    account.connectors = [item("one")]
    for paused in (False, False, True):
        account.connectors[0]["paused"] = paused
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    with read_only(engine) as connection:
        history = connection.execute(
            text(
                "select paused, valid_from, changed_after, valid_to "
                "from connector_history order by valid_from"
            ).columns(*(METADATA.tables["connectors_past"].c[name] for name in VERSION))
        )
        assert [tuple(row) for row in history] == [
            (False, T0, None, T0 + 2 * DAY),
            (True, T0 + 2 * DAY, T0 + DAY, None),
        ]


VERSION = ("paused", "valid_from", "changed_after", "valid_to")


def test_clock_that_goes_back_never_makes_versions_run_backwards(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    clock = FakeClock()
    account.connectors = [item("one")]
    instants = []
    for paused in (False, True, False):
        account.connectors[0]["paused"] = paused
        instants.append(sync(engine, api_settings(api), clock=clock)["observed_at"])
        clock.now -= DAY
    assert instants == sorted(set(instants))
    intervals = sorted(rows(engine, "connectors_past", "valid_from", "valid_to"))
    assert intervals == [(instants[0], instants[1]), (instants[1], instants[2])]


def test_absent_field_stays_and_an_empty_one_is_cleared(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    test = {"title": "t", "status": "PASSED", "message": "", "details": [1]}
    for config, tests, want in (
        ({"host": "h"}, [test], ({"host": "h"}, 1)),
        (None, None, ({"host": "h"}, 1)),
        ({"host": "h"}, [test], ({"host": "h"}, 1)),
        ({}, [], ({}, 0)),
    ):
        account.connectors = [item("one", config=config, setup_tests=tests)]
        sync(engine, api_settings(api))
        assert rows(engine, "connectors", "config") == [(want[0],)]
        assert len(rows(engine, "setup_tests")) == want[1]
    assert rows(engine, "connectors_past", "config") == [({"host": "h"},)]


def test_each_sync_outcome_that_no_run_had_seen_is_stored(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Even if it has the time of another connector, or is earlier than a known one."""
    for names, ended in (("b", T0), ("abc", T0), ("bc", T0 - DAY), ("b", T0)):
        account.connectors = [item(name, succeeded_at=ended.isoformat()) for name in names]
        sync(engine, api_settings(api))
    assert sorted(rows(engine, "sync_outcomes", "connector_id", "finished_at", "run_id")) == [
        ("a", T0, 2),
        ("b", T0 - DAY, 3),
        ("b", T0, 1),
        ("c", T0 - DAY, 3),
        ("c", T0, 2),
    ]


def test_duplicate_on_a_later_page_wins_and_is_counted(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("twice", paused=False), item("once"), item("twice", paused=True)]
    run = sync(engine, api_settings(api, page_size=1))
    assert (run["duplicates"], run["connectors_seen"], run["walks"]) == (1, 2, 2)
    assert rows(engine, "connectors", "connector_id", "paused") == [
        ("once", False),
        ("twice", True),
    ]


def test_duplicate_that_is_known_undoes_an_earlier_one_that_is_new(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("twice"), item("once")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("inventory_runs",))
    account.connectors = [item("twice", paused=True), item("once"), item("twice")]
    assert sync(engine, api_settings(api, page_size=1))["changed"] == 0
    assert everything(engine, but=("inventory_runs",)) == before


def test_anomalies_are_counted_in_every_run_that_shows_them(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("odd", sync_frequency="often"), item("fine")]
    account.connectors[1]["status"]["setup_state"] = "a_new_state"
    assert [sync(engine, api_settings(api))["anomalies"] for _ in range(2)] == [2, 2]
    assert rows(engine, "connectors", "sync_frequency", "extra") == [
        (360, None),
        (None, {"sync_frequency": "often"}),
    ]


def test_connector_is_taken_from_no_account_unless_it_was_removed_there(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Two names for one account would take connectors from each other, and guard no removal."""
    clock = FakeClock()
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api, account="here"), clock=clock)
    before = everything(engine, but=("inventory_runs",))
    account.connectors = [item("two", paused=True), item("three"), item("new")]
    with pytest.raises(ConfigurationError, match=r"2 connectors .* account there .*--account here"):
        sync(engine, api_settings(api, account="there"), clock=clock)
    assert everything(engine, but=("inventory_runs",)) == before
    sync(engine, api_settings(api, account="here"), clock=clock)
    account.connectors = [item("one")]
    run = sync(engine, api_settings(api, account="there"), clock=clock)
    assert (run["added"], run["returned"]) == (0, 1)
    assert rows(engine, "connectors_past", "connector_id", "account_id")[0] == ("one", "here")
    assert ("one", "there") in rows(engine, "connectors", "connector_id", "account_id")


def test_accounts_in_one_database_never_touch_each_other(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one")]
    sync(engine, api_settings(api))
    account.connectors = [item("two")]
    run = sync(engine, api_settings(api, account="another"))
    assert (run["account_id"], run["added"], run["removed"]) == ("another", 1, 0)
    assert rows(engine, "connectors", "connector_id", "account_id", "removed_at") == [
        ("one", "account_one", None),
        ("two", "another", None),
    ]


# --- whatever the server's defaults are -----------------------------------------------------

DEFAULTS = [
    "datestyle = 'German, DMY'",
    "timezone = 'Asia/Kathmandu'",
    "client_encoding = 'LATIN1'",
    "default_transaction_isolation = 'serializable'",
    "idle_in_transaction_session_timeout = '50ms'",
    "standard_conforming_strings = off",
]


@pytest.mark.parametrize("default", few_of(DEFAULTS, DEFAULTS[:2]))
def test_run_does_not_depend_on_the_defaults_of_the_server(
    postgres_url: str, api: FakeApi, account: Account, default: str
) -> None:
    engine = connect(postgres_url)
    account.connectors = [item("one", schema="Zürich \N{ROCKET} \\ '"), item("two")]
    sync(engine, api_settings(api))
    before = rows(engine, "connectors")
    with transaction(engine) as connection:
        name = connection.scalar(text("select quote_ident(current_database())"))
        connection.exec_driver_sql(f"alter database {name} set {default}")
    account.connectors[1]["paused"] = True
    api.intercept = lambda request: threading.Event().wait(0.2) or None  # idle for that long
    assert sync(engine, api_settings(api, page_size=1))["changed"] == 1
    assert rows(engine, "connectors")[0] == before[0]
