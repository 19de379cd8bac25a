"""What history says of an instant is what was stored then.

The scripted world is lived once more, and after each run its health is written down. When all is
over, the past is asked for the same instants.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import KINDS, new_database
from scripted import FAILED, RUNS, at, play, utc
from sqlalchemy import Connection, Engine, FromClause, select
from worlds import connect

from inventory import database, instants
from inventory.health import REMOVED
from inventory.models import CONNECTOR_STATUS
from inventory.views import VIEWS

COMPLETE = [words for words in RUNS if words not in FAILED]
LONG_AFTERWARDS = "12-25 00:00"
# The one that a run could not judge: asked for by its id, it got no answer; it was due by then.
UNJUDGED, UNJUDGED_AT, DUE_AT = "unseen", "10-24 15:00", "10-24 14:30"


class Told(NamedTuple):
    """What one run, or a view after it, says of a connector."""

    health: str
    is_down: bool
    health_since: datetime
    down_since: datetime | None


class Life(NamedTuple):
    """A database after its last run.

    Of each connector after each run: what was stored, and what connector_health then showed.
    """

    engine: Engine
    stored: dict[str, dict[str, Told]]
    shown: dict[str, dict[str, Told]]


def live(engine: Engine) -> Life:
    life = Life(engine, {}, {})

    def listen(words: str) -> None:
        with at(engine, words) as connection:
            life.stored[words] = read(connection, CONNECTOR_STATUS.current)
            life.shown[words] = read(connection, VIEWS["connector_health"].table)

    play(engine, listen)
    return life


def read(connection: Connection, table: FromClause) -> dict[str, Told]:
    wanted = (table.c[name] for name in ("connector_id", *Told._fields))
    return {one: Told(*told) for one, *told in connection.execute(select(*wanted))}


def remembered(life: Life, moment: datetime) -> dict[str, Told]:
    with database.reading(life.engine) as connection:
        rows = instants.at(connection, moment)
    return {row["connector_id"]: Told(*(row[name] for name in Told._fields)) for row in rows}


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
def test_health_of_an_instant_is_what_was_stored(life: Life, words: str) -> None:
    assert remembered(life, utc(words)) == life.stored[words]


@pytest.mark.parametrize("words", COMPLETE)
def test_health_stays_what_was_stored_until_the_next_complete_run(life: Life, words: str) -> None:
    following = [*COMPLETE[1:], LONG_AFTERWARDS][COMPLETE.index(words)]
    assert remembered(life, utc(following) - timedelta(microseconds=1)) == life.stored[words]


@pytest.mark.parametrize("words", FAILED)
def test_run_that_failed_has_judged_nobody(life: Life, words: str) -> None:
    before = max(run for run in COMPLETE if run < words)
    assert life.stored[words] == life.stored[before]


@pytest.mark.parametrize("words", COMPLETE)
def test_health_in_the_instant_of_a_run_shows_as_it_is_stored(life: Life, words: str) -> None:
    shown = {one: told for one, told in life.shown[words].items() if told.health not in REMOVED}
    stored = dict(life.stored[words])
    if words == UNJUDGED_AT:
        assert stored[UNJUDGED].health == "healthy"
        stored[UNJUDGED] = Told("unobserved", False, utc(DUE_AT), None)
    assert shown == stored


@pytest.mark.parametrize("words", COMPLETE)
def test_incidents_cover_what_was_down(life: Life, words: str) -> None:
    incident = VIEWS["incidents"].table.c
    now = utc(words)
    with database.reading(life.engine) as connection:
        outages = connection.execute(
            select(incident.connector_id, incident.started_at, incident.ended_at)
        ).all()
    began = {
        outage.connector_id: outage.started_at
        for outage in outages
        if outage.started_at <= now and (outage.ended_at is None or outage.ended_at > now)
    }
    assert began == {
        one: told.down_since for one, told in life.stored[words].items() if told.is_down
    }
