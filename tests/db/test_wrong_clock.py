"""A run with a wrong clock is reported, and its data are never taken for fresh."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from support.builders import (
    Account,
    api_settings,
    rows,
)
from support.wrong_clock import (
    BROKEN,
    CLOCKS,
    DAY,
    HOUR,
    MINUTE,
    ONE,
    TICK,
    WRONG,
    A,
    B,
    S,
    at,
    live,
    manual,
    named,
    stop_clock,
)

from inventory import queries
from inventory.cli import main
from inventory.db import session, verify, views
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi
from inventory.output import summary
from inventory.queries import checks
from inventory.sync import run as sync
from inventory.sync import run_log

# --- a run notices --------------------------------------------------------------------------


def test_run_with_a_late_clock_warns_and_records_it(
    engine: Engine, api: FakeApi, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    live(engine, api, account)
    columns = ("run_id", "observed_at", "started_at", "clock_behind_seconds")
    assert rows(engine, "inventory_runs", *columns) == [
        (1, S, S, 0),
        (2, WRONG, WRONG, 0),
        (3, WRONG + TICK, S + 2 * HOUR, 47 * 3600),
        (4, WRONG + 2 * TICK, S + 3 * HOUR, 46 * 3600 + 1),  # one that has begun
    ]
    said = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert said == [
        f"The database's clock, at 2100-03-01 {hour}:00:00 UTC, is {seconds} s behind the newest "
        "timestamp of the run log, which this run follows: one of the two is wrong. Correct the "
        "clock; then run `inventory db redate` to correct the timestamps."
        for hour, seconds in (("05", "169,200"), ("06", "165,601"))
    ]


@pytest.mark.parametrize(("behind", "noted"), [(5, 0), (5.000001, 6), (6, 6)])
def test_difference_of_a_few_seconds_is_ignored(
    engine: Engine, api: FakeApi, account: Account, behind: float, noted: int
) -> None:
    live(engine, api, account, (S, S - timedelta(seconds=behind)))
    assert rows(engine, "inventory_runs", "run_id", "clock_behind_seconds") == [(1, 0), (2, noted)]


def test_clock_that_is_set_back_during_a_run_is_recorded(engine: Engine) -> None:
    with transaction(engine) as connection:
        run = run_log.start(connection, ONE, at(S))
    with transaction(engine) as connection:
        moment = run_log.begin_merge(connection, run, ONE, None, at(S - HOUR))
        run_log.finish(connection, moment, at(S - HOUR), status="succeeded")
    assert rows(engine, "inventory_runs", "observed_at", "clock_behind_seconds") == [(S, 3600)]


# --- data of the future are not fresh -------------------------------------------------------


def problems_at(engine: Engine, now: datetime, **options: Any) -> list[dict[str, Any]]:
    stop_clock(engine, now)
    chosen = {"lasting": timedelta(), "health": (), "max_age": None} | options
    with session.open_session(engine) as connection:
        return checks.find_problems(connection, **chosen).problems


def latest(engine: Engine, now: datetime, *columns: str) -> list[Any]:
    stop_clock(engine, now)
    with session.open_session(engine) as connection:
        [run] = queries.latest_runs(connection)
        return [run[column] for column in columns]


AGE = ("observed_at", "seen_at", "age_minutes", "is_overdue", "is_in_future")


def test_age_counts_from_the_start_if_the_time_of_a_run_is_in_the_future(misdated: Engine) -> None:
    last, began = WRONG + 2 * TICK, S + 3 * HOUR
    assert latest(misdated, S + 4 * HOUR, *AGE) == [last, began, 60, False, True]
    assert latest(misdated, S + 43 * HOUR, *AGE) == [last, began, 40 * 60, True, True]
    soon = WRONG - timedelta(seconds=5)  # clocks of a cluster differ by as much
    assert latest(misdated, soon - timedelta(seconds=1), *AGE)[1:] == [began, 2759, True, True]
    assert latest(misdated, soon, *AGE)[1:] == [last, 0, False, False]


def test_age_is_unknown_if_the_start_is_in_the_future_too(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    live(engine, api, account, CLOCKS[:2])
    now = S + 2 * HOUR
    assert latest(engine, now, *AGE) == [WRONG, None, None, True, True]
    with session.open_session(engine) as connection:
        status = queries.status(connection)
        said = summary.as_of(queries.latest_runs(connection), status)
    assert {(row["health"], row["is_down"], row["health_since"]) for row in status} == {
        ("unobserved", False, now)
    }
    assert {row["reason"] for row in status} == {
        "not observed: the last complete run is dated in the future, 2100-03-03 04:00 UTC; "
        f"it was {word}"
        for word in ("healthy", "broken")
    }
    assert " (of unknown age), with runs dated in the future: a clock was wrong, see " in said
    [finding] = problems_at(engine, now, max_age=100 * DAY)
    assert (finding["problem_type"], finding["since"]) == ("wrong_clock", WRONG)
    assert finding["reason"] == (
        f"the last complete run of account {ONE} is dated in the future, 2100-03-03 04:00:00 UTC, "
        "and its age is unknown: the database's clock was wrong; correct it, then run `inventory "
        "db redate`"
    )


def test_check_names_the_clock_and_the_age(misdated: Engine) -> None:
    """It once reported no problem 40 hours after the last run, and a negative age."""
    found = problems_at(misdated, S + 43 * HOUR, max_age=HOUR)
    assert [(each["problem_type"], each["account_id"]) for each in found] == [
        ("wrong_clock", ONE),
        ("overdue_data", ONE),
    ]
    assert "and it began 1 d 16 h ago: the database's clock was wrong" in found[0]["reason"]
    assert "is 1 d 16 h old" in found[1]["reason"]
    assert [each["problem_type"] for each in problems_at(misdated, S + 4 * HOUR)] == ["wrong_clock"]


def test_commands_exit_with_3_and_show_no_negative_age(
    misdated: Engine, environment: dict[str, str]
) -> None:
    result = CliRunner().invoke(main, ["check", "--max-age", "1h"])
    assert (result.exit_code, result.stdout.count("\n")) == (3, 2)
    assert result.stdout.startswith("wrong_clock: the last complete run of account")
    status = CliRunner().invoke(main, ["status"])
    assert "(1 d 16 h ago, overdue), with runs dated in the future" in status.stderr
    assert not re.search(r" -1\b", result.output + status.output)


def test_connector_that_is_down_since_the_future_is_found(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    live(engine, api, account, CLOCKS[:3])
    for lasting in (timedelta(), HOUR):
        found = problems_at(engine, S + 2 * HOUR + MINUTE, lasting=lasting)
        assert [(each["problem_type"], each["connector_id"]) for each in found] == [
            ("wrong_clock", None),
            ("broken", "b"),
        ]


def test_views_count_no_minutes_of_the_future(misdated: Engine) -> None:
    stop_clock(misdated, S + 4 * HOUR)
    with session.open_session(misdated) as connection:
        [outage] = queries.list_incidents(connection)
        shown = views.VIEWS["availability_30d"].table
        shares = [row._asdict() for row in connection.execute(shown.select())]
        usual = queries.latest_runs(connection)[0]["typical_interval_minutes"]
    assert (outage["started_at"], outage["minutes"]) == (WRONG, 0)
    # After the last run with a right time nothing is known: the next one is in the future.
    assert {(row["minutes"], row["observed_minutes"], row["down_minutes"]) for row in shares} == {
        (240, 0, 0)
    }
    assert usual is None


def test_outages_end_at_the_current_time(engine: Engine, api: FakeApi, account: Account) -> None:
    """One outage ended with the run of the future, the other began with it."""
    seen = ([manual("a", status={"setup_state": "broken"}), B], [A, BROKEN])
    for connectors, clock in zip(seen, CLOCKS[:2], strict=True):
        account.connectors = connectors
        sync.sync(engine, api_settings(api), clock=at(clock))
    stop_clock(engine, S + 2 * HOUR)
    with session.open_session(engine) as connection:
        outages = queries.list_incidents(connection)
        mean = "select mttr_minutes from service_reliability where scope = 'service'"
        repair = connection.scalar(text(mean))
    assert [(row["connector_id"], row["ended_at"], row["minutes"]) for row in outages] == [
        ("a", WRONG, 120),
        ("b", None, 0),
    ]
    assert repair == 120


# --- verify lists them ----------------------------------------------------------------------


def test_verify_lists_the_runs_concerned(misdated: Engine) -> None:
    advice = "a clock was wrong; `inventory db redate` corrects it"
    when = "2100-03-03 04:00:00 UTC"
    assert named(misdated) == [
        f"run {n} is dated {when}, in the future: {advice}" for n in (4, 3, 2)
    ]
    stop_clock(misdated, S + 4 * DAY)  # the wrong time has passed
    wrong = "later than possible"
    assert named(misdated) == [f"run {n} is dated {when}, {wrong}: {advice}" for n in (4, 3, 2)]


def test_verify_lists_at_most_ten_runs(engine: Engine, api: FakeApi, account: Account) -> None:
    account.connectors = [A]
    for hours in (48, *range(1, 13)):
        sync.sync(engine, api_settings(api), clock=at(S + hours * HOUR))
    stop_clock(engine, S + 13 * HOUR)
    *ten, rest = verify.problems(engine)
    assert (len(ten), rest.rows, rest.example) == (10, 3, ONE)
