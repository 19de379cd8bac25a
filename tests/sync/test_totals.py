"""The totals of accounts: what runs have sent, which outages they have seen begin and end."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.builders import Account, FakeClock, Item, api_settings, contents, item
from support.totals import Totals, assert_totals_add_up, totals

from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.errors import ApiUnavailableError
from inventory.settings import RemovalSettings
from inventory.sync import run_log
from inventory.sync.preview import preview
from inventory.sync.run import sync

BROKEN = {"setup_state": "broken"}
ONE, TWO = "account_one", "account_two"


def names(*words: str) -> list[Item]:
    """Connectors on a manual schedule, so that none becomes overdue; `name!` is broken."""
    return [
        item(
            word.rstrip("!-"),
            schedule_type="manual",
            paused=word.endswith("-"),
            status=BROKEN if "!" in word else {},
        )
        for word in words
    ]


class Runs:
    """Runs of one database, an hour apart."""

    def __init__(self, engine: Engine, api: FakeApi, account: Account) -> None:
        self._engine, self._api, self._account = engine, api, account
        self._clock = FakeClock()

    def see(self, *words: str, account: str = ONE, **removals: Any) -> tuple[int, int]:
        """Have a run see these connectors; return how many outages began and ended by now."""
        self._clock.now += timedelta(hours=1)
        self._account.connectors = names(*words)
        settings = api_settings(self._api, account=account)
        sync(self._engine, settings, RemovalSettings(**removals), clock=self._clock)
        assert_totals_add_up(contents(self._engine))
        return self.totals(account)[1:]

    def fail(self, account: str | None = ONE, **settings: Any) -> None:
        self._api.intercept = lambda _: FakeResponse.error(500, "Oops")
        with pytest.raises(ApiUnavailableError):
            sync(
                self._engine,
                api_settings(self._api, account=account, attempts=1, **settings),
                clock=self._clock,
            )
        self._api.intercept = lambda _: None

    def totals(self, account: str = ONE) -> Totals:
        return totals(contents(self._engine))[account]


@pytest.fixture
def runs(engine: Engine, api: FakeApi, account: Account) -> Runs:
    return Runs(engine, api, account)


def test_outages_are_counted_when_they_begin_and_end(runs: Runs) -> None:
    assert runs.see("a", "b!", "c!") == (2, 0)  # of the first run, too
    assert runs.see("a!", "b!", "c!") == (3, 0)
    assert runs.see("a!", "b", "c!") == (3, 1)  # recovered
    assert runs.see("a!-", "b", "c!") == (3, 2)  # paused
    assert runs.see("b", "d") == (3, 3)  # removed
    assert runs.see("a!", "b!", "c", "d") == (5, 3)  # one came back, and is down


def test_another_health_within_an_outage_is_no_other_outage(
    runs: Runs, api: FakeApi, account: Account, engine: Engine
) -> None:
    runs.see("a!")
    account.connectors[0]["status"] = {"setup_state": "connected", "update_state": "delayed"}
    sync(engine, api_settings(api, account=ONE))
    assert runs.totals()[1:] == (1, 0)


def test_outages_of_withheld_connectors_go_on(runs: Runs) -> None:
    everyone = ("a", "b!", "c!", "d!")
    assert runs.see(*everyone) == (3, 0)
    assert runs.see("a!", max_missing_count=3) == (4, 0)
    assert runs.see("a!", accept=True) == (4, 3)


def test_each_account_has_its_own(runs: Runs) -> None:
    assert runs.see("a!", "b!") == (2, 0)
    assert runs.see("c!", account=TWO) == (1, 0)
    assert runs.see("c", account=TWO) == (1, 1)
    assert runs.totals()[1:] == (2, 0)


def test_dry_run_adds_nothing(runs: Runs, engine: Engine, api: FakeApi, account: Account) -> None:
    runs.see("a", "b!")
    before = runs.totals()
    account.connectors = names("a!", "b")
    preview(engine, api_settings(api, account=ONE))
    assert runs.totals() == before


def test_pruned_history_lowers_no_total(runs: Runs, engine: Engine) -> None:
    runs.see("a!")
    runs.see("a")
    before = runs.totals()
    with transaction(engine) as connection:
        connection.execute(text("delete from connector_status_past"))
    assert runs.totals() == before
    assert before[1:] == (1, 1)


# --- requests -------------------------------------------------------------------------------


def test_requests_of_failed_runs_count_also_before_the_first_complete_one(runs: Runs) -> None:
    runs.fail()
    runs.fail()
    runs.see("a")
    first = runs.totals()[0]
    assert first > 2
    runs.fail()
    assert runs.totals()[0] == first + 1
    runs.see("a")


def test_requests_of_a_run_count_once_its_account_is_known(runs: Runs, engine: Engine) -> None:
    runs.see("a")
    with transaction(engine) as connection:  # as if another key had been used before
        connection.execute(text("update inventory_runs set api_key_digest = 'of another key'"))
    before = runs.totals()[0]
    runs.fail(account=None)
    assert runs.totals()[0] == before
    runs.see("a")  # with the same key
    sent = [run["requests"] for run in contents(engine)["inventory_runs"]]
    assert runs.totals()[0] == sum(sent)


def test_requests_count_once_if_the_reply_to_the_commit_was_lost(
    runs: Runs, engine: Engine
) -> None:
    runs.see("a")
    before = runs.totals()[0]
    run = max(each["run_id"] for each in contents(engine)["inventory_runs"])
    with transaction(engine) as connection:
        lost = ApiUnavailableError("the connection broke")
        row = run_log.record_failure(
            connection, run, lost, FakeClock(), account_id=ONE, requests=before
        )
    assert row["status"] == "succeeded"
    assert runs.totals()[0] == before


# --- the quota ------------------------------------------------------------------------------

LAST_LIST = "/v1/metadata/connector-types"  # that a run reads


def test_run_keeps_what_the_last_response_said_of_the_quota(
    runs: Runs, api: FakeApi, engine: Engine
) -> None:
    def begin_another_hour(request: Request) -> FakeResponse | None:
        api.used_by_others = 19_000 if request.number == 1 else 0
        return FakeResponse.error(403, "Forbidden") if request.path == LAST_LIST else None

    api.intercept = begin_another_hour
    runs.see("a")
    *counted, last = api.requests
    assert last.path == LAST_LIST  # its response says nothing of it
    runs.fail()  # nor does the only one of this run
    kept = [run["rate_limit_remaining"] for run in contents(engine)["inventory_runs"]]
    assert kept == [api.rate_limit - len(counted) + 1, None]
