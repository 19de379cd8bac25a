"""Views over time: what passing time changes, how queries reach few rows, and query plans."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text
from support.builders import (
    Account,
    FakeClock,
    Item,
    api_settings,
    connect,
    item,
)
from support.databases import new_database
from support.effort import KINDS
from support.four_days import stop_clock
from support.scenario import (
    PLACE,
    RUNS,
    at,
    sent,
    utc,
)

from inventory import queries
from inventory.db import session
from inventory.db.engine import execute_all, is_sqlite, read_only, rollback
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.queries import as_of
from inventory.sync.run import sync

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", params=KINDS)
def lived(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    """The scenario after its last run."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("copy") / "inventory.db"
        shutil.copyfile(request.getfixturevalue("lived_file"), file)
        yield from looking(f"sqlite:///{file}")
    else:
        lived = request.getfixturevalue("lived_database")
        with new_database(request.getfixturevalue("postgres_server"), lived) as url:
            yield from looking(url)


def looking(url: str) -> Iterator[Connection]:
    """Look at it as of one time: two answers would differ if a minute passed between them."""
    stop_clock(connect(url), datetime.now(UTC))
    with read_only(connect(url)) as connection:
        yield connection


def test_incidents_of_one_connector_equal_those_of_the_view(lived: Connection) -> None:
    everyone = queries.list_incidents(lived)
    for connector in PLACE:
        of_it = [row for row in everyone if row["connector_id"] == connector]
        assert queries.list_incidents(lived, connector_ids=[connector]) == of_it


@pytest.mark.parametrize("since", RUNS)
def test_incidents_since_leave_out_those_that_ended_before(lived: Connection, since: str) -> None:
    everyone = queries.list_incidents(lived)
    for begun in (utc(since), utc(since) - timedelta(minutes=10), utc(since) + timedelta(hours=1)):
        assert queries.list_incidents(lived, since=begun) == [
            row for row in everyone if row["ended_at"] is None or row["ended_at"] > begun
        ]


def test_open_incidents_belong_to_connectors_that_are_down(lived: Connection) -> None:
    expected = [row for row in queries.list_incidents(lived) if row["ended_at"] is None]
    assert expected
    assert queries.list_incidents(lived, open_only=True) == expected


# --- what time alone makes ------------------------------------------------------------------


def test_time_alone_makes_data_overdue_and_nothing_down(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """By the database's own clock: nothing has run for two days."""
    clock = FakeClock()
    clock.now = begun = datetime.now(UTC) - timedelta(days=2)
    account.connectors = [
        item("well", sync_frequency=60, succeeded_at=sent(begun + HOUR)),  # due an hour too late
        item("late", sync_frequency=60, succeeded_at=sent(begun - 9 * HOUR)),
        item("paused", paused=True),
    ]
    for _ in range(3):
        clock.now += HOUR
        sync(engine, api_settings(api), clock=clock)
    with session.open_session(engine) as connection:
        judged = {row["connector_id"]: row for row in queries.status(connection)}
        [run] = queries.latest_runs(connection)
        [outage] = queries.list_incidents(connection)
        assert queries.list_incidents(connection, open_only=True) == [outage]
    assert (run["is_overdue"], run["age_minutes"] // 60) == (True, 45)
    for one, word in {"well": "healthy", "late": "stale", "paused": "paused"}.items():
        row = judged[one]
        assert (row["health"], row["is_down"], row["severity"]) == ("unobserved", False, 2)
        assert (row["health_since"], row["down_since"]) == (clock.now, None)
        assert (row["observed_health"], row["observed_at"]) == (word, clock.now)
        assert row["reason"] == (
            f"not observed since {clock.now:%Y-%m-%d %H:%M} UTC: "
            f"the next run is overdue; it was {word}"
        )
    assert (outage["connector_id"], outage["path"], outage["closed_by"]) == ("late", "stale", None)
    assert (outage["started_at"], outage["ended_at"]) == (begun + HOUR, None)
    assert outage["minutes"] // 60 == 47


# At each instant: the word of each connector, and the hour since when it has it.
WORDS = {
    "11-01 03:00": "healthy 01, action_required 01, rescheduled 01, failing 01, paused 01",
    "11-01 04:00": "healthy 01, action_required 01, rescheduled 01, failing 01, paused 01",
    "11-01 04:00:01": "healthy 01, action_required 01, unobserved 04, failing 01, paused 01",
    "11-01 04:30": "healthy 01, action_required 01, unobserved 04, failing 01, paused 01",
    "11-01 04:30:01": "unobserved 04, unobserved 04, unobserved 04, failing 01, paused 01",
    "11-01 06:00": "unobserved 04, unobserved 04, unobserved 04, failing 01, paused 01",
    # Three usual intervals after the last run.
    "11-01 06:00:01": "unobserved 03, unobserved 03, unobserved 03, unobserved 03, unobserved 03",
}


def test_passed_deadline_means_unobserved_until_the_next_run(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    hourly = {"sync_frequency": 60, "succeeded_at": "2026-11-01T01:30:00Z"}  # due at 04:30
    asks = {"tasks": [{"code": "reconnect", "message": "Reconnect."}]}
    put_off = {"sync_state": "rescheduled", "rescheduled_for": "2026-11-01T04:00:00Z"}
    account.connectors = [
        item("a_well", **hourly),
        item("b_asks", **hourly, status=asks),
        item("c_by_hand", schedule_type="manual", status=put_off),
        item("d_fails", **hourly, failed_at="2026-11-01T01:40:00Z"),
        item("e_paused", **hourly, paused=True),
    ]
    clock = FakeClock()
    for clock.now in (utc("11-01 01:00"), utc("11-01 02:00"), utc("11-01 03:00")):
        sync(engine, api_settings(api), clock=clock)

    def shown_at(now: str) -> tuple[str, list[tuple[str, datetime]]]:
        with at(engine, now) as connection:
            rows = sorted(queries.status(connection), key=lambda row: row["connector_id"])
            assert queries.list_changes(connection, since=utc("11-01 01:00:01")) == []
            open_now = queries.list_incidents(connection, open_only=True)
            assert queries.list_incidents(connection) == open_now
        for row in rows:
            assert row["is_down"] == (row["health"] in ("failing", "stale", "stalled"))
            assert (row["down_since"] is None) == (not row["is_down"])
            assert row["observed_at"] == clock.now
        words = [f"{row['health']} {row['health_since']:%H}" for row in rows]
        return ", ".join(words), [(row["connector_id"], row["started_at"]) for row in open_now]

    fails = ("d_fails", utc("11-01 01:00"))
    for now, words in WORDS.items():
        assert shown_at(now) == (words, [fails]), now
    with at(engine, "11-01 05:30") as connection:
        by_hand, well = (
            queries.status(connection, connector_id=one)[0] for one in ("c_by_hand", "a_well")
        )
    assert well["reason"] == (
        "not observed since 2026-11-01 03:00 UTC: due by 2026-11-01 04:30 UTC; it was healthy"
    )
    assert by_hand["reason"] == (
        "not observed since 2026-11-01 03:00 UTC: due by 2026-11-01 04:00 UTC; it was rescheduled"
    )
    assert (well["minutes_late"], by_hand["minutes_late"]) == (60, 90)


def test_alerts_at_a_timestamp_include_those_that_open_then(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    clock, seen = FakeClock(), {}
    for number in (0, 1, 0, 1):
        alerts = [{"code": "a"}] * number
        account.connectors = [item("one", status={"warnings": alerts, "tasks": alerts})]
        seen[sync(engine, api_settings(api), clock=clock)["observed_at"]] = number
        clock.pass_a_day()
    for moment, number in seen.items():
        with read_only(engine) as connection:
            [row] = as_of.at(connection, moment)
        assert (row["open_warnings"], row["open_tasks"]) == (number, number)


def test_run_dates_an_outage_from_the_passed_deadline(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    late = item("one", sync_frequency=60, succeeded_at="2026-11-01T01:30:00Z")
    assert lived_by(engine, api, account, [(3, late), (5, late)]) == ("stale 04", ["stale 04-"])
    with at(engine, "11-01 05:00") as connection:
        [outage] = queries.list_incidents(connection)
        [change] = queries.list_changes(connection, connector_id="one")
    deadline = utc("11-01 04:30")
    assert (outage["started_after"], outage["started_at"]) == (deadline, deadline)
    assert (outage["minutes"], change["changed_after"]) == (30, utc("11-01 03:00"))
    columns = ("field", "old_value", "new_value", "changed_at")
    assert tuple(change[name] for name in columns) == (
        *("health", "healthy", "stale"),
        utc("11-01 05:00"),
    )


def test_outage_that_no_run_saw_does_not_exist(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """It was overdue at 03:00, and had succeeded when somebody looked."""
    late, well = item("one", **LATE), item("one", **LATE | {"succeeded_at": "2026-11-01T04:30:00Z"})
    assert lived_by(engine, api, account, [(1, late), (5, well)]) == ("healthy 01", [])


WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI"]


def test_weekday_connector_is_late_on_tuesday_and_never_on_sunday(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Its last success was on a Friday. In whatever zone its 06:00 are, it may begin an hour late.

    At the latest it just came too early for the time to sync of Friday: then the second one after
    it is that of Tuesday, four days after it, and an hour makes 07:10.
    """
    schedule = {"schedule_type": "TIME_OF_DAY", "days_of_week": WEEKDAYS, "time_of_day": "06:00"}
    daily = {"sync_frequency": 1440, "succeeded_at": "2026-11-06T06:10:00Z"}
    account.connectors = [item("by_days", **daily, schedule=schedule), item("daily", **daily)]
    clock = FakeClock()

    def health_at(now: datetime) -> tuple[str, ...]:
        with at(engine, f"{now:%m-%d %H:%M:%S}") as connection:
            rows = {row["connector_id"]: row["health"] for row in queries.status(connection)}
        return rows["by_days"], rows["daily"]

    sunday, tuesday = utc("11-08 07:10"), utc("11-10 07:10")  # of daily ones: two days and an hour
    assert (sunday.weekday(), tuesday.weekday()) == (6, 1)
    clock.now = utc("11-06 09:00")
    while clock.now <= utc("11-10 09:00"):
        sync(engine, api_settings(api), clock=clock)
        by_days = "stale" if clock.now > tuesday else "healthy"
        by_the_day = "stale" if clock.now > sunday else "healthy"
        assert health_at(clock.now) == (by_days, by_the_day), clock.now
        just_before = clock.now + timedelta(hours=5, minutes=59)  # the next run
        if just_before > tuesday and by_days == "healthy":
            by_days = "unobserved"
        if just_before > sunday and by_the_day == "healthy":
            by_the_day = "unobserved"
        assert health_at(just_before) == (by_days, by_the_day), clock.now
        clock.now += 6 * HOUR
    with at(engine, "11-10 09:00") as connection:
        outages = queries.list_incidents(connection)
        begun = [(row["connector_id"], row["path"], row["started_at"]) for row in outages]
    assert begun == [("daily", "stale", sunday), ("by_days", "stale", tuesday)]


# --- outages that deadlines make ------------------------------------------------------------

Day = list[tuple[int, Item | None]]
STALE = "2026-11-01T00:00:00Z"
LATE = {"succeeded_at": STALE, "sync_frequency": 60}  # due at 03:00


def lived_by(engine: Engine, api: FakeApi, account: Account, day: Day) -> tuple[str, list[str]]:
    """Live the hours of a day, with a connector in each or none; return how it is, and outages."""
    clock = FakeClock()
    for hour, each in day:
        account.connectors = [item("another"), *([each] if each else [])]
        clock.now = datetime(2026, 11, 1, hour, tzinfo=UTC)
        sync(engine, api_settings(api), clock=clock)
    with at(engine, f"{clock.now:%m-%d %H:%M}") as connection:
        [judged] = queries.status(connection, connector_id="one")
        alone = queries.list_incidents(connection, connector_ids=["one"])
        assert queries.list_incidents(connection) == alone
    outages = [(row["path"], row["started_at"], row["ended_at"]) for row in alone]
    return (
        f"{judged['health']} {judged['health_since']:%H}",
        [f"{path} {start:%H}-{f'{end:%H}' if end else ''}" for path, start, end in outages],
    )


def test_connector_first_seen_late_is_down_since_it_was_seen(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """The run before it passed no judgement on it, be it new or back again."""
    late = item("one", **LATE)
    assert lived_by(engine, api, account, [(2, None), (4, late)]) == ("stale 04", ["stale 04-"])
    day = [(6, None), (8, late)]
    assert lived_by(engine, api, account, day) == ("stale 08", ["stale 04-06", "stale 08-"])


def test_connector_that_returns_before_its_deadline_is_late_from_the_deadline(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    late = item("one", **LATE)
    day = [(0, late), (1, None), (2, late), (4, late)]
    assert lived_by(engine, api, account, day) == ("stale 03", ["stale 03-"])


def test_stale_connector_with_a_new_schedule_is_down_until_it_succeeds(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    late, renamed = item("one", **LATE), item("one", **LATE, schema="renamed")
    well = renamed | {"succeeded_at": "2026-11-01T08:30:00Z"}
    day = [(1, late), (5, late), (6, renamed), (8, renamed), (9, well)]
    assert lived_by(engine, api, account, day) == ("healthy 09", ["stale 03-09"])


def test_faster_schedule_creates_no_outage_before_it(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    slow, fast = item("one", **LATE | {"sync_frequency": 1440}), item("one", **LATE)
    day = [(1, slow), (10, slow), (12, fast)]
    assert lived_by(engine, api, account, day) == ("stale 12", ["stale 12-"])
    well = fast | {"succeeded_at": "2026-11-01T13:30:00Z"}
    day = [(13, fast), (14, well)]
    assert lived_by(engine, api, account, day) == ("healthy 14", ["stale 12-14"])


def test_slower_schedule_ends_an_outage(engine: Engine, api: FakeApi, account: Account) -> None:
    slow, fast = item("one", **LATE | {"sync_frequency": 1440}), item("one", **LATE)
    day = [(1, fast), (5, fast), (8, slow), (12, fast)]
    assert lived_by(engine, api, account, day) == ("stale 12", ["stale 03-08", "stale 12-"])


def test_faster_schedule_counts_from_a_deadline_after_the_last_run(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Judged is by what the schedule says now: 03:00 was not over at the run before."""
    slow, fast = item("one", **LATE | {"sync_frequency": 1440}), item("one", **LATE)
    day = [(1, slow), (2, slow), (4, fast)]
    assert lived_by(engine, api, account, day) == ("stale 03", ["stale 03-"])


@pytest.mark.parametrize("then", [{"schedule_type": "auto"}, {"schedule": None}])
def test_new_schedule_can_be_late_only_from_when_it_is_set(
    engine: Engine, api: FakeApi, account: Account, then: Item
) -> None:
    before = {"schedule_type": "manual", "schedule": None} | (
        {"schedule_type": "auto", "schedule": {"days_of_week": ["MONDAY"]}}
        if "schedule" in then
        else {}
    )
    calm, late = item("one", **LATE, **before), item("one", **LATE, **before | then)
    day = [(1, calm), (10, calm), (12, late)]
    assert lived_by(engine, api, account, day) == ("stale 12", ["stale 12-"])


@pytest.mark.parametrize("then", [{"sync_state": "scheduled"}, {"schedule_type": "auto"}])
def test_health_hidden_by_a_stall_begins_when_the_stall_ends(
    engine: Engine, api: FakeApi, account: Account, then: Item
) -> None:
    status = {"sync_state": "scheduled", "tasks": [{"code": "reconnect", "message": "Reconnect."}]}
    stall = {"sync_state": "rescheduled", "rescheduled_for": "2026-11-01T02:00:00Z"}
    asks = item("one", schedule_type="manual", status=status)
    stalls = item("one", schedule_type="manual", status=status | stall)
    day = [(1, asks), (3, stalls), (4, stalls | then if "schedule_type" in then else asks)]
    assert lived_by(engine, api, account, day) == ("action_required 04", ["stalled 02-04"])


@pytest.mark.parametrize(
    ("status", "health", "outages"),
    [
        ({}, "stale 03", ["stale 03-"]),
        ({"update_state": "delayed"}, "delayed 01", ["delayed 01-"]),
    ],
)
def test_open_task_does_not_hide_a_delay(
    engine: Engine, api: FakeApi, account: Account, status: Item, health: str, outages: list[str]
) -> None:
    task = {"tasks": [{"code": "resync_table_warning", "message": "Resync."}]}
    asks = item("one", **LATE, status=status | task)
    assert lived_by(engine, api, account, [(1, asks), (4, asks)]) == (health, outages)
    with at(engine, "11-01 04:00") as connection:
        [judged] = queries.status(connection, connector_id="one")
    assert (judged["is_down"], judged["severity"]) == (True, 3)
    assert judged["reason"].endswith("; task resync_table_warning")


def test_pause_by_setting_or_by_state_is_one_pause(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    shown = {"status": {"sync_state": "paused"}}
    is_set, both = item("one", paused=True), item("one", paused=True, **shown)
    day = [(1, item("one")), (2, is_set), (3, both), (4, item("one", **shown)), (5, is_set)]
    assert lived_by(engine, api, account, day) == ("paused 02", [])
    assert lived_by(engine, api, account, [(6, item("one")), (7, both)]) == ("paused 07", [])


@pytest.mark.parametrize(
    ("status", "fields", "health"),
    [
        # Only what waits for a person to start it can stall: this starts by itself.
        ({"sync_state": "rescheduled", "rescheduled_for": "LATE"}, {}, "rescheduled"),
        # What has a reason of its own for bringing nothing is not stale.
        ({"sync_state": "syncing", "is_historical_sync": True}, {"late": True}, "historical_sync"),
        ({"schema_status": "blocked_on_capture"}, {"late": True}, "blocked"),
        ({"setup_state": "incomplete"}, {"late": True}, "incomplete"),
        ({}, {"late": True}, "stale"),
    ],
)
def test_deadline_does_not_change_a_higher_ranked_health(
    engine: Engine,
    api: FakeApi,
    account: Account,
    status: dict[str, object],
    fields: dict[str, bool],
    health: str,
) -> None:
    clock = FakeClock()
    clock.now = datetime.now(UTC) - timedelta(hours=4)
    ago = timedelta(hours=9 if fields.get("late") else -4)
    said = {key: sent(clock.now) if value == "LATE" else value for key, value in status.items()}
    account.connectors = [
        item("one", sync_frequency=60, succeeded_at=sent(clock.now - ago), status=said)
    ]
    for _ in range(3):
        clock.now += timedelta(hours=1)
        sync(engine, api_settings(api), clock=clock)
    with session.open_session(engine) as connection:
        [judged] = queries.status(connection)
        assert (judged["health"], judged["observed_health"]) == (health, health)
        assert bool(queries.list_incidents(connection, open_only=True)) == judged["is_down"]
        assert bool(queries.list_incidents(connection)) == judged["is_down"]


def test_incidents_since_show_their_whole_path(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """Whatever of them was over by then, and whether they are or not."""
    broken = {"setup_state": "broken"}
    day = [
        (1, item("one")),
        (2, item("one", failed_at="2026-11-20T02:00:00Z")),  # after its success
        (4, item("one", status={"update_state": "delayed"})),
        (6, item("one", status=broken)),
        (8, item("one", status=broken | {"update_state": "delayed"})),
    ]
    path = "failing > delayed > broken"
    assert lived_by(engine, api, account, day) == ("broken 06", [f"{path} 02-"])
    hours = [utc(f"11-01 {hour:02}:00") for hour in range(11)]

    def incidents_at(now: str) -> dict[datetime, list[tuple[object, ...]]]:
        names = ("path", "started_after", "started_at", "ended_at")
        with at(engine, now) as connection:
            found = {since: queries.list_incidents(connection, since=since) for since in hours}
        return {
            since: [tuple(row[name] for name in names) for row in found[since]] for since in hours
        }

    outage = (path, hours[1], hours[2])
    assert incidents_at("11-01 10:00") == {since: [(*outage, None)] for since in hours}
    assert lived_by(engine, api, account, [(9, item("one"))]) == ("healthy 09", [f"{path} 02-09"])
    assert incidents_at("11-01 10:00") == {
        since: [(*outage, hours[9])] if since < hours[9] else [] for since in hours
    }


# --- plans ----------------------------------------------------------------------------------


def plan(connection: Connection, words: str, **values: object) -> str:
    """How a statement would be answered; on PostgreSQL by indexes wherever one serves."""
    if is_sqlite(connection):
        how = "explain query plan"
    else:
        how = "explain"
        connection.execute(text("set local enable_seqscan = off"))
    return repr(connection.execute(text(f"{how} {words}"), values).all())


def test_health_is_read_and_not_computed(engine: Engine) -> None:
    """Of destinations, the history says since when one is broken."""
    with read_only(engine) as connection:
        how = plan(connection, "select * from connector_health")
    assert "_past" not in how.replace("destinations_past", "")


# An account of 2,000 after two runs, a tenth of which the second one found changed.
CROWD = """
insert into inventory_runs (account_id, status, started_at, observed_at, tool_version,
  pages, requests, retries, connectors_seen, duplicates, added, changed, removed, returned,
  unconfirmed, anomalies)
select 'a', 'succeeded', at, at, '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
from unnest(array[timestamptz '2026-11-01', '2026-11-02']) as at;
insert into connectors (connector_id, account_id, config, first_seen_at, valid_from)
select n, 'a', jsonb_build_object('host', n, 'files', jsonb_build_array(n)), '2026-11-01',
  case when n % 10 = 0 then date '2026-11-02' else '2026-11-01' end
from generate_series(1, 2000) n;
insert into connectors_past (connector_id, account_id, config, valid_from, valid_to)
select connector_id, 'a', '{"host": "old"}', '2026-11-01', valid_from
from connectors where valid_from > '2026-11-01';
insert into connector_status (connector_id, last_sync_failed, digests, valid_from)
select connector_id, false, '', valid_from from connectors;
insert into connector_status_past (connector_id, last_sync_failed, valid_from, valid_to, is_down)
select connector_id, true, valid_from, valid_to, true from connectors_past;
insert into tasks (connector_id, content_hash, ordinal, code, valid_from)
select connector_id, 'x', 0, 'reconnect', valid_from from connectors_past;
insert into setup_tests (connector_id, title, ordinal, status, valid_from)
select connector_id, title, 0, 'PASSED', valid_from
from connectors, unnest(array['Host', 'Login']) as title;
analyze
"""


@pytest.fixture(scope="module")
def crowded(postgres_server: str, postgres_template: str) -> Iterator[Connection]:
    with (
        new_database(postgres_server, postgres_template) as url,
        rollback(connect(url)) as connection,
    ):
        execute_all(connection, [CROWD])
        yield connection


@pytest.mark.parametrize("view", VIEWS)
def test_estimated_cost_of_a_view_stays_below_just_in_time_compilation(
    crowded: Connection, view: str
) -> None:
    """Which took PostgreSQL seconds where the answer took none, from this cost on."""
    limit = "select boot_val from pg_settings where name = 'jit_above_cost'"
    [described] = crowded.exec_driver_sql(
        f"explain (format json) select * from {view}"
    ).scalar_one()
    cost = described["Plan"]["Total Cost"]
    assert cost < float(crowded.exec_driver_sql(limit).scalar_one())


@pytest.mark.parametrize(
    "view", ["incidents", "flapping", "availability_30d", "service_reliability"]
)
def test_versions_that_were_not_down_are_not_read(engine: Engine, view: str) -> None:
    """The views must repeat the condition of the index, or the planner does not use it."""
    with read_only(engine) as connection:
        found = plan(connection, f"select * from {view}")
    assert "ix_connector_status_past_down" in found
    assert "ix_connector_status_past_valid_to" not in found


def test_only_outages_that_ended_since_a_timestamp_are_read(engine: Engine) -> None:
    """Also where a tool filters: the end of an outage must be a column of the index."""
    since = "2026-11-01 00:00:00.000000+00:00"
    with read_only(engine) as connection:
        found = plan(connection, "select * from incidents where ended_at > :since", since=since)
    by_its_end = "(valid_to>?" if is_sqlite(engine) else "Index Cond: (valid_to >"
    assert by_its_end in found
    assert "ix_connector_status_past_down" in found
