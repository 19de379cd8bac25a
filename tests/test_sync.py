"""One run after another: what is added, changed, removed and returned, on both databases."""

import random
import threading
from typing import Any

import pytest
from reference import Ledger
from sqlalchemy import Engine, select, text
from worlds import (
    DAY,
    T0,
    Account,
    Calendar,
    Item,
    api_settings,
    assert_contents_equal,
    connect,
    contents,
    everything,
    item,
    rows,
)

from inventory import database
from inventory.errors import FixSettings
from inventory.models import METADATA
from inventory.standin import StandIn
from inventory.sync import sync

# --- against an independent reading ---------------------------------------------------------


def test_three_runs_over_2500_connectors_store_what_the_reference_predicts(
    engine: Engine, api: StandIn, account: Account
) -> None:
    rng, clock, ledger = random.Random(7), Calendar(), Ledger(account.account_id)
    everyone = [some_item(rng, number) for number in range(2500)]
    absent: list[Item] = []
    for _ in range(3):
        account.connectors = everyone
        run = sync(engine, api_settings(api), clock=clock)
        gone = {one["id"]: "deleted" for one in absent if one["id"] not in ledger.removed}
        ledger.observe(everyone, gone, clock.now)
        assert (run["status"], run["observed_at"]) == ("succeeded", clock.now)
        assert_contents_equal(contents(engine), ledger)
        rng.shuffle(everyone)
        leaving = everyone[:60]
        everyone = [changed(rng, one) for one in everyone[60:]] + absent[:30]
        everyone += [some_item(rng, 5000 + rng.randrange(10**6)) for _ in range(40)]
        absent = absent[30:] + leaving
        clock.pass_a_day()


def some_item(rng: random.Random, number: int) -> Item:
    """An item of the shapes that have been seen: sections told, not told, empty and repeated."""
    made = item(f"connector_{number:07d}")
    for _ in range(8):
        made = changed(rng, made)
    return made


def changed(rng: random.Random, before: Item) -> Item:
    """Change nothing, or one thing."""
    after, status = dict(before), dict(before["status"])
    after["status"] = status
    alert = {"code": rng.choice("ab"), "message": "m", "details": rng.choice([None, {"t": [1]}])}
    test = {"title": rng.choice("xy"), "status": rng.choice(["PASSED", "FAILED"]), "message": ""}
    at = f"2026-11-{rng.randint(1, 28):02d}T01:02:03.{rng.randint(0, 999):03d}Z"
    match rng.randrange(14):
        case 0:
            status["setup_state"] = rng.choice(["connected", "broken", "incomplete"])
        case 1:
            status["warnings"] = rng.choice([[], [alert], [alert, alert]])
        case 2:
            status["tasks"] = rng.choice([[], [alert], None])
        case 3:
            after["setup_tests"] = rng.choice([[], [test], [test, test], None])
        case 4:
            after["succeeded_at"] = at
        case 5:
            after["failed_at"] = at
        case 6:
            after["config"] = rng.choice([None, {}, {"host": rng.choice("hj"), "port": 1}])
        case 7:
            after["paused"] = not before["paused"]
        case 8:
            after["brand_new"] = {"deep": [rng.randrange(3)]}
        case 9:
            after["source_sync_details"] = rng.choice([None, {}, {"n": rng.randrange(9)}])
        case 10:
            status["rescheduled_for"] = rng.choice([None, at])
        case 11:
            after["connect_card"] = {"token": "tok-en", "uri": "https://u.ri"}
    return after


# --- a run that finds nothing new -----------------------------------------------------------


def test_run_without_a_change_adds_a_run_and_touches_nothing_else(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [some_item(random.Random(number), number) for number in range(50)]
    sync(engine, api_settings(api))
    before, physical = everything(engine, but=("sync_runs",)), physical_rows(engine)
    run = sync(engine, api_settings(api))
    assert everything(engine, but=("sync_runs",)) == before
    assert physical_rows(engine) == physical
    assert len(rows(engine, "sync_runs")) == 2
    assert (run["connectors_seen"], run["changed"]) == (50, 0)


def test_run_without_a_change_writes_next_to_nothing_to_the_log_of_the_server(
    postgres_url: str, api: StandIn, account: Account
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
    with database.reading(engine) as connection:
        return int(connection.scalar(text("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")))


def test_run_that_adds_one_and_removes_another_counts_both(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("leaves"), *(item(f"stays_{number}") for number in range(9))]
    sync(engine, api_settings(api))
    account.connectors[0] = item("comes")
    run = sync(engine, api_settings(api))
    assert [run[kind] for kind in ("added", "changed", "removed", "returned")] == [1, 0, 1, 0]


def test_moved_times_rewrite_no_wide_row_and_make_no_version(
    engine: Engine, api: StandIn, account: Account
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
    engine: Engine, api: StandIn, account: Account
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
    place = "rowid" if database.is_sqlite(engine) else "ctid::text || xmin::text"
    found = {}
    with database.reading(engine) as connection:
        for table in ("connectors", "connector_status"):
            ids = connection.execute(text(f"select connector_id, {place} as place from {table}"))
            found[table] = {row.connector_id: row.place for row in ids}
            if database.is_sqlite(engine):
                content = connection.execute(select(METADATA.tables[table]))
                found[table] = {row.connector_id: tuple(row) for row in content}
    return found


# --- versions -------------------------------------------------------------------------------


def test_version_tells_the_bounds_of_its_change(
    engine: Engine, api: StandIn, account: Account
) -> None:
    clock = Calendar()
    account.connectors = [item("one")]
    for paused in (False, False, True):
        account.connectors[0]["paused"] = paused
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    with database.reading(engine) as connection:
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
    engine: Engine, api: StandIn, account: Account
) -> None:
    clock = Calendar()
    account.connectors = [item("one")]
    instants = []
    for paused in (False, True, False):
        account.connectors[0]["paused"] = paused
        instants.append(sync(engine, api_settings(api), clock=clock)["observed_at"])
        clock.now -= DAY
    assert instants == sorted(set(instants))
    intervals = sorted(rows(engine, "connectors_past", "valid_from", "valid_to"))
    assert intervals == [(instants[0], instants[1]), (instants[1], instants[2])]


def test_field_not_told_stays_and_one_told_empty_is_cleared(
    engine: Engine, api: StandIn, account: Account
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


def test_duplicate_on_a_later_page_wins_and_is_counted(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("twice", paused=False), item("once"), item("twice", paused=True)]
    run = sync(engine, api_settings(api, page_size=1))
    assert (run["duplicates"], run["connectors_seen"], run["walks"]) == (1, 2, 2)
    assert rows(engine, "connectors", "connector_id", "paused") == [
        ("once", False),
        ("twice", True),
    ]


def test_duplicate_that_is_known_undoes_an_earlier_one_that_is_new(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("twice"), item("once")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("sync_runs",))
    account.connectors = [item("twice", paused=True), item("once"), item("twice")]
    assert sync(engine, api_settings(api, page_size=1))["changed"] == 0
    assert everything(engine, but=("sync_runs",)) == before


def test_anomalies_are_counted_in_every_run_that_shows_them(
    engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("odd", sync_frequency="often"), item("fine")]
    account.connectors[1]["status"]["setup_state"] = "a_new_state"
    assert [sync(engine, api_settings(api))["anomalies"] for _ in range(2)] == [2, 2]
    assert rows(engine, "connectors", "sync_frequency", "extra") == [
        (360, None),
        (None, {"sync_frequency": "often"}),
    ]


def test_connector_is_taken_from_no_account_unless_it_was_removed_there(
    engine: Engine, api: StandIn, account: Account
) -> None:
    """Under two names, one account would take its connectors from itself, and guard none."""
    clock = Calendar()
    account.connectors = [item("one"), item("two"), item("three")]
    sync(engine, api_settings(api, account="here"), clock=clock)
    before = everything(engine, but=("sync_runs",))
    account.connectors = [item("two", paused=True), item("three"), item("new")]
    with pytest.raises(FixSettings, match=r"2 connectors .* account there .*--account here"):
        sync(engine, api_settings(api, account="there"), clock=clock)
    assert everything(engine, but=("sync_runs",)) == before
    sync(engine, api_settings(api, account="here"), clock=clock)
    account.connectors = [item("one")]
    run = sync(engine, api_settings(api, account="there"), clock=clock)
    assert (run["added"], run["returned"]) == (0, 1)
    assert rows(engine, "connectors_past", "connector_id", "account_id")[0] == ("one", "here")
    assert ("one", "there") in rows(engine, "connectors", "connector_id", "account_id")


def test_accounts_in_one_database_never_touch_each_other(
    engine: Engine, api: StandIn, account: Account
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


@pytest.mark.parametrize(
    "default",
    [
        "datestyle = 'German, DMY'",
        "timezone = 'Asia/Kathmandu'",
        "client_encoding = 'LATIN1'",
        "default_transaction_isolation = 'serializable'",
        "idle_in_transaction_session_timeout = '50ms'",
        "standard_conforming_strings = off",
    ],
)
def test_run_does_not_depend_on_the_defaults_of_the_server(
    postgres_url: str, api: StandIn, account: Account, default: str
) -> None:
    engine = connect(postgres_url)
    account.connectors = [item("one", schema="Zürich \N{ROCKET} \\ '"), item("two")]
    sync(engine, api_settings(api))
    held = rows(engine, "connectors")
    with database.transaction(engine) as connection:
        name = connection.scalar(text("select quote_ident(current_database())"))
        connection.exec_driver_sql(f"alter database {name} set {default}")
    account.connectors[1]["paused"] = True
    api.intercept = lambda request: threading.Event().wait(0.2) or None  # idle for that long
    assert sync(engine, api_settings(api, page_size=1))["changed"] == 1
    assert rows(engine, "connectors")[0] == held[0]
