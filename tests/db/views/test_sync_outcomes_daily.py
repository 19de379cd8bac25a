"""Syncs by day, as `sync_outcomes_daily` counts them."""

from sqlalchemy import Engine
from support.scenario import (
    PLACE,
    YEAR,
)
from support.view_rows import expected, rows_of

# connector_id | day succeeded failed, ...
OUTCOMES = """
steady | 10-04 1 0, 10-05 3 0, 10-21 1 0, 10-22 7 0, 10-24 6 0, 11-01 1 0, 11-02 5 0, 11-13 1 0, \
11-14 3 0, 11-18 1 0, 11-19 7 0, 11-20 2 0
breaks | 10-04 1 0, 10-05 3 0, 10-21 1 0, 10-22 7 0, 10-24 6 0, 11-01 1 0, 11-02 5 0, 11-13 1 0, \
11-14 3 0, 11-18 1 0
stood_still | 10-04 1 0, 10-05 3 0, 10-21 1 0, 10-22 4 0, 10-24 6 0, 11-01 1 0, 11-02 5 0, \
11-13 1 0, 11-14 3 0, 11-18 1 0, 11-19 7 0, 11-20 2 0
stale_now | 10-04 1 0, 10-05 3 0, 10-21 1 0, 10-22 7 0, 10-24 6 0, 11-01 1 0, 11-02 5 0, \
11-13 1 0, 11-14 3 0, 11-18 1 0, 11-19 7 0
fails | 10-04 1 0, 11-19 0 2
blocked | 10-04 1 0, 11-19 0 1
fails_then_breaks | 10-04 1 0, 11-14 0 1, 11-18 1 0
fails_and_goes | 10-04 1 0, 11-14 0 1
all_at_once | 10-04 1 0, 11-19 0 1
new_and_well | 11-14 1 0
broken_yet_syncs | 10-04 1 0, 11-19 1 0
reloads_after_failure | 10-04 1 0, 11-19 0 1
fails_from_birth | 11-14 0 1
waited_and_started | 10-04 1 0, 10-24 1 0
rescheduled_auto | 10-04 1 0, 11-19 1 0
stale_then_fails | 10-04 1 0, 10-24 2 1
stale_then_paused | 10-04 1 0, 11-13 1 0
stale_then_slower | 10-04 1 0, 11-13 1 0, 11-19 1 0
reschedules_again | 10-04 1 0, 11-19 1 0
stale_and_gone | 10-04 1 0, 11-13 1 0
stale_then_manual | 10-04 1 0, 11-13 1 0, 11-14 1 0
stale_then_calm | 10-04 1 0, 11-19 1 0
fails_first_sync | 11-19 0 1
unseen | 10-04 1 0, 10-24 2 0
"""
NO_OUTCOME = ("first_sync", "just_begun", "never_synced", "just_made", "broken_first_sync")


def test_outcomes_are_counted_by_day(scenario: Engine) -> None:
    want = {one: ["10-04 1 0"] for one in PLACE if one not in NO_OUTCOME}
    want |= {
        one: days.split(", ") for one, days in (row.split(" | ") for row in expected(OUTCOMES))
    }
    held: dict[str, list[str]] = {}
    for line in rows_of(scenario, "sync_outcomes_daily", "connector_id day succeeded failed"):
        one, day, succeeded, failed = line.split(" | ")
        held.setdefault(one, []).append(f"{day.removeprefix(f'{YEAR}-')} {succeeded} {failed}")
    assert held == want
