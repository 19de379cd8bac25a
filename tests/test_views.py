"""What holds of the views as such: comments, plans, and the shorter ways to the same answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from scripted import PLACE, RUNS, at, play, sent, utc
from sqlalchemy import Connection, Engine, text
from worlds import Account, Calendar, Item, api_settings, connect, item

from inventory import database, questions
from inventory.health import EVENTFUL
from inventory.standin import StandIn
from inventory.sync import sync
from inventory.views import VIEWS
from inventory.views.instants import QUESTIONS


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The scripted world after its last run."""
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('lived') / 'inventory.db'}")
    play(engine)
    with database.reading(engine) as connection:
        yield connection


@pytest.mark.parametrize("name", VIEWS)
def test_view_has_the_columns_that_are_said_of_it(engine: Engine, name: str) -> None:
    with database.reading(engine) as connection:
        answer = connection.execute(text(f"select * from {name}"))
        assert list(answer.keys()) == list(VIEWS[name].columns)


def test_functions_have_comments_and_the_columns_that_are_said_of_them(postgres_url: str) -> None:
    with database.reading(connect(postgres_url)) as connection:
        for question in QUESTIONS:
            answer = connection.execute(text(f"select * from {question.name}(now())"))
            assert list(answer.keys()) == list(question.columns)
            described = text(f"select obj_description('{question.name}'::regproc)")
            assert connection.scalar(described) == question.comment


def test_incidents_of_one_are_those_of_the_view(lived: Connection) -> None:
    everyone = questions.incidents(lived)
    for connector in PLACE:
        of_it = [row for row in everyone if row["connector_id"] == connector]
        assert questions.incidents(lived, connector_ids=[connector]) == of_it


@pytest.mark.parametrize("since", RUNS[::4])
def test_incidents_since_are_those_that_lasted_longer(lived: Connection, since: str) -> None:
    begun = utc(since)
    assert questions.incidents(lived, since=begun) == [
        row
        for row in questions.incidents(lived)
        if row["ended_at"] is None or row["ended_at"] > begun
    ]


def test_open_incidents_are_of_those_that_are_down(lived: Connection) -> None:
    expected = [row for row in questions.incidents(lived) if row["ended_at"] is None]
    assert expected
    assert questions.incidents(lived, open_only=True) == expected


def test_time_alone_makes_stale_and_the_inventory_late(
    engine: Engine, api: StandIn, account: Account
) -> None:
    """By the database's own clock: nothing has run for two days."""
    clock = Calendar()
    clock.now = datetime.now(UTC) - timedelta(days=2)
    succeeded_at = f"{clock.now:%Y-%m-%dT%H:%M:%SZ}"
    account.connectors = [item("one", sync_frequency=60, succeeded_at=succeeded_at)]
    for _ in range(3):
        clock.now += timedelta(hours=1)
        sync(engine, api_settings(api), clock=clock)
    with questions.asking(engine) as connection:
        [judged] = questions.status(connection)
        [run] = questions.latest_runs(connection)
    assert (judged["health"], judged["is_down"]) == ("stale", True)
    assert (run["is_late"], run["age_minutes"] // 60) == (True, 45)


# --- outages that the clock makes -----------------------------------------------------------

Day = list[tuple[int, Item]]
STALE = "2026-11-01T00:00:00Z"
LATE = {"succeeded_at": STALE, "sync_frequency": 60}


def lived_by(engine: Engine, api: StandIn, account: Account, day: Day) -> tuple[str, list[str]]:
    """Live the hours of a day, one connector in each; return since when it is so, and outages."""
    clock = Calendar()
    for hour, account.connectors in ((hour, [each]) for hour, each in day):
        clock.now = datetime(2026, 11, 1, hour, tzinfo=UTC)
        sync(engine, api_settings(api), clock=clock)
    with at(engine, f"{clock.now:%m-%d %H:%M}") as connection:
        [judged] = questions.status(connection)
        alone = questions.incidents(connection, connector_ids=["one"])
        assert questions.incidents(connection) == alone
    outages = [(row["path"], row["started_at"], row["ended_at"]) for row in alone]
    return (
        f"{judged['health']} {judged['health_since']:%H}",
        [f"{path} {start:%H}-{f'{end:%H}' if end else ''}" for path, start, end in outages],
    )


def test_stale_connector_that_is_set_anew_is_down_until_it_succeeds(
    engine: Engine, api: StandIn, account: Account
) -> None:
    late, renamed = item("one", **LATE), item("one", **LATE, schema="renamed")
    well = renamed | {"succeeded_at": "2026-11-01T08:30:00Z"}
    day = [(1, late), (5, late), (6, renamed), (8, renamed), (9, well)]
    assert lived_by(engine, api, account, day) == ("healthy 09", ["stale 03-09"])


def test_faster_schedule_makes_no_outage_of_the_time_before_it(
    engine: Engine, api: StandIn, account: Account
) -> None:
    slow, fast = item("one", **LATE | {"sync_frequency": 1440}), item("one", **LATE)
    day = [(1, slow), (10, slow), (12, fast)]
    assert lived_by(engine, api, account, day) == ("stale 12", ["stale 12-"])
    well = fast | {"succeeded_at": "2026-11-01T13:30:00Z"}
    day = [(13, fast), (14, well)]
    assert lived_by(engine, api, account, day) == ("healthy 14", ["stale 12-14"])


def test_slower_schedule_ends_an_outage_that_the_next_does_not_fill(
    engine: Engine, api: StandIn, account: Account
) -> None:
    slow, fast = item("one", **LATE | {"sync_frequency": 1440}), item("one", **LATE)
    day = [(1, fast), (5, fast), (8, slow), (12, fast)]
    assert lived_by(engine, api, account, day) == ("stale 12", ["stale 03-08", "stale 12-"])


@pytest.mark.parametrize("then", [{"schedule_type": "auto"}, {"schedule": None}])
def test_schedule_that_can_be_late_is_so_from_when_it_is_set(
    engine: Engine, api: StandIn, account: Account, then: Item
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
def test_health_that_stood_behind_a_stall_begins_when_that_is_over(
    engine: Engine, api: StandIn, account: Account, then: Item
) -> None:
    status = {"sync_state": "scheduled", "tasks": [{"code": "reconnect", "message": "Reconnect."}]}
    stall = {"sync_state": "rescheduled", "rescheduled_for": "2026-11-01T02:00:00Z"}
    asks = item("one", schedule_type="manual", status=status)
    stalls = item("one", schedule_type="manual", status=status | stall)
    day = [(1, asks), (3, stalls), (4, stalls | then if "schedule_type" in then else asks)]
    assert lived_by(engine, api, account, day) == ("action_required 04", ["stalled 03-04"])


@pytest.mark.parametrize(
    ("status", "health", "outages"),
    [
        ({}, "stale 03", ["stale 03-"]),
        ({"update_state": "delayed"}, "delayed 01", ["delayed 01-"]),
    ],
)
def test_open_task_hides_no_delay(
    engine: Engine, api: StandIn, account: Account, status: Item, health: str, outages: list[str]
) -> None:
    task = {"tasks": [{"code": "resync_table_warning", "message": "Resync."}]}
    asks = item("one", **LATE, status=status | task)
    assert lived_by(engine, api, account, [(1, asks), (4, asks)]) == (health, outages)
    with at(engine, "11-01 04:00") as connection:
        [judged] = questions.status(connection)
    assert (judged["is_down"], judged["severity"]) == (True, 3)
    assert judged["reason"].endswith("; task resync_table_warning")


def test_pause_is_one_whether_it_is_set_or_shown(
    engine: Engine, api: StandIn, account: Account
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
def test_time_makes_nothing_of_what_is_something_else(
    engine: Engine,
    api: StandIn,
    account: Account,
    status: dict[str, object],
    fields: dict[str, bool],
    health: str,
) -> None:
    clock = Calendar()
    clock.now = datetime.now(UTC) - timedelta(hours=4)
    ago = timedelta(hours=9 if fields.get("late") else -4)
    said = {key: sent(clock.now) if value == "LATE" else value for key, value in status.items()}
    account.connectors = [
        item("one", sync_frequency=60, succeeded_at=sent(clock.now - ago), status=said)
    ]
    for _ in range(3):
        clock.now += timedelta(hours=1)
        sync(engine, api_settings(api), clock=clock)
    with questions.asking(engine) as connection:
        [judged] = questions.status(connection)
        assert judged["health"] == health
        assert bool(questions.incidents(connection, open_only=True)) == judged["is_down"]
        assert bool(questions.incidents(connection)) == judged["is_down"]


# --- plans ----------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["connector_health", "incidents"])
def test_states_in_which_nothing_is_the_matter_are_not_read(engine: Engine, view: str) -> None:
    """The condition of the index and that of the views must read alike, or it serves nobody."""
    if database.is_sqlite(engine):
        words = f"explain query plan select * from {view}"
    else:
        words = f"explain select * from connector_status_past where {EVENTFUL}"
    with database.reading(engine) as connection:
        if not database.is_sqlite(engine):
            connection.execute(text("set local enable_seqscan = off"))
        plan = connection.execute(text(words)).all()
    assert "ix_connector_status_past_eventful" in repr(plan)
