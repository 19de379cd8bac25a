"""Starts and ends of outages within a week, as `flapping` counts them."""

from sqlalchemy import Engine
from support.view_rows import expected, rows_of

# connector_id | flips | last_flip_at | is_down
FLAPPING = """
breaks                | 1 | 11-19 03:00 | yes
fails                 | 1 | 11-19 12:00 | yes
fails_then_breaks     | 2 | 11-19 00:00 | no
breaks_and_pauses     | 2 | 11-19 12:00 | no
fails_and_goes        | 2 | 11-19 15:00 | no
flaps                 | 6 | 11-19 21:00 | no
delayed               | 1 | 11-19 18:00 | yes
delayed_with_task     | 2 | 11-20 06:00 | no
all_at_once           | 1 | 11-19 18:00 | yes
reloads_after_failure | 2 | 11-20 00:00 | no
fails_from_birth      | 1 | 11-14 06:00 | yes
broken_yet_syncs      | 1 | 11-19 06:00 | yes
stalled               | 1 | 11-20 02:00 | yes
stale_now             | 1 | 11-20 02:30 | yes
stale_then_paused     | 2 | 11-14 06:00 | no
stale_then_slower     | 4 | 11-19 03:00 | no
paused_meanwhile      | 4 | 11-14 09:00 | no
reschedules_again     | 2 | 11-14 06:00 | no
stalled_at_once       | 2 | 11-14 06:00 | no
stale_and_gone        | 2 | 11-14 06:00 | no
stale_then_manual     | 2 | 11-14 06:00 | no
stale_then_calm       | 2 | 11-20 06:00 | no
broken_first_sync     | 1 | 11-19 15:00 | yes
fails_first_sync      | 1 | 11-19 21:00 | yes
"""
FLAPPING_ON_11_22 = """
breaks                | 1 | 11-19 03:00 | yes
fails                 | 1 | 11-19 12:00 | yes
fails_then_breaks     | 1 | 11-19 00:00 | no
breaks_and_pauses     | 2 | 11-19 12:00 | no
fails_and_goes        | 1 | 11-19 15:00 | no
flaps                 | 6 | 11-19 21:00 | no
delayed               | 1 | 11-19 18:00 | yes
delayed_with_task     | 2 | 11-20 06:00 | no
all_at_once           | 1 | 11-19 18:00 | yes
reloads_after_failure | 2 | 11-20 00:00 | no
broken_yet_syncs      | 1 | 11-19 06:00 | yes
stalled               | 1 | 11-20 02:00 | yes
stale_now             | 1 | 11-20 02:30 | yes
stale_then_slower     | 2 | 11-19 03:00 | no
stale_then_calm       | 2 | 11-20 06:00 | no
broken_first_sync     | 1 | 11-19 15:00 | yes
fails_first_sync      | 1 | 11-19 21:00 | yes
"""
FLIPS = "connector_id flips last_flip_at is_down"


def test_flapping_counts_starts_and_ends_of_a_week(scenario: Engine) -> None:
    assert rows_of(scenario, "flapping", FLIPS) == expected(FLAPPING)


def test_flapping_forgets_what_is_older_than_a_week(scenario: Engine) -> None:
    assert rows_of(scenario, "flapping", FLIPS, now="11-22 03:00") == expected(FLAPPING_ON_11_22)
