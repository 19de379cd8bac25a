"""What `findings` lists, and from when on."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.scenario import (
    YEAR,
    at,
    utc,
)
from support.view_rows import LAST_RUN, LATER, NOW, expected, rows_of, select_rows, to_lines

# finding | connector_id | since
FINDINGS = """
incomplete   | incomplete       | 11-02 00:00
paused       | paused_long      | 10-05 00:00
never_synced | never_synced     | 11-02 07:15:30
trial_pause  | on_trial         | 11-14 03:00
trial_pause  | weekdays         | 10-05 00:00
same_source  | twin_one         | 10-24 03:00
same_source  | twin_two         | 10-24 03:00
creator_gone | creator_gone     | 11-02 12:00
"""
# Their last success was on 10-04, and nothing says when they should sync: they are started by hand,
# or the schedule makes no sense. None of them is down.
DORMANT = (
    *("syncing", "blocked", "strange", "silent", "breaks_and_mends", "reconfigured"),
    *("twin_one", "twin_two", "creator_gone", "goes_and_returns", "flaps", "on_trial"),
    *("delayed_with_task", "reloads", "reloads_after_failure", "warns"),
    *("rescheduled", "weekdays", "paused_meanwhile", "gone_meanwhile"),
    *("broken_from_the_start", "stalled_at_once"),
)
# Two weeks and a day later, if a run sees the same then.
FINDINGS_LATER = """
incomplete   | just_begun   | 11-19 06:00
never_synced | just_made    | 11-19 21:00
never_synced | first_sync   | 11-19 22:30
paused       | paused_state | 11-02 03:00
dormant      | waited_and_started | 10-24 17:30
dormant      | stale_then_fails | 10-24 11:30
dormant      | unseen | 10-24 17:30
"""


def findings() -> list[str]:
    return expected(FINDINGS) + [f"dormant | {one} | 10-04 22:00" for one in DORMANT]


def test_findings_are_those_of_the_scenario(scenario: Engine) -> None:
    assert rows_of(scenario, "findings", "finding connector_id since") == sorted(findings())


def rows_after_run(scenario: Engine, view: str, columns: str, now: str) -> list[str]:
    """The rows of a view, had the last complete run been now and seen what it saw."""
    last, instant = (f"{utc(words):%Y-%m-%d %H:%M:%S}.000000+00:00" for words in (LAST_RUN, now))
    ran = f"update inventory_runs set observed_at = '{instant}' where observed_at = '{last}'"
    with at(scenario, now, ran) as connection:
        return to_lines(select_rows(connection, view, columns))


def test_findings_grow_as_later_runs_see_the_same_state(scenario: Engine) -> None:
    answer = rows_after_run(scenario, "findings", "finding connector_id since", "12-05 11:00")
    assert answer == sorted(findings() + expected(FINDINGS_LATER))


def test_time_alone_adds_no_findings(scenario: Engine) -> None:
    answer = rows_of(scenario, "findings", "finding connector_id since", now="12-25 00:00")
    assert answer == sorted(findings())


def test_findings_use_the_clock_if_a_run_is_in_the_future(scenario: Engine) -> None:
    ahead = f"update inventory_runs set observed_at = '{YEAR + 1}-01-01 00:00:00.000000+00:00'"
    with at(scenario, NOW, f"{ahead} where run_id = 39") as connection:
        answer = to_lines(select_rows(connection, "findings", "finding connector_id since"))
    assert answer == sorted(findings())


@pytest.mark.parametrize(
    ("finding", "connector_id", "limit"),
    [
        ("incomplete", "just_begun", "12-03 06:00:00"),
        ("never_synced", "just_made", "11-26 21:00:00"),
        ("paused", "paused_state", "12-02 03:00:00"),
        ("dormant", "unseen", "11-23 17:30:00"),
    ],
)
def test_finding_begins_at_its_limit(
    scenario: Engine, finding: str, connector_id: str, limit: str
) -> None:
    before = f"{utc(limit) - timedelta(seconds=1):%m-%d %H:%M:%S}"
    for now, is_there in ((before, False), (limit, True)):
        answer = rows_after_run(scenario, "findings", "finding connector_id", now)
        assert (f"{finding} | {connector_id}" in answer) == is_there


def test_detail_of_each_finding(scenario: Engine) -> None:
    with at(scenario, NOW) as connection:
        details = [detail for (detail,) in select_rows(connection, "findings", "detail")]
    assert all(detail and "\n" not in detail for detail in details)


# Of the setup the reason tells more, while somebody can vouch for it.
INCOMPLETE = "setup incomplete since 2026-11-02 00:00 UTC"
INCOMPLETE_FOR = "task no_credentials; test Host, Login, Reach"
NO_SCHEDULE = "and it has no schedule"


@pytest.mark.parametrize(
    ("now", "finding", "connector_id", "want"),
    [
        (NOW, "incomplete", "incomplete", f"{INCOMPLETE}: {INCOMPLETE_FOR}"),
        (LATER, "incomplete", "incomplete", INCOMPLETE),
        (NOW, "paused", "paused_long", "paused since 2026-10-05 00:00 UTC"),
        (LATER, "paused", "paused_long", "paused since 2026-10-05 00:00 UTC"),
        (LATER, "never_synced", "never_synced", "no sync has succeeded since 2026-11-02 07:15 UTC"),
        (NOW, "dormant", "weekdays", f"no success since 2026-10-04 22:00 UTC, {NO_SCHEDULE}"),
        (LATER, "dormant", "syncing", f"no success since 2026-10-04 22:00 UTC, {NO_SCHEDULE}"),
    ],
)
def test_detail_describes_what_the_last_run_saw(
    scenario: Engine, now: str, finding: str, connector_id: str, want: str
) -> None:
    answer = rows_of(scenario, "findings", "connector_id finding detail", now=now)
    assert f"{connector_id} | {finding} | {want}" in answer
