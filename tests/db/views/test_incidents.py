"""The outages of the scenario, as `incidents` shows them."""

import pytest
from sqlalchemy import Engine
from support.scenario import (
    PLACE,
    RUNS,
    at,
    utc,
)
from support.view_rows import (
    BETWEEN,
    LAST_RUN,
    LATER,
    NOW,
    OPEN,
    PUNCTUAL_UNTIL,
    expected,
    rows_of,
    select_rows,
)

from inventory import queries

CLOSED = """
stood_still | 10-22 04:30 | 10-22 04:30 | 10-22 09:00 | 10-22 12:00 | 450 | stale | recovered
stale_then_fails | 10-24 05:29 | 10-24 05:29 | 10-24 09:00 | 10-24 12:00 | 391 \
| stale > failing | recovered
waited_and_started | 10-24 10:00 | 10-24 10:00 | 10-24 15:00 | 10-24 18:00 | 480 | stalled \
| recovered
breaks_and_mends | 11-02 00:00 | 11-02 03:00 | 11-02 06:00 | 11-02 09:00 | 360 | broken | recovered
flaps | 11-02 03:00 | 11-02 06:00 | 11-02 09:00 | 11-02 12:00 | 360 | broken | recovered
flaps | 11-19 00:00 | 11-19 03:00 | 11-19 03:00 | 11-19 06:00 | 180 | broken | recovered
flaps | 11-19 06:00 | 11-19 12:00 | 11-19 12:00 | 11-19 15:00 | 180 | broken | recovered
flaps | 11-19 15:00 | 11-19 18:00 | 11-19 18:00 | 11-19 21:00 | 180 | broken | recovered
fails_then_breaks | 11-14 00:00 | 11-14 03:00 | 11-14 09:00 | 11-19 00:00 | 7020 \
| failing > broken | recovered
delayed_with_task | 11-19 06:00 | 11-19 12:00 | 11-20 03:00 | 11-20 06:00 | 1080 | delayed \
| recovered
reloads_after_failure | 11-19 12:00 | 11-19 15:00 | 11-19 21:00 | 11-20 00:00 | 540 | failing \
| recovered
breaks_and_pauses | 11-19 03:00 | 11-19 06:00 | 11-19 06:00 | 11-19 12:00 | 360 | broken | paused
fails_and_goes | 11-14 03:00 | 11-14 06:00 | 11-19 12:00 | 11-19 15:00 | 7740 | failing | removed
stale_then_paused | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale | paused
stale_then_slower | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale \
| recovered
stale_then_slower | 11-16 00:30 | 11-16 00:30 | 11-19 00:00 | 11-19 03:00 | 4470 | stale \
| recovered
paused_meanwhile | 11-02 15:00 | 11-14 00:00 | 11-14 00:00 | 11-14 03:00 | 180 | broken | paused
paused_meanwhile | 11-14 03:00 | 11-14 06:00 | 11-14 06:00 | 11-14 09:00 | 180 | broken \
| recovered
gone_meanwhile | 10-24 18:00 | 11-02 00:00 | 11-02 00:00 | 11-02 03:00 | 180 | broken | removed
gone_meanwhile | 11-02 03:00 | 11-02 06:00 | 11-02 09:00 | 11-02 12:00 | 360 | broken | recovered
broken_from_the_start | - | 10-05 00:00 | 10-22 00:00 | 10-22 03:00 | 24660 | broken | recovered
stale_and_gone | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale | removed
stale_then_manual | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale \
| recovered
stale_then_calm | 11-20 02:30 | 11-20 02:30 | 11-20 03:00 | 11-20 06:00 | 210 | stale | recovered
stalled_at_once | 11-14 01:00 | 11-14 01:00 | 11-14 03:00 | 11-14 06:00 | 300 | stalled | recovered
reschedules_again | 11-14 02:00 | 11-14 02:00 | 11-14 03:00 | 11-14 06:00 | 240 | stalled \
| recovered
"""
OPEN_LATER = """
breaks            | 11-19 00:00 | 11-19 03:00 | - | - | 2190 | broken  | -
fails             | 11-19 06:00 | 11-19 12:00 | - | - | 1650 | failing | -
all_at_once       | 11-19 15:00 | 11-19 18:00 | - | - | 1290 | failing | -
delayed           | 11-19 15:00 | 11-19 18:00 | - | - | 1290 | delayed | -
fails_from_birth  | 11-14 03:00 | 11-14 06:00 | - | - | 9210 | failing | -
broken_yet_syncs  | 11-19 03:00 | 11-19 06:00 | - | - | 2010 | broken  | -
broken_first_sync | 11-19 12:00 | 11-19 15:00 | - | - | 1470 | broken  | -
fails_first_sync  | 11-19 18:00 | 11-19 21:00 | - | - | 1110 | failing | -
stalled           | 11-20 02:00 | 11-20 02:00 | - | - | 810  | stalled | -
stale_now         | 11-20 02:30 | 11-20 02:30 | - | - | 780  | stale   | -
"""
INCIDENT = "connector_id started_after started_at ended_after ended_at minutes path closed_by"


def test_incidents_are_the_outages_of_the_scenario(scenario: Engine) -> None:
    assert rows_of(scenario, "incidents", INCIDENT) == sorted(expected(OPEN) + expected(CLOSED))


def test_time_lengthens_open_incidents_and_opens_none(scenario: Engine) -> None:
    want = sorted(expected(OPEN_LATER) + expected(CLOSED))
    assert rows_of(scenario, "incidents", INCIDENT, now=LATER) == want


@pytest.mark.parametrize(
    "now",
    [
        *(LAST_RUN, NOW, "11-20 12:30", "11-20 12:30:01", "11-20 14:00", BETWEEN, PUNCTUAL_UNTIL),
        *(LATER, "11-20 18:00:01", "11-22 03:00", "12-25 00:00"),
    ],
)
def test_open_outage_counts_as_down_until_the_run_is_overdue(scenario: Engine, now: str) -> None:
    with at(scenario, now) as connection:
        down = [
            one for one, is_down in select_rows(connection, "connector_health", DOWN) if is_down
        ]
        still = [one for one, end in select_rows(connection, "incidents", ENDED) if end is None]
    at_the_last_run = sorted(line.split(" | ")[0] for line in expected(OPEN))
    assert sorted(still) == at_the_last_run
    assert sorted(down) == (at_the_last_run if now <= PUNCTUAL_UNTIL else [])


DOWN, ENDED = "connector_id is_down", "connector_id ended_at"


def test_filtered_incidents_equal_those_of_the_view(scenario: Engine) -> None:
    with at(scenario, NOW) as connection:
        everything = queries.list_incidents(connection)
        for words in (*RUNS, "11-14 02:30", "11-16 00:30", NOW):
            since = utc(words)
            later = [
                row for row in everything if row["ended_at"] is None or row["ended_at"] > since
            ]
            assert queries.list_incidents(connection, since=since) == later
        for one in PLACE:
            of_it = [row for row in everything if row["connector_id"] == one]
            assert queries.list_incidents(connection, connector_ids=[one]) == of_it
        still = [row for row in everything if row["ended_at"] is None]
        assert queries.list_incidents(connection, open_only=True) == still
