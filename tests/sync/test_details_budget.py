"""Which connectors have their details read, how many in a run, and what failures leave alone."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.builders import DAY, KEY, SECRET, T0, FakeClock, everything, item, rows
from support.details import DetailedAccount, Runs, answering, fill, one
from support.effort import Effort, few_of

from inventory.demo.fake_api import FakeApi, FakeResponse, Request

SOON = timedelta(minutes=15)


@pytest.fixture
def account() -> DetailedAccount:
    return DetailedAccount()


@pytest.fixture
def run(engine: Engine, api: FakeApi, clock: FakeClock) -> Runs:
    return Runs(engine, api, clock)


def with_config(engine: Engine) -> int:
    return sum(config is not None for (config,) in rows(engine, "connectors", "config"))


# --- the budget ---------------------------------------------------------------------------------


def test_all_have_details_after_25_runs_within_the_budget(
    run: Runs, engine: Engine, account: DetailedAccount, clock: FakeClock, tried: Effort
) -> None:
    budget = tried.number(8, 200)
    fill(account, 25 * budget)
    run(details="none")
    for turn in range(1, 26):
        clock.now += SOON
        report = run(details_budget=budget)
        assert (report["details_read"], len(run.read)) == (budget, budget)
        assert (report["changed"], report["details_failed"]) == (0, 0)
        assert with_config(engine) == turn * budget
    before = everything(engine, but=("inventory_runs",))
    clock.now += SOON
    assert (run(details_budget=budget)["details_read"], run.read) == (0, [])
    assert everything(engine, but=("inventory_runs",)) == before
    assert len(rows(engine, "inventory_runs")) == 27
    assert rows(engine, "connectors_past") == rows(engine, "connector_status_past") == []


@pytest.mark.parametrize(
    "settings", [{"details": "none"}, {"details_budget": 0}, {"details": "auto"}]
)
def test_connectors_whose_list_tells_config_are_never_asked_for(
    run: Runs, account: DetailedAccount, clock: FakeClock, settings: dict[str, object]
) -> None:
    fill(account, 3)
    if settings == {"details": "auto"}:
        for each in account.connectors:
            each["config"] = {}
        run(details="all")
        assert run.read == []
    for day in range(3):
        account.change("c0", schema=f"renamed_{day}")
        assert run(**settings)["details_read"] == 0
        assert run.read == []
        clock.pass_a_day()


def test_all_means_all_whatever_the_budget(run: Runs, account: DetailedAccount) -> None:
    fill(account, 12)
    for _ in range(2):
        assert run(details="all", details_budget=3)["details_read"] == 12
        assert sorted(run.read) == sorted(each["id"] for each in account.connectors)


def test_new_and_changed_connectors_come_first(
    run: Runs, account: DetailedAccount, clock: FakeClock
) -> None:
    fill(account, 40)
    run(details="none")
    account.change("c7", schema="renamed")
    account.change("c8", succeeded_at="2026-11-21T00:00:00Z")
    account.connectors.append(item("new"))
    clock.now += SOON
    run(details_budget=2)
    assert sorted(run.read) == ["c7", "new"]


def test_details_of_a_day_ago_are_read_again_the_oldest_first(
    run: Runs, account: DetailedAccount, clock: FakeClock
) -> None:
    fill(account, 6)
    run(details="none")
    in_turn = []
    for _ in range(3):
        clock.now += SOON
        run(details_budget=2)
        in_turn.append(sorted(run.read))
    clock.now = T0 + DAY + SOON - timedelta(seconds=1)
    run(details_budget=2)
    assert run.read == []
    for turn in in_turn:
        clock.now += SOON
        run(details_budget=2)
        assert sorted(run.read) == turn


def test_new_settings_whose_details_were_not_read_come_first_in_the_next_run(
    run: Runs, account: DetailedAccount, clock: FakeClock, api: FakeApi
) -> None:
    fill(account, 6)
    run(details="all")
    for name in ("c3", "c4"):
        account.change(name, schema=f"{name}_renamed")
    api.intercept = answering(FakeResponse.error(500, "Oops"), ["c3"])
    clock.now += SOON
    report = run()
    assert (report["details_read"], report["details_failed"]) == (1, 1)
    api.intercept = lambda request: None
    clock.now += SOON
    assert (run()["details_read"], run.read) == (1, ["c3"])
    clock.now += SOON
    assert (run()["details_read"], run.read) == (0, [])


def test_removed_connectors_are_not_asked_for(
    run: Runs, account: DetailedAccount, clock: FakeClock
) -> None:
    fill(account, 9)
    run(details="none")
    account.connectors.pop()
    clock.pass_a_day()
    assert run(details="none")["removed"] == 1
    clock.pass_a_day()
    assert run(details="all")["details_read"] == 8
    assert "c8" not in run.read


# --- failures -----------------------------------------------------------------------------------

OTHER = FakeResponse.success(item("another", config={"a": 1}))
FAILURES = {
    "404": FakeResponse.error(404, "NotFound_Connector"),
    "403": FakeResponse.error(403, "Forbidden"),
    "429": FakeResponse.error(429, "TooManyRequests", Retry_After="3600"),
    "500": FakeResponse.error(500, "Oops"),
    "HTML": FakeResponse(200, b"<html>"),
    "a list": FakeResponse(200, b'{"code": "Success", "data": [{"id": "c3"}]}'),
    "bad item": FakeResponse(200, b'{"code": "Success", "data": {"id": "c3", "config": {"a": }}}'),
    "of another": OTHER,
    "no id": FakeResponse.success({"config": {"a": 1}}),
    "id of null": FakeResponse.success({"id": None, "config": {"a": 1}}),
    "null": FakeResponse.success(None),
    "cut off": FakeResponse(200, OTHER.body, truncate_at=30),
    "too large": FakeResponse(200, OTHER.body + b" " * (2 << 20)),
}


@pytest.mark.parametrize("kind", few_of([*FAILURES], ["404", "429", "of another", "bad item"]))
def test_failure_leaves_one_connector_as_it_was(
    engine: Engine, api: FakeApi, account: DetailedAccount, clock: FakeClock, kind: str
) -> None:
    run = Runs(engine, api, clock, max_response_mb=1)
    fill(account, 8)
    run(details="all")
    before, others = one(engine, "c3"), [f"c{n}" for n in (0, 1, 2, 4, 5, 6, 7)]
    account.more = {name: {"config": {"new": 1}} for name in account.more}
    api.intercept = answering(FAILURES[kind], ["c3"])
    clock.pass_a_day()
    report = run(details="all", concurrency=1)
    assert (report["status"], report["removed"], report["details_failed"]) == ("succeeded", 0, 1)
    assert one(engine, "c3") == before
    read = [name for name in others if one(engine, name)["config"] == {"new": 1}]
    assert report["details_read"] == len(read) == len(run.read) - 1
    assert read == others or kind == "429"


@pytest.mark.parametrize("kind", few_of([*FAILURES], ["404", "429", "HTML", "no id"]))
def test_failure_of_all_changes_nothing_and_ends_after_ten(
    engine: Engine, api: FakeApi, account: DetailedAccount, clock: FakeClock, kind: str
) -> None:
    run = Runs(engine, api, clock, max_response_mb=1)
    fill(account, 60)
    run(details="all")
    before = everything(engine, but=("inventory_runs",))
    api.intercept = answering(FAILURES[kind])
    clock.pass_a_day()
    report = run(details="all")
    assert (report["status"], report["removed"], report["details_read"]) == ("succeeded", 0, 0)
    assert report["details_failed"] == len(run.read)
    assert len(run.read) in ([4] if kind == "429" else range(10, 14))
    assert everything(engine, but=("inventory_runs",)) == before


def test_ten_failures_after_a_success_end_nothing(
    run: Runs, api: FakeApi, account: DetailedAccount, clock: FakeClock
) -> None:
    fill(account, 30)
    run(details="none")
    first: list[str] = []

    def fail_but_the_first(request: Request) -> FakeResponse | None:
        first.append(request.path)
        return None if len(first) == 1 else FAILURES["500"]

    api.intercept = answering(fail_but_the_first)
    report = run(concurrency=1)
    assert (report["details_read"], report["details_failed"]) == (1, 29)


@pytest.mark.parametrize("budget", [4, 10])
@pytest.mark.parametrize("failing", ["never read", "read longest ago"])
def test_those_that_always_fail_do_not_block_others(
    run: Runs,
    engine: Engine,
    api: FakeApi,
    account: DetailedAccount,
    clock: FakeClock,
    budget: int,
    failing: str,
) -> None:
    fill(account, 20)
    blocked = [f"c{n}" for n in range(12)]
    if failing == "never read":
        api.intercept = answering(FAILURES["403"], blocked)
    run(details="all", concurrency=1)
    clock.now += SOON
    for name in {*account.more} - {*blocked}:
        account.change(name, schema="renamed")
    api.intercept = answering(FAILURES["403"], blocked)
    run()
    begun = clock.now
    for _ in range(150):
        clock.now += DAY
        run(details_budget=budget)
        read_at = dict(rows(engine, "connectors", "connector_id", "details_at"))
        if all((read_at[name] or T0) > begun for name in {*account.more} - {*blocked}):
            return
    pytest.fail("they were never read")


# --- the quota ----------------------------------------------------------------------------------


def test_small_quota_is_never_exceeded_and_the_walk_goes_on(
    engine: Engine, account: DetailedAccount, clock: FakeClock
) -> None:
    """A trial account, every five minutes for more than three hours, with five pages."""
    fill(account, 400)
    elapsed = [0.0]
    with FakeApi(account, key=KEY, secret=SECRET, rate_limit=500, clock=lambda: elapsed[0]) as api:
        run = Runs(engine, api, clock, page_size=80, deadline=30.0)
        left = []
        for _ in range(40):
            report = run(details="all")
            assert (report["status"], report["connectors_seen"]) == ("succeeded", 400)
            assert (report["retries"], report["details_failed"]) == (0, 0)
            left.append(api.remaining)
            elapsed[0] += 300
            clock.now += timedelta(minutes=5)
    assert min(left) >= 1
    # Ten requests a run, twelve runs an hour; the last one read that 119 were left.
    assert left[0] == 118
    assert with_config(engine) == 400


@pytest.mark.parametrize("headers", [True, False])
def test_details_stop_at_once_if_another_client_uses_the_quota(
    run: Runs, api: FakeApi, account: DetailedAccount, headers: bool
) -> None:
    fill(account, 100)

    def use_up(request: Request) -> FakeResponse | None:
        if run.read[10:]:
            api.used_by_others = 17_000
        return None if headers else FakeResponse.success(account.details("c0") or {})

    api.intercept = answering(use_up)
    report = run(details="all", concurrency=1)
    assert (report["status"], report["connectors_seen"]) == ("succeeded", 100)
    assert len(run.read) == (11 if headers else 100)


@pytest.mark.parametrize("kind", ["details", "setup tests"])
def test_quota_that_ends_them_is_reported_once(
    run: Runs,
    api: FakeApi,
    account: DetailedAccount,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    fill(account, 5)
    run(details="none")
    assert run.notes == []
    api.used_by_others = 17_000
    caplog.set_level("INFO", "inventory.sync.enrich")
    if kind == "details":
        run()
    else:
        run(details="none", setup_tests="all")
    [note] = run.notes
    done = "read" if kind == "details" else "run"
    assert note.startswith(f"The {kind} of 5 of 5 connectors were not {done}: ")
    # A response says what was left before it was counted.
    assert f"quota has {api.remaining + 1:,} of 20,000 requests left" in note
    assert [each.message for each in caplog.records] == [note]
