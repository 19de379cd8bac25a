"""Pruning: what the views return for the time since the cutoff stays the same.

The scenario database is copied for each test, and its clock is stopped later than its last run.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.builders import (
    Account,
    FakeClock,
    api_settings,
    everything,
    item,
    rows,
)
from support.pruning import (
    CURRENT,
    LEAST,
    MICROSECOND,
    NOW,
    NOWS,
    Cells,
    Copy,
    stopped,
    view_rows,
)
from support.scenario import RUNS, utc

from inventory import queries
from inventory.db import session
from inventory.db.engine import read_only
from inventory.db.prune import prune
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.models import HISTORY_TABLES
from inventory.queries import as_of
from inventory.sync.run import sync

# --- views ----------------------------------------------------------------------------------

# Columns of an outage that began before the cutoff, which depend on the versions that are left.
OF_BEGINNING = ("started_after", "path")
# Columns of a trial pause that was set before the cutoff.
OF_TRIAL = ("since", "detail")


def about_since(cutoff: datetime, view: str, row: Cells) -> Cells | None:
    """Return what a row says about the time since the cutoff; None = it is about earlier times."""
    if view == "state_changes":
        return row if row["changed_at"] >= cutoff else None
    if view == "sync_outcomes_daily":
        return row if row["day"] > cutoff.date() else None
    if view == "connector_history_mode":
        return row if row["_fivetran_end"] >= cutoff - MICROSECOND else None
    if view in {of.history for of in HISTORY_TABLES}:
        return row if row["valid_to"] is None or row["valid_to"] >= cutoff else None
    if view == "incidents":
        if row["ended_at"] is not None and row["ended_at"] < cutoff:
            return None
        if row["started_at"] < cutoff:
            return row | dict.fromkeys(OF_BEGINNING, "before")
    if view == "findings" and row["since"] < cutoff:
        if row["finding"] == "creator_gone":
            return None
        if row["finding"] == "trial_pause":
            return row | dict.fromkeys(OF_TRIAL, "before")
    return row


def in_order(of: Any) -> list[Any]:
    return sorted(of, key=repr)


@pytest.mark.parametrize("now", NOWS)
def test_views_of_the_time_since_the_cutoff_stay_the_same(copy: Copy, now: str) -> None:
    world, cutoff = copy(now), utc(now) - LEAST
    before, held = view_rows(world), everything(world)
    assert prune(world, LEAST).cutoff == cutoff
    after = view_rows(world)
    for view in VIEWS:
        was, is_ = (
            in_order(filter(None, (about_since(cutoff, view, row) for row in side[view])))
            for side in (before, after)
        )
        assert is_ == was, view
    assert {name: rows(world, name) for name in CURRENT} == {name: held[name] for name in CURRENT}


@pytest.mark.parametrize("now", NOWS)
def test_current_health_and_findings_stay_the_same(copy: Copy, now: str) -> None:
    """Except for a creator that was lost before the cutoff: no row records it any more."""
    world, cutoff = copy(now), utc(now) - LEAST
    before = view_rows(world)
    prune(world, LEAST)
    after = view_rows(world)
    assert in_order(after["connector_health"]) == in_order(before["connector_health"])
    was, is_ = (
        {(row["connector_id"], row["finding"]): row["since"] for row in side["findings"]}
        for side in (before, after)
    )
    lost = {("creator_gone", "creator_gone")}  # at 11-02 12:00
    assert was.keys() - is_.keys() == (lost if cutoff > utc("11-02 12:00") else set())
    assert is_.keys() <= was.keys()
    assert [key for key in is_ if is_[key] < was[key]] == []


# --- views as of a time ---------------------------------------------------------------------

# Connectors that synced before the last cutoff, and have synced again or disappeared since.
SYNCED = {
    *("steady", "stood_still", "stale_now", "broken_yet_syncs", "rescheduled_auto"),
    *("stale_then_calm", "fails_and_goes", "hidden"),
}
FAILED = {"fails_and_goes"}
ENDS = {"succeeded_at": "succeeded", "failed_at": "failed"}


def at_instants(engine: Engine, moments: list[datetime]) -> list[list[Cells]]:
    with read_only(engine) as connection:
        return [as_of.at(connection, moment) for moment in moments]


@pytest.mark.parametrize("now", NOWS)
def test_time_since_the_cutoff_is_shown_as_before(copy: Copy, now: str) -> None:
    """Except for sync outcomes from before the cutoff."""
    world, cutoff = copy(now), utc(now) - LEAST
    moments = [cutoff, *(utc(words) for words in RUNS if utc(words) >= cutoff), utc(now)]
    before = at_instants(world, moments)
    prune(world, LEAST)
    left = set(rows(world, "sync_outcomes", "connector_id", "outcome", "finished_at"))

    def as_left(row: Cells) -> Cells:
        forgotten = (
            column
            for column, outcome in ENDS.items()
            if (row["connector_id"], outcome, row[column]) not in left
        )
        return row | dict.fromkeys(forgotten)

    assert all(before)
    assert at_instants(world, moments) == [[as_left(row) for row in rows_] for rows_ in before]


def test_only_outcomes_that_others_followed_are_missing_as_of_a_time(world: Engine) -> None:
    cutoff = utc(NOW) - LEAST
    [before] = at_instants(world, [cutoff])
    prune(world, LEAST)
    [after] = at_instants(world, [cutoff])

    def forgotten(column: str) -> set[str]:
        pairs = zip(before, after, strict=True)
        return {was["connector_id"] for was, is_ in pairs if was[column] != is_[column]}

    assert (forgotten("succeeded_at"), forgotten("failed_at")) == (SYNCED, FAILED)


# In the last one, the cutoff is between a removal and a return.
@pytest.mark.parametrize("now", [*NOWS, "11-28 10:00"])
def test_deleted_versions_make_no_connector_appear_or_disappear(copy: Copy, now: str) -> None:
    world = copy(now)

    def appearances() -> set[tuple[Any, ...]]:
        kinds = ("created", "removed", "returned")
        return {
            (row["connector_id"], row["changed_at"], row["kind"])
            for row in view_rows(world)["state_changes"]
            if row["table_name"] == "connectors" and row["kind"] in kinds
        }

    before = appearances()
    prune(world, LEAST)
    assert appearances() <= before


# --- outages --------------------------------------------------------------------------------

# By the time of the prune, with the cutoff 35 days before: the connectors whose outages are deleted
# since the previous time.
GOES = {
    "11-28 09:00": ["broken_from_the_start", "stood_still"],
    "11-28 10:00": [],
    "12-07 03:00": ["stale_then_fails", "waited_and_started"],
    "12-07 04:00": ["gone_meanwhile"],
    "12-19 10:00": [
        *("gone_meanwhile", "breaks_and_mends", "flaps", "paused_meanwhile", "paused_meanwhile"),
        *("stalled_at_once", "reschedules_again", "stale_and_gone", "stale_then_manual"),
        *("stale_then_paused", "stale_then_slower"),
    ],
    "12-24 10:00": ["fails_then_breaks", "stale_then_slower", "flaps"],
    "12-31 00:00": [
        *("fails_and_goes", "breaks_and_pauses", "delayed_with_task", "flaps", "flaps"),
        *("reloads_after_failure", "stale_then_calm"),
    ],
}
OUTAGE = (
    *("connector_id", "started_after", "started_at", "ended_after", "ended_at"),
    *("minutes", "path", "closed_by"),
)
# Outages that began before the cutoff and had not ended: with what is left of their beginning.
HAD_BEGUN: dict[str, list[tuple[Any, ...]]] = {
    # Its first version ended exactly at the cutoff: it stays.
    "11-28 09:00": [
        (
            *("stale_then_fails", "10-24 05:29", "10-24 05:29", "10-24 09:00", "10-24 12:00"),
            *(391, "stale > failing", "recovered"),
        )
    ],
    "11-28 10:00": [
        (
            *("stale_then_fails", None, "10-24 05:29", "10-24 09:00", "10-24 12:00"),
            *(391, "failing", "recovered"),
        )
    ],
    "12-07 03:00": [
        # It ended exactly at the cutoff.
        (
            *("gone_meanwhile", "10-24 18:00", "11-02 00:00", "11-02 00:00", "11-02 03:00"),
            *(180, "broken", "removed"),
        )
    ],
    "12-07 04:00": [
        (
            *("breaks_and_mends", "11-02 00:00", "11-02 03:00", "11-02 06:00", "11-02 09:00"),
            *(360, "broken", "recovered"),
        )
    ],
    "12-19 10:00": [
        (
            *("fails_and_goes", "11-14 03:00", "11-14 06:00", "11-19 12:00", "11-19 15:00"),
            *(7740, "failing", "removed"),
        ),
        ("fails_from_birth", "11-14 03:00", "11-14 06:00", None, None, 50640, "failing", None),
        (
            *("fails_then_breaks", None, "11-14 03:00", "11-14 09:00", "11-19 00:00"),
            *(7020, "broken", "recovered"),
        ),
    ],
    "12-24 10:00": [
        ("breaks", "11-19 00:00", "11-19 03:00", None, None, 50820, "broken", None),
        (
            *("breaks_and_pauses", "11-19 03:00", "11-19 06:00", "11-19 06:00", "11-19 12:00"),
            *(360, "broken", "paused"),
        ),
        ("broken_yet_syncs", "11-19 03:00", "11-19 06:00", None, None, 50640, "broken", None),
        (
            *("fails_and_goes", "11-14 03:00", "11-14 06:00", "11-19 12:00", "11-19 15:00"),
            *(7740, "failing", "removed"),
        ),
        ("fails_from_birth", "11-14 03:00", "11-14 06:00", None, None, 57840, "failing", None),
    ],
    # All that are left are open.
    "12-31 00:00": [
        ("all_at_once", "11-19 15:00", "11-19 18:00", None, None, 59400, "failing", None),
        ("breaks", "11-19 00:00", "11-19 03:00", None, None, 60300, "broken", None),
        ("broken_first_sync", "11-19 12:00", "11-19 15:00", None, None, 59580, "broken", None),
        ("broken_yet_syncs", "11-19 03:00", "11-19 06:00", None, None, 60120, "broken", None),
        ("delayed", "11-19 15:00", "11-19 18:00", None, None, 59400, "delayed", None),
        ("fails", "11-19 06:00", "11-19 12:00", None, None, 59760, "failing", None),
        ("fails_first_sync", "11-19 18:00", "11-19 21:00", None, None, 59220, "failing", None),
        ("fails_from_birth", "11-14 03:00", "11-14 06:00", None, None, 67320, "failing", None),
        ("stale_now", "11-20 02:30", "11-20 02:30", None, None, 58890, "stale", None),
        ("stalled", "11-20 02:00", "11-20 02:00", None, None, 58920, "stalled", None),
    ],
}


@pytest.mark.parametrize("now", GOES)
def test_outage_is_deleted_completely_or_keeps_its_times(copy: Copy, now: str) -> None:
    world, cutoff = copy(now), utc(now) - LEAST
    before = view_rows(world)["incidents"]
    prune(world, LEAST)
    after = view_rows(world)["incidents"]
    nows = list(GOES)
    gone_by_now = [one for then in nows[: nows.index(now) + 1] for one in GOES[then]]
    names = [Counter(row["connector_id"] for row in side) for side in (before, after)]
    assert names[0] - names[1] == Counter(gone_by_now)
    assert names[1] <= names[0]
    had_begun = [tuple(row[name] for name in OUTAGE) for row in after if row["started_at"] < cutoff]
    assert in_order(had_begun) == [
        tuple(utc(word) if word and 0 < at < 5 else word for at, word in enumerate(row))
        for row in HAD_BEGUN[now]
    ]
    began_since = [
        in_order(row for row in side if row["started_at"] >= cutoff) for side in (before, after)
    ]
    assert began_since[0] == began_since[1]


@pytest.mark.parametrize("now", GOES)
def test_all_queries_return_the_same_outages(copy: Copy, now: str) -> None:
    world = copy(now)
    prune(world, LEAST)
    with session.open_session(world) as connection:
        everyone = queries.list_incidents(connection)
        ids = [row["connector_id"] for row in everyone]
        assert queries.list_incidents(connection, connector_ids=ids) == everyone
        long_ago = utc(now) - 2 * LEAST
        assert queries.list_incidents(connection, since=long_ago) == everyone
        still = [row for row in everyone if row["ended_at"] is None]
        assert queries.list_incidents(connection, open_only=True) == still


def test_start_bound_of_an_outage_is_unknown_once_its_first_version_is_deleted(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock
) -> None:
    """The version that is left has the same health as the deleted one."""
    begun = clock.now
    for changes in (
        {},
        {"setup_state": "broken"},
        {"setup_state": "broken", "schema_status": "blocked_on_capture"},
        {},
    ):
        account.connectors = [item("one", schedule_type="manual", status=changes)]
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()

    def outage() -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in OUTAGE) for row in view_rows(engine)["incidents"]]

    first, second, third, fourth = (begun + timedelta(days=days) for days in range(4))
    rest = (third, fourth, 2 * 24 * 60, "broken", "recovered")
    assert outage() == [("one", first, second, *rest)]
    prune(stopped(engine, third + MICROSECOND + LEAST), LEAST)
    assert outage() == [("one", None, second, *rest)]
