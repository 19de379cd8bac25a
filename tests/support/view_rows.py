"""Rows of views as lines of text, and expected rows that several test files share.

Expectations are worked out by hand from the scenario (see scenario.py). One line is one row, `-` is
null, and `11-20 03:00` is a time of the scenario's year.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, select

from inventory.db.views import VIEWS
from support.scenario import (
    FAILED,
    RUNS,
    YEAR,
    at,
)

LAST_RUN, NOW = "11-20 06:00", "11-20 11:00"
# The runs are three hours apart; after three times that, the last one is overdue.
PUNCTUAL_UNTIL = "11-20 15:00"
# Some deadlines pass before that.
BETWEEN, LATER = "11-20 14:30", "11-20 15:30"


def select_rows(connection: Connection, view: str, columns: str = "") -> list[tuple[Any, ...]]:
    of = VIEWS[view].table
    wanted = [of.c[name] for name in columns.split()] or list(of.c)
    return [tuple(row) for row in connection.execute(select(*wanted))]


def rows_of(scenario: Engine, view: str, columns: str, now: str = NOW) -> list[str]:
    """Return the rows of a view at this time as sorted lines."""
    with at(scenario, now) as connection:
        return to_lines(select_rows(connection, view, columns))


def to_lines(of: Any) -> list[str]:
    return sorted(" | ".join(map(to_text, row)) for row in of)


def to_text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            assert value.utcoffset() == timedelta(0)
            words = f"{value:%Y-%m-%d %H:%M:%S.%f}".removeprefix(f"{YEAR}-")
            return words.removesuffix(".000000").removesuffix(":00")
        case date():
            return value.isoformat()
        case float() | Decimal():
            return str(float(value))
    return str(value)


def expected(words: str) -> list[str]:
    """Return the lines of an expected table in the form of `to_lines`."""
    cells = ([cell.strip() for cell in line.split(" | ")] for line in words.strip().splitlines())
    return sorted(" | ".join(row) for row in cells)


def rows_about(of: list[str], *connectors: str) -> list[str]:
    return [line for line in of if line.split(" | ")[0] in connectors]


def complete_run_before(words: str) -> str | None:
    complete = [run for run in RUNS if run not in FAILED and run < words]
    return complete[-1] if complete else None


# --- expected in several test files -----------------------------------------------------------

# connector_id | health | is_down | severity | health_since | freshness_deadline | minutes_late
HEALTH = """
steady                | healthy         | no  | 0 | 10-05 00:00 | 11-20 18:00 | 0
breaks                | broken          | yes | 3 | 11-19 03:00 | 11-19 12:00 | 1380
paused_long           | paused          | no  | 0 | 10-05 00:00 | -           | -
syncing               | healthy         | no  | 0 | 10-05 00:00 | -           | -
fails                 | failing         | yes | 3 | 11-19 12:00 | -           | -
blocked               | blocked         | no  | 2 | 11-02 06:00 | -           | -
strange               | unknown         | no  | 2 | 11-19 15:00 | -           | -
silent                | unknown         | no  | 2 | 11-19 18:00 | -           | -
fails_then_breaks     | healthy         | no  | 0 | 11-19 00:00 | -           | -
fails_and_goes        | deleted         | no  | 0 | 11-19 15:00 | -           | -
breaks_and_mends      | healthy         | no  | 0 | 11-02 09:00 | -           | -
breaks_and_pauses     | paused          | no  | 0 | 11-19 12:00 | -           | -
reconfigured          | healthy         | no  | 0 | 10-05 00:00 | -           | -
twin_one              | healthy         | no  | 0 | 10-05 00:00 | -           | -
twin_two              | healthy         | no  | 0 | 10-24 03:00 | -           | -
creator_gone          | healthy         | no  | 0 | 10-05 00:00 | -           | -
goes_and_returns      | healthy         | no  | 0 | 10-24 12:00 | -           | -
flaps                 | healthy         | no  | 0 | 11-19 21:00 | -           | -
all_at_once           | failing         | yes | 3 | 11-19 18:00 | -           | -
on_trial              | warning         | no  | 1 | 11-20 06:00 | -           | -
delayed               | delayed         | yes | 3 | 11-19 18:00 | -           | -
delayed_with_task     | action_required | no  | 2 | 11-20 06:00 | -           | -
hidden                | not_visible     | no  | 1 | 11-19 18:00 | -           | -
new_and_well          | healthy         | no  | 0 | 11-14 06:00 | -           | -
first_sync            | initial_sync    | no  | 0 | 11-20 00:00 | -           | -
incomplete            | incomplete      | no  | 1 | 11-02 00:00 | -           | -
just_begun            | incomplete      | no  | 1 | 11-19 06:00 | -           | -
broken_yet_syncs      | broken          | yes | 3 | 11-19 06:00 | -           | -
reloads               | historical_sync | no  | 0 | 11-20 03:00 | -           | -
reloads_after_failure | historical_sync | no  | 0 | 11-20 00:00 | -           | -
warns                 | warning         | no  | 1 | 11-19 00:00 | -           | -
never_synced          | never_synced    | no  | 1 | 11-02 09:00 | -           | -
just_made             | never_synced    | no  | 1 | 11-19 21:00 | -           | -
fails_from_birth      | failing         | yes | 3 | 11-14 06:00 | -           | -
waited_and_started    | healthy         | no  | 0 | 10-24 18:00 | -           | -
stalled               | stalled         | yes | 3 | 11-20 02:00 | 11-20 02:00 | 540
stood_still           | healthy         | no  | 0 | 10-22 12:00 | 11-20 12:30 | 0
paused_state          | paused          | no  | 0 | 11-02 03:00 | -           | -
rescheduled           | rescheduled     | no  | 1 | 11-20 03:00 | 11-20 14:00 | 0
rescheduled_auto      | rescheduled     | no  | 1 | 11-20 00:00 | 11-21 21:00 | 0
weekdays              | healthy         | no  | 0 | 10-05 00:00 | -           | -
stale_now             | stale           | yes | 3 | 11-20 02:30 | 11-20 02:30 | 510
stale_then_fails      | healthy         | no  | 0 | 10-24 12:00 | -           | -
stale_then_paused     | paused          | no  | 0 | 11-14 06:00 | -           | -
stale_then_slower     | healthy         | no  | 0 | 11-19 03:00 | -           | -
paused_meanwhile      | healthy         | no  | 0 | 11-14 09:00 | -           | -
gone_meanwhile        | healthy         | no  | 0 | 11-02 12:00 | -           | -
broken_from_the_start | healthy         | no  | 0 | 10-22 03:00 | -           | -
reschedules_again     | healthy         | no  | 0 | 11-19 03:00 | -           | -
stalled_at_once       | healthy         | no  | 0 | 11-14 06:00 | -           | -
stale_and_gone        | deleted         | no  | 0 | 11-14 06:00 | -           | -
stale_then_manual     | healthy         | no  | 0 | 11-14 06:00 | -           | -
stale_then_calm       | healthy         | no  | 0 | 11-20 06:00 | 11-22 00:30 | 0
broken_first_sync     | broken          | yes | 3 | 11-19 15:00 | -           | -
fails_first_sync      | failing         | yes | 3 | 11-19 21:00 | -           | -
unseen                | healthy         | no  | 0 | 10-05 00:00 | -           | -
"""

# connector_id | open_warnings | open_tasks | failing_setup_tests
ALERTS = """
breaks            | 0 | 1 | 0
all_at_once       | 0 | 1 | 0
on_trial          | 1 | 0 | 0
delayed_with_task | 0 | 3 | 0
incomplete        | 0 | 1 | 3
broken_yet_syncs  | 0 | 0 | 1
warns             | 1 | 0 | 0
"""

# connector_id | started_after | started_at | ended_after | ended_at | minutes | path | closed_by
OPEN = """
breaks            | 11-19 00:00 | 11-19 03:00 | - | - | 1920 | broken  | -
fails             | 11-19 06:00 | 11-19 12:00 | - | - | 1380 | failing | -
all_at_once       | 11-19 15:00 | 11-19 18:00 | - | - | 1020 | failing | -
delayed           | 11-19 15:00 | 11-19 18:00 | - | - | 1020 | delayed | -
fails_from_birth  | 11-14 03:00 | 11-14 06:00 | - | - | 8940 | failing | -
broken_yet_syncs  | 11-19 03:00 | 11-19 06:00 | - | - | 1740 | broken  | -
broken_first_sync | 11-19 12:00 | 11-19 15:00 | - | - | 1200 | broken  | -
fails_first_sync  | 11-19 18:00 | 11-19 21:00 | - | - | 840  | failing | -
stalled           | 11-20 02:00 | 11-20 02:00 | - | - | 540  | stalled | -
stale_now         | 11-20 02:30 | 11-20 02:30 | - | - | 510  | stale   | -
"""

REMOVED = {"fails_and_goes", "hidden", "stale_and_gone"}
