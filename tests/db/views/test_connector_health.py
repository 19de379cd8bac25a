"""What `connector_health` says of each connector of the scenario."""

import pytest
from sqlalchemy import Engine
from support.scenario import (
    PLACE,
)
from support.view_rows import (
    ALERTS,
    BETWEEN,
    HEALTH,
    LAST_RUN,
    LATER,
    NOW,
    OPEN,
    PUNCTUAL_UNTIL,
    REMOVED,
    expected,
    rows_about,
    rows_of,
)

from inventory import health

HEALTH_COLUMNS = "connector_id health is_down severity health_since freshness_deadline minutes_late"


# Those that read otherwise three and a half hours later, with no run in between.
HEALTH_BETWEEN = """
breaks                | broken          | yes | 3 | 11-19 03:00 | 11-19 12:00 | 1590
stalled               | stalled         | yes | 3 | 11-20 02:00 | 11-20 02:00 | 750
stood_still           | unobserved      | no  | 2 | 11-20 12:30 | 11-20 12:30 | 120
rescheduled           | unobserved      | no  | 2 | 11-20 14:00 | 11-20 14:00 | 30
stale_now             | stale           | yes | 3 | 11-20 02:30 | 11-20 02:30 | 720
"""


# Another hour later nobody can vouch for any of them, and these are overdue.
MINUTES_LATE_LATER = {
    "breaks": 1650,
    "stalled": 810,
    "stood_still": 180,
    "rescheduled": 90,
    "stale_now": 780,
}


def test_health_of_each_connector(scenario: Engine) -> None:
    assert rows_of(scenario, "connector_health", HEALTH_COLUMNS) == expected(HEALTH)


def test_scenario_contains_every_health() -> None:
    """But for the one that a list beside the connectors decides: see test_destination_broken.py."""
    found = {line.split(" | ")[1] for line in expected(HEALTH)}
    assert found == {*health.NAMES} - {"destination_broken"}


def test_passed_deadline_makes_a_connector_unobserved(scenario: Engine) -> None:
    otherwise = {line.split(" | ")[0] for line in expected(HEALTH_BETWEEN)}
    want = expected(HEALTH_BETWEEN) + [
        line for line in expected(HEALTH) if line.split(" | ")[0] not in otherwise
    ]
    assert rows_of(scenario, "connector_health", HEALTH_COLUMNS, now=BETWEEN) == sorted(want)


def test_overdue_run_makes_all_existing_connectors_unobserved(scenario: Engine) -> None:
    want = []
    for line in expected(HEALTH):
        one, *_, deadline, late = line.split(" | ")
        late = str(MINUTES_LATE_LATER.get(one, late))
        unobserved = f"{one} | unobserved | no | 2 | {LAST_RUN} | {deadline} | {late}"
        want.append(line if one in REMOVED else unobserved)
    assert rows_of(scenario, "connector_health", HEALTH_COLUMNS, now=LATER) == sorted(want)


@pytest.mark.parametrize(
    ("now", "connector_id", "want"),
    [
        ("11-20 12:30:00", "stood_still", "healthy | no | 10-22 12:00 | 0"),
        ("11-20 12:30:00.000001", "stood_still", "unobserved | no | 11-20 12:30 | 0"),
        ("11-20 12:31:59", "stood_still", "unobserved | no | 11-20 12:30 | 1"),
        ("11-20 14:00:00", "rescheduled", "rescheduled | no | 11-20 03:00 | 0"),
        ("11-20 14:00:01", "rescheduled", "unobserved | no | 11-20 14:00 | 0"),
        ("11-20 15:00:00", "steady", "healthy | no | 10-05 00:00 | 0"),
        ("11-20 15:00:01", "steady", "unobserved | no | 11-20 06:00 | 0"),
        ("11-20 15:00:00", "stood_still", "unobserved | no | 11-20 12:30 | 150"),
        ("11-20 15:00:01", "stood_still", "unobserved | no | 11-20 06:00 | 150"),
        ("11-20 15:00:00", "stalled", "stalled | yes | 11-20 02:00 | 780"),
        ("11-20 15:00:01", "stalled", "unobserved | no | 11-20 06:00 | 780"),
        ("11-20 18:00:00", "steady", "unobserved | no | 11-20 06:00 | 0"),
        ("11-20 18:01:00", "steady", "unobserved | no | 11-20 06:00 | 1"),
        ("11-21 21:01:00", "rescheduled_auto", "unobserved | no | 11-20 06:00 | 1"),
    ],
)
def test_health_is_unobserved_only_after_the_deadline(
    scenario: Engine, now: str, connector_id: str, want: str
) -> None:
    columns = "connector_id health is_down health_since minutes_late"
    answer = rows_about(rows_of(scenario, "connector_health", columns, now=now), connector_id)
    assert answer == [f"{connector_id} | {want}"]


@pytest.mark.parametrize("now", [LAST_RUN, NOW, BETWEEN, LATER])
def test_observed_health_is_what_the_last_run_stored(scenario: Engine, now: str) -> None:
    saw = {line.split(" | ")[0]: line.split(" | ")[1] for line in expected(HEALTH)}
    began = {line.split(" | ")[0]: line.split(" | ")[2] for line in expected(OPEN)}
    if now > PUNCTUAL_UNTIL:
        began = {}
    want = [f"{one} | {saw[one]} | {LAST_RUN} | {began.get(one, '-')}" for one in PLACE]
    columns = "connector_id observed_health observed_at down_since"
    assert rows_of(scenario, "connector_health", columns, now=now) == sorted(want)


def test_alerts_are_counted(scenario: Engine) -> None:
    none = {f"{one} | 0 | 0 | 0" for one in PLACE} - {
        f"{line.split(' | ')[0]} | 0 | 0 | 0" for line in expected(ALERTS)
    }
    columns = "connector_id open_warnings open_tasks failing_setup_tests"
    assert rows_of(scenario, "connector_health", columns) == sorted([*none, *expected(ALERTS)])


# connector_id | paused | setup_state | sync_state | update_state | schema_status
# | is_historical_sync | last_sync_failed | schedule_type | sync_frequency
# | succeeded_at | failed_at | rescheduled_for | connected_by | first_seen_at | removed_at
STATES = """
breaks | no | broken | scheduled | on_schedule | ready | no | no | auto | 360 \
| 11-18 23:00 | - | - | user_one | 10-05 00:00 | -
reloads_after_failure | no | connected | syncing | on_schedule | ready | yes | yes | manual | 360 \
| 10-04 22:00 | 11-19 14:00 | - | user_one | 10-05 00:00 | -
rescheduled | no | connected | rescheduled | on_schedule | ready | no | no | manual | 360 \
| 10-04 22:00 | - | 11-20 14:00 | user_one | 10-05 00:00 | -
silent | no | - | scheduled | on_schedule | ready | no | no | manual | 360 \
| 10-04 22:00 | - | - | user_one | 10-05 00:00 | -
weekdays | no | connected | scheduled | on_schedule | ready | no | no | auto | 360 \
| 10-04 22:00 | - | - | - | 10-05 00:00 | -
twin_two | no | connected | scheduled | on_schedule | ready | no | no | manual | 360 \
| 10-04 22:00 | - | - | user_one | 10-24 03:00 | -
goes_and_returns | no | connected | scheduled | on_schedule | ready | no | no | manual | 720 \
| 10-04 22:00 | - | - | user_one | 10-05 00:00 | -
fails_and_goes | no | - | - | - | - | - | - | manual | 360 \
| - | - | - | user_one | 10-05 00:00 | 11-19 15:00
"""


def test_health_comes_with_the_facts_behind_it(scenario: Engine) -> None:
    columns = (
        "connector_id paused setup_state sync_state update_state schema_status is_historical_sync "
        "last_sync_failed schedule_type sync_frequency succeeded_at failed_at rescheduled_for "
        "connected_by first_seen_at removed_at"
    )
    ids = {line.split(" | ")[0] for line in expected(STATES)}
    assert rows_about(rows_of(scenario, "connector_health", columns), *ids) == expected(STATES)
