"""What history says of an instant is what was said then.

The scripted world is lived once more, and after each run its health is written down. When all is
over, the past is asked for the same instants.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import KINDS, new_database
from scripted import FAILED, RUNS, at, play, utc
from sqlalchemy import Engine, select
from worlds import connect

from inventory import database, instants, questions
from inventory.views import VIEWS

# Its rescheduled_for moved on while it stayed rescheduled; only the last is kept.
FORGOTTEN = {"reschedules_again"}
COMPLETE = [words for words in RUNS if words not in FAILED]


class Life(NamedTuple):
    """A database after its last run, and the health of each connector after each."""

    engine: Engine
    health: dict[str, dict[str, str]]


def live(engine: Engine) -> Life:
    told: dict[str, dict[str, str]] = {}
    health = VIEWS["connector_health"].table.c

    def listen(words: str) -> None:
        with at(engine, words) as connection:
            rows = connection.execute(select(health.connector_id, health.health))
            told[words] = {row.connector_id: row.health for row in rows}

    play(engine, listen)
    return Life(engine, told)


@pytest.fixture(scope="module", params=KINDS)
def life(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        file = tmp_path_factory.mktemp("hindsight") / "inventory.db"
        shutil.copyfile(template, file)
        yield live(connect(f"sqlite:///{file}"))
    else:
        server = request.getfixturevalue("postgres_server")
        with new_database(server, request.getfixturevalue("postgres_template")) as url:
            yield live(connect(url))


@pytest.mark.parametrize("words", COMPLETE)
def test_health_of_an_instant_is_what_it_was(life: Life, words: str) -> None:
    with database.reading(life.engine) as connection:
        then = {row["connector_id"]: row["health"] for row in instants.at(connection, utc(words))}
    was = {
        connector: health
        for connector, health in life.health[words].items()
        if health not in questions.REMOVED
    }
    assert {one: then.get(one) for one in was if one not in FORGOTTEN} == {
        one: health for one, health in was.items() if one not in FORGOTTEN
    }
    assert then.keys() == was.keys()


@pytest.mark.parametrize("words", COMPLETE)
def test_incidents_cover_what_was_down(life: Life, words: str) -> None:
    incident = VIEWS["incidents"].table.c
    now = utc(words)
    with database.reading(life.engine) as connection:
        outages = connection.execute(
            select(incident.connector_id, incident.started_at, incident.ended_at)
        ).all()
    down = {
        outage.connector_id
        for outage in outages
        if outage.started_at <= now and (outage.ended_at is None or outage.ended_at > now)
    }
    was_down = {
        connector
        for connector, health in life.health[words].items()
        if health in ("broken", "stalled", "failing", "delayed", "stale")
    }
    assert down - FORGOTTEN == was_down - FORGOTTEN
