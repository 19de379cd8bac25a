"""The changes of the scenario, as `state_changes` shows them."""

from sqlalchemy import Engine
from support.scenario import (
    BORN,
    PLACE,
    at,
)
from support.view_rows import NOW, complete_run_before, expected, rows_of, select_rows, to_text

# changed_at | connector_id | table_name | field | old_value | new_value | kind
CHANGES = """
10-05 00:00 | goes_and_returns | warnings | old_source | - | Old source. | raised
10-05 00:00 | goes_and_returns | setup_tests | Host | - | PASSED | created
10-22 03:00 | syncing | connectors | config.host | - | db.example.com | changed
10-22 03:00 | syncing | connectors | config.port | - | 5432 | changed
10-22 03:00 | syncing | connectors | config.database | - | sales | changed
10-22 06:00 | reconfigured | connectors | config.host | db1.example.com | db2.example.com | changed
10-22 09:00 | reconfigured | connectors | sync_frequency | 360 | 720 | changed
10-22 12:00 | weekdays | connectors | schedule.days_of_week[1] | FRIDAY | TUESDAY | changed
10-22 15:00 | reconfigured | connectors | config.files[0].pattern | *.csv | *.tsv | changed
10-22 15:00 | reconfigured | connectors | config.files[1].pattern | x | - | changed
10-22 15:00 | reconfigured | connectors | config.port | 5432 | 5433 | changed
10-22 15:00 | reconfigured | connectors | extra.brand_new.deep[0] | - | 1 | changed
10-22 18:00 | reconfigured | connector_status | extra.queue.length | - | 5 | changed
10-22 21:00 | reconfigured | connector_status | extra.queue.length | 5 | 7 | changed
10-24 03:00 | twin_two | connectors | - | - | - | created
10-24 03:00 | stale_then_fails | connectors | schedule_type | manual | auto | changed
10-24 06:00 | goes_and_returns | connectors | - | - | - | removed
10-24 06:00 | goes_and_returns | warnings | old_source | Old source. | - | cleared
10-24 06:00 | goes_and_returns | setup_tests | Host | PASSED | - | removed
10-24 06:00 | waited_and_started | connector_status | sync_state | scheduled | rescheduled | changed
10-24 09:00 | stale_then_fails | connector_status | last_sync_failed | false | true | changed
10-24 12:00 | goes_and_returns | connectors | - | - | - | returned
10-24 12:00 | goes_and_returns | setup_tests | Host | - | PASSED | created
10-24 12:00 | stale_then_fails | connectors | schedule_type | auto | manual | changed
10-24 12:00 | stale_then_fails | connector_status | last_sync_failed | true | false | changed
10-24 18:00 | waited_and_started | connector_status | sync_state | rescheduled | scheduled | changed
11-02 00:00 | incomplete | connector_status | setup_state | connected | incomplete | changed
11-02 00:00 | incomplete | tasks | no_credentials | - | Enter credentials. | raised
11-02 00:00 | incomplete | setup_tests | Login | - | FAILED | created
11-02 00:00 | incomplete | setup_tests | Host | - | JOB_FAILED | created
11-02 00:00 | incomplete | setup_tests | Reach | - | PASSED | created
11-02 03:00 | incomplete | setup_tests | Reach: status | PASSED | FAILED | changed
11-02 03:00 | breaks_and_mends | connector_status | setup_state | connected | broken | changed
11-02 03:00 | paused_state | connector_status | sync_state | scheduled | paused | changed
11-02 06:00 | blocked | connector_status | schema_status | ready | blocked_on_capture | changed
11-02 06:00 | flaps | connector_status | setup_state | connected | broken | changed
11-02 09:00 | breaks_and_mends | connector_status | setup_state | broken | connected | changed
11-02 09:00 | never_synced | connectors | - | - | - | created
11-02 12:00 | creator_gone | connectors | connected_by | user_two | - | changed
11-02 12:00 | flaps | connector_status | setup_state | broken | connected | changed
11-14 00:00 | new_and_well | connectors | - | - | - | created
11-14 03:00 | fails_then_breaks | connector_status | last_sync_failed | false | true | changed
11-14 03:00 | on_trial | connectors | pause_after_trial | false | true | changed
11-14 06:00 | fails_and_goes | connector_status | last_sync_failed | false | true | changed
11-14 06:00 | fails_from_birth | connectors | - | - | - | created
11-14 06:00 | new_and_well | connector_status | sync_state | syncing | scheduled | changed
11-14 09:00 | fails_then_breaks | connector_status | setup_state | connected | broken | changed
11-14 09:00 | fails_then_breaks | tasks | reconnect | - | Reconnect. | raised
11-19 00:00 | fails_then_breaks | connector_status | setup_state | broken | connected | changed
11-19 00:00 | fails_then_breaks | connector_status | last_sync_failed | true | false | changed
11-19 00:00 | fails_then_breaks | tasks | reconnect | Reconnect. | - | cleared
11-19 00:00 | warns | warnings | slow_source | - | The source is slow. | raised
11-19 03:00 | warns | warnings | slow_source | The source is slow. | - | cleared
11-19 03:00 | warns | warnings | slow_source | - | The source is slow. | raised
11-19 03:00 | breaks | connector_status | setup_state | connected | broken | changed
11-19 03:00 | breaks | tasks | reconnect | - | Reconnect. | raised
11-19 03:00 | flaps | connector_status | setup_state | connected | broken | changed
11-19 03:00 | blocked | connector_status | last_sync_failed | false | true | changed
11-19 06:00 | warns | warnings | slow_source | The source is slow. | - | cleared
11-19 06:00 | warns | warnings | slow_source | - | The source is slow. | raised
11-19 06:00 | flaps | connector_status | setup_state | broken | connected | changed
11-19 06:00 | breaks_and_pauses | connector_status | setup_state | connected | broken | changed
11-19 06:00 | broken_yet_syncs | connector_status | setup_state | connected | broken | changed
11-19 06:00 | broken_yet_syncs | setup_tests | Connecting to host | - | FAILED | created
11-19 06:00 | just_begun | connectors | - | - | - | created
11-19 12:00 | fails | connector_status | last_sync_failed | false | true | changed
11-19 12:00 | flaps | connector_status | setup_state | connected | broken | changed
11-19 12:00 | breaks_and_pauses | connectors | paused | false | true | changed
11-19 12:00 | delayed_with_task | connector_status | update_state | on_schedule | delayed | changed
11-19 12:00 | broken_yet_syncs | setup_tests | Connecting to host: message | No route. \
| Timed out. | changed
11-19 15:00 | flaps | connector_status | setup_state | broken | connected | changed
11-19 15:00 | fails_and_goes | connectors | - | - | deleted | removed
11-19 15:00 | strange | connector_status | setup_state | connected | strange | changed
11-19 15:00 | reloads_after_failure | connector_status | last_sync_failed | false | true | changed
11-19 18:00 | flaps | connector_status | setup_state | connected | broken | changed
11-19 18:00 | hidden | connectors | - | - | not_visible | removed
11-19 18:00 | silent | connector_status | setup_state | connected | - | changed
11-19 18:00 | delayed | connector_status | update_state | on_schedule | delayed | changed
11-19 18:00 | delayed_with_task | tasks | reconnect | - | Reconnect. | raised
11-19 18:00 | delayed_with_task | tasks | reconnect | - | Reconnect again. | raised
11-19 18:00 | delayed_with_task | tasks | - | - | Do something. | raised
11-19 18:00 | all_at_once | connector_status | last_sync_failed | false | true | changed
11-19 18:00 | all_at_once | connector_status | update_state | on_schedule | delayed | changed
11-19 18:00 | all_at_once | tasks | reconnect | - | Reconnect. | raised
11-19 21:00 | flaps | connector_status | setup_state | broken | connected | changed
11-19 21:00 | just_made | connectors | - | - | - | created
11-20 00:00 | first_sync | connectors | - | - | - | created
11-20 00:00 | reloads_after_failure | connector_status | sync_state | scheduled | syncing | changed
11-20 00:00 | reloads_after_failure | connector_status | is_historical_sync | false | true | changed
11-20 00:00 | stalled | connector_status | sync_state | scheduled | rescheduled | changed
11-20 00:00 | rescheduled_auto | connector_status | sync_state | scheduled | rescheduled | changed
11-20 00:00 | rescheduled_auto | connectors | schedule_type | manual | auto | changed
11-20 00:00 | rescheduled_auto | connectors | sync_frequency | 360 | 1440 | changed
11-20 03:00 | reloads | connector_status | sync_state | scheduled | syncing | changed
11-20 03:00 | reloads | connector_status | is_historical_sync | false | true | changed
11-20 03:00 | rescheduled | connector_status | sync_state | scheduled | rescheduled | changed
11-20 03:00 | syncing | connector_status | sync_state | scheduled | syncing | changed
11-20 06:00 | delayed_with_task | connector_status | update_state | delayed | on_schedule | changed
10-22 03:00 | broken_from_the_start | connector_status | setup_state | broken | connected | changed
11-02 00:00 | gone_meanwhile | connector_status | setup_state | connected | broken | changed
11-02 03:00 | gone_meanwhile | connectors | - | - | - | removed
11-02 06:00 | gone_meanwhile | connectors | - | - | - | returned
11-02 12:00 | gone_meanwhile | connector_status | setup_state | broken | connected | changed
11-14 00:00 | stale_then_paused | connectors | schedule_type | manual | auto | changed
11-14 06:00 | stale_then_paused | connectors | paused | false | true | changed
11-14 00:00 | stale_then_slower | connectors | schedule_type | manual | auto | changed
11-14 06:00 | stale_then_slower | connectors | sync_frequency | 60 | 1440 | changed
11-19 03:00 | stale_then_slower | connectors | schedule_type | auto | manual | changed
11-14 00:00 | paused_meanwhile | connector_status | setup_state | connected | broken | changed
11-14 03:00 | paused_meanwhile | connectors | paused | false | true | changed
11-14 06:00 | paused_meanwhile | connectors | paused | true | false | changed
11-14 09:00 | paused_meanwhile | connector_status | setup_state | broken | connected | changed
11-14 00:00 | reschedules_again | connector_status | sync_state | scheduled | rescheduled | changed
11-19 03:00 | reschedules_again | connector_status | sync_state | rescheduled | scheduled | changed
10-24 12:00 | unseen | connectors | schedule_type | manual | auto | changed
10-24 18:00 | unseen | connectors | schedule_type | auto | manual | changed
11-14 00:00 | stale_and_gone | connectors | schedule_type | manual | auto | changed
11-14 06:00 | stale_and_gone | connectors | - | - | deleted | removed
11-14 00:00 | stale_then_manual | connectors | schedule_type | manual | auto | changed
11-14 06:00 | stale_then_manual | connectors | schedule_type | auto | manual | changed
11-20 00:00 | stale_then_calm | connectors | schedule_type | manual | auto | changed
11-20 06:00 | stale_then_calm | connectors | sync_frequency | 60 | 1440 | changed
11-14 03:00 | paused_state | connectors | paused | false | true | changed
11-19 03:00 | paused_state | connectors | paused | true | false | changed
11-19 12:00 | fails_first_sync | connectors | - | - | - | created
11-19 15:00 | fails_first_sync | connector_status | last_sync_failed | false | true | changed
11-19 21:00 | fails_first_sync | connector_status | sync_state | syncing | scheduled | changed
11-19 15:00 | broken_first_sync | connectors | - | - | - | created
11-14 03:00 | stalled_at_once | connector_status | sync_state | scheduled | rescheduled | changed
11-14 06:00 | stalled_at_once | connector_status | sync_state | rescheduled | scheduled | changed
11-20 06:00 | on_trial | warnings | trial_ends | - | The trial ends soon. | raised
"""


# connector_id | changed_at and how the word changes then, ...
HEALTH_CHANGES = """
breaks | 11-19 03:00 healthy > broken
fails | 11-19 12:00 healthy > failing
blocked | 11-02 06:00 healthy > blocked
strange | 11-19 15:00 healthy > unknown
silent | 11-19 18:00 healthy > unknown
fails_then_breaks | 11-14 03:00 healthy > failing, 11-14 09:00 failing > broken, \
11-19 00:00 broken > healthy
fails_and_goes | 11-14 06:00 healthy > failing
breaks_and_mends | 11-02 03:00 healthy > broken, 11-02 09:00 broken > healthy
breaks_and_pauses | 11-19 06:00 healthy > broken, 11-19 12:00 broken > paused
flaps | 11-02 06:00 healthy > broken, 11-02 12:00 broken > healthy, \
11-19 03:00 healthy > broken, 11-19 06:00 broken > healthy, 11-19 12:00 healthy > broken, \
11-19 15:00 broken > healthy, 11-19 18:00 healthy > broken, 11-19 21:00 broken > healthy
all_at_once | 11-19 18:00 healthy > failing
on_trial | 11-20 06:00 healthy > warning
delayed | 11-19 18:00 healthy > delayed
delayed_with_task | 11-19 12:00 healthy > delayed, 11-20 06:00 delayed > action_required
new_and_well | 11-14 06:00 initial_sync > healthy
incomplete | 11-02 00:00 healthy > incomplete
broken_yet_syncs | 11-19 06:00 healthy > broken
reloads | 11-20 03:00 healthy > historical_sync
reloads_after_failure | 11-19 15:00 healthy > failing, 11-20 00:00 failing > historical_sync
warns | 11-19 00:00 healthy > warning
waited_and_started | 10-24 06:00 healthy > rescheduled, 10-24 12:00 rescheduled > stalled, \
10-24 18:00 stalled > healthy
stalled | 11-20 00:00 healthy > rescheduled, 11-20 03:00 rescheduled > stalled
stood_still | 10-22 06:00 healthy > stale, 10-22 12:00 stale > healthy
paused_state | 11-02 03:00 healthy > paused
rescheduled | 11-20 03:00 healthy > rescheduled
rescheduled_auto | 11-20 00:00 healthy > rescheduled
stale_now | 11-20 03:00 healthy > stale
stale_then_fails | 10-24 06:00 healthy > stale, 10-24 09:00 stale > failing, \
10-24 12:00 failing > healthy
stale_then_paused | 11-14 03:00 healthy > stale, 11-14 06:00 stale > paused
stale_then_slower | 11-14 03:00 healthy > stale, 11-14 06:00 stale > healthy, \
11-19 00:00 healthy > stale, 11-19 03:00 stale > healthy
paused_meanwhile | 11-14 00:00 healthy > broken, 11-14 03:00 broken > paused, \
11-14 06:00 paused > broken, 11-14 09:00 broken > healthy
gone_meanwhile | 11-02 00:00 healthy > broken, 11-02 12:00 broken > healthy
broken_from_the_start | 10-22 03:00 broken > healthy
reschedules_again | 11-14 00:00 healthy > rescheduled, 11-14 03:00 rescheduled > stalled, \
11-14 06:00 stalled > rescheduled, 11-19 03:00 rescheduled > healthy
stalled_at_once | 11-14 03:00 healthy > stalled, 11-14 06:00 stalled > healthy
stale_and_gone | 11-14 03:00 healthy > stale
stale_then_manual | 11-14 03:00 healthy > stale, 11-14 06:00 stale > healthy
stale_then_calm | 11-20 03:00 healthy > stale, 11-20 06:00 stale > healthy
fails_first_sync | 11-19 21:00 initial_sync > failing
"""


def health_changes() -> list[str]:
    """Those of HEALTH_CHANGES as lines of the view."""
    want = []
    for line in expected(HEALTH_CHANGES):
        one, turns = line.split(" | ")
        for turn in turns.split(", "):
            day, hour, old, _, new = turn.split()
            want.append(
                f"{day} {hour} | {one} | connector_status | health | {old} | {new} | changed"
            )
    return want


def test_state_changes_are_those_of_the_scenario(scenario: Engine) -> None:
    at_first = [
        f"10-05 00:00 | {one} | connectors | - | - | - | created" for one in PLACE.keys() - BORN
    ]
    columns = "changed_at connector_id table_name field old_value new_value kind"
    assert rows_of(scenario, "state_changes", columns) == sorted(
        at_first + expected(CHANGES) + health_changes()
    )


def test_changed_after_is_the_complete_run_before(scenario: Engine) -> None:
    with at(scenario, NOW) as connection:
        changes = select_rows(connection, "state_changes", "changed_after changed_at")
    for after, moment in changes:
        assert to_text(after) == to_text(complete_run_before(to_text(moment)))
