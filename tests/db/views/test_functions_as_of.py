"""What the functions of a timestamp return: the account as it was then."""

import pytest
from sqlalchemy import Engine, text
from support.scenario import (
    BORN,
    PLACE,
    at,
    utc,
)
from support.view_rows import NOW, REMOVED, expected, rows_about, to_lines

from inventory.queries import as_of


def then(scenario: Engine, function: str, moment: str, columns: str) -> list[str]:
    """The rows of one of PostgreSQL's functions as lines."""
    with at(scenario, NOW) as connection:
        query = text(f"select {columns.replace(' ', ', ')} from {function}(:moment)")
        return to_lines(connection.execute(query, {"moment": utc(moment)}))


@pytest.mark.parametrize("function", ["connectors_at", "connector_status_at"])
@pytest.mark.parametrize(
    ("moment", "missing"),
    [
        ("10-04 23:59:59", PLACE.keys()),
        ("10-05 00:00", BORN.keys()),
        ("10-24 05:59:59", BORN.keys() - {"twin_two"}),
        ("10-24 06:00", (BORN.keys() - {"twin_two"}) | {"goes_and_returns"}),
        ("10-24 11:59:59", (BORN.keys() - {"twin_two"}) | {"goes_and_returns"}),
        ("10-24 12:00", BORN.keys() - {"twin_two"}),
        ("11-19 15:00", {"fails_and_goes", "stale_and_gone", "just_made", "first_sync"}),
        (NOW, REMOVED),
    ],
)
def test_connectors_at_a_timestamp_are_those_that_existed(
    postgresql_scenario: Engine, function: str, moment: str, missing: set[str]
) -> None:
    assert then(postgresql_scenario, function, moment, "connector_id") == sorted(
        PLACE.keys() - missing
    )


# moment | connector_id | schema_name | paused | sync_frequency | valid_from | changed_after
# | valid_to
CONNECTORS_THEN = """
10-05 00:00 | reconfigured | reconfigured_schema | no | 360 | 10-05 00:00 | - | 10-22 06:00
10-22 05:59 | reconfigured | reconfigured_schema | no | 360 | 10-05 00:00 | - | 10-22 06:00
10-22 06:00 | reconfigured | reconfigured_schema | no | 360 | 10-22 06:00 | 10-22 03:00 \
| 10-22 09:00
10-22 09:00 | reconfigured | reconfigured_schema | no | 720 | 10-22 09:00 | 10-22 06:00 \
| 10-22 15:00
11-20 11:00 | reconfigured | reconfigured_schema | no | 720 | 10-22 15:00 | 10-22 12:00 | -
10-24 05:00 | goes_and_returns | goes_and_returns_schema | no | 360 | 10-05 00:00 | - | 10-24 06:00
10-24 13:00 | goes_and_returns | renamed | no | 720 | 10-24 12:00 | 10-24 09:00 | -
11-19 11:59 | breaks_and_pauses | breaks_and_pauses_schema | no | 360 | 10-05 00:00 | - \
| 11-19 12:00
11-19 12:00 | breaks_and_pauses | breaks_and_pauses_schema | yes | 360 | 11-19 12:00 | 11-19 06:00 \
| -
11-19 14:00 | fails_and_goes | fails_and_goes_schema | no | 360 | 10-05 00:00 | - | 11-19 15:00
"""


@pytest.mark.parametrize("line", expected(CONNECTORS_THEN))
def test_connectors_at_has_the_values_of_that_time(postgresql_scenario: Engine, line: str) -> None:
    moment, want = line.split(" | ", 1)
    columns = "connector_id schema_name paused sync_frequency valid_from changed_after valid_to"
    answer = then(postgresql_scenario, "connectors_at", moment, columns)
    assert rows_about(answer, want.split(" | ")[0]) == [want]


# moment | connector_id | setup_state | sync_state | last_sync_failed | succeeded_at | failed_at
# | valid_from | valid_to
STATUS_THEN = """
10-22 04:29 | steady | connected | scheduled | no | 10-22 02:00 | - | 10-05 00:00 | -
11-01 00:00 | steady | connected | scheduled | no | 10-24 17:00 | - | 10-05 00:00 | -
11-20 11:00 | steady | connected | scheduled | no | 11-20 05:00 | - | 10-05 00:00 | -
10-22 05:59 | stood_still | connected | scheduled | no | 10-21 21:30 | - | 10-05 00:00 | 10-22 06:00
10-22 11:59 | stood_still | connected | scheduled | no | 10-21 21:30 | - | 10-22 06:00 | 10-22 12:00
10-22 12:00 | stood_still | connected | scheduled | no | 10-22 11:30 | - | 10-22 12:00 | -
10-24 10:00 | stale_then_fails | connected | scheduled | yes | 10-24 02:29 | 10-24 08:50 \
| 10-24 09:00 | 10-24 12:00
10-24 08:59 | stale_then_fails | connected | scheduled | no | 10-24 02:29 | - | 10-24 06:00 \
| 10-24 09:00
11-14 02:59 | fails_then_breaks | connected | scheduled | no | 10-04 22:00 | - | 10-05 00:00 \
| 11-14 03:00
11-14 12:00 | fails_then_breaks | broken | scheduled | yes | 10-04 22:00 | 11-14 02:00 \
| 11-14 09:00 | 11-19 00:00
11-14 05:59 | new_and_well | connected | syncing | no | - | - | 11-14 00:00 | 11-14 06:00
11-14 06:00 | new_and_well | connected | scheduled | no | 11-14 05:30 | - | 11-14 06:00 | -
11-19 14:59 | fails_and_goes | connected | scheduled | yes | 10-04 22:00 | 11-14 05:00 \
| 11-14 06:00 | 11-19 15:00
"""


@pytest.mark.parametrize("line", expected(STATUS_THEN))
def test_connector_status_at_has_the_values_of_that_time(
    postgresql_scenario: Engine, line: str
) -> None:
    moment, want = line.split(" | ", 1)
    columns = (
        "connector_id setup_state sync_state last_sync_failed succeeded_at failed_at "
        "valid_from valid_to"
    )
    answer = then(postgresql_scenario, "connector_status_at", moment, columns)
    assert rows_about(answer, want.split(" | ")[0]) == [want]


# moment | connector_id | health | is_down | severity | health_since | down_since
HEALTH_THEN = """
10-22 05:59 | stood_still | healthy | no | 0 | 10-05 00:00 | -
10-22 06:00 | stood_still | stale | yes | 3 | 10-22 04:30 | 10-22 04:30
10-22 11:59 | stood_still | stale | yes | 3 | 10-22 04:30 | 10-22 04:30
10-22 12:00 | stood_still | healthy | no | 0 | 10-22 12:00 | -
10-24 05:59 | stale_then_fails | healthy | no | 0 | 10-05 00:00 | -
10-24 08:59 | stale_then_fails | stale | yes | 3 | 10-24 05:29 | 10-24 05:29
10-24 09:00 | stale_then_fails | failing | yes | 3 | 10-24 09:00 | 10-24 05:29
10-24 11:59 | waited_and_started | rescheduled | no | 1 | 10-24 06:00 | -
10-24 12:00 | waited_and_started | stalled | yes | 3 | 10-24 10:00 | 10-24 10:00
10-24 17:00 | unseen | healthy | no | 0 | 10-05 00:00 | -
11-14 02:59 | reschedules_again | rescheduled | no | 1 | 11-14 00:00 | -
11-14 03:00 | reschedules_again | stalled | yes | 3 | 11-14 02:00 | 11-14 02:00
11-14 06:00 | reschedules_again | rescheduled | no | 1 | 11-14 06:00 | -
11-14 03:00 | stalled_at_once | stalled | yes | 3 | 11-14 01:00 | 11-14 01:00
11-14 12:00 | fails_then_breaks | broken | yes | 3 | 11-14 09:00 | 11-14 03:00
11-18 00:00 | stale_then_slower | healthy | no | 0 | 11-14 06:00 | -
11-19 00:00 | stale_then_slower | stale | yes | 3 | 11-16 00:30 | 11-16 00:30
11-02 00:00 | gone_meanwhile | broken | yes | 3 | 11-02 00:00 | 11-02 00:00
11-02 06:00 | gone_meanwhile | broken | yes | 3 | 11-02 06:00 | 11-02 06:00
11-14 06:00 | paused_meanwhile | broken | yes | 3 | 11-14 06:00 | 11-14 06:00
11-10 00:00 | paused_state | paused | no | 0 | 11-02 03:00 | -
11-20 15:30 | stood_still | healthy | no | 0 | 10-22 12:00 | -
12-25 00:00 | stale_now | stale | yes | 3 | 11-20 02:30 | 11-20 02:30
"""


@pytest.mark.parametrize("line", expected(HEALTH_THEN))
def test_connector_health_at_is_what_a_run_had_stored_by_then(scenario: Engine, line: str) -> None:
    moment, want = line.split(" | ", 1)
    columns = ["connector_id", "health", "is_down", "severity", "health_since", "down_since"]
    with at(scenario, NOW) as connection:
        answer = as_of.at(connection, utc(moment))
    told_then = to_lines([row[name] for name in columns] for row in answer)
    assert rows_about(told_then, want.split(" | ")[0]) == [want]
