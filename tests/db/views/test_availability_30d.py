"""Observed uptime, as `availability_30d` shows it."""

from sqlalchemy import Engine
from support.scenario import (
    PLACE,
)
from support.view_rows import LATER, REMOVED, expected, rows_about, rows_of

# The 30 days before NOW begin at 10-21 11:00. Observed are 21 h on 10-22, 15 h each on 10-24 and
# 11-02, 9 h on 11-14, and 35 h from 11-19 00:00 on: 5700 of 43200 minutes.
# connector_id | minutes | observed | down | up | availability | coverage
AVAILABILITY = """
steady                | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
breaks                | 43200 | 5700 | 1920 | 3780 | 0.6632 | 0.1319
paused_long           | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
syncing               | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
fails                 | 43200 | 5700 | 1380 | 4320 | 0.7579 | 0.1319
blocked               | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
strange               | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
silent                | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
fails_then_breaks     | 43200 | 5700 | 360  | 5340 | 0.9368 | 0.1319
fails_and_goes        | 42000 | 4500 | 1080 | 3420 | 0.76   | 0.1071
breaks_and_mends      | 43200 | 5700 | 360  | 5340 | 0.9368 | 0.1319
breaks_and_pauses     | 43200 | 5700 | 360  | 5340 | 0.9368 | 0.1319
reconfigured          | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
twin_one              | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
twin_two              | 39360 | 4440 | 0    | 4440 | 1.0    | 0.1128
creator_gone          | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
goes_and_returns      | 42840 | 5340 | 0    | 5340 | 1.0    | 0.1246
flaps                 | 43200 | 5700 | 900  | 4800 | 0.8421 | 0.1319
all_at_once           | 43200 | 5700 | 1020 | 4680 | 0.8211 | 0.1319
on_trial              | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
delayed               | 43200 | 5700 | 1020 | 4680 | 0.8211 | 0.1319
delayed_with_task     | 43200 | 5700 | 1080 | 4620 | 0.8105 | 0.1319
hidden                | 42180 | 4680 | 0    | 4680 | 1.0    | 0.111
new_and_well          | 9300  | 2640 | 0    | 2640 | 1.0    | 0.2839
first_sync            | 660   | 660  | 0    | 660  | 1.0    | 1.0
incomplete            | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
just_begun            | 1740  | 1740 | 0    | 1740 | 1.0    | 1.0
broken_yet_syncs      | 43200 | 5700 | 1740 | 3960 | 0.6947 | 0.1319
reloads               | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
reloads_after_failure | 43200 | 5700 | 540  | 5160 | 0.9053 | 0.1319
warns                 | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
never_synced          | 26040 | 3000 | 0    | 3000 | 1.0    | 0.1152
just_made             | 840   | 840  | 0    | 840  | 1.0    | 1.0
fails_from_birth      | 8940  | 2280 | 2280 | 0    | 0.0    | 0.255
waited_and_started    | 43200 | 5700 | 480  | 5220 | 0.9158 | 0.1319
stalled               | 43200 | 5700 | 540  | 5160 | 0.9053 | 0.1319
stood_still           | 43200 | 5700 | 450  | 5250 | 0.9211 | 0.1319
paused_state          | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
rescheduled           | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
rescheduled_auto      | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
weekdays              | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
stale_now             | 43200 | 5700 | 510  | 5190 | 0.9105 | 0.1319
stale_then_fails      | 43200 | 5700 | 391  | 5309 | 0.9314 | 0.1319
stale_then_paused     | 43200 | 5700 | 210  | 5490 | 0.9632 | 0.1319
stale_then_slower     | 43200 | 5700 | 390  | 5310 | 0.9316 | 0.1319
paused_meanwhile      | 43200 | 5700 | 360  | 5340 | 0.9368 | 0.1319
gone_meanwhile        | 43020 | 5520 | 540  | 4980 | 0.9022 | 0.1283
broken_from_the_start | 43200 | 5700 | 180  | 5520 | 0.9684 | 0.1319
reschedules_again     | 43200 | 5700 | 240  | 5460 | 0.9579 | 0.1319
stalled_at_once       | 43200 | 5700 | 300  | 5400 | 0.9474 | 0.1319
stale_and_gone        | 34260 | 3420 | 210  | 3210 | 0.9386 | 0.0998
stale_then_manual     | 43200 | 5700 | 210  | 5490 | 0.9632 | 0.1319
stale_then_calm       | 43200 | 5700 | 210  | 5490 | 0.9632 | 0.1319
broken_first_sync     | 1200  | 1200 | 1200 | 0    | 0.0    | 1.0
fails_first_sync      | 1380  | 1380 | 840  | 540  | 0.3913 | 1.0
unseen                | 43200 | 5700 | 0    | 5700 | 1.0    | 0.1319
"""
# The last run is more than three usual intervals ago: what was after it is not known.
AVAILABILITY_LATER = """
steady      | 43200 | 5400 | 0   | 5400 | 1.0    | 0.125
stale_now   | 43200 | 5400 | 210 | 5190 | 0.9611 | 0.125
stood_still | 43200 | 5400 | 450 | 4950 | 0.9167 | 0.125
rescheduled | 43200 | 5400 | 0   | 5400 | 1.0    | 0.125
first_sync  | 930   | 360  | 0   | 360  | 1.0    | 0.3871
"""
AVAILABLE = "connector_id minutes observed_minutes down_minutes up_minutes availability coverage"


def test_availability_counts_only_what_was_observed(scenario: Engine) -> None:
    assert rows_of(scenario, "availability_30d", AVAILABLE) == expected(AVAILABILITY)


def test_time_long_after_the_last_run_is_not_observed(scenario: Engine) -> None:
    answer = rows_of(scenario, "availability_30d", AVAILABLE, now=LATER)
    ids = {line.split(" | ")[0] for line in expected(AVAILABILITY_LATER)}
    assert rows_about(answer, *ids) == expected(AVAILABILITY_LATER)


def test_availability_is_null_if_nothing_was_observed(scenario: Engine) -> None:
    answer = rows_of(scenario, "availability_30d", AVAILABLE, now="12-25 00:00")
    assert {line.split(" | ", 1)[1] for line in answer} == {"43200 | 0 | 0 | 0 | - | 0.0"}
    assert {line.split(" | ")[0] for line in answer} == PLACE.keys() - REMOVED
