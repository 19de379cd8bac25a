"""What holds of the views as such: comments, plans, and the shorter ways to the same answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from scripted import PLACE, RUNS, play, utc
from sqlalchemy import Connection, Engine, text
from worlds import Account, Calendar, api_settings, connect, item

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
