"""Status in the columns of the vendor's dbt package."""

import pytest
from sqlalchemy import Engine
from support.scenario import (
    PLACE,
    at,
)
from support.view_rows import ALERTS, LATER, NOW, expected, rows_about, rows_of, select_rows

# connection_id | connection_health | last_successful_sync_completed_at | last_sync_completed_at
# | number_errors_since_last_completed_sync | number_warnings_since_last_completed_sync
PLATFORM = """
steady            | connected                | 11-20 05:00 | 11-20 05:00 | 0 | 0
breaks            | broken                   | 11-18 23:00 | 11-18 23:00 | 1 | 0
paused_long       | paused                   | 10-04 22:00 | 10-04 22:00 | 0 | 0
paused_state      | paused                   | 10-04 22:00 | 10-04 22:00 | 0 | 0
breaks_and_pauses | paused                   | 10-04 22:00 | 10-04 22:00 | 0 | 0
fails_and_goes    | deleted                  | -           | -           | 0 | 0
fails_then_breaks | connected                | 11-18 22:00 | 11-18 22:00 | 0 | 0
stale_then_fails  | connected                | 10-24 11:30 | 10-24 11:30 | 0 | 0
incomplete        | incomplete               | 10-04 22:00 | 10-04 22:00 | 4 | 0
just_begun        | incomplete               | -           | -           | 0 | 0
first_sync        | initial sync in progress | -           | -           | 0 | 0
broken_yet_syncs  | broken                   | 11-19 11:30 | 11-19 11:30 | 1 | 0
warns             | connected                | 10-04 22:00 | 10-04 22:00 | 0 | 1
on_trial          | connected                | 10-04 22:00 | 10-04 22:00 | 0 | 1
reconfigured      | connected                | 10-04 22:00 | 10-04 22:00 | 0 | 0
"""
# connection_id | last_successful_sync_completed_at | last_sync_completed_at
LAST_SYNCS = """
blocked               | 10-04 22:00 | 11-19 02:00
fails                 | 10-04 22:00 | 11-19 20:00
fails_from_birth      | -           | 11-14 05:00
reloads_after_failure | 10-04 22:00 | 11-19 14:00
stale_then_fails      | 10-24 11:30 | 10-24 11:30
stale_now             | 11-19 23:30 | 11-19 23:30
hidden                | -           | -
"""


@pytest.mark.parametrize("now", [NOW, LATER])
def test_connection_health_is_what_the_last_run_saw(scenario: Engine, now: str) -> None:
    columns = (
        "connection_id connection_health last_successful_sync_completed_at last_sync_completed_at "
        "number_errors_since_last_completed_sync number_warnings_since_last_completed_sync"
    )
    answer = rows_of(scenario, "fivetran_platform__connection_status", columns, now=now)
    assert {line.split(" | ")[0] for line in answer} == PLACE.keys()
    ids = {line.split(" | ")[0] for line in expected(PLATFORM)}
    assert rows_about(answer, *ids) == expected(PLATFORM)


def test_times_of_the_last_syncs(scenario: Engine) -> None:
    columns = "connection_id last_successful_sync_completed_at last_sync_completed_at"
    ids = {line.split(" | ")[0] for line in expected(LAST_SYNCS)}
    answer = rows_of(scenario, "fivetran_platform__connection_status", columns)
    assert rows_about(answer, *ids) == expected(LAST_SYNCS)


def test_tasks_and_failing_tests_count_as_errors(scenario: Engine) -> None:
    want = dict.fromkeys(PLACE, (0, 0))
    for one, warnings, tasks, failing in (line.split(" | ") for line in expected(ALERTS)):
        want[one] = (int(tasks) + int(failing), int(warnings))
    with at(scenario, NOW) as connection:
        answer = select_rows(
            connection,
            "fivetran_platform__connection_status",
            "connection_id number_errors_since_last_completed_sync "
            "number_warnings_since_last_completed_sync",
        )
    assert {one: numbers for one, *numbers in answer} == {
        one: list(numbers) for one, numbers in want.items()
    }


def test_connection_health_has_six_values(scenario: Engine) -> None:
    kinds = set(rows_of(scenario, "fivetran_platform__connection_status", "connection_health"))
    assert kinds == {
        *("deleted", "paused", "incomplete", "initial sync in progress", "broken", "connected")
    }


def test_rows_identify_the_connection(scenario: Engine) -> None:
    columns = (
        "connection_id connection_name connection_type destination_id destination_name set_up_at "
        "last_sync_started_at number_of_schema_changes_last_month"
    )
    answer = rows_of(scenario, "fivetran_platform__connection_status", columns)
    assert rows_about(
        answer, "goes_and_returns", "never_synced", "just_made", "hidden"
    ) == expected(
        """
        goes_and_returns | renamed | hubspot | north | - | 01-02 03:04:05.678901 | - | -
        hidden | hidden_schema | webhooks | south | - | 01-02 03:04:05.678901 | - | -
        just_made | just_made_schema | sheets | south | - | - | - | -
        never_synced | never_synced_schema | sheets | south | - | 11-02 07:15:30 | - | -
        """
    )
