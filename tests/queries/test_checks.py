"""Problems that `inventory check` reports."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.builders import (
    DAY,
    T0,
    Account,
    FakeClock,
    api_settings,
    connect,
    item,
)
from support.four_days import (
    NOW,
    columns_of,
    rows_of,
    run,
    stamp,
    stop_clock,
)

from inventory.db.errors import display_url
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.sync.run import sync


def where(url: str) -> str:
    return f" [account account_one, {display_url(connect(url))}]"


def checked(*words: str) -> tuple[int, list[tuple[str, str | None]]]:
    result = run("check", "--format", "json", *words)
    assert result.stderr == ""
    found = [(row["problem_type"], row["connector_id"]) for row in json.loads(result.stdout)]
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
        (("--max-age", "11m", "--for", "2d"), [("overdue_data", None)]),
        (("--max-age", "11m"), [("overdue_data", None), ("broken", "three")]),
    ],
)
def test_check_exits_3_if_it_finds_problems(
    database: str, words: tuple[str, ...], found: list[tuple[str, str | None]]
) -> None:
    assert checked(*words) == (3 if found else 0, found)


def test_check_writes_a_line_per_problem(database: str) -> None:
    result = run("check", "--max-age", "1m", "--quiet")
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout.splitlines() == [
        "overdue_data: the last complete run of account account_one is 12 min old"
        f"{where(database)}",
        "broken: stock (three): setup broken since 2026-11-04 08:45+05:45: task reconnect"
        f"{where(database)}",
    ]
    [row] = csv.DictReader(io.StringIO(run("check", "--format", "csv").stdout))
    assert (row["problem_type"], row["since"]) == ("broken", "2026-11-03T03:00:00+00:00")
    assert (row["account_id"], row["database"]) == ("account_one", display_url(connect(database)))


def test_check_without_problems_writes_one_line_or_none(database: str) -> None:
    well = run("check", "--for", "7d")
    assert (well.exit_code, well.stderr) == (0, "")
    assert well.stdout == (
        f"All is well. As of 2026-11-04 08:45:00+05:45 (12 min ago).{where(database)}\n"
    )
    assert run("check", "--for", "7d", "--quiet").output == ""


def test_check_reports_that_runs_stopped(four_days: str, database: str) -> None:
    engine = connect(four_days)
    stop_clock(engine, NOW + 3 * DAY)
    try:
        assert checked() == (3, [("overdue_data", None)])
        assert run("check").stdout == (
            "overdue_data: the last complete run of account account_one is 3 d old, and "
            f"6 connectors are unobserved{where(database)}\n"
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
def test_time_since_a_daily_run_makes_nothing_down(
    engine: Engine,
    environment: dict[str, str],
    api: FakeApi,
    account: Account,
    zone: Callable[[str], None],
    broken: bool,
) -> None:
    """Each succeeded an hour before the run, at 02:00.

    By the hour it is due at 05:00, by six hours at 15:00, by the day at 03:00 two days later.
    """
    zone("Asia/Kathmandu")
    calendar = FakeClock()
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
    url = environment["INVENTORY_DATABASE_URL"]
    downs = [("broken", "broken")] if broken else []
    count, down = (5, 1) if broken else (4, 0)
    as_of = "As of 2026-11-04 08:45:00+05:45"

    def asked_after(age: timedelta, words: dict[str, str], said: str) -> None:
        """Whatever time it is, the outages are those that a run has seen."""
        stop_clock(engine, AT_LAST + age)
        rows = rows_of("status")
        health = {row["connector_id"]: row["health"] for row in rows}
        assert health == words
        assert {row["connector_id"] for row in rows if row["is_down"]} == {
            one for one, word in words.items() if word == "broken"
        }
        assert run("status", "--all").stderr == f"{as_of} {said}\n"
        for words_of in ((), ("--open",)):
            outages = rows_of("incidents", *words_of)
            begun = "2026-11-01T03:00:00+00:00"
            assert columns_of(outages, "connector_id", "path", "started_at", "ended_at") == [
                (one, path, begun, None) for one, path in downs
            ]
        past = rows_of("at", "2026-11-03T12:00Z")
        assert {row["health"] for row in past if row["connector_id"] != "broken"} == {"healthy"}

    last = {"broken": "broken"} if broken else {}
    well = f"{count} connectors, {down} down"
    asked_after(timedelta(0), WELL | last, f"(0 min ago): {well}.")
    assert checked() == (3 if broken else 0, downs)

    looked = "unobserved: no run has checked since they were due."
    asked_after(timedelta(hours=9), AT_NOON | last, f"(9 h ago): {well}, 1 {looked}")
    assert checked() == checked("--max-age", "9h") == (3 if broken else 0, downs)
    assert checked("--max-age", "8h") == (3, [("overdue_data", None), *downs])
    assert run("check", "--max-age", "8h").stdout.splitlines()[0] == (
        "overdue_data: the last complete run of account account_one is 9 h old, and "
        f"1 connector is unobserved{where(url)}"
    )
    assert checked("--health", "unobserved") == (3, [("unobserved", "by_the_hour")])
    [row] = rows_of("status", "--health", "unobserved")
    assert (row["health_since"], row["severity"]) == ("2026-11-04T05:00:00+00:00", 2)
    if not broken:
        assert run("check").stdout == f"All is well. {as_of} (9 h ago).{where(url)}\n"

    asked_after(3 * DAY, BEFORE_LATE | last, f"(3 d ago): {well}, 3 {looked}")
    assert checked() == (3 if broken else 0, downs)

    # Three usual intervals are over: nobody can vouch for what was broken, either.
    everyone = dict.fromkeys((*WELL, *last), "unobserved")
    late = f"{count} connectors, 0 down, {count} unobserved: the next run is overdue."
    asked_after(3 * DAY + timedelta(seconds=1), everyone, f"(3 d ago, overdue): {late}")
    assert checked() == (3, [("overdue_data", None)])
    assert run("check").stdout == (
        "overdue_data: the last complete run of account account_one is 3 d old, and "
        f"{count} connectors are unobserved{where(url)}\n"
    )


def test_check_says_why_no_run_has_completed(
    engine: Engine, environment: dict[str, str], api: FakeApi
) -> None:
    api.intercept = lambda request: FakeResponse.error(403, "Forbidden")
    assert run("sync", "--account", "account_one").exit_code == 2
    result = run("check")
    assert result.exit_code == 3
    no_data, failing = result.stdout.splitlines()
    of = where(environment["INVENTORY_DATABASE_URL"])
    assert no_data == f"no_data: no run of account account_one has completed yet{of}"
    assert failing.startswith("failing_runs: 1 run has failed for account account_one since ")
    assert "403" in failing


def test_check_reports_withheld_removals(
    engine: Engine, environment: dict[str, str], api: FakeApi, account: Account
) -> None:
    account.connectors = [item(f"c{number}", schedule_type="manual") for number in range(3)]
    assert run("sync").exit_code == 0
    account.connectors = []
    assert run("sync").exit_code == 3
    code, found = checked()
    assert (code, found) == (3, [("withheld", None)])
    assert "3 connectors of account account_one are missing" in run("check").stdout
