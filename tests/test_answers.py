"""What every view says of a scripted world (see scripted.py), worked out by hand from the script.

Both databases are asked at a fixed time. Expectations are texts: `-` is null, `11-20 03:00` a time
of the year that is played, and one line is one row.
"""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import KINDS, new_database
from scripted import BORN, FAILED, OTHER_ACCOUNT, PLACE, RUNS, YEAR, at, play, utc
from sqlalchemy import Connection, Engine, select, text
from worlds import connect

from inventory import health, instants, questions
from inventory.models import VERSIONED
from inventory.views import VIEWS

LAST_RUN, NOW = "11-20 06:00", "11-20 11:00"
# The runs are three hours apart: from three times that on, the last of them is late.
PUNCTUAL_UNTIL = "11-20 15:00"
# Before that some deadlines pass.
BETWEEN, LATER = "11-20 14:30", "11-20 15:30"

# --- asking ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    file = tmp_path_factory.mktemp("world") / "inventory.db"
    shutil.copyfile(sqlite_template, file)
    engine = connect(f"sqlite:///{file}")
    play(engine)
    return engine


@pytest.fixture(scope="session")
def postgresql_world(postgres_server: str, postgres_template: str) -> Iterator[Engine]:
    with new_database(postgres_server, postgres_template) as url:
        engine = connect(url)
        play(engine)
        yield engine


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Engine:
    """The database after the last run, on each kind in turn; no test changes it."""
    engine: Engine = request.getfixturevalue(f"{request.param}_world")
    return engine


def rows(connection: Connection, view: str, columns: str = "") -> list[tuple[Any, ...]]:
    of = VIEWS[view].table
    wanted = [of.c[name] for name in columns.split()] or list(of.c)
    return [tuple(row) for row in connection.execute(select(*wanted))]


def told(world: Engine, view: str, columns: str, now: str = NOW) -> list[str]:
    """The rows of a view as lines, sorted."""
    with at(world, now) as connection:
        return lines(rows(connection, view, columns))


def lines(of: Any) -> list[str]:
    return sorted(" | ".join(map(shown, row)) for row in of)


def shown(value: Any) -> str:
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


def table(words: str) -> list[str]:
    """The lines of a table in this file, as `lines` makes them."""
    cells = ([cell.strip() for cell in line.split(" | ")] for line in words.strip().splitlines())
    return sorted(" | ".join(row) for row in cells)


def having(of: list[str], *connectors: str) -> list[str]:
    return [line for line in of if line.split(" | ")[0] in connectors]


def run_before(words: str) -> str | None:
    complete = [run for run in RUNS if run not in FAILED and run < words]
    return complete[-1] if complete else None


# --- every view -----------------------------------------------------------------------------

OF_CONNECTORS = (
    *("connector_health", "incidents", "state_changes", "flapping", "availability_30d"),
    *("sync_outcomes_daily", "attention"),
)
ANSWERED = {
    *OF_CONNECTORS,
    *("service_reliability", "latest_run", "connector_history_mode"),
    "fivetran_platform__connection_status",
}
HISTORIES = {versioned.history for versioned in VERSIONED}


def test_every_view_is_answered_here_or_where_versions_are_tested() -> None:
    assert VIEWS.keys() - HISTORIES - {"clock"} == ANSWERED


@pytest.mark.parametrize("now", [NOW, BETWEEN, LATER])
@pytest.mark.parametrize("view", sorted(ANSWERED))
def test_both_databases_give_the_same_values(
    sqlite_world: Engine, postgresql_world: Engine, view: str, now: str
) -> None:
    with at(sqlite_world, now) as one, at(postgresql_world, now) as other:
        mine, theirs = sorted(rows(one, view), key=repr), sorted(rows(other, view), key=repr)
    assert mine == theirs
    assert mine
    assert [types(row) for row in mine] == [types(row) for row in theirs]


def types(row: tuple[Any, ...]) -> list[type]:
    return [type(cell) for cell in row]


@pytest.mark.parametrize("view", sorted(ANSWERED))
def test_zone_of_the_session_changes_nothing(postgresql_world: Engine, view: str) -> None:
    with at(postgresql_world, NOW) as connection:
        want = sorted(rows(connection, view), key=repr)
    columns = VIEWS[view].table.columns
    with at(postgresql_world, NOW, "set local time zone 'Asia/Kathmandu'") as connection:
        connection.execute(text(f"create temporary table seen as select * from {view}"))
        # The driver reads no time that is of the year 10000 in the session's zone.
        connection.execute(text("set local time zone 'UTC'"))
        seen = connection.execute(text("select * from seen").columns(*columns))
        assert sorted(map(tuple, seen), key=repr) == want


@pytest.mark.parametrize("view", OF_CONNECTORS)
def test_rows_about_a_connector_say_which_one(world: Engine, view: str) -> None:
    identity = "connector_id account_id group_id service schema_name"
    want = {
        one: (one, "account_one", group, service, f"{one}_schema")
        for one, (service, group) in PLACE.items()
    }
    want["goes_and_returns"] = (*want["goes_and_returns"][:4], "renamed")
    with at(world, NOW) as connection:
        for row in rows(connection, view, identity):
            assert row == want[row[0]]


# --- connector_health -----------------------------------------------------------------------

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
HEALTH_COLUMNS = "connector_id health is_down severity health_since freshness_deadline minutes_late"
# Those that read otherwise three and a half hours later, with no run in between.
HEALTH_BETWEEN = """
breaks                | broken          | yes | 3 | 11-19 03:00 | 11-19 12:00 | 1590
stalled               | stalled         | yes | 3 | 11-20 02:00 | 11-20 02:00 | 750
stood_still           | unobserved      | no  | 2 | 11-20 12:30 | 11-20 12:30 | 120
rescheduled           | unobserved      | no  | 2 | 11-20 14:00 | 11-20 14:00 | 30
stale_now             | stale           | yes | 3 | 11-20 02:30 | 11-20 02:30 | 720
"""
# Another hour later nobody can vouch for any of them, and these are late.
MINUTES_LATE_LATER = {
    "breaks": 1650,
    "stalled": 810,
    "stood_still": 180,
    "rescheduled": 90,
    "stale_now": 780,
}
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
strange               | setup state strange, which is not known, since 2026-11-19 15:00 UTC
silent                | setup state not told since 2026-11-19 18:00 UTC
fails_then_breaks     | last success 2026-11-18 22:00 UTC
fails_and_goes        | deleted, as the API said at 2026-11-19 15:00 UTC
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
hidden                | hidden from this key since 2026-11-19 18:00 UTC
new_and_well          | last success 2026-11-14 05:30 UTC
first_sync            | first sync under way since 2026-11-20 00:00 UTC
incomplete            | setup incomplete since 2026-11-02 00:00 UTC: {
    ""
}task no_credentials; test Host, Login, Reach
just_begun            | setup incomplete since 2026-11-19 06:00 UTC
broken_yet_syncs      | setup broken since 2026-11-19 06:00 UTC: test Connecting to host
reloads               | historical sync under way since 2026-11-20 03:00 UTC
reloads_after_failure | historical sync under way since 2026-11-20 00:00 UTC
warns                 | warning open since 2026-11-19 00:00 UTC: slow_source
never_synced          | no sync has succeeded since 2026-11-02 07:15 UTC
just_made             | no sync has succeeded since 2026-11-19 21:00 UTC
fails_from_birth      | syncs failing since 2026-11-14 06:00 UTC: {
    ""
}last failure 2026-11-14 05:00 UTC, never a success
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
}due every 60 minutes, late since 2026-11-20 02:30 UTC
stale_then_fails      | last success 2026-10-24 11:30 UTC
stale_then_paused     | paused since 2026-11-14 06:00 UTC
stale_then_slower     | last success 2026-11-19 02:50 UTC
paused_meanwhile      | {USUAL}
gone_meanwhile        | {USUAL}
broken_from_the_start | {USUAL}
reschedules_again     | last success 2026-11-19 02:00 UTC
stalled_at_once       | {USUAL}
stale_and_gone        | deleted, as the API said at 2026-11-14 06:00 UTC
stale_then_manual     | last success 2026-11-14 08:00 UTC
stale_then_calm       | last success 2026-11-19 23:30 UTC
broken_first_sync     | setup broken since 2026-11-19 15:00 UTC
fails_first_sync      | syncs failing since 2026-11-19 21:00 UTC: \
last failure 2026-11-19 14:00 UTC, never a success
unseen                | last success 2026-10-24 17:30 UTC
"""
REASONS_BETWEEN = """
stood_still | not observed since 2026-11-20 06:00 UTC: due by 2026-11-20 12:30 UTC; it was healthy
rescheduled | not observed since 2026-11-20 06:00 UTC: due by 2026-11-20 14:00 UTC; \
it was rescheduled
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


def test_health_of_each_connector(world: Engine) -> None:
    assert told(world, "connector_health", HEALTH_COLUMNS) == table(HEALTH)


def test_each_health_is_had_by_a_connector() -> None:
    assert {line.split(" | ")[1] for line in table(HEALTH)} == set(health.NAMES)


def test_deadline_that_passes_makes_unobserved_and_nothing_else(world: Engine) -> None:
    otherwise = {line.split(" | ")[0] for line in table(HEALTH_BETWEEN)}
    want = table(HEALTH_BETWEEN) + [
        line for line in table(HEALTH) if line.split(" | ")[0] not in otherwise
    ]
    assert told(world, "connector_health", HEALTH_COLUMNS, now=BETWEEN) == sorted(want)


def test_late_run_makes_everybody_unobserved_that_exists(world: Engine) -> None:
    want = []
    for line in table(HEALTH):
        one, *_, deadline, late = line.split(" | ")
        late = str(MINUTES_LATE_LATER.get(one, late))
        unobserved = f"{one} | unobserved | no | 2 | {LAST_RUN} | {deadline} | {late}"
        want.append(line if one in REMOVED else unobserved)
    assert told(world, "connector_health", HEALTH_COLUMNS, now=LATER) == sorted(want)


@pytest.mark.parametrize(
    ("now", "connector_id", "want"),
    [
        ("11-20 12:30:00", "stood_still", "healthy | no | 10-22 12:00 | 0"),
        ("11-20 12:30:00.000001", "stood_still", "unobserved | no | 11-20 12:30 | 0"),
        ("11-20 12:31:59", "stood_still", "unobserved | no | 11-20 12:30 | 1"),
        ("11-20 14:00:00", "rescheduled", "rescheduled | no | 11-20 03:00 | 0"),
        ("11-20 14:00:01", "rescheduled", "unobserved | no | 11-20 14:00 | 0"),
        ("11-20 15:00:00", "steady", "healthy | no | 10-05 00:00 | 0"),
        ("11-20 15:00:01", "steady", "unobserved | no | 11-20 06:00 | 0"),
        ("11-20 15:00:00", "stood_still", "unobserved | no | 11-20 12:30 | 150"),
        ("11-20 15:00:01", "stood_still", "unobserved | no | 11-20 06:00 | 150"),
        ("11-20 15:00:00", "stalled", "stalled | yes | 11-20 02:00 | 780"),
        ("11-20 15:00:01", "stalled", "unobserved | no | 11-20 06:00 | 780"),
        ("11-20 18:00:00", "steady", "unobserved | no | 11-20 06:00 | 0"),
        ("11-20 18:01:00", "steady", "unobserved | no | 11-20 06:00 | 1"),
        ("11-21 21:01:00", "rescheduled_auto", "unobserved | no | 11-20 06:00 | 1"),
    ],
)
def test_nobody_can_vouch_only_after_the_deadline(
    world: Engine, now: str, connector_id: str, want: str
) -> None:
    columns = "connector_id health is_down health_since minutes_late"
    answer = having(told(world, "connector_health", columns, now=now), connector_id)
    assert answer == [f"{connector_id} | {want}"]


@pytest.mark.parametrize("now", [LAST_RUN, NOW, BETWEEN, LATER])
def test_what_the_last_run_saw_stands_beside_the_health(world: Engine, now: str) -> None:
    saw = {line.split(" | ")[0]: line.split(" | ")[1] for line in table(HEALTH)}
    began = {line.split(" | ")[0]: line.split(" | ")[2] for line in table(OPEN)}
    if now > PUNCTUAL_UNTIL:
        began = {}
    want = [f"{one} | {saw[one]} | {LAST_RUN} | {began.get(one, '-')}" for one in PLACE]
    columns = "connector_id observed_health observed_at down_since"
    assert told(world, "connector_health", columns, now=now) == sorted(want)


def test_reason_of_each_health(world: Engine) -> None:
    assert told(world, "connector_health", "connector_id reason") == table(REASONS)


def test_reason_of_what_a_deadline_makes(world: Engine) -> None:
    answer = told(world, "connector_health", "connector_id reason", now=BETWEEN)
    assert having(answer, "stood_still", "rescheduled") == table(REASONS_BETWEEN)


def test_reason_of_what_a_late_run_makes(world: Engine) -> None:
    since = "not observed since 2026-11-20 06:00 UTC: the last complete run is late"
    want = [line for line in table(REASONS) if line.split(" | ")[0] in REMOVED]
    want += [
        f"{one} | {since}; it was {word}"
        for one, word, *_ in (line.split(" | ") for line in table(HEALTH))
        if one not in REMOVED
    ]
    assert told(world, "connector_health", "connector_id reason", now=LATER) == sorted(want)


def test_alerts_are_counted(world: Engine) -> None:
    none = {f"{one} | 0 | 0 | 0" for one in PLACE} - {
        f"{line.split(' | ')[0]} | 0 | 0 | 0" for line in table(ALERTS)
    }
    columns = "connector_id open_warnings open_tasks failing_setup_tests"
    assert told(world, "connector_health", columns) == sorted([*none, *table(ALERTS)])


# connector_id | paused | setup_state | sync_state | update_state | schema_status
# | is_historical_sync | last_sync_failed | schedule_type | sync_frequency
# | succeeded_at | failed_at | rescheduled_for | connected_by | first_seen_at | removed_at
STATES = """
breaks | no | broken | scheduled | on_schedule | ready | no | no | auto | 360 \
| 11-18 23:00 | - | - | user_one | 10-05 00:00 | -
reloads_after_failure | no | connected | syncing | on_schedule | ready | yes | yes | manual | 360 \
| 10-04 22:00 | 11-19 14:00 | - | user_one | 10-05 00:00 | -
rescheduled | no | connected | rescheduled | on_schedule | ready | no | no | manual | 360 \
| 10-04 22:00 | - | 11-20 14:00 | user_one | 10-05 00:00 | -
silent | no | - | scheduled | on_schedule | ready | no | no | manual | 360 \
| 10-04 22:00 | - | - | user_one | 10-05 00:00 | -
weekdays | no | connected | scheduled | on_schedule | ready | no | no | auto | 360 \
| 10-04 22:00 | - | - | - | 10-05 00:00 | -
twin_two | no | connected | scheduled | on_schedule | ready | no | no | manual | 360 \
| 10-04 22:00 | - | - | user_one | 10-24 03:00 | -
goes_and_returns | no | connected | scheduled | on_schedule | ready | no | no | manual | 720 \
| 10-04 22:00 | - | - | user_one | 10-05 00:00 | -
fails_and_goes | no | - | - | - | - | - | - | manual | 360 \
| - | - | - | user_one | 10-05 00:00 | 11-19 15:00
"""


def test_health_shows_what_it_was_made_of(world: Engine) -> None:
    columns = (
        "connector_id paused setup_state sync_state update_state schema_status is_historical_sync "
        "last_sync_failed schedule_type sync_frequency succeeded_at failed_at rescheduled_for "
        "connected_by first_seen_at removed_at"
    )
    asked = {line.split(" | ")[0] for line in table(STATES)}
    assert having(told(world, "connector_health", columns), *asked) == table(STATES)


# --- incidents ------------------------------------------------------------------------------

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
CLOSED = """
stood_still | 10-22 04:30 | 10-22 04:30 | 10-22 09:00 | 10-22 12:00 | 450 | stale | recovered
stale_then_fails | 10-24 05:29 | 10-24 05:29 | 10-24 09:00 | 10-24 12:00 | 391 \
| stale > failing | recovered
waited_and_started | 10-24 10:00 | 10-24 10:00 | 10-24 15:00 | 10-24 18:00 | 480 | stalled \
| recovered
breaks_and_mends | 11-02 00:00 | 11-02 03:00 | 11-02 06:00 | 11-02 09:00 | 360 | broken | recovered
flaps | 11-02 03:00 | 11-02 06:00 | 11-02 09:00 | 11-02 12:00 | 360 | broken | recovered
flaps | 11-19 00:00 | 11-19 03:00 | 11-19 03:00 | 11-19 06:00 | 180 | broken | recovered
flaps | 11-19 06:00 | 11-19 12:00 | 11-19 12:00 | 11-19 15:00 | 180 | broken | recovered
flaps | 11-19 15:00 | 11-19 18:00 | 11-19 18:00 | 11-19 21:00 | 180 | broken | recovered
fails_then_breaks | 11-14 00:00 | 11-14 03:00 | 11-14 09:00 | 11-19 00:00 | 7020 \
| failing > broken | recovered
delayed_with_task | 11-19 06:00 | 11-19 12:00 | 11-20 03:00 | 11-20 06:00 | 1080 | delayed \
| recovered
reloads_after_failure | 11-19 12:00 | 11-19 15:00 | 11-19 21:00 | 11-20 00:00 | 540 | failing \
| recovered
breaks_and_pauses | 11-19 03:00 | 11-19 06:00 | 11-19 06:00 | 11-19 12:00 | 360 | broken | paused
fails_and_goes | 11-14 03:00 | 11-14 06:00 | 11-19 12:00 | 11-19 15:00 | 7740 | failing | removed
stale_then_paused | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale | paused
stale_then_slower | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale \
| recovered
stale_then_slower | 11-16 00:30 | 11-16 00:30 | 11-19 00:00 | 11-19 03:00 | 4470 | stale \
| recovered
paused_meanwhile | 11-02 15:00 | 11-14 00:00 | 11-14 00:00 | 11-14 03:00 | 180 | broken | paused
paused_meanwhile | 11-14 03:00 | 11-14 06:00 | 11-14 06:00 | 11-14 09:00 | 180 | broken \
| recovered
gone_meanwhile | 10-24 18:00 | 11-02 00:00 | 11-02 00:00 | 11-02 03:00 | 180 | broken | removed
gone_meanwhile | 11-02 03:00 | 11-02 06:00 | 11-02 09:00 | 11-02 12:00 | 360 | broken | recovered
broken_from_the_start | - | 10-05 00:00 | 10-22 00:00 | 10-22 03:00 | 24660 | broken | recovered
stale_and_gone | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale | removed
stale_then_manual | 11-14 02:30 | 11-14 02:30 | 11-14 03:00 | 11-14 06:00 | 210 | stale \
| recovered
stale_then_calm | 11-20 02:30 | 11-20 02:30 | 11-20 03:00 | 11-20 06:00 | 210 | stale | recovered
stalled_at_once | 11-14 01:00 | 11-14 01:00 | 11-14 03:00 | 11-14 06:00 | 300 | stalled | recovered
reschedules_again | 11-14 02:00 | 11-14 02:00 | 11-14 03:00 | 11-14 06:00 | 240 | stalled \
| recovered
"""
OPEN_LATER = """
breaks            | 11-19 00:00 | 11-19 03:00 | - | - | 2190 | broken  | -
fails             | 11-19 06:00 | 11-19 12:00 | - | - | 1650 | failing | -
all_at_once       | 11-19 15:00 | 11-19 18:00 | - | - | 1290 | failing | -
delayed           | 11-19 15:00 | 11-19 18:00 | - | - | 1290 | delayed | -
fails_from_birth  | 11-14 03:00 | 11-14 06:00 | - | - | 9210 | failing | -
broken_yet_syncs  | 11-19 03:00 | 11-19 06:00 | - | - | 2010 | broken  | -
broken_first_sync | 11-19 12:00 | 11-19 15:00 | - | - | 1470 | broken  | -
fails_first_sync  | 11-19 18:00 | 11-19 21:00 | - | - | 1110 | failing | -
stalled           | 11-20 02:00 | 11-20 02:00 | - | - | 810  | stalled | -
stale_now         | 11-20 02:30 | 11-20 02:30 | - | - | 780  | stale   | -
"""
INCIDENT = "connector_id started_after started_at ended_after ended_at minutes path closed_by"


def test_incidents_are_the_outages_of_the_script(world: Engine) -> None:
    assert told(world, "incidents", INCIDENT) == sorted(table(OPEN) + table(CLOSED))


def test_incidents_are_lengthened_by_time_and_none_is_opened(world: Engine) -> None:
    want = sorted(table(OPEN_LATER) + table(CLOSED))
    assert told(world, "incidents", INCIDENT, now=LATER) == want


@pytest.mark.parametrize(
    "now",
    [
        *(LAST_RUN, NOW, "11-20 12:30", "11-20 12:30:01", "11-20 14:00", BETWEEN, PUNCTUAL_UNTIL),
        *(LATER, "11-20 18:00:01", "11-22 03:00", "12-25 00:00"),
    ],
)
def test_outage_of_the_last_run_stays_open_and_shows_while_that_is_not_late(
    world: Engine, now: str
) -> None:
    with at(world, now) as connection:
        down = [one for one, is_down in rows(connection, "connector_health", DOWN) if is_down]
        still = [one for one, end in rows(connection, "incidents", ENDED) if end is None]
    at_the_last_run = sorted(line.split(" | ")[0] for line in table(OPEN))
    assert sorted(still) == at_the_last_run
    assert sorted(down) == (at_the_last_run if now <= PUNCTUAL_UNTIL else [])


DOWN, ENDED = "connector_id is_down", "connector_id ended_at"


def test_incidents_are_the_same_whether_all_are_asked_for_or_some(world: Engine) -> None:
    with at(world, NOW) as connection:
        everything = questions.incidents(connection)
        for words in (*RUNS, "11-14 02:30", "11-16 00:30", NOW):
            since = utc(words)
            later = [
                row for row in everything if row["ended_at"] is None or row["ended_at"] > since
            ]
            assert questions.incidents(connection, since=since) == later
        for one in PLACE:
            of_it = [row for row in everything if row["connector_id"] == one]
            assert questions.incidents(connection, connector_ids=[one]) == of_it
        still = [row for row in everything if row["ended_at"] is None]
        assert questions.incidents(connection, open_only=True) == still


# --- state_changes --------------------------------------------------------------------------

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
    for line in table(HEALTH_CHANGES):
        one, turns = line.split(" | ")
        for turn in turns.split(", "):
            day, hour, old, _, new = turn.split()
            want.append(
                f"{day} {hour} | {one} | connector_status | health | {old} | {new} | changed"
            )
    return want


def test_state_changes_are_those_of_the_script(world: Engine) -> None:
    at_first = [
        f"10-05 00:00 | {one} | connectors | - | - | - | created" for one in PLACE.keys() - BORN
    ]
    columns = "changed_at connector_id table_name field old_value new_value kind"
    assert told(world, "state_changes", columns) == sorted(
        at_first + table(CHANGES) + health_changes()
    )


def test_state_changes_happened_after_the_complete_run_before(world: Engine) -> None:
    with at(world, NOW) as connection:
        changes = rows(connection, "state_changes", "changed_after changed_at")
    for after, moment in changes:
        assert shown(after) == shown(run_before(shown(moment)))


# --- service_reliability --------------------------------------------------------------------

# service | group_id | connectors | down_now | incidents | repaired | mttr_minutes | mtbf_minutes
RELIABILITY = """
postgres | -     | 8  | 2 | 2 | 0 | -      | 21150
postgres | north | 4  | 1 | 1 | 0 | -      | 20880
postgres | south | 4  | 1 | 1 | 0 | -      | 21420
mysql    | -     | 7  | 0 | 4 | 2 | 3690.0 | 10245
mysql    | north | 1  | 0 | 2 | 1 | 7020.0 | 4380
mysql    | south | 3  | 0 | 2 | 1 | 360.0  | 8190
mysql    | west  | 3  | 0 | 0 | 0 | -      | -
hubspot  | -     | 6  | 2 | 7 | 5 | 396.0  | 4260
hubspot  | north | 4  | 1 | 5 | 4 | 225.0  | 4104
hubspot  | south | 2  | 1 | 2 | 1 | 1080.0 | 4650
webhooks | -     | 0  | 0 | 0 | 0 | -      | -
webhooks | south | 0  | 0 | 0 | 0 | -      | -
sheets   | -     | 11 | 2 | 3 | 1 | 540.0  | 11700
sheets   | north | 5  | 1 | 1 | 0 | -      | 14700
sheets   | south | 6  | 1 | 2 | 1 | 540.0  | 10200
s3       | -     | 9  | 2 | 5 | 3 | 440.3  | 9785
s3       | north | 4  | 1 | 3 | 2 | 465.0  | 7110
s3       | south | 5  | 1 | 2 | 1 | 391.0  | 13799
kafka    | -     | 12 | 2 | 14 | 9 | 3426.7 | 4137
kafka    | east  | 12 | 2 | 14 | 9 | 3426.7 | 4137
"""


def test_reliability_counts_none_as_down_that_nobody_can_vouch_for(world: Engine) -> None:
    assert set(told(world, "service_reliability", "down_now", now=LATER)) == {"0"}


def test_reliability_of_each_service(world: Engine) -> None:
    columns = "service group_id connectors down_now incidents repaired mttr_minutes mtbf_minutes"
    assert told(world, "service_reliability", columns) == table(RELIABILITY)


# --- flapping -------------------------------------------------------------------------------

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


def test_flapping_counts_starts_and_ends_of_a_week(world: Engine) -> None:
    assert told(world, "flapping", FLIPS) == table(FLAPPING)


def test_flapping_forgets_what_is_older_than_a_week(world: Engine) -> None:
    assert told(world, "flapping", FLIPS, now="11-22 03:00") == table(FLAPPING_ON_11_22)


# --- availability_30d -----------------------------------------------------------------------

# The 30 days before NOW begin at 10-21 11:00. Observed are 21 h on 10-22, 15 h each on 10-24 and
# 11-02, 9 h on 11-14, and 35 h from 11-19 00:00 on: 5700 of 43200 minutes.
# connector_id | minutes | observed | down | up | availability | observed_share
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
REMOVED = {"fails_and_goes", "hidden", "stale_and_gone"}
# The last run is more than three usual intervals ago: what was after it is not known.
AVAILABILITY_LATER = """
steady      | 43200 | 5400 | 0   | 5400 | 1.0    | 0.125
stale_now   | 43200 | 5400 | 210 | 5190 | 0.9611 | 0.125
stood_still | 43200 | 5400 | 450 | 4950 | 0.9167 | 0.125
rescheduled | 43200 | 5400 | 0   | 5400 | 1.0    | 0.125
first_sync  | 930   | 360  | 0   | 360  | 1.0    | 0.3871
"""
AVAILABLE = (
    "connector_id minutes observed_minutes down_minutes up_minutes availability observed_share"
)


def test_availability_counts_only_what_was_observed(world: Engine) -> None:
    assert told(world, "availability_30d", AVAILABLE) == table(AVAILABILITY)


def test_availability_knows_nothing_after_a_last_run_that_is_long_ago(world: Engine) -> None:
    answer = told(world, "availability_30d", AVAILABLE, now=LATER)
    asked = {line.split(" | ")[0] for line in table(AVAILABILITY_LATER)}
    assert having(answer, *asked) == table(AVAILABILITY_LATER)


def test_availability_is_null_where_nothing_was_observed(world: Engine) -> None:
    answer = told(world, "availability_30d", AVAILABLE, now="12-25 00:00")
    assert {line.split(" | ", 1)[1] for line in answer} == {"43200 | 0 | 0 | 0 | - | 0.0"}
    assert {line.split(" | ")[0] for line in answer} == PLACE.keys() - REMOVED


# --- sync_outcomes_daily --------------------------------------------------------------------

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


def test_outcomes_are_counted_by_day(world: Engine) -> None:
    want = {one: ["10-04 1 0"] for one in PLACE if one not in NO_OUTCOME}
    want |= {one: days.split(", ") for one, days in (row.split(" | ") for row in table(OUTCOMES))}
    held: dict[str, list[str]] = {}
    for line in told(world, "sync_outcomes_daily", "connector_id day succeeded failed"):
        one, day, succeeded, failed = line.split(" | ")
        held.setdefault(one, []).append(f"{day.removeprefix(f'{YEAR}-')} {succeeded} {failed}")
    assert held == want


# --- attention ------------------------------------------------------------------------------

# finding | connector_id | since
FINDINGS = """
incomplete   | incomplete       | 11-02 00:00
paused       | paused_long      | 10-05 00:00
never_synced | never_synced     | 11-02 07:15:30
never_synced | fails_from_birth | 11-13 10:00
trial_pause  | on_trial         | 11-14 03:00
trial_pause  | weekdays         | 10-05 00:00
same_source  | twin_one         | 10-24 03:00
same_source  | twin_two         | 10-24 03:00
creator_gone | creator_gone     | 11-02 12:00
"""
# Their last success was on 10-04, and nothing says when they should sync: they are started by hand,
# or the schedule makes no sense.
DORMANT = (
    *("syncing", "fails", "blocked", "strange", "silent", "breaks_and_mends", "reconfigured"),
    *("twin_one", "twin_two", "creator_gone", "goes_and_returns", "flaps", "all_at_once"),
    *("on_trial", "delayed", "delayed_with_task", "reloads", "reloads_after_failure", "warns"),
    *("stalled", "rescheduled", "weekdays", "paused_meanwhile", "gone_meanwhile"),
    *("broken_from_the_start", "stalled_at_once"),
)
# Two weeks and a day later.
FINDINGS_LATER = """
incomplete   | just_begun   | 11-19 06:00
never_synced | just_made    | 11-19 21:00
never_synced | first_sync   | 11-19 22:30
never_synced | broken_first_sync | 11-19 13:00
never_synced | fails_first_sync | 11-19 11:00
paused       | paused_state | 11-02 03:00
dormant      | waited_and_started | 10-24 17:30
dormant      | stale_then_fails | 10-24 11:30
dormant      | unseen | 10-24 17:30
"""


def findings() -> list[str]:
    return table(FINDINGS) + [f"dormant | {one} | 10-04 22:00" for one in DORMANT]


def test_attention_is_drawn_to_what_was_scripted_for_it(world: Engine) -> None:
    assert told(world, "attention", "finding connector_id since") == sorted(findings())


def test_attention_is_drawn_to_more_as_time_passes(world: Engine) -> None:
    answer = told(world, "attention", "finding connector_id since", now="12-05 11:00")
    assert answer == sorted(findings() + table(FINDINGS_LATER))


@pytest.mark.parametrize(
    ("finding", "connector_id", "limit"),
    [
        ("incomplete", "just_begun", "12-03 06:00:00"),
        ("never_synced", "just_made", "11-26 21:00:00"),
        ("paused", "paused_state", "12-02 03:00:00"),
        ("dormant", "unseen", "11-23 17:30:00"),
    ],
)
def test_attention_is_drawn_from_its_limit_on(
    world: Engine, finding: str, connector_id: str, limit: str
) -> None:
    before = f"{utc(limit) - timedelta(seconds=1):%m-%d %H:%M:%S}"
    for now, is_there in ((before, False), (limit, True)):
        answer = told(world, "attention", "finding connector_id", now=now)
        assert (f"{finding} | {connector_id}" in answer) == is_there


def test_attention_says_each_finding_in_one_sentence(world: Engine) -> None:
    with at(world, NOW) as connection:
        details = [detail for (detail,) in rows(connection, "attention", "detail")]
    assert all(detail and "\n" not in detail for detail in details)


# Of the setup the reason tells more, while somebody can vouch for it.
INCOMPLETE = "setup incomplete since 2026-11-02 00:00 UTC"
INCOMPLETE_FOR = "task no_credentials; test Host, Login, Reach"
UNTOLD = "and nothing says when it should sync"


@pytest.mark.parametrize(
    ("now", "finding", "connector_id", "want"),
    [
        (NOW, "incomplete", "incomplete", f"{INCOMPLETE}: {INCOMPLETE_FOR}"),
        (LATER, "incomplete", "incomplete", INCOMPLETE),
        (NOW, "paused", "paused_long", "paused since 2026-10-05 00:00 UTC"),
        (LATER, "paused", "paused_long", "paused since 2026-10-05 00:00 UTC"),
        (LATER, "never_synced", "never_synced", "no sync has succeeded since 2026-11-02 07:15 UTC"),
        (NOW, "dormant", "weekdays", f"no success since 2026-10-04 22:00 UTC, {UNTOLD}"),
        (LATER, "dormant", "fails", f"no success since 2026-10-04 22:00 UTC, {UNTOLD}"),
    ],
)
def test_attention_says_what_the_last_run_saw(
    world: Engine, now: str, finding: str, connector_id: str, want: str
) -> None:
    answer = told(world, "attention", "connector_id finding detail", now=now)
    assert f"{connector_id} | {finding} | {want}" in answer


# --- latest_run -----------------------------------------------------------------------------

# account_id | run_id | status | observed_at | age_minutes | pages | connectors_seen | unconfirmed
# | withheld | withheld_since | usual_minutes | is_late | last_attempt_at | last_attempt_status
# | attempts_since
LATEST = """
account_one | 39 | withheld | 11-20 06:00 | 300 | 5 | 50 | 0 | 3 | 11-20 06:00 | 180 | no \
| 11-20 09:00 | failed | 1
account_two | - | - | - | - | - | - | - | - | - | - | yes | 11-20 09:30 | failed | 1
"""
LATEST_COLUMNS = (
    "account_id run_id status observed_at age_minutes pages connectors_seen unconfirmed withheld "
    "withheld_since usual_minutes is_late last_attempt_at last_attempt_status attempts_since"
)


def test_latest_run_of_each_account(world: Engine) -> None:
    assert told(world, "latest_run", LATEST_COLUMNS) == table(LATEST)


def test_latest_run_tells_the_error_of_the_last_attempt(world: Engine) -> None:
    with at(world, NOW) as connection:
        errors = dict(rows(connection, "latest_run", "account_id last_attempt_error"))
    assert errors.keys() == {"account_one", OTHER_ACCOUNT}
    assert all(error.startswith("GET /v1/connectors answered 500") for error in errors.values())


@pytest.mark.parametrize(
    ("now", "want"),
    [("11-20 15:00:00", "540 | no"), ("11-20 15:00:01", "540 | yes"), (LATER, "570 | yes")],
)
def test_run_is_late_after_three_usual_intervals(world: Engine, now: str, want: str) -> None:
    answer = told(world, "latest_run", "account_id age_minutes is_late", now=now)
    assert answer == [f"account_one | {want}", f"{OTHER_ACCOUNT} | - | yes"]


# --- connector_history_mode -----------------------------------------------------------------

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


def test_history_mode_has_each_version_to_its_last_microsecond(world: Engine) -> None:
    want = []
    for line in table(VERSIONS):
        one, start, end, active = line.split(" | ")
        last = FOREVER if end == "-" else shown(utc(end) - timedelta(microseconds=1))
        want.append(f"{one} | {start} | {last} | {active}")
    told_of = {line.split(" | ")[0] for line in want}
    want += [
        f"{one} | {BORN.get(one, RUNS[0])} | {FOREVER} | yes" for one in PLACE.keys() - told_of
    ]
    columns = "connector_id _fivetran_start _fivetran_end _fivetran_active"
    assert told(world, "connector_history_mode", columns) == sorted(want)


def test_history_mode_has_the_columns_as_they_were(world: Engine) -> None:
    columns = "_fivetran_start connector_id schema_name sync_frequency"
    answer = told(world, "connector_history_mode", columns)
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


# --- fivetran_platform__connection_status ---------------------------------------------------

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
def test_platform_names_tell_the_status_that_the_last_run_saw(world: Engine, now: str) -> None:
    columns = (
        "connection_id connection_health last_successful_sync_completed_at last_sync_completed_at "
        "number_errors_since_last_completed_sync number_warnings_since_last_completed_sync"
    )
    answer = told(world, "fivetran_platform__connection_status", columns, now=now)
    assert {line.split(" | ")[0] for line in answer} == PLACE.keys()
    asked = {line.split(" | ")[0] for line in table(PLATFORM)}
    assert having(answer, *asked) == table(PLATFORM)


def test_platform_names_tell_when_syncs_ended(world: Engine) -> None:
    columns = "connection_id last_successful_sync_completed_at last_sync_completed_at"
    asked = {line.split(" | ")[0] for line in table(LAST_SYNCS)}
    answer = told(world, "fivetran_platform__connection_status", columns)
    assert having(answer, *asked) == table(LAST_SYNCS)


def test_platform_names_count_tasks_and_failing_tests_as_errors(world: Engine) -> None:
    want = dict.fromkeys(PLACE, (0, 0))
    for one, warnings, tasks, failing in (line.split(" | ") for line in table(ALERTS)):
        want[one] = (int(tasks) + int(failing), int(warnings))
    with at(world, NOW) as connection:
        answer = rows(
            connection,
            "fivetran_platform__connection_status",
            "connection_id number_errors_since_last_completed_sync "
            "number_warnings_since_last_completed_sync",
        )
    assert {one: numbers for one, *numbers in answer} == {
        one: list(numbers) for one, numbers in want.items()
    }


def test_platform_names_know_six_kinds_of_health(world: Engine) -> None:
    kinds = set(told(world, "fivetran_platform__connection_status", "connection_health"))
    assert kinds == {
        *("deleted", "paused", "incomplete", "initial sync in progress", "broken", "connected")
    }


def test_platform_names_tell_which_connector(world: Engine) -> None:
    columns = (
        "connection_id connection_name connection_type destination_id destination_name set_up_at "
        "last_sync_started_at number_of_schema_changes_last_month"
    )
    answer = told(world, "fivetran_platform__connection_status", columns)
    assert having(answer, "goes_and_returns", "never_synced", "just_made", "hidden") == table(
        """
        goes_and_returns | renamed | hubspot | north | - | 01-02 03:04:05.678901 | - | -
        hidden | hidden_schema | webhooks | south | - | 01-02 03:04:05.678901 | - | -
        just_made | just_made_schema | sheets | south | - | - | - | -
        never_synced | never_synced_schema | sheets | south | - | 11-02 07:15:30 | - | -
        """
    )


# --- what it was like then ------------------------------------------------------------------


def then(world: Engine, function: str, moment: str, columns: str) -> list[str]:
    """The rows of one of PostgreSQL's functions as lines."""
    with at(world, NOW) as connection:
        asked = text(f"select {columns.replace(' ', ', ')} from {function}(:moment)")
        return lines(connection.execute(asked, {"moment": utc(moment)}))


@pytest.mark.parametrize("function", ["connectors_at", "connector_status_at"])
@pytest.mark.parametrize(
    ("moment", "missing"),
    [
        ("10-04 23:59:59", PLACE.keys()),
        ("10-05 00:00", BORN.keys()),
        ("10-24 05:59:59", BORN.keys() - {"twin_two"}),
        ("10-24 06:00", (BORN.keys() - {"twin_two"}) | {"goes_and_returns"}),
        ("10-24 11:59:59", (BORN.keys() - {"twin_two"}) | {"goes_and_returns"}),
        ("10-24 12:00", BORN.keys() - {"twin_two"}),
        ("11-19 15:00", {"fails_and_goes", "stale_and_gone", "just_made", "first_sync"}),
        (NOW, REMOVED),
    ],
)
def test_connectors_of_an_instant_are_those_that_existed(
    postgresql_world: Engine, function: str, moment: str, missing: set[str]
) -> None:
    assert then(postgresql_world, function, moment, "connector_id") == sorted(
        PLACE.keys() - missing
    )


# moment | connector_id | schema_name | paused | sync_frequency | valid_from | changed_after
# | valid_to
CONNECTORS_THEN = """
10-05 00:00 | reconfigured | reconfigured_schema | no | 360 | 10-05 00:00 | - | 10-22 06:00
10-22 05:59 | reconfigured | reconfigured_schema | no | 360 | 10-05 00:00 | - | 10-22 06:00
10-22 06:00 | reconfigured | reconfigured_schema | no | 360 | 10-22 06:00 | 10-22 03:00 \
| 10-22 09:00
10-22 09:00 | reconfigured | reconfigured_schema | no | 720 | 10-22 09:00 | 10-22 06:00 \
| 10-22 15:00
11-20 11:00 | reconfigured | reconfigured_schema | no | 720 | 10-22 15:00 | 10-22 12:00 | -
10-24 05:00 | goes_and_returns | goes_and_returns_schema | no | 360 | 10-05 00:00 | - | 10-24 06:00
10-24 13:00 | goes_and_returns | renamed | no | 720 | 10-24 12:00 | 10-24 09:00 | -
11-19 11:59 | breaks_and_pauses | breaks_and_pauses_schema | no | 360 | 10-05 00:00 | - \
| 11-19 12:00
11-19 12:00 | breaks_and_pauses | breaks_and_pauses_schema | yes | 360 | 11-19 12:00 | 11-19 06:00 \
| -
11-19 14:00 | fails_and_goes | fails_and_goes_schema | no | 360 | 10-05 00:00 | - | 11-19 15:00
"""


@pytest.mark.parametrize("line", table(CONNECTORS_THEN))
def test_connector_of_an_instant_reads_as_it_did_then(postgresql_world: Engine, line: str) -> None:
    moment, want = line.split(" | ", 1)
    columns = "connector_id schema_name paused sync_frequency valid_from changed_after valid_to"
    answer = then(postgresql_world, "connectors_at", moment, columns)
    assert having(answer, want.split(" | ")[0]) == [want]


# moment | connector_id | setup_state | sync_state | last_sync_failed | succeeded_at | failed_at
# | valid_from | valid_to
STATUS_THEN = """
10-22 04:29 | steady | connected | scheduled | no | 10-22 02:00 | - | 10-05 00:00 | -
11-01 00:00 | steady | connected | scheduled | no | 10-24 17:00 | - | 10-05 00:00 | -
11-20 11:00 | steady | connected | scheduled | no | 11-20 05:00 | - | 10-05 00:00 | -
10-22 05:59 | stood_still | connected | scheduled | no | 10-21 21:30 | - | 10-05 00:00 | 10-22 06:00
10-22 11:59 | stood_still | connected | scheduled | no | 10-21 21:30 | - | 10-22 06:00 | 10-22 12:00
10-22 12:00 | stood_still | connected | scheduled | no | 10-22 11:30 | - | 10-22 12:00 | -
10-24 10:00 | stale_then_fails | connected | scheduled | yes | 10-24 02:29 | 10-24 08:50 \
| 10-24 09:00 | 10-24 12:00
10-24 08:59 | stale_then_fails | connected | scheduled | no | 10-24 02:29 | - | 10-24 06:00 \
| 10-24 09:00
11-14 02:59 | fails_then_breaks | connected | scheduled | no | 10-04 22:00 | - | 10-05 00:00 \
| 11-14 03:00
11-14 12:00 | fails_then_breaks | broken | scheduled | yes | 10-04 22:00 | 11-14 02:00 \
| 11-14 09:00 | 11-19 00:00
11-14 05:59 | new_and_well | connected | syncing | no | - | - | 11-14 00:00 | 11-14 06:00
11-14 06:00 | new_and_well | connected | scheduled | no | 11-14 05:30 | - | 11-14 06:00 | -
11-19 14:59 | fails_and_goes | connected | scheduled | yes | 10-04 22:00 | 11-14 05:00 \
| 11-14 06:00 | 11-19 15:00
"""


@pytest.mark.parametrize("line", table(STATUS_THEN))
def test_status_of_an_instant_reads_as_it_did_then(postgresql_world: Engine, line: str) -> None:
    moment, want = line.split(" | ", 1)
    columns = (
        "connector_id setup_state sync_state last_sync_failed succeeded_at failed_at "
        "valid_from valid_to"
    )
    answer = then(postgresql_world, "connector_status_at", moment, columns)
    assert having(answer, want.split(" | ")[0]) == [want]


# moment | connector_id | health | is_down | severity | health_since | down_since
HEALTH_THEN = """
10-22 05:59 | stood_still | healthy | no | 0 | 10-05 00:00 | -
10-22 06:00 | stood_still | stale | yes | 3 | 10-22 04:30 | 10-22 04:30
10-22 11:59 | stood_still | stale | yes | 3 | 10-22 04:30 | 10-22 04:30
10-22 12:00 | stood_still | healthy | no | 0 | 10-22 12:00 | -
10-24 05:59 | stale_then_fails | healthy | no | 0 | 10-05 00:00 | -
10-24 08:59 | stale_then_fails | stale | yes | 3 | 10-24 05:29 | 10-24 05:29
10-24 09:00 | stale_then_fails | failing | yes | 3 | 10-24 09:00 | 10-24 05:29
10-24 11:59 | waited_and_started | rescheduled | no | 1 | 10-24 06:00 | -
10-24 12:00 | waited_and_started | stalled | yes | 3 | 10-24 10:00 | 10-24 10:00
10-24 17:00 | unseen | healthy | no | 0 | 10-05 00:00 | -
11-14 02:59 | reschedules_again | rescheduled | no | 1 | 11-14 00:00 | -
11-14 03:00 | reschedules_again | stalled | yes | 3 | 11-14 02:00 | 11-14 02:00
11-14 06:00 | reschedules_again | rescheduled | no | 1 | 11-14 06:00 | -
11-14 03:00 | stalled_at_once | stalled | yes | 3 | 11-14 01:00 | 11-14 01:00
11-14 12:00 | fails_then_breaks | broken | yes | 3 | 11-14 09:00 | 11-14 03:00
11-18 00:00 | stale_then_slower | healthy | no | 0 | 11-14 06:00 | -
11-19 00:00 | stale_then_slower | stale | yes | 3 | 11-16 00:30 | 11-16 00:30
11-02 00:00 | gone_meanwhile | broken | yes | 3 | 11-02 00:00 | 11-02 00:00
11-02 06:00 | gone_meanwhile | broken | yes | 3 | 11-02 06:00 | 11-02 06:00
11-14 06:00 | paused_meanwhile | broken | yes | 3 | 11-14 06:00 | 11-14 06:00
11-10 00:00 | paused_state | paused | no | 0 | 11-02 03:00 | -
11-20 15:30 | stood_still | healthy | no | 0 | 10-22 12:00 | -
12-25 00:00 | stale_now | stale | yes | 3 | 11-20 02:30 | 11-20 02:30
"""


@pytest.mark.parametrize("line", table(HEALTH_THEN))
def test_health_of_an_instant_is_what_a_run_had_stored_by_then(world: Engine, line: str) -> None:
    moment, want = line.split(" | ", 1)
    columns = ["connector_id", "health", "is_down", "severity", "health_since", "down_since"]
    with at(world, NOW) as connection:
        answer = instants.at(connection, utc(moment))
    told_then = lines([row[name] for name in columns] for row in answer)
    assert having(told_then, want.split(" | ")[0]) == [want]
