"""What cannot be read ends nothing, and what means the same changes nothing, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.builders import (
    Account,
    FakeClock,
    Item,
    api_settings,
    everything,
    item,
    rows,
)

from inventory.db.engine import read_only, transaction
from inventory.db.verify import problems
from inventory.demo.fake_api import FakeApi
from inventory.normalize import digests as digests
from inventory.normalize.canonical import canonical, keep_equivalent
from inventory.sync.run import sync

HOUR = timedelta(hours=1)
# A few runs before the hour at which views are asked.
T0 = datetime.now(UTC).replace(second=0, microsecond=0) - 4 * HOUR
Observe = Callable[..., dict[str, Any]]


@pytest.fixture
def clock() -> FakeClock:
    calendar = FakeClock()
    calendar.now = T0
    return calendar


@pytest.fixture
def observe(engine: Engine, api: FakeApi, account: Account, clock: FakeClock) -> Observe:
    """Show connectors to a run, an hour after the last one; return the run's row."""

    def observe(*shown: Item) -> dict[str, Any]:
        account.connectors = [*shown]
        clock.now += HOUR
        found = sync(engine, api_settings(api), clock=clock)
        assert problems(engine) == []
        return found

    return observe


def at(instant: Any) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def well(name: str = "one", **changes: Any) -> Item:
    """One that succeeded an hour before the first run, and failed the day before."""
    ends = {"succeeded_at": at(T0), "failed_at": at(T0 - 29 * HOUR), "sync_frequency": 360}
    return item(name, **ends | changes)


def fetch(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with read_only(engine) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def changes(engine: Engine) -> list[tuple[Any, ...]]:
    query = "select field, old_value, new_value from state_changes where kind = 'changed'"
    return sorted(fetch(engine, query))


def words(engine: Engine) -> dict[str, str]:
    return dict(rows(engine, "connector_status", "connector_id", "health"))


# --- what cannot be read --------------------------------------------------------------------

UNREADABLE = ("2026-11-27T15:36:08", "", "yesterday", 7, {}, "2026-11-27", "2026-11-27T15:36:61Z")
TIMES = ("succeeded_at", "failed_at", "rescheduled_for", "last_sync_failed", "health")


def test_time_that_cannot_be_read_is_no_outage(engine: Engine, observe: Observe) -> None:
    def shown(*of: str) -> list[Item]:
        each = {f"c{n}": dict.fromkeys(of, sent) for n, sent in enumerate(UNREADABLE)}
        return [well(name, **sent) for name, sent in each.items()]

    observe(*shown())
    before = rows(engine, "connector_status", "connector_id", *TIMES)
    for names in (("succeeded_at",), ("succeeded_at", "failed_at"), ("failed_at",)):
        assert observe(*shown(*names))["anomalies"] == len(names) * len(UNREADABLE)
        assert rows(engine, "connector_status", "connector_id", *TIMES) == before
        states = fetch(engine, "select observed_health, reason from connector_health")
        assert {health for health, _ in states} == {"healthy"}
        assert not any("never" in reason for _, reason in states)


def test_null_in_the_place_of_a_time_is_a_null(engine: Engine, observe: Observe) -> None:
    observe(well())
    observe(well(succeeded_at="soon"))
    observe(well(succeeded_at=None, failed_at=None))
    assert rows(engine, "connector_status", *TIMES) == [(None, None, None, False, "never_synced")]


def test_success_is_unread_while_it_is_whatever_stands_in_its_place(
    engine: Engine, observe: Observe
) -> None:
    """An empty text is nothing elsewhere; here it says that a time cannot be read."""
    for is_unread, five in ((True, "5"), (False, 5), (True, 5.0)):
        novelty = {"novelty": five}  # which does not change
        shown = {
            f"c{place}_{len(odd)}": (sent if is_unread else None, odd)
            for place, sent in enumerate(UNREADABLE)
            for odd in ({}, novelty)
        }
        since = {"created_at": "2026-01-01T00:00:00Z", "failed_at": None}
        observe(
            *(
                well(name, succeeded_at=sent, status=odd, **since)
                for name, (sent, odd) in shown.items()
            )
        )
        extra = {
            name: ({"novelty": "5"} if odd else {}) | ({"succeeded_at": sent} if is_unread else {})
            for name, (sent, odd) in shown.items()
        }
        stored = rows(engine, "connector_status", "connector_id", "extra")
        assert {name: it or {} for name, it in stored} == extra
        assert {*words(engine).values()} == {"healthy" if is_unread else "never_synced"}
        reasons = fetch(engine, "select distinct reason from connector_health")
        assert all(("cannot be read" in reason) == is_unread for (reason,) in reasons)
        found = fetch(engine, "select count(*) from findings where finding = 'never_synced'")
        assert found == [(0 if is_unread else len(shown),)]


def test_unknown_field_with_a_success_in_it_is_none_that_cannot_be_read(
    engine: Engine, observe: Observe
) -> None:
    shown = {"succeeded_at": None, "failed_at": None}
    observe(well(**shown, status={"last": {"succeeded_at": None}, "x": '"succeeded_at":'}))
    assert words(engine) == {"one": "never_synced"}


def test_success_that_could_never_be_read_is_not_said_to_be_none(
    engine: Engine, observe: Observe
) -> None:
    """With nothing known, nobody knows either whether the failure came last."""
    syncing = {"status": {"sync_state": "syncing"}}
    observe(well("a", succeeded_at="soon"), well("b", succeeded_at="soon", **syncing))
    observe(well("a", succeeded_at="now"), well("b", succeeded_at="now", **syncing))
    assert words(engine) == {"a": "healthy", "b": "healthy"}
    reasons = fetch(engine, "select reason from connector_health")
    assert reasons == [("the time of its last success cannot be read",)] * 2


def test_success_that_cannot_be_read_ends_no_outage(engine: Engine, observe: Observe) -> None:
    """Nor where no success is known: it may have been before the failure."""

    def shown(*sent: Any) -> list[Item]:
        return [well(f"c{n}", succeeded_at=each, failed_at=at(T0)) for n, each in enumerate(sent)]

    observe(*shown(*[None] * len(UNREADABLE)))
    before = rows(engine, "connector_status", "connector_id", *TIMES, "down_since")
    assert {row[-2] for row in before} == {"failing"}
    for sent in (UNREADABLE, UNREADABLE[::-1]):
        observe(*shown(*sent))
        assert rows(engine, "connector_status", "connector_id", *TIMES, "down_since") == before
    assert fetch(engine, "select count(*) from incidents where closed_by is not null") == [(0,)]
    observe(*shown(*[at(T0 + HOUR)] * len(UNREADABLE)))
    assert {*words(engine).values()} == {"healthy"}


def test_failure_after_the_last_success_that_could_be_read_is_one(
    engine: Engine, observe: Observe
) -> None:
    observe(well())
    observe(well(succeeded_at="soon", failed_at=at(T0 + HOUR)))
    assert words(engine) == {"one": "failing"}
    [(reason,)] = fetch(engine, "select reason from connector_health")
    assert f"last success {T0:%Y-%m-%d %H:%M} UTC" in reason


def test_nothing_is_late_or_well_by_a_success_that_cannot_be_read(
    engine: Engine, observe: Observe, clock: FakeClock
) -> None:
    clock.now = begin = T0 - 240 * HOUR
    late = {"succeeded_at": at(begin - 28 * HOUR), "failed_at": None}
    observe(well("well", succeeded_at=at(begin), failed_at=None), well("late", **late))
    for sent in ("soon", "sooner"):
        assert words(engine) == {"well": "healthy", "late": "stale"}
        clock.now += 48 * HOUR
        unread = {"succeeded_at": sent, "failed_at": None}
        observe(well("well", **unread), well("late", **unread))
    assert words(engine) == {"well": "healthy", "late": "stale"}
    observe(*(well(name, succeeded_at=at(clock.now), failed_at=None) for name in ("well", "late")))
    assert words(engine) == {"well": "healthy", "late": "healthy"}


# A field, what it said, what cannot be read of it. Its column keeps what it said.
MISFITS = {
    "created_at": ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05"),
    "daily_sync_time": ("06:00", 6),
    "paused": (False, "no"),
    "pause_after_trial": (True, 1),
    "sync_frequency": (360, "often"),
    "schedule_type": ("auto", 7),
    "schedule": ({"schedule_type": "INTERVAL", "interval": 360}, "hourly"),
    "group_id": ("a", ["a"]),
    "config": ({"host": "h", "last_synced_changes__utc_": 1}, "none"),
    "connect_card_config": ({"redirect_uri": "u"}, []),
    "source_sync_details": ({"rows": 1}, "none"),
}
OF_STATUS = {
    "setup_state": ("connected", 1),
    "sync_state": ("scheduled", {}),
    "update_state": ("on_schedule", False),
    "schema_status": ("ready", []),
    "is_historical_sync": (False, "maybe"),
    "rescheduled_for": ("2026-11-01T05:00:00Z", "2026-11-01T05:00:00"),
}


def test_value_that_cannot_be_read_leaves_its_column_as_it_was(
    engine: Engine, observe: Observe
) -> None:
    def shown(which: int, *but: str) -> Item:
        said = {name: both[which] for name, both in MISFITS.items()}
        states = {name: both[which] for name, both in OF_STATUS.items()}
        return well(**said, status=states) | dict.fromkeys(but)

    def stored() -> list[Any]:
        return [
            row
            for name in ("connectors", "connector_status")
            for row in fetch(
                engine,
                f"select {', '.join(COLUMNS[name])} from {name}",
            )
        ]

    observe(shown(0))
    before = stored()
    assert observe(shown(1))["anomalies"] == len(MISFITS) + len(OF_STATUS)
    assert stored() == before
    assert observe(well(status="fine", **{n: both[0] for n, both in MISFITS.items()}))["anomalies"]
    assert stored() == before


COLUMNS = {
    "connectors": (*MISFITS, "config_volatile"),
    "connector_status": (*OF_STATUS, "health", "due_at"),
}


def test_time_is_reckoned_by_the_last_frequency_that_could_be_read(
    engine: Engine, observe: Observe
) -> None:
    observe(well())
    observe(well(succeeded_at=at(T0 + HOUR), sync_frequency="often"))
    observe(well(succeeded_at=at(T0 + 2 * HOUR), sync_frequency="often"))
    assert rows(engine, "connector_status", "due_at") == [(T0 + 15 * HOUR,)]


# --- what means the same --------------------------------------------------------------------

PAIRS = [
    ({"port": 5432}, {"port": "5432"}),
    ({"port": 5432.0, "x": True}, {"port": "5432", "x": "true"}),
    ({"a": ""}, {}),
    ({"a": None, "b": {"c": [], "d": {}}}, {"b": {"c": ""}}),
    ({"password": "******"}, {"password": None}),
    ({"password": "******", "h": "h"}, {"h": "h"}),
    ({"n": [1, "2", {"a": ""}]}, {"n": ["1", 2, {}]}),
    ({"t": "2026-01-01T00:00:00Z"}, {"t": "2026-01-01 01:00:00.000+01:00"}),
]
DIFFERENT = [
    ("1.10", "1.1"),
    ("007", 7),
    (True, 1),
    ("a", "A"),
    ([1, 2], [2, 1]),
    (0, ""),
    (False, None),
    ([""], []),
    ("1732981409", "1732981409000"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_means_the_same_is_written_as_it_was(one: Any, other: Any) -> None:
    for new, old in ((one, other), (other, one)):
        assert keep_equivalent(new, old) == old
        assert keep_equivalent({"x": 1, "y": new}, {"x": 2, "y": old}) == {"x": 1, "y": old}
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_is_written_as_it_is(one: Any, other: Any) -> None:
    for new, old in ((one, other), (other, one)):
        found = keep_equivalent({"x": new}, {"x": old})["x"]
        assert (found, type(found)) == (new, type(new))
    assert canonical(one) != canonical(other)


MASKED = [
    ("******", "****** 3f9a1c2b"),
    (["******", "******"], "****** 3f9a1c2b"),
    ("https://u:******@h/?sig=******", "https://u:****** 3f9a1c2b@h/?sig=****** 1c2b3f9a"),
]


@pytest.mark.parametrize(("bare", "digested"), MASKED)
def test_mask_of_the_api_leaves_a_digest_as_it_was(bare: Any, digested: str) -> None:
    assert keep_equivalent({"x": bare}, {"x": digested}) == {"x": digested}
    assert keep_equivalent({"x": digested}, {"x": bare}) == {"x": digested}
    for new in (None, "", "******h", [], ["******", 1], "****** 00000000"):
        assert keep_equivalent({"x": new, "y": 1}, {"x": digested}) == {"x": new, "y": 1}


def test_change_of_a_secret_is_seen_though_the_api_masked_it_meanwhile(
    engine: Engine, observe: Observe, clock: FakeClock
) -> None:
    clock.now -= 2 * HOUR

    def shown(password: str) -> Item:
        tests = [{"title": "t", "status": "PASSED", "details": {"password": password}}]
        return well(config={"password": password}, setup_tests=tests)

    observe(shown("abc"))
    before = everything(engine, but=("inventory_runs", "connector_status"))
    observe(shown("******"))
    assert everything(engine, but=("inventory_runs", "connector_status")) == before
    observe(shown("abc"))
    assert changes(engine) == []
    observe(shown("******"))
    observe(shown("new!"))
    assert len(rows(engine, "connectors_past", "connector_id")) == 1
    found = {field: {old[:7], new[:7]} for field, old, new in changes(engine)}
    assert found == {name: {"****** "} for name in ("config.password", "t: details.password")}


def test_what_means_the_same_makes_no_version_and_back(engine: Engine, observe: Observe) -> None:
    def alerts(n: int, which: int) -> list[dict[str, Any]]:
        """Their order means nothing."""
        details = {"details": PAIRS[n][which], "novelty": PAIRS[n][which]}
        empty = {"code": ("", None)[which], "message": (None, "")[which]}
        every = [{"code": "a"} | details, {"code": "b"} | details, {"code": "a"} | details, empty]
        return every[:: (1, -1)[which]]

    def shown(which: int) -> list[Item]:
        return [
            well(
                f"c{n}",
                config=pair[which],
                connect_card_config=pair[which],
                novelty=pair[which],
                connected_by=("", None)[which],
                schedule=(
                    {"schedule_type": "INTERVAL", "interval": 600},
                    {"schedule_type": "interval", "interval": "600"},
                )[which],
                setup_tests=[{"title": "t", "status": "PASSED", "details": pair[which]}],
                status={"novelty": pair[which]}
                | dict.fromkeys(("tasks", "warnings"), alerts(n, which)),
            )
            for n, pair in enumerate(PAIRS)
        ]

    observe(*shown(0))
    before = everything(engine, but=("inventory_runs", "connector_status"))
    states = rows(engine, "connector_status", "connector_id", "extra", "valid_from")
    for which in (1, 0, 1):
        observe(*shown(which))
        assert changes(engine) == []
    assert everything(engine, but=("inventory_runs", "connector_status")) == before
    assert rows(engine, "connector_status", "connector_id", "extra", "valid_from") == states


def test_settings_that_were_never_told_are_not_the_same_as_none(
    engine: Engine, observe: Observe
) -> None:
    observe(well(config=None, novelty=1))
    assert rows(engine, "connectors", "config") == [(None,)]
    observe(well(config={}, novelty=2))
    observe(well(config=None, novelty=3))
    assert rows(engine, "connectors", "config") == [({},)]


def test_only_what_means_something_else_is_shown_as_changed(
    engine: Engine, observe: Observe
) -> None:
    observe(well(config={"port": 5432, "user": "", "host": "a", "key": "x"}, connected_by=""))
    observe(well(config={"port": "5432", "host": "b", "key": "x"}, connected_by=None, paused=True))
    assert changes(engine) == [
        ("config.host", "a", "b"),
        ("health", "healthy", "paused"),
        ("paused", "false", "true"),
    ]


def test_what_differs_by_its_type_alone_is_shown_so(engine: Engine, observe: Observe) -> None:
    observe(well(config={"a": [], "n": "null", "w": [1]}))
    observe(well(config={"a": "[]", "n": "none", "w": ["[1]"]}))
    observe(well(config={"a": [], "n": [None, 1], "w": "1"}))
    shown = {field: (old, new) for field, old, new in changes(engine)}
    assert shown["config.a"] in {("[]", '"[]"'), ('"[]"', "[]")}
    assert all(old != new for _, old, new in changes(engine))


def test_first_run_of_a_release_that_reads_otherwise_opens_no_version(
    engine: Engine, observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older release has stored is compared as what means the same, too."""
    shown = well(config={"port": 5432, "host": "h"}, connected_by=None, schedule_type="auto")
    observe(shown)
    with transaction(engine) as connection:
        connection.execute(
            text("""update connectors set connected_by = '', schedule_type = 'AUTO',
            config = '{"host"\\:"h","port"\\:"5432","user"\\:null}'""")
        )
    before = everything(engine, but=("inventory_runs", "connector_status"))
    monkeypatch.setattr(digests, "RULES_ID", bytes(4))
    assert observe(shown)["changed"] == 0
    assert everything(engine, but=("inventory_runs", "connector_status")) == before


# --- the case of states ---------------------------------------------------------------------

STATES = {
    "setup_state": ("broken", "BROKEN", "broken"),
    "sync_state": ("paused", "Paused", "paused"),
    "update_state": ("delayed", "DELAYED", "delayed"),
    "schema_status": ("blocked_on_capture", "BLOCKED_ON_CAPTURE", "blocked"),
}


def test_states_are_judged_without_case_and_change_by_more_than_case(
    engine: Engine, observe: Observe, clock: FakeClock
) -> None:
    put_off = {"sync_state": "Rescheduled", "rescheduled_for": at(T0)}

    def shown(which: int) -> list[Item]:
        cased = (str.lower, str.upper)[which]
        tests = [{"title": "t", "status": cased("failed")}]
        stalled = {name: cased(value) for name, value in put_off.items()}
        return [
            *(well(name, status={name: both[which]}) for name, both in STATES.items()),
            well("stale", succeeded_at=at(T0 - 28 * HOUR), schedule_type=cased("auto")),
            well("stalled", schedule_type=cased("manual"), status=stalled),
            well("route", networking_method=cased("Directly"), setup_tests=tests),
        ]

    expected = {name: word for name, (*_, word) in STATES.items()}
    expected |= {"stale": "stale", "stalled": "stalled", "route": "healthy"}
    observe(*shown(1))
    assert words(engine) == expected
    assert fetch(engine, "select sum(failing_setup_tests) from connector_health") == [(1,)]
    before = rows(engine, "connector_status", "connector_id", "health", *STATES)
    assert observe(*shown(0))["changed"] == 0
    assert rows(engine, "connector_status", "connector_id", "health", *STATES) == before
    assert observe(*shown(1))["anomalies"] == 0


def test_time_of_one_with_a_manual_schedule_in_capitals_passes(
    engine: Engine, observe: Observe
) -> None:
    put_off = {"sync_state": "RESCHEDULED", "rescheduled_for": at(T0 + 1.5 * HOUR)}
    shown = well(schedule_type="MANUAL", status=put_off)
    assert (observe(shown)["changed"], words(engine)) == (0, {"one": "rescheduled"})
    assert (observe(shown)["changed"], words(engine)) == (1, {"one": "stalled"})


def test_view_knows_a_passed_time_of_one_with_a_manual_schedule_in_capitals(
    engine: Engine, observe: Observe, clock: FakeClock
) -> None:
    """Nobody has looked since: that is all that can be said."""
    now = datetime.now(UTC)
    clock.now = now - HOUR - timedelta(minutes=1)  # an hour before the run
    put_off = {"sync_state": "RESCHEDULED", "rescheduled_for": at(now - timedelta(seconds=20))}
    observe(well(schedule_type="MANUAL", status=put_off))
    [(word, reason)] = fetch(engine, "select health, reason from connector_health")
    assert (word, reason[:20]) == ("unobserved", "not observed since 2")
    assert ": due by " in reason
