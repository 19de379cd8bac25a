"""The history at a timestamp equals what was stored then.

The scenario runs once more, and the health after each run is noted. At the end, the history is
queried for the same timestamps.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, Engine, FromClause, select
from support.builders import connect
from support.databases import new_database
from support.effort import KINDS, few_of
from support.scenario import (
    FAILED,
    RUNS,
    at,
    play,
    utc,
)

from inventory.db.engine import read_only
from inventory.db.views import VIEWS
from inventory.health import REMOVED
from inventory.models import CONNECTOR_STATUS
from inventory.queries import as_of

COMPLETE = [words for words in RUNS if words not in FAILED]
LONG_AFTERWARDS = "12-25 00:00"
# The one that a run could not judge: asked for by its id, it got no answer; it was due by then.
UNJUDGED, UNJUDGED_AT, DUE_AT = "unseen", "10-24 15:00", "10-24 14:30"


class Stored(NamedTuple):
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
    stored: dict[str, dict[str, Stored]]
    shown: dict[str, dict[str, Stored]]


def live(engine: Engine) -> Life:
    life = Life(engine, {}, {})

    def listen(words: str) -> None:
        with at(engine, words) as connection:
            life.stored[words] = read(connection, CONNECTOR_STATUS.current)
            life.shown[words] = read(connection, VIEWS["connector_health"].table)

    play(engine, listen)
    return life


def read(connection: Connection, table: FromClause) -> dict[str, Stored]:
    wanted = (table.c[name] for name in ("connector_id", *Stored._fields))
    return {one: Stored(*cells) for one, *cells in connection.execute(select(*wanted))}


def remembered(life: Life, moment: datetime) -> dict[str, Stored]:
    with read_only(life.engine) as connection:
        rows = as_of.at(connection, moment)
    return {row["connector_id"]: Stored(*(row[name] for name in Stored._fields)) for row in rows}


@pytest.fixture(scope="module", params=few_of(KINDS, ["sqlite"]))
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


@pytest.mark.parametrize("words", few_of([*COMPLETE], [*COMPLETE][::3]))
def test_health_at_a_run_is_what_was_stored(life: Life, words: str) -> None:
    assert remembered(life, utc(words)) == life.stored[words]


@pytest.mark.parametrize("words", COMPLETE)
def test_health_stays_what_was_stored_until_the_next_complete_run(life: Life, words: str) -> None:
    following = [*COMPLETE[1:], LONG_AFTERWARDS][COMPLETE.index(words)]
    assert remembered(life, utc(following) - timedelta(microseconds=1)) == life.stored[words]


@pytest.mark.parametrize("words", FAILED)
def test_failed_run_judges_nothing(life: Life, words: str) -> None:
    before = max(run for run in COMPLETE if run < words)
    assert life.stored[words] == life.stored[before]


@pytest.mark.parametrize("words", COMPLETE)
def test_health_right_after_a_run_is_shown_as_stored(life: Life, words: str) -> None:
    shown = {one: state for one, state in life.shown[words].items() if state.health not in REMOVED}
    stored = dict(life.stored[words])
    if words == UNJUDGED_AT:
        assert stored[UNJUDGED].health == "healthy"
        stored[UNJUDGED] = Stored("unobserved", False, utc(DUE_AT), None)
    assert shown == stored


@pytest.mark.parametrize("words", COMPLETE)
def test_incidents_cover_what_was_down(life: Life, words: str) -> None:
    incident = VIEWS["incidents"].table.c
    now = utc(words)
    with read_only(life.engine) as connection:
        outages = connection.execute(
            select(incident.connector_id, incident.started_at, incident.ended_at)
        ).all()
    began = {
        outage.connector_id: outage.started_at
        for outage in outages
        if outage.started_at <= now and (outage.ended_at is None or outage.ended_at > now)
    }
    assert began == {
        one: state.down_since for one, state in life.stored[words].items() if state.is_down
    }
