"""What `latest_run` says of each account."""

import pytest
from sqlalchemy import Engine
from support.scenario import (
    OTHER_ACCOUNT,
    at,
)
from support.view_rows import LATER, NOW, expected, rows_of, select_rows

# account_id | run_id | status | observed_at | age_minutes | pages | connectors_seen | unconfirmed
# | withheld | withheld_since | typical_interval_minutes | is_overdue | last_attempt_at
# | last_attempt_status | failed_attempts
LATEST = """
account_one | 39 | withheld | 11-20 06:00 | 300 | 5 | 50 | 0 | 3 | 11-20 06:00 | 180 | no \
| 11-20 09:00 | failed | 1
account_two | - | - | - | - | - | - | - | - | - | - | yes | 11-20 09:30 | failed | 1
"""
LATEST_COLUMNS = (
    "account_id run_id status observed_at age_minutes pages connectors_seen unconfirmed withheld "
    "withheld_since typical_interval_minutes is_overdue last_attempt_at last_attempt_status "
    "failed_attempts"
)


def test_latest_run_of_each_account(scenario: Engine) -> None:
    assert rows_of(scenario, "latest_run", LATEST_COLUMNS) == expected(LATEST)


def test_latest_run_has_the_error_of_the_last_attempt(scenario: Engine) -> None:
    with at(scenario, NOW) as connection:
        errors = dict(select_rows(connection, "latest_run", "account_id last_attempt_error"))
    assert errors.keys() == {"account_one", OTHER_ACCOUNT}
    assert all(error.startswith("GET /v1/connectors answered 500") for error in errors.values())


@pytest.mark.parametrize(
    ("now", "want"),
    [("11-20 15:00:00", "540 | no"), ("11-20 15:00:01", "540 | yes"), (LATER, "570 | yes")],
)
def test_run_is_overdue_after_three_typical_intervals(
    scenario: Engine, now: str, want: str
) -> None:
    answer = rows_of(scenario, "latest_run", "account_id age_minutes is_overdue", now=now)
    assert answer == [f"account_one | {want}", f"{OTHER_ACCOUNT} | - | yes"]
