"""The reason that `connector_health` gives for the health of each connector."""

from sqlalchemy import Engine
from support.view_rows import (
    BETWEEN,
    HEALTH,
    LATER,
    REMOVED,
    expected,
    rows_about,
    rows_of,
)

USUAL = "last success 2026-10-04 22:00 UTC"


REASONS = f"""
steady                | last success 2026-11-20 05:00 UTC
breaks                | setup broken since 2026-11-19 03:00 UTC: task reconnect
paused_long           | paused since 2026-10-05 00:00 UTC
syncing               | {USUAL}
fails                 | syncs failing since 2026-11-19 12:00 UTC: {
    ""
}last failure 2026-11-19 20:00 UTC, {USUAL}
blocked               | blocked since 2026-11-02 06:00 UTC: schema status blocked_on_capture
strange               | setup state strange not recognised since 2026-11-19 15:00 UTC
silent                | setup state missing since 2026-11-19 18:00 UTC
fails_then_breaks     | last success 2026-11-18 22:00 UTC
fails_and_goes        | deleted, as the API reported at 2026-11-19 15:00 UTC
breaks_and_mends      | {USUAL}
breaks_and_pauses     | paused since 2026-11-19 12:00 UTC
reconfigured          | {USUAL}
twin_one              | {USUAL}
twin_two              | {USUAL}
creator_gone          | {USUAL}
goes_and_returns      | {USUAL}
flaps                 | {USUAL}
all_at_once           | syncs failing since 2026-11-19 18:00 UTC: {
    ""
}last failure 2026-11-19 17:00 UTC, {USUAL}; task reconnect
on_trial              | warning open since 2026-11-20 06:00 UTC: trial_ends
delayed               | delayed since 2026-11-19 18:00 UTC: {USUAL}
delayed_with_task     | task open since 2026-11-20 06:00 UTC: reconnect, without a code
hidden                | no longer visible to the API key since 2026-11-19 18:00 UTC
new_and_well          | last success 2026-11-14 05:30 UTC
first_sync            | first sync in progress since 2026-11-20 00:00 UTC
incomplete            | setup incomplete since 2026-11-02 00:00 UTC: {
    ""
}task no_credentials; test Host, Login, Reach
just_begun            | setup incomplete since 2026-11-19 06:00 UTC
broken_yet_syncs      | setup broken since 2026-11-19 06:00 UTC: test Connecting to host: Timed out.
reloads               | historical sync in progress since 2026-11-20 03:00 UTC
reloads_after_failure | historical sync in progress since 2026-11-20 00:00 UTC
warns                 | warning open since 2026-11-19 00:00 UTC: slow_source
never_synced          | no sync has succeeded since 2026-11-02 07:15 UTC
just_made             | no sync has succeeded since 2026-11-19 21:00 UTC
fails_from_birth      | syncs failing since 2026-11-14 06:00 UTC: {
    ""
}last failure 2026-11-14 05:00 UTC, no success so far
waited_and_started    | last success 2026-10-24 17:30 UTC
stalled               | not started since 2026-11-20 02:00 UTC: {
    ""
}rescheduled, and its schedule is manual
stood_still           | last success 2026-11-20 05:30 UTC
paused_state          | paused since 2026-11-02 03:00 UTC
rescheduled           | rescheduled for 2026-11-20 14:00 UTC
rescheduled_auto      | rescheduled since 2026-11-20 00:00 UTC
weekdays              | {USUAL}
stale_now             | no success since 2026-11-19 23:30 UTC: {
    ""
}due every 60 minutes, overdue since 2026-11-20 02:30 UTC
stale_then_fails      | last success 2026-10-24 11:30 UTC
stale_then_paused     | paused since 2026-11-14 06:00 UTC
stale_then_slower     | last success 2026-11-19 02:50 UTC
paused_meanwhile      | {USUAL}
gone_meanwhile        | {USUAL}
broken_from_the_start | {USUAL}
reschedules_again     | last success 2026-11-19 02:00 UTC
stalled_at_once       | {USUAL}
stale_and_gone        | deleted, as the API reported at 2026-11-14 06:00 UTC
stale_then_manual     | last success 2026-11-14 08:00 UTC
stale_then_calm       | last success 2026-11-19 23:30 UTC
broken_first_sync     | setup broken since 2026-11-19 15:00 UTC
fails_first_sync      | syncs failing since 2026-11-19 21:00 UTC: \
last failure 2026-11-19 14:00 UTC, no success so far
unseen                | last success 2026-10-24 17:30 UTC
"""


REASONS_BETWEEN = """
stood_still | not observed since 2026-11-20 06:00 UTC: due by 2026-11-20 12:30 UTC; it was healthy
rescheduled | not observed since 2026-11-20 06:00 UTC: due by 2026-11-20 14:00 UTC; \
it was rescheduled
"""


def test_reason_of_each_health(scenario: Engine) -> None:
    assert rows_of(scenario, "connector_health", "connector_id reason") == expected(REASONS)


def test_reason_after_a_passed_deadline(scenario: Engine) -> None:
    answer = rows_of(scenario, "connector_health", "connector_id reason", now=BETWEEN)
    assert rows_about(answer, "stood_still", "rescheduled") == expected(REASONS_BETWEEN)


def test_reason_after_an_overdue_run(scenario: Engine) -> None:
    since = "not observed since 2026-11-20 06:00 UTC: the next run is overdue"
    want = [line for line in expected(REASONS) if line.split(" | ")[0] in REMOVED]
    want += [
        f"{one} | {since}; it was {word}"
        for one, word, *_ in (line.split(" | ") for line in expected(HEALTH))
        if one not in REMOVED
    ]
    assert rows_of(scenario, "connector_health", "connector_id reason", now=LATER) == sorted(want)
