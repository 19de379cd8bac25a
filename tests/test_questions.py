"""Each question gets the answer that the account's life gives, on both databases, in every form."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import KINDS, new_database
from sqlalchemy import Engine, text
from worlds import DAY, KEY, SECRET, T0, Account, Calendar, api_settings, connect, item

from inventory import database, summary, views
from inventory.cli import main
from inventory.standin import Answer, StandIn
from inventory.sync import sync

NOW = T0 + 3 * DAY + timedelta(minutes=12)
HOSTILE = "\x1b[31mred\r\n"
Told = list[dict[str, Any]]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def stop_clock(engine: Engine, now: datetime) -> None:
    with database.transaction(engine) as connection:
        views.stop_clock(connection, now)


# --- a small world --------------------------------------------------------------------------


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def days() -> Iterator[list[dict[str, Any]]]:
    """What the list shows on each of four days, of connectors that sync once a day."""
    fine = [stamp(T0 + day * DAY - timedelta(hours=1)) for day in range(4)]
    daily: dict[str, Any] = {"sync_frequency": 1440}
    broken = {"setup_state": "broken", "tasks": [{"code": "reconnect", "message": "Log in"}]}
    rest = [("twin_a", "Twin"), ("twin_b", "Twin"), ("gone", "leaver"), ("odd", HOSTILE)]
    for day, at in enumerate(fine):
        others = [
            item(key, schema=name, succeeded_at=at, pause_after_trial=key == "odd", **daily)
            for key, name in rest
            if (key, day) != ("gone", 3)
        ]
        yield [
            item(
                "one", schema="billing", succeeded_at=at, paused=1 <= day <= 2, **daily,
                config={"host": "old" if day < 2 else "new", "port": 1},
            ),
            item(
                "two", schema="sales", service="s3", group_id="group_two", succeeded_at=at,
                status=broken if day == 1 else {}, **daily,
            ),
            item(
                "three", schema="stock", service="s3", **daily, succeeded_at=fine[min(day, 1)],
                failed_at=fine[day] if day > 1 else None, status=broken if day == 3 else {},
            ),
            *others,
        ]  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database that has seen four days; they are only asked about."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('world') / 'inventory.db'}"
        live(url)
        yield url
    else:
        with new_database(request.getfixturevalue("postgres_server")) as url:
            live(url)
            yield url


def live(url: str) -> None:
    engine, account, calendar = connect(url), Account(), Calendar()
    with StandIn(account, key=KEY, secret=SECRET) as api:
        for connectors in days():
            account.connectors = connectors
            assert sync(engine, api_settings(api), clock=calendar)["status"] == "succeeded"
            calendar.pass_a_day()
    stop_clock(engine, NOW)


@pytest.fixture
def asked(world: str, monkeypatch: pytest.MonkeyPatch, zone: Callable[[str], None]) -> str:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", world)
    zone("Asia/Kathmandu")
    return world


def told(*words: str) -> Any:
    result = run(*words, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def only(rows: Told, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


# --- status ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ((), ["three", "odd", "twin_a", "twin_b", "one", "two"]),
        (("--down",), ["three"]),
        (("--health", "broken", "--health", "healthy", "--service", "s3"), ["three", "two"]),
        (("--health", "deleted"), ["gone"]),
        (("--health", "stale"), []),
        (("--health", "unobserved"), []),
        (("--group", "group_two"), ["two"]),
        (("--group", "group_two", "--group", "group_one", "--service", "s3"), ["three", "two"]),
        (("--service", "nothing like it"), []),
        (("two",), ["two"]),
        (("sales",), ["two"]),
        (("SALES",), ["two"]),
        (("gone",), ["gone"]),
        (("leaver",), ["gone"]),
        (("two", "--down"), []),
    ],
)
def test_status_has_the_worst_first_with_filters(
    asked: str, words: tuple[str, ...], ids: list[str]
) -> None:
    assert [row["connector_id"] for row in told("status", *words)] == ids


def test_status_in_a_table_has_the_main_columns_and_sums_up(asked: str) -> None:
    result = run("status", "--down")
    assert result.exit_code == 0
    header, line = result.stdout.splitlines()
    assert header.split() == [
        *("health", "since", "connector_id", "schema_name", "service", "group_id", "reason")
    ]
    assert line.startswith("broken  2026-11-04 08:45:00+05:45  three         stock        s3")
    assert line.endswith("setup broken since 2026-11-04 03:00 UTC: task reconnect")
    assert result.stderr == (
        "As of 2026-11-04 08:45:00+05:45 (12 min ago): 6 connectors, 1 down.\n"
    )
    assert run("status", "--down", "--quiet").stderr == ""


def test_status_has_all_columns_in_json_and_csv(asked: str) -> None:
    [row] = told("status", "three")
    assert row["health_since"] == row["health_since"][:10] + "T03:00:00+00:00"
    assert (row["health"], row["is_down"], row["severity"]) == ("broken", True, 3)
    assert (row["open_tasks"], row["removed_at"]) == (1, None)
    [line] = csv.DictReader(io.StringIO(run("status", "three", "--format", "csv").stdout))
    assert list(line) == list(row)
    assert (line["is_down"], line["removed_at"]) == ("true", "")


def test_status_of_one_is_a_line_for_each_of_its_columns(asked: str) -> None:
    result = run("status", "stock")
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert list(facts) == list(told("status", "stock")[0])
    assert (facts["health"], facts["is_down"], facts["open_tasks"]) == ("broken", "yes", "1")
    assert facts["health_since"] == "2026-11-04 08:45:00+05:45"
    assert result.stderr == "As of 2026-11-04 08:45:00+05:45 (12 min ago).\n"


def test_status_says_that_its_data_are_old(
    world: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = connect(world)
    stop_clock(engine, NOW + 9 * DAY)
    try:
        said = run("status").stderr
        assert said == (
            "As of 2026-11-04 08:45:00+05:45 (9 d ago, which is late): 6 connectors, 0 down, "
            "6 unobserved: the last complete run is late.\n"
        )
        assert [row["observed_health"] for row in told("status", "three")] == ["broken"]
    finally:
        stop_clock(engine, NOW)


# --- changes --------------------------------------------------------------------------------

LAST_RUN = [
    ("gone", "connectors", "removed", None, None, "deleted"),
    ("one", "connector_status", "changed", "health", "paused", "healthy"),
    ("one", "connectors", "changed", "paused", "true", "false"),
    ("three", "connector_status", "changed", "health", "failing", "broken"),
    ("three", "connector_status", "changed", "setup_state", "connected", "broken"),
    ("three", "tasks", "raised", "reconnect", None, "Log in"),
]


@pytest.mark.parametrize("since", [(), ("--since", "last-run"), ("--since", "2026-11-04")])
def test_changes_are_those_of_a_time(asked: str, since: tuple[str, ...]) -> None:
    names = ("connector_id", "table_name", "kind", "field", "old_value", "new_value")
    assert only(told("changes", *since), *names) == LAST_RUN


def test_changes_since_a_time_are_by_the_databases_clock_and_the_users_zone(asked: str) -> None:
    def days_of(since: str) -> set[int]:
        return {int(row["changed_at"][8:10]) for row in told("changes", "--since", since)}

    assert days_of("24h") == {4}
    assert days_of("25h") == {3, 4}
    assert days_of("2w") == {1, 2, 3, 4}
    assert days_of("2026-11-04T08:45") == {4}  # in Kathmandu
    assert days_of("2026-11-04T08:46") == set()
    assert days_of("2026-11-04T03:00Z") == {4}
    assert days_of("2026-11-04T03:01Z") == set()
    assert days_of("2026-12-31") == set()


def test_changes_of_a_field_are_those_within_it(asked: str) -> None:
    def fields(*words: str) -> list[str]:
        return [row["field"] for row in told("changes", "--since", "7d", *words)]

    assert fields("--field", "config") == ["config.host"]
    assert fields("--field", "config.host") == ["config.host"]
    assert fields("--field", "conf") == fields("--field", "PAUSED") == []
    assert fields("--field", "paused", "--field", "config") == ["paused", "config.host", "paused"]
    [change] = told("changes", "sales", "--since", "36h", "--field", "health")
    assert (change["old_value"], change["new_value"]) == ("broken", "healthy")


def test_changes_may_be_of_one_connector_only(asked: str) -> None:
    rows = told("changes", "billing", "--since", "7d")
    names = ("kind", "field", "old_value", "new_value")
    assert only(rows, *names) == [
        ("created", None, None, None),
        ("changed", "health", "healthy", "paused"),
        ("changed", "paused", "false", "true"),
        ("changed", "config.host", "old", "new"),
        ("changed", "health", "paused", "healthy"),
        ("changed", "paused", "true", "false"),
    ]
    shown = run("changes", "billing").stdout.splitlines()
    assert shown[1].startswith("2026-11-04 08:45:00+05:45  one ")


def test_last_run_is_that_of_each_account(
    engine: Engine,
    api: StandIn,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    calendar = Calendar()
    for name, paused in (("a", False), ("a", True), ("b", False), ("b", False)):
        account.account_id, account.connectors = name, [item(f"of_{name}", paused=paused)]
        sync(engine, api_settings(api), clock=calendar)
        calendar.pass_a_day()
    stop_clock(engine, calendar.now)
    changes = told("changes", "--since", "last-run")
    assert only(changes, "connector_id", "field") == [("of_a", "health"), ("of_a", "paused")]


# --- incidents ------------------------------------------------------------------------------

TWO = ("two", "2026-11-02", "2026-11-03", 1440, "broken", "recovered")
THREE = ("three", "2026-11-03", None, 1452, "failing > broken", None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [TWO, THREE]),
        (("--open",), [THREE]),
        (("--since", "24h"), [THREE]),
        (("--since", "2026-11-02"), [TWO, THREE]),
        (("--since", "2026-11-02T12:00Z"), [TWO, THREE]),  # it ended after that
        (("--since", "2026-11-03T03:00Z"), [THREE]),
        (("--open", "--since", "1m"), [THREE]),
    ],
)
def test_incidents_are_told_oldest_first(
    asked: str, words: tuple[str, ...], expected: list[tuple[Any, ...]]
) -> None:
    rows = told("incidents", *words)
    found = [
        (
            row["connector_id"],
            row["started_at"][:10],
            row["ended_at"] and row["ended_at"][:10],
            *(row["minutes"], row["path"], row["closed_by"]),
        )
        for row in rows
    ]
    assert found == expected


def test_incidents_in_a_table_say_how_long(asked: str) -> None:
    _, first, second = run("incidents").stdout.splitlines()
    assert "2026-11-03 08:45:00+05:45  1 d " in first
    assert "-                          1 d " in second


def test_open_incidents_of_very_many_are_all_told(
    engine: Engine,
    api: StandIn,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their ids are bound some hundred at a time."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    broken = {"setup_state": "broken"}
    account.connectors = [item(f"c{number:04}", status=broken) for number in range(1_001)]
    sync(engine, api_settings(api))
    ids = [row["connector_id"] for row in told("incidents", "--open")]
    assert ids == [each["id"] for each in account.connectors]


# --- history --------------------------------------------------------------------------------


def test_history_is_the_life_on_one_screen(asked: str) -> None:
    result = run("history", "stock")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "stock (three): s3 in group group_one",
        "broken: setup broken since 2026-11-04 03:00 UTC: task reconnect (down for 1 d)",
        "syncs of 30 days to 2026-11-04: ..........................++xx"
        "  (+ succeeded, x failed, ! both, . none seen)",
        "",
        "at                         kind        what",
        "2026-11-01 08:45:00+05:45  first seen  created 2026-01-02 03:04 UTC",
        "2026-11-03 08:45:00+05:45  changed     health: healthy -> failing",
        "2026-11-03 08:45:00+05:45  changed     last_sync_failed: no -> yes",
        "2026-11-03 08:45:00+05:45  down        failing",
        "2026-11-04 08:45:00+05:45  changed     health: failing -> broken",
        "2026-11-04 08:45:00+05:45  changed     setup_state: connected -> broken",
        "2026-11-04 08:45:00+05:45  raised      task reconnect: Log in",
    ]


def test_history_tells_how_outages_and_connectors_ended(asked: str) -> None:
    def events(name: str) -> list[tuple[str, str, str]]:
        answer = run("history", name, "--format", "csv").stdout
        rows = csv.DictReader(io.StringIO(answer))
        return [(row["at"][:10], row["kind"], row["what"]) for row in rows][1:]

    assert events("two") == [
        ("2026-11-02", "changed", "health: healthy -> broken"),
        ("2026-11-02", "changed", "setup_state: connected -> broken"),
        ("2026-11-02", "raised", "task reconnect: Log in"),
        ("2026-11-02", "down", "broken"),
        ("2026-11-03", "changed", "health: broken -> healthy"),
        ("2026-11-03", "changed", "setup_state: broken -> connected"),
        ("2026-11-03", "cleared", "task reconnect"),
        ("2026-11-03", "recovered", "after 1 d down: broken"),
    ]
    assert events("gone") == [("2026-11-04", "removed", "deleted")]
    assert events("one") == [
        ("2026-11-02", "changed", "health: healthy -> paused"),
        ("2026-11-02", "changed", "paused: no -> yes"),
        ("2026-11-03", "changed", "config.host: old -> new"),
        ("2026-11-04", "changed", "health: paused -> healthy"),
        ("2026-11-04", "changed", "paused: yes -> no"),
    ]


def test_history_tells_of_tests_alerts_and_returns(
    engine: Engine,
    api: StandIn,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    test, warning = {"title": "Ping", "status": "FAILED"}, {"message": "no code"}
    born = {"created_at": "0001-02-03T04:05:06Z"}
    calendar = Calendar()
    for shown in (
        [item("x", **born, setup_tests=[test], status={"warnings": [warning]})],
        [item("x", **born, setup_tests=[test | {"status": "PASSED"}])],
        [item("x", **born, setup_tests=[])],
        [],
        [item("x", **born, setup_tests=[])],
    ):
        account.connectors = [item("another"), *shown]
        sync(engine, api_settings(api), clock=calendar)
        calendar.pass_a_day()
    stop_clock(engine, calendar.now)
    lines = csv.DictReader(io.StringIO(run("history", "x", "--format", "csv").stdout))
    events = [(row["at"][8:10], row["kind"], row["what"]) for row in lines]
    assert events == [
        ("01", "first seen", "created 0001-02-03 04:05 UTC"),
        ("01", "raised", "warning without a code: no code"),
        ("02", "changed", "health: warning -> healthy"),
        ("02", "changed", "test Ping: status: FAILED -> PASSED"),
        ("02", "cleared", "warning without a code"),
        ("03", "removed", "test Ping"),
        ("04", "removed", ""),
        ("05", "returned", ""),
    ]


def test_history_as_json_has_everything(asked: str) -> None:
    life = told("history", "two")
    assert list(life) == ["connector", "versions", "incidents", "changes", "syncs"]
    assert life["connector"] == told("status", "two")[0]
    assert life["incidents"] == [row for row in told("incidents") if row["connector_id"] == "two"]
    assert life["changes"] == told("changes", "two", "--since", "7d")
    states = [version["setup_state"] for version in life["versions"]["status"]]
    assert states == ["connected", "broken", "connected"]
    words = [version["health"] for version in life["versions"]["status"]]
    assert words == ["healthy", "broken", "healthy"]
    assert len(life["versions"]["connector"]) == 1
    assert [(sync["day"], sync["succeeded"]) for sync in life["syncs"]] == [
        (f"2026-11-0{day}", 1) for day in range(1, 5)
    ]


# --- at -------------------------------------------------------------------------------------


def test_at_is_the_account_as_it_was(asked: str) -> None:
    for moment, health in {
        "2026-11-02T03:00Z": ("paused", "broken", "healthy"),
        "2026-11-02T02:59:59Z": ("healthy", "healthy", "healthy"),
        "2026-11-02T08:45": ("paused", "broken", "healthy"),  # in Kathmandu
        "1d": ("paused", "healthy", "failing"),
        "2026-11-04T03:05Z": ("healthy", "healthy", "broken"),
    }.items():
        result = run("at", moment, "--format", "json")
        rows = {row["connector_id"]: row for row in json.loads(result.stdout)}
        assert tuple(rows[key]["health"] for key in ("one", "two", "three")) == health, moment
        assert ("gone" in rows) == (moment < "2026-11-04" or moment == "1d")
        assert result.stderr == "" or moment == "2026-11-04T03:05Z"
    assert run("at", "2026-11-02").stdout.splitlines()[0].split()[:2] == ["health", "connector_id"]


def test_at_an_instant_that_no_run_can_speak_of_says_so(asked: str) -> None:
    before = run("at", "2026-11-01", "--format", "json")
    assert (before.exit_code, json.loads(before.stdout)) == (0, [])
    assert before.stderr == (
        "Nothing is known of before 2026-11-01 08:45:00+05:45, the first complete run.\n"
    )
    for late in ("0m", "9999-12-31T23:59:59Z"):
        after = run("at", late, "--format", "json")
        assert (after.exit_code, len(json.loads(after.stdout))) == (0, 6)
        assert after.stderr == (
            "The last complete run is older: this is what it saw at 2026-11-04 08:45:00+05:45.\n"
        )
    assert json.loads(run("at", "0001-01-01T00:00Z", "--format", "json").stdout) == []


# --- attention ------------------------------------------------------------------------------


def test_attention_finds_what_somebody_should_look_at(asked: str) -> None:
    [row] = told("attention")
    assert (row["finding"], row["connector_id"]) == ("trial_pause", "odd")
    assert row["since"] == "2026-11-01T03:00:00+00:00"
    header, line = run("attention").stdout.splitlines()
    assert header.split() == [
        *("finding", "since", "connector_id", "schema_name", "service", "group_id", "detail")
    ]
    assert line.startswith("trial_pause  2026-11-01 08:45:00+05:45  odd ")


# --- check ----------------------------------------------------------------------------------


def checked(*words: str) -> tuple[int, list[tuple[str, str | None]]]:
    result = run("check", "--format", "json", *words)
    assert result.stderr == ""
    found = [(row["kind"], row["connector_id"]) for row in json.loads(result.stdout)]
    return result.exit_code, found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), [("broken", "three")]),
        (("--for", "24h"), [("broken", "three")]),  # down since it failed, broken for minutes only
        (("--for", "25h"), []),
        (("--health", "broken", "--for", "12m"), [("broken", "three")]),
        (("--health", "broken", "--for", "13m"), []),
        (("--health", "paused"), []),
        (("--health", "deleted", "--health", "broken"), [("broken", "three"), ("deleted", "gone")]),
        (("--max-age", "12m", "--for", "2d"), []),
        (("--max-age", "11m", "--for", "2d"), [("old_data", None)]),
        (("--max-age", "11m"), [("old_data", None), ("broken", "three")]),
    ],
)
def test_check_exits_3_with_what_it_finds(
    asked: str, words: tuple[str, ...], found: list[tuple[str, str | None]]
) -> None:
    assert checked(*words) == (3 if found else 0, found)


def test_check_says_a_line_for_each_finding(asked: str) -> None:
    result = run("check", "--max-age", "1m", "--quiet")
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout.splitlines() == [
        "old_data: the last complete run of account account_one is 12 min old",
        "broken: stock (three): setup broken since 2026-11-04 03:00 UTC: task reconnect",
    ]
    [row] = csv.DictReader(io.StringIO(run("check", "--format", "csv").stdout))
    assert (row["kind"], row["since"]) == ("broken", "2026-11-03T03:00:00+00:00")


def test_check_that_finds_nothing_says_one_line_or_none(asked: str) -> None:
    well = run("check", "--for", "7d")
    assert (well.exit_code, well.stderr) == (0, "")
    assert well.stdout == "All is well. As of 2026-11-04 08:45:00+05:45 (12 min ago).\n"
    assert run("check", "--for", "7d", "--quiet").output == ""


def test_check_finds_that_no_run_came_although_time_passed(world: str, asked: str) -> None:
    engine = connect(world)
    stop_clock(engine, NOW + 3 * DAY)
    try:
        assert checked() == (3, [("old_data", None)])
        assert run("check").stdout == (
            "old_data: the last complete run of account account_one is 3 d old, and "
            "6 connectors are unobserved\n"
        )
        # Who allows the data to be older still hears of what the last run saw down.
        for words in ((), ("--health", "broken")):
            assert checked(*words, "--max-age", "4d") == (3, [("broken", "three")])
    finally:
        stop_clock(engine, NOW)


# Times of the last of four runs, one a day, and what time then makes of each connector.
AT_LAST = T0 + 3 * DAY
WELL = dict.fromkeys(("by_six_hours", "by_the_day", "by_the_hour", "by_hand"), "healthy")
AT_NOON = WELL | {"by_the_hour": "unobserved"}
BEFORE_LATE = dict.fromkeys(WELL, "unobserved") | {"by_hand": "healthy"}


@pytest.mark.parametrize("broken", [False, True])
def test_time_since_a_daily_run_calls_nothing_down_that_was_not(
    engine: Engine,
    environment: dict[str, str],
    api: StandIn,
    account: Account,
    zone: Callable[[str], None],
    broken: bool,
) -> None:
    """Each succeeded an hour before the run, at 02:00.

    By the hour it is due at 05:00, by six hours at 15:00, by the day at 03:00 two days later.
    """
    zone("Asia/Kathmandu")
    calendar = Calendar()
    while calendar.now <= AT_LAST:
        well = {"succeeded_at": stamp(calendar.now - timedelta(hours=1))}
        account.connectors = [
            item("by_six_hours", sync_frequency=360, **well),
            item("by_the_day", sync_frequency=1440, **well),
            item("by_the_hour", sync_frequency=60, **well),
            item("by_hand", schedule_type="manual", **well),
        ]
        if broken:
            account.connectors += [item("broken", status={"setup_state": "broken"}, **well)]
        sync(engine, api_settings(api), clock=calendar)
        calendar.pass_a_day()
    downs = [("broken", "broken")] if broken else []
    count, down = (5, 1) if broken else (4, 0)
    as_of = "As of 2026-11-04 08:45:00+05:45"

    def asked_after(age: timedelta, words: dict[str, str], said: str) -> None:
        """Whatever time it is, the outages are those that a run has seen."""
        stop_clock(engine, AT_LAST + age)
        rows = told("status")
        health = {row["connector_id"]: row["health"] for row in rows}
        assert health == words
        assert {row["connector_id"] for row in rows if row["is_down"]} == {
            one for one, word in words.items() if word == "broken"
        }
        assert run("status").stderr == f"{as_of} {said}\n"
        for words_of in ((), ("--open",)):
            outages = told("incidents", *words_of)
            begun = "2026-11-01T03:00:00+00:00"
            assert only(outages, "connector_id", "path", "started_at", "ended_at") == [
                (one, path, begun, None) for one, path in downs
            ]
        past = told("at", "2026-11-03T12:00Z")
        assert {row["health"] for row in past if row["connector_id"] != "broken"} == {"healthy"}

    last = {"broken": "broken"} if broken else {}
    well = f"{count} connectors, {down} down"
    asked_after(timedelta(0), WELL | last, f"(0 min ago): {well}.")
    assert checked() == (3 if broken else 0, downs)

    looked = "unobserved: no run has looked since they were due."
    asked_after(timedelta(hours=9), AT_NOON | last, f"(9 h ago): {well}, 1 {looked}")
    assert checked() == checked("--max-age", "9h") == (3 if broken else 0, downs)
    assert checked("--max-age", "8h") == (3, [("old_data", None), *downs])
    assert run("check", "--max-age", "8h").stdout.splitlines()[0] == (
        "old_data: the last complete run of account account_one is 9 h old, and "
        "1 connector is unobserved"
    )
    assert checked("--health", "unobserved") == (3, [("unobserved", "by_the_hour")])
    [row] = told("status", "--health", "unobserved")
    assert (row["health_since"], row["severity"]) == ("2026-11-04T05:00:00+00:00", 2)
    if not broken:
        assert run("check").stdout == f"All is well. {as_of} (9 h ago).\n"

    asked_after(3 * DAY, BEFORE_LATE | last, f"(3 d ago): {well}, 3 {looked}")
    assert checked() == (3 if broken else 0, downs)

    # Three usual intervals are over: nobody can vouch for what was broken, either.
    everyone = dict.fromkeys((*WELL, *last), "unobserved")
    late = f"{count} connectors, 0 down, {count} unobserved: the last complete run is late."
    asked_after(3 * DAY + timedelta(seconds=1), everyone, f"(3 d ago, which is late): {late}")
    assert checked() == (3, [("old_data", None)])
    assert run("check").stdout == (
        "old_data: the last complete run of account account_one is 3 d old, and "
        f"{count} connectors are unobserved\n"
    )


def test_check_says_why_no_run_was_ever_complete(
    engine: Engine, environment: dict[str, str], api: StandIn
) -> None:
    api.intercept = lambda request: Answer.error(403, "Forbidden")
    assert run("sync", "--account", "account_one").exit_code == 2
    result = run("check")
    assert result.exit_code == 3
    assert result.stdout.startswith("no_data: no run of account account_one was ever complete; ")
    assert "403" in result.stdout


def test_check_finds_that_removals_are_withheld(
    engine: Engine, environment: dict[str, str], api: StandIn, account: Account
) -> None:
    account.connectors = [item(f"c{number}", schedule_type="manual") for number in range(3)]
    assert run("sync").exit_code == 0
    account.connectors = []
    assert run("sync").exit_code == 3
    code, found = checked()
    assert (code, found) == (3, [("withheld", None)])
    assert "3 connectors of account account_one are missing" in run("check").stdout


# --- which connector ------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "changes", "history"])
def test_name_of_none_or_of_several_is_refused_with_advice(asked: str, command: str) -> None:
    for name, words in {
        "Twin": "Twin is the name of 2 connectors; use an id: twin_a, twin_b.",
        "twin": "twin is the name of 2 connectors; use an id: twin_a, twin_b.",
        "biling": "No connector is called biling. Do you mean billing?",
        "STOK": "No connector is called STOK. Do you mean stock?",
        "ree": "No connector is called ree. Do you mean three?",
        "zzzzzz": "No connector is called zzzzzz.",
        "\x1b[1m": r"No connector is called \x1b[1m.",
    }.items():
        result = run(command, name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"Error: {words}\n"
    for name in ("\udcff", "a\0b"):
        assert run(command, name).exit_code == 2


def test_name_is_that_of_the_one_that_exists(engine: Engine, api: StandIn, account: Account,
                                             monkeypatch: pytest.MonkeyPatch,
                                             database_url: str) -> None:  # fmt: skip
    """A connector that was deleted and made anew has another id, and the same name."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    account.connectors = [item("before", schema="crm"), item("other")]
    sync(engine, api_settings(api))
    account.connectors = [item("after", schema="crm"), item("other")]
    sync(engine, api_settings(api))
    assert [row["connector_id"] for row in told("status", "crm")] == ["after"]
    assert [row["connector_id"] for row in told("status", "before")] == ["before"]


# --- in every form, and of nothing ----------------------------------------------------------

QUESTIONS = [
    ("status",),
    ("status", "--down"),
    ("changes", "--since", "7d"),
    ("changes", "--since", "last-run"),
    ("incidents",),
    ("incidents", "--open"),
    ("at", "1h"),
    ("attention",),
    ("runs",),
    ("query", "select connector_id, schema_name, first_seen_at from connectors"),
    ("query",),
]


@pytest.mark.parametrize("words", [*QUESTIONS, ("status", "odd"), ("history", "odd"), ("check",)])
def test_no_name_steers_a_terminal(asked: str, words: tuple[str, ...]) -> None:
    for form in ("table", "json"):
        result = run(*words, "--format", form)
        assert result.exit_code == (3 if words == ("check",) else 0)
        assert all(line.isprintable() for line in result.output.split("\n")), result.output


@pytest.mark.parametrize("words", QUESTIONS)
def test_json_and_csv_have_the_same_rows_in_utc(asked: str, words: tuple[str, ...]) -> None:
    as_json = json.loads(run(*words, "--format", "json").stdout)
    as_csv = list(csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout, newline="")))
    assert len(as_json) == len(as_csv)
    for row, line in zip(as_json, as_csv, strict=True):
        assert list(row) == list(line)
        assert [line[name] == "" for name in row] == [value in (None, "") for value in row.values()]
    assert "+05:45" not in json.dumps([as_json, as_csv])


@pytest.mark.parametrize("words", [*QUESTIONS, ("check", "--for", "1m"), ("history", "x")])
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_database_without_a_run_is_asked_in_vain_but_not_wrongly(
    engine: Engine,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    form: str,
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    result = run(*words, "--format", form)
    if words[0] == "history":
        assert (result.exit_code, result.stderr) == (2, "Error: No connector is called x.\n")
    elif words[0] == "check":
        assert (result.exit_code, result.stderr) == (3, "")
        assert "run `inventory sync`" in result.stdout
    else:
        assert result.exit_code == 0
        if form == "json" and words != ("query",):
            assert json.loads(result.stdout) == []
        says_so = words[0] == "at" or (words[0] == "status" and form == "table")
        assert ("No run was ever complete" in result.stderr) == says_so


@pytest.mark.parametrize("words", [*QUESTIONS, ("check",), ("history", "x"), ("status", "x")])
def test_database_without_tables_says_what_to_do_first(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "run `inventory sync` first" in result.stderr


def test_question_changes_nothing(asked: str) -> None:
    engine = connect(asked)
    everything = text("select count(*), max(run_id) from sync_runs")
    with database.reading(engine) as connection:
        before = connection.execute(everything).one()
    for words in (*QUESTIONS, ("check",), ("history", "two")):
        run(*words)
    with database.reading(engine) as connection:
        assert connection.execute(everything).one() == before


# --- terminals, modules ---------------------------------------------------------------------


def on_terminal(*words: str, url: str) -> str:
    """What the command shows on a terminal of 60 columns."""
    master, slave = pty.openpty()
    size = {"COLUMNS": "60", "LINES": "50", "TERM": "xterm", "INVENTORY_DATABASE_URL": url}
    job = subprocess.Popen(
        [sys.executable, "-m", "inventory", *words],
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env=os.environ | size,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert job.wait(60) == 0
    return shown.decode()


def test_colours_and_width_are_for_terminals_only(asked: str) -> None:
    shown = on_terminal("status", url=asked)
    assert "\x1b[1;31m" in shown
    assert HOSTILE[:5] not in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 60
    piped = run("status").stdout
    assert "\x1b" not in piped
    assert max(map(len, piped.splitlines())) > 100
    assert "\x1b" not in on_terminal("status", "--format", "json", url=asked)
    assert "\x1b" not in on_terminal("status", "--format", "csv", url=asked)


PROBE = """
import sys
from inventory.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, 3, None), end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [*QUESTIONS, ("check",), ("history", "two"), ("status", "two")], ids=" ".join
)
def test_question_loads_only_what_it_needs(asked: str, words: tuple[str, ...]) -> None:
    """Each is to take no more than twice the time of importing SQLAlchemy and its driver."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert not loaded & {"alembic", "mako", "requests", "urllib3", "msgspec", "rich"}
    assert ("psycopg" in loaded) == asked.startswith("postgresql")


@pytest.mark.parametrize("words", [("status",), ("check",), ("history",), ("at",)], ids=" ".join)
def test_help_of_a_question_loads_no_database(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words, "--help"], capture_output=True, text=True, check=True
    )
    assert "sqlalchemy" not in done.stderr.splitlines()[-1].split()
    assert words != ("check",) or "healthy" in done.stdout


def test_status_of_several_accounts_says_of_how_many_which_reason_holds() -> None:
    """The oldest run is in time, as its account runs once a day; the other account is late."""
    runs = [
        {"account_id": "daily", "observed_at": T0, "age_minutes": 1200, "is_late": False},
        {"account_id": "hourly", "observed_at": T0 + DAY, "age_minutes": 300, "is_late": True},
        {"account_id": "mistyped", "observed_at": None, "age_minutes": None, "is_late": True},
    ]
    rows = [
        {"account_id": account, "health": word, "is_down": word == "broken"}
        for account, word in (
            *(("daily", "unobserved"), ("daily", "broken")),
            *(("hourly", "unobserved"), ("hourly", "unobserved")),
        )
    ]
    said = summary.as_of(runs, rows)
    assert ", which is late" not in said
    assert said.endswith(
        " (20 h ago): 4 connectors, 1 down, 3 unobserved: of 2 the last complete run is late, "
        "and of 1 no run has looked since they were due."
    )
