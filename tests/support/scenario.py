"""The scenario: 56 connectors over 40 runs in 46 days, each named for what happens to it.

The runs are three hours apart, with gaps of a day and more between the days that are polled. One
run fails in the middle (11-19 09:00), the last but one withholds removals, the last one fails.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text

from inventory.db import engine as database
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.errors import ApiUnavailableError
from inventory.models import Tag
from inventory.sync.run import sync
from support.builders import (
    Account,
    FakeClock,
    Item,
    api_settings,
    item,
)

PAGE = 10
YEAR = 2026

HOURS = {
    "10-05": (0, 3, 6, 9),
    "10-22": (0, 3, 6, 9, 12, 15, 18, 21),
    "10-24": (3, 6, 9, 12, 15, 18),
    "11-02": (0, 3, 6, 9, 12, 15),
    "11-14": (0, 3, 6, 9),
    "11-19": (0, 3, 6, 9, 12, 15, 18, 21),
    "11-20": (0, 3, 6, 9),
}
RUNS = tuple(f"{day} {hour:02}:00" for day, hours in HOURS.items() for hour in hours)
FAILED = ("11-19 09:00", "11-20 09:00")
# An account of which only a failed run is known.
OTHER_ACCOUNT, OTHER_RUN = "account_two", "11-20 09:30"


def utc(words: str) -> datetime:
    """Return `11-20 03:00` as a time of the scenario's year."""
    return datetime.fromisoformat(f"{YEAR}-{words}+00:00").astimezone(UTC)


def sent(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- connectors -----------------------------------------------------------------------------

# Service and group to the connectors in it.
ROSTER = {
    ("postgres", "north"): ("steady", "breaks", "paused_long", "syncing"),
    ("postgres", "south"): ("fails", "blocked", "strange", "silent"),
    ("mysql", "north"): ("fails_then_breaks", "fails_and_goes"),
    ("mysql", "south"): ("breaks_and_mends", "breaks_and_pauses", "reconfigured"),
    ("mysql", "west"): ("twin_one", "twin_two", "creator_gone"),
    ("hubspot", "north"): ("goes_and_returns", "flaps", "all_at_once", "on_trial"),
    ("hubspot", "south"): ("delayed", "delayed_with_task"),
    ("webhooks", "south"): ("hidden",),
    ("sheets", "north"): (
        "new_and_well",
        "first_sync",
        "incomplete",
        "just_begun",
        "broken_yet_syncs",
    ),
    ("sheets", "south"): (
        "reloads",
        "reloads_after_failure",
        "warns",
        "never_synced",
        "just_made",
        "fails_from_birth",
    ),
    ("s3", "north"): ("waited_and_started", "stalled", "stood_still", "paused_state"),
    ("s3", "south"): (
        "rescheduled",
        "rescheduled_auto",
        "weekdays",
        "stale_now",
        "stale_then_fails",
    ),
    ("kafka", "east"): (
        "stale_then_paused",
        "stale_then_slower",
        "paused_meanwhile",
        "gone_meanwhile",
        "broken_from_the_start",
        "reschedules_again",
        "stalled_at_once",
        "stale_and_gone",
        "stale_then_manual",
        "stale_then_calm",
        "broken_first_sync",
        "fails_first_sync",
        "unseen",
    ),
}
PLACE = {one: place for place, ones in ROSTER.items() for one in ones}

# Connectors that the first run does not see yet.
BORN = {
    "twin_two": "10-24 03:00",
    "never_synced": "11-02 09:00",
    "new_and_well": "11-14 00:00",
    "fails_from_birth": "11-14 06:00",
    "just_begun": "11-19 06:00",
    "fails_first_sync": "11-19 12:00",
    "broken_first_sync": "11-19 15:00",
    "just_made": "11-19 21:00",
    "first_sync": "11-20 00:00",
}

# These succeed this many minutes before each run, up to the given run.
SUCCEED = {
    "steady": (60, "11-20 06:00"),
    "breaks": (60, "11-19 00:00"),
    "stood_still": (30, "11-20 06:00"),
    "stale_now": (30, "11-20 00:00"),
}
STANDS_STILL = ("10-22 03:00", "10-22 06:00", "10-22 09:00")

# --- the script -----------------------------------------------------------------------------

Change = dict[str, Any]
_OF_STATUS = frozenset(
    (
        *("setup_state", "sync_state", "update_state", "schema_status", "is_historical_sync"),
        *("rescheduled_for", "tasks", "warnings", "queue"),
    )
)


def be(**fields: Any) -> Change:
    """Return the fields of an item that change; those of its status are given by name."""
    status = {name: fields.pop(name) for name in _OF_STATUS & fields.keys()}
    return fields | {"status": status}


def alert(code: str | None, message: str, **more: Any) -> Item:
    return ({"code": code} if code else {}) | {"message": message} | more


def tests(**titles: str) -> list[Item]:
    return [{"title": title, "status": status} for title, status in titles.items()]


def config(host: str, database: str = "sales", **more: Any) -> Item:
    return {"host": host, "port": 5432, "database": database, **more}


def slow(number: int) -> list[Item]:
    return [alert("slow_source", "The source is slow.", details={"queries": number})]


GONE: Change = {}  # no longer in the list
RECONNECT = alert("reconnect", "Reconnect.")
BROKEN, MENDED = be(setup_state="broken"), be(setup_state="connected")
TEST = {"title": "Connecting to host", "status": "FAILED"}

AT_FIRST = {
    "steady": be(schedule_type="auto"),
    "breaks": be(schedule_type="auto"),
    "stood_still": be(schedule_type="auto", sync_frequency=180),
    "stale_now": be(schedule_type="auto", sync_frequency=60),
    "stale_then_fails": be(sync_frequency=60),
    "stale_then_paused": be(sync_frequency=60),
    "stale_then_slower": be(sync_frequency=60),
    "stale_and_gone": be(sync_frequency=60),
    "stale_then_manual": be(sync_frequency=60),
    "stale_then_calm": be(sync_frequency=60),
    "unseen": be(sync_frequency=60),
    "broken_from_the_start": BROKEN,
    "fails_first_sync": be(
        succeeded_at=None, created_at="2026-11-19T11:00:00Z", sync_state="syncing"
    ),
    "broken_first_sync": be(
        succeeded_at=None,
        created_at="2026-11-19T13:00:00Z",
        sync_state="syncing",
        setup_state="broken",
    ),
    "paused_long": be(paused=True, schedule_type="auto"),
    "breaks_and_pauses": be(pause_after_trial=True),
    "weekdays": be(
        schedule_type="auto",
        schedule={"days_of_week": ["MONDAY", "FRIDAY"], "time_of_day": "06:00"},
        connected_by=None,
        pause_after_trial=True,
    ),
    "goes_and_returns": be(
        warnings=[alert("old_source", "Old source.")], setup_tests=tests(Host="PASSED")
    ),
    "creator_gone": be(connected_by="user_two"),
    "twin_one": be(config=config("db.example.com", user="a")),
    "twin_two": be(config=config("db.example.com", user="b")),
    "fails_and_goes": be(config=config("db.example.com")),
    "reconfigured": be(
        config=config("db1.example.com", "stock", files=[{"pattern": "*.csv"}, {"pattern": "x"}])
    ),
    "never_synced": be(succeeded_at=None, created_at="2026-11-02T07:15:30Z"),
    "new_and_well": be(succeeded_at=None, created_at="2026-11-13T22:00:00Z", sync_state="syncing"),
    "fails_from_birth": be(
        succeeded_at=None,
        created_at="2026-11-13T10:00:00Z",
        failed_at="2026-11-14T05:00:00Z",
        schedule_type="auto",
    ),
    "just_begun": be(succeeded_at=None, setup_state="incomplete"),
    "just_made": be(succeeded_at=None, created_at=None),
    "first_sync": be(succeeded_at=None, created_at="2026-11-19T22:30:00Z", sync_state="syncing"),
}

SCRIPT: dict[str, dict[str, Change]] = {
    "10-22 03:00": {
        "syncing": be(config=config("db.example.com")),
        "broken_from_the_start": MENDED,
    },
    "10-22 06:00": {
        "reconfigured": be(
            config=config(
                "db2.example.com", "stock", files=[{"pattern": "*.csv"}, {"pattern": "x"}]
            )
        )
    },
    "10-22 09:00": {"reconfigured": be(sync_frequency=720)},
    "10-22 12:00": {
        "weekdays": be(schedule={"days_of_week": ["MONDAY", "TUESDAY"], "time_of_day": "06:00"})
    },
    "10-22 15:00": {
        "reconfigured": be(
            config=config("db2.example.com", "stock", files=[{"pattern": "*.tsv"}])
            | {"port": 5433},
            brand_new={"deep": [1]},
        )
    },
    "10-22 18:00": {"reconfigured": be(queue={"length": 5})},
    "10-22 21:00": {"reconfigured": be(queue={"length": 7})},
    "10-24 03:00": {
        "stale_then_fails": be(schedule_type="auto", succeeded_at="2026-10-24T02:29:00Z")
    },
    "10-24 06:00": {
        "goes_and_returns": GONE,
        "waited_and_started": be(sync_state="rescheduled", rescheduled_for="2026-10-24T10:00:00Z"),
    },
    "10-24 09:00": {"stale_then_fails": be(failed_at="2026-10-24T08:50:00Z")},
    "10-24 12:00": {
        "goes_and_returns": be(schema="renamed", sync_frequency=720, warnings=[]),
        "stale_then_fails": be(schedule_type="manual", succeeded_at="2026-10-24T11:30:00Z"),
        "unseen": be(schedule_type="auto", succeeded_at="2026-10-24T11:30:00Z"),
    },
    # Its lookup by id fails.
    "10-24 15:00": {"unseen": GONE},
    "10-24 18:00": {
        "waited_and_started": be(
            sync_state="scheduled", rescheduled_for=None, succeeded_at="2026-10-24T17:30:00Z"
        ),
        "unseen": be(schedule_type="manual", succeeded_at="2026-10-24T17:30:00Z"),
    },
    "11-02 00:00": {
        "incomplete": be(
            setup_state="incomplete",
            tasks=[alert("no_credentials", "Enter credentials.")],
            setup_tests=tests(Login="FAILED", Host="JOB_FAILED", Reach="PASSED"),
        ),
        "gone_meanwhile": BROKEN,
    },
    "11-02 03:00": {
        "incomplete": be(setup_tests=tests(Login="FAILED", Host="JOB_FAILED", Reach="FAILED")),
        "breaks_and_mends": BROKEN,
        "paused_state": be(sync_state="paused"),
        "gone_meanwhile": GONE,
    },
    "11-02 06:00": {
        "blocked": be(schema_status="blocked_on_capture"),
        "flaps": BROKEN,
        "gone_meanwhile": be(),
    },
    "11-02 09:00": {"breaks_and_mends": MENDED},
    "11-02 12:00": {
        "creator_gone": be(connected_by=None),
        "flaps": MENDED,
        "gone_meanwhile": MENDED,
    },
    "11-14 00:00": {
        "stale_then_paused": be(schedule_type="auto", succeeded_at="2026-11-13T23:30:00Z"),
        "stale_then_slower": be(schedule_type="auto", succeeded_at="2026-11-13T23:30:00Z"),
        "stale_and_gone": be(schedule_type="auto", succeeded_at="2026-11-13T23:30:00Z"),
        "stale_then_manual": be(schedule_type="auto", succeeded_at="2026-11-13T23:30:00Z"),
        "paused_meanwhile": BROKEN,
        "reschedules_again": be(sync_state="rescheduled", rescheduled_for="2026-11-14T02:00:00Z"),
    },
    "11-14 03:00": {
        "paused_meanwhile": be(paused=True),
        "paused_state": be(paused=True),
        "stalled_at_once": be(sync_state="rescheduled", rescheduled_for="2026-11-14T01:00:00Z"),
        "fails_then_breaks": be(failed_at="2026-11-14T02:00:00Z"),
        "on_trial": be(pause_after_trial=True),
    },
    "11-14 06:00": {
        "stale_then_paused": be(paused=True),
        "stale_then_slower": be(sync_frequency=1440),
        "stale_and_gone": GONE,
        "stale_then_manual": be(schedule_type="manual"),
        "paused_meanwhile": be(paused=False),
        "reschedules_again": be(rescheduled_for="2026-11-19T01:00:00Z"),
        "stalled_at_once": be(sync_state="scheduled", rescheduled_for=None),
        "fails_and_goes": be(failed_at="2026-11-14T05:00:00Z"),
        "new_and_well": be(sync_state="scheduled", succeeded_at="2026-11-14T05:30:00Z"),
    },
    "11-14 09:00": {
        "fails_then_breaks": be(setup_state="broken", tasks=[RECONNECT]),
        "paused_meanwhile": MENDED,
        "stale_then_manual": be(succeeded_at="2026-11-14T08:00:00Z"),
    },
    "11-19 00:00": {
        "fails_then_breaks": be(
            setup_state="connected", tasks=[], succeeded_at="2026-11-18T22:00:00Z"
        ),
        "warns": be(warnings=slow(1)),
    },
    "11-19 03:00": {
        "breaks": be(setup_state="broken", tasks=[RECONNECT]),
        "flaps": BROKEN,
        "blocked": be(failed_at="2026-11-19T02:00:00Z"),
        "paused_state": be(paused=False),
        "stale_then_slower": be(schedule_type="manual", succeeded_at="2026-11-19T02:50:00Z"),
        "reschedules_again": be(
            sync_state="scheduled", rescheduled_for=None, succeeded_at="2026-11-19T02:00:00Z"
        ),
        "warns": be(warnings=slow(2)),
    },
    "11-19 06:00": {
        "flaps": MENDED,
        "breaks_and_pauses": BROKEN,
        "broken_yet_syncs": be(setup_state="broken", setup_tests=[TEST | {"message": "No route."}]),
        "warns": be(warnings=slow(3)),
    },
    "11-19 12:00": {
        "fails": be(failed_at="2026-11-19T11:00:00Z"),
        "flaps": BROKEN,
        "breaks_and_pauses": be(paused=True),
        "delayed_with_task": be(update_state="delayed"),
        "broken_yet_syncs": be(
            succeeded_at="2026-11-19T11:30:00Z", setup_tests=[TEST | {"message": "Timed out."}]
        ),
    },
    "11-19 15:00": {
        "flaps": MENDED,
        "fails_and_goes": GONE,
        "strange": be(setup_state="strange"),
        "reloads_after_failure": be(failed_at="2026-11-19T14:00:00Z"),
        "fails_first_sync": be(failed_at="2026-11-19T14:00:00Z"),
    },
    "11-19 18:00": {
        "flaps": BROKEN,
        "hidden": GONE,
        "silent": be(setup_state=None),
        "delayed": be(update_state="delayed"),
        "delayed_with_task": be(
            tasks=[
                RECONNECT,
                alert("reconnect", "Reconnect again."),
                alert(None, "Do something."),
            ]
        ),
        "all_at_once": be(
            update_state="delayed", tasks=[RECONNECT], failed_at="2026-11-19T17:00:00Z"
        ),
    },
    "11-19 21:00": {
        "flaps": MENDED,
        "fails": be(failed_at="2026-11-19T20:00:00Z"),
        "fails_first_sync": be(sync_state="scheduled"),
    },
    "11-20 00:00": {
        "reloads_after_failure": be(sync_state="syncing", is_historical_sync=True),
        "stalled": be(sync_state="rescheduled", rescheduled_for="2026-11-20T02:00:00Z"),
        "stale_then_calm": be(schedule_type="auto", succeeded_at="2026-11-19T23:30:00Z"),
        "rescheduled_auto": be(
            schedule_type="auto",
            sync_frequency=1440,
            sync_state="rescheduled",
            succeeded_at="2026-11-19T20:00:00Z",
        ),
    },
    "11-20 03:00": {
        "reloads": be(sync_state="syncing", is_historical_sync=True),
        "rescheduled": be(sync_state="rescheduled", rescheduled_for="2026-11-20T14:00:00Z"),
        "syncing": be(sync_state="syncing"),
    },
    # A whole group is missing: removals are withheld, and everything listed is merged.
    "11-20 06:00": {
        "delayed_with_task": be(update_state="on_schedule"),
        "twin_one": GONE,
        "twin_two": GONE,
        "creator_gone": GONE,
        "stale_then_calm": be(sync_frequency=1440),
        "on_trial": be(warnings=[alert("trial_ends", "The trial ends soon.")]),
    },
}

# --- tags -----------------------------------------------------------------------------------

# scope | scope_id | name | value
TAGS = """
account   | account_one | owner | platform
account   | account_one | tier  | 3
group     | north       | owner | northerners
group     | south       | owner |
service   | mysql       | owner | dba
service   | hubspot     | tier  | 2
connector | breaks      | owner | Ada
connector | breaks      | tier  | 1
connector | twin_one    | owner |
connector | steady      | cost_center | 4711
"""


def set_tags(engine: Engine) -> None:
    names = ("scope", "scope_id", "name", "value")
    lines = ([cell.strip() for cell in line.split("|")] for line in TAGS.strip().splitlines())
    with database.transaction(engine) as connection:
        connection.execute(insert(Tag), [dict(zip(names, line, strict=True)) for line in lines])


# --- the runs -------------------------------------------------------------------------------


def play(engine: Engine, after_run: Callable[[str], None] = lambda words: None) -> None:
    """Execute every run on a database, and call `after_run` after each."""
    account, clock = Account(), FakeClock()
    set_tags(engine)
    with FakeApi(account, key="the-key-3f9a", secret="the-secret-77b1") as api:
        settings = api_settings(api, page_size=PAGE, attempts=1)
        for number, (words, account.connectors) in enumerate(scenes()):
            clock.now = utc(words)
            account.lists = spare(number)
            api.intercept = trouble if words in FAILED else answer_lookups
            run_or_fail(engine, settings, clock, fails=words in FAILED)
            after_run(words)
        clock.now = utc(OTHER_RUN)
        other = api_settings(api, account=OTHER_ACCOUNT, attempts=1)
        run_or_fail(engine, other, clock, fails=True)


def spare(number: int) -> dict[str, list[Item]]:
    """Return a group and a destination without connectors: each run closes a version of both."""
    status = ("connected", "incomplete")[number % 2]
    return {
        "groups": [{"id": "spare", "name": f"Spare {number}"}],
        "destinations": [{"id": "spare", "group_id": "spare", "setup_status": status}],
    }


def run_or_fail(engine: Engine, settings: Any, clock: FakeClock, *, fails: bool) -> None:
    if fails:
        with pytest.raises(ApiUnavailableError):
            sync(engine, settings, clock=clock)
    else:
        assert sync(engine, settings, clock=clock)["observed_at"] == clock.now


def scenes() -> Iterator[tuple[str, list[Item]]]:
    """Yield the time of each run and the items of its list."""
    everyone: dict[str, Item] = {}
    absent: set[str] = set()
    for words in RUNS:
        for one in PLACE:
            if BORN.get(one, RUNS[0]) == words:
                everyone[one] = new_connector(one)
        for one, change in SCRIPT.get(words, {}).items():
            everyone[one] = changed(everyone[one], change)
            (absent.discard if change else absent.add)(one)
        for one, (minutes, last) in SUCCEED.items():
            if words <= last and not (one == "stood_still" and words in STANDS_STILL):
                everyone[one]["succeeded_at"] = sent(utc(words) - timedelta(minutes=minutes))
        if words == "10-22 00:00":
            everyone["stood_still"]["succeeded_at"] = "2026-10-21T21:30:00Z"
        yield words, [each for one, each in everyone.items() if one not in absent]


def new_connector(one: str) -> Item:
    """Return a connector with a manual schedule, so that it is never late, and one success."""
    service, group = PLACE[one]
    usual = item(
        one,
        service=service,
        group_id=group,
        schedule_type="manual",
        succeeded_at="2026-10-04T22:00:00Z",
    )
    return changed(usual, AT_FIRST.get(one, be()))


def changed(before: Item, change: Change) -> Item:
    return before | change | {"status": before["status"] | change.get("status", {})}


def answer_lookups(request: Request) -> FakeResponse | None:
    """Answer a lookup by id: hidden, an error, or as the list has it."""
    match request.path.rsplit("/", 1)[-1]:
        case "hidden":
            return FakeResponse.error(403, "Forbidden")
        case "unseen":
            return FakeResponse.error(502, "Oops")
    return None


def trouble(request: Request) -> FakeResponse | None:
    return (
        FakeResponse.error(500, "Oops")
        if request.path.endswith(("nnectors", "nnections"))
        else None
    )


# --- reading --------------------------------------------------------------------------------


@contextmanager
def at(engine: Engine, now: str, *first: str) -> Iterator[Connection]:
    """Yield a connection whose clock shows `now`; everything is rolled back."""
    instant = f"{utc(now):%Y-%m-%d %H:%M:%S.%f}+00:00"
    with database.rollback(engine) as connection:
        for statement in first:
            connection.execute(text(statement))
        if database.is_sqlite(engine):
            connection.exec_driver_sql("drop view clock")
            connection.exec_driver_sql(f"create view clock as select '{instant}' as now")
        else:
            connection.exec_driver_sql(
                f"create or replace view clock as select timestamptz '{instant}' as now"
            )
        yield connection
