"""Versions in the columns of the vendor's history mode."""

from datetime import timedelta

from sqlalchemy import Engine
from support.scenario import (
    BORN,
    PLACE,
    RUNS,
    utc,
)
from support.view_rows import expected, rows_of, to_text

FOREVER = "9999-12-31 23:59:59.999999"
# connector_id | _fivetran_start | the next version's start, or its end if it is the last | active
VERSIONS = """
syncing           | 10-05 00:00 | 10-22 03:00 | no
syncing           | 10-22 03:00 | -           | yes
reconfigured      | 10-05 00:00 | 10-22 06:00 | no
reconfigured      | 10-22 06:00 | 10-22 09:00 | no
reconfigured      | 10-22 09:00 | 10-22 15:00 | no
reconfigured      | 10-22 15:00 | -           | yes
weekdays          | 10-05 00:00 | 10-22 12:00 | no
weekdays          | 10-22 12:00 | -           | yes
stale_then_fails  | 10-05 00:00 | 10-24 03:00 | no
stale_then_fails  | 10-24 03:00 | 10-24 12:00 | no
stale_then_fails  | 10-24 12:00 | -           | yes
goes_and_returns  | 10-05 00:00 | 10-24 06:00 | no
goes_and_returns  | 10-24 12:00 | -           | yes
creator_gone      | 10-05 00:00 | 11-02 12:00 | no
creator_gone      | 11-02 12:00 | -           | yes
on_trial          | 10-05 00:00 | 11-14 03:00 | no
on_trial          | 11-14 03:00 | -           | yes
breaks_and_pauses | 10-05 00:00 | 11-19 12:00 | no
breaks_and_pauses | 11-19 12:00 | -           | yes
fails_and_goes    | 10-05 00:00 | 11-19 15:00 | no
hidden            | 10-05 00:00 | 11-19 18:00 | no
stale_then_paused | 10-05 00:00 | 11-14 00:00 | no
stale_then_paused | 11-14 00:00 | 11-14 06:00 | no
stale_then_paused | 11-14 06:00 | -           | yes
stale_then_slower | 10-05 00:00 | 11-14 00:00 | no
stale_then_slower | 11-14 00:00 | 11-14 06:00 | no
stale_then_slower | 11-14 06:00 | 11-19 03:00 | no
stale_then_slower | 11-19 03:00 | -           | yes
paused_meanwhile  | 10-05 00:00 | 11-14 03:00 | no
paused_meanwhile  | 11-14 03:00 | 11-14 06:00 | no
paused_meanwhile  | 11-14 06:00 | -           | yes
unseen            | 10-05 00:00 | 10-24 12:00 | no
unseen            | 10-24 12:00 | 10-24 18:00 | no
unseen            | 10-24 18:00 | -           | yes
stale_and_gone    | 10-05 00:00 | 11-14 00:00 | no
stale_and_gone    | 11-14 00:00 | 11-14 06:00 | no
stale_then_manual | 10-05 00:00 | 11-14 00:00 | no
stale_then_manual | 11-14 00:00 | 11-14 06:00 | no
stale_then_manual | 11-14 06:00 | -           | yes
stale_then_calm   | 10-05 00:00 | 11-20 00:00 | no
stale_then_calm   | 11-20 00:00 | 11-20 06:00 | no
stale_then_calm   | 11-20 06:00 | -           | yes
paused_state      | 10-05 00:00 | 11-14 03:00 | no
paused_state      | 11-14 03:00 | 11-19 03:00 | no
paused_state      | 11-19 03:00 | -           | yes
gone_meanwhile    | 10-05 00:00 | 11-02 03:00 | no
gone_meanwhile    | 11-02 06:00 | -           | yes
rescheduled_auto  | 10-05 00:00 | 11-20 00:00 | no
rescheduled_auto  | 11-20 00:00 | -           | yes
"""


def test_versions_end_one_microsecond_before_the_next(scenario: Engine) -> None:
    want = []
    for line in expected(VERSIONS):
        one, start, end, active = line.split(" | ")
        last = FOREVER if end == "-" else to_text(utc(end) - timedelta(microseconds=1))
        want.append(f"{one} | {start} | {last} | {active}")
    told_of = {line.split(" | ")[0] for line in want}
    want += [
        f"{one} | {BORN.get(one, RUNS[0])} | {FOREVER} | yes" for one in PLACE.keys() - told_of
    ]
    columns = "connector_id _fivetran_start _fivetran_end _fivetran_active"
    assert rows_of(scenario, "connector_history_mode", columns) == sorted(want)


def test_versions_have_the_values_of_their_time(scenario: Engine) -> None:
    columns = "_fivetran_start connector_id schema_name sync_frequency"
    answer = rows_of(scenario, "connector_history_mode", columns)
    assert [line for line in answer if "| goes_and_returns |" in line] == [
        "10-05 00:00 | goes_and_returns | goes_and_returns_schema | 360",
        "10-24 12:00 | goes_and_returns | renamed | 720",
    ]
    assert [line for line in answer if "| reconfigured |" in line] == [
        "10-05 00:00 | reconfigured | reconfigured_schema | 360",
        "10-22 06:00 | reconfigured | reconfigured_schema | 360",
        "10-22 09:00 | reconfigured | reconfigured_schema | 720",
        "10-22 15:00 | reconfigured | reconfigured_schema | 720",
    ]
