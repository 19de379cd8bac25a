"""`inventory notify` on real databases, to a real receiver."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import pytest
from apprise import NotifyBase
from apprise.plugins import jira, opsgenie
from click.testing import CliRunner, Result
from sqlalchemy import Engine, update
from support.builders import (
    T0,
    Account,
    FakeClock,
    FakeMonotonic,
    api_settings,
    everything,
    item,
    rows,
)
from support.receivers import HttpReceiver, http_receiver

from inventory.cli import main
from inventory.db import locks, views
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import AlreadyRunningError, InventoryError
from inventory.models import NOTIFICATIONS
from inventory.notify import delivery
from inventory.sync import run as job

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CONFIG = """
[notify]
after = "0m"
[[notify.channel]]
name = "oncall"
url_env = "ONCALL_URL"
[[notify.channel]]
name = "growth"
url_file = "growth.url"
match = { connector = ["two_schema"] }
"""
BROKEN = {"status": {"setup_state": "broken"}}
TOLD = "Inventory: broken: one_schema (one), postgres, group group_one"


@pytest.fixture
def inbox() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


class World:
    """An account whose connectors a test breaks and mends, an hour from run to run."""

    def __init__(self, engine: Engine, api: FakeApi, account: Account, clock: FakeClock) -> None:
        self.engine, self._api, self._account, self._clock = engine, api, account, clock
        clock.now = T0

    def run(self, **connectors: Any) -> None:
        self.pass_time(HOUR)
        at = f"{self._clock.now:%Y-%m-%dT%H:%M:%SZ}"
        self._account.connectors = [
            item(key, succeeded_at=at, **changes) for key, changes in connectors.items()
        ]
        job.sync(self.engine, api_settings(self._api), clock=self._clock)

    def fail(self, status: int) -> None:
        self.pass_time(HOUR)
        self._api.intercept = lambda _: FakeResponse.error(status, "Fault")
        settings = api_settings(self._api, attempts=1)
        with pytest.raises(InventoryError):
            job.sync(self.engine, settings, clock=self._clock, http_clock=FakeMonotonic())

    def pass_time(self, length: timedelta) -> None:
        self._clock.now += length
        with transaction(self.engine) as connection:
            views.stop_clock(connection, self.now)

    @property
    def now(self) -> datetime:
        return self._clock.now

    def channel(self, name: str, *columns: str) -> tuple[Any, ...]:
        [row] = [
            row
            for row in rows(self.engine, "notification_channels", "channel", *columns)
            if row[0] == name
        ]
        return tuple(row[1:])


@pytest.fixture
def world(
    engine: Engine,
    environment: dict[str, str],
    api: FakeApi,
    account: Account,
    clock: FakeClock,
    inbox: HttpReceiver,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> World:
    (tmp_path / "inventory.toml").write_text(CONFIG)
    (tmp_path / "growth.url").write_text(inbox.url("growth") + "\n")
    monkeypatch.setenv("INVENTORY_CONFIG", str(tmp_path / "inventory.toml"))
    monkeypatch.setenv("ONCALL_URL", inbox.url("oncall"))
    return World(engine, api, account, clock)


def taken(inbox: HttpReceiver) -> list[tuple[str, str]]:
    """Return path and title of what has been received since the last call."""
    return [(post.path, post.body["title"]) for post in inbox.take()]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_outage_is_told_once_and_its_end(world: World, inbox: HttpReceiver) -> None:
    world.run(one=BROKEN, two={})
    result = run("notify")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"oncall: sent {TOLD!r}\ngrowth: nothing to tell\n"
    [(path, message)] = inbox.posts
    assert (path, message["title"], message["type"]) == ("oncall", TOLD, "failure")
    assert message["message"] == (
        "Down:\n"
        "- broken: one_schema (one), postgres, group group_one\n"
        "  down since 2026-11-01 04:00 UTC (0 min)\n"
        "  setup broken since 2026-11-01 04:00 UTC; last success 2026-11-01 04:00 UTC\n"
        "  dashboard: https://fivetran.com/dashboard/connections/one/status"
    )
    taken(inbox)
    assert run("notify", "--quiet").output == ""
    assert taken(inbox) == []
    began = world.now
    world.run(one={}, two={})
    run("notify")
    over = "Inventory: up again after 1 h: one_schema (one), postgres, group group_one"
    assert taken(inbox) == [("oncall", over)]
    columns = ("channel", "kind", "connector_id", "started_at", "announced_at", "over_at")
    told = ("oncall", "outage", "one", began, began, world.now)
    assert rows(world.engine, "notifications", *columns) == [told]
    assert world.channel("oncall", "told_until", "delivered_at") == (world.now, world.now)


def test_channel_that_fails_is_tried_again_and_holds_up_no_other(
    world: World, inbox: HttpReceiver
) -> None:
    world.run(one={}, two=BROKEN)
    inbox.refused = {"oncall"}
    result = run("notify")
    assert result.exit_code == 1
    assert [path for path, _ in taken(inbox)] == ["growth"]
    assert "Channel oncall could not be told: " in result.stderr
    assert "error=500" in result.stderr
    [error] = world.channel("oncall", "error_message")
    assert error in result.stderr
    stored = json.dumps(everything(world.engine), default=str)
    for text in (result.output, stored):
        for part in ("json://", "127.0.0.1", "pass-word", "/oncall"):
            assert part not in text.replace(world.engine.url.render_as_string(), "")
    since = world.now
    world.pass_time(HOUR)
    assert run("notify").exit_code == 1
    assert world.channel("oncall", "failing_since") == (since,)
    inbox.refused = set()
    assert run("notify").exit_code == 0
    assert [path for path, _ in taken(inbox)] == ["oncall"]
    assert world.channel("oncall", "failing_since", "error_message") == (None, None)


FILE = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/hostname"


def test_no_part_of_a_url_is_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """apprise names the host in its warnings, and logs much more at the highest verbosity."""
    url = "json://tell-user:tell-word@LocalHost:1/hook-4711/oncall?+X-Key=key-4711"
    monkeypatch.setenv("ONCALL_URL", url)
    world.run(one=BROKEN)
    for verbosity in ("-q", "-vv"):
        result = run("notify", verbosity)
        lines = result.stderr.splitlines()
        assert result.exit_code == 1
        assert lines[-1].startswith("Error: Channel oncall could not be told: A Connection error")
        assert (len(lines) == 1) == (verbosity == "-q")
        stored = world.channel("oncall", "error_message")[0]
        for part in ("localhost", "hook-4711", "tell-user", "tell-word", "key-4711"):
            shown = (result.output + stored).lower()
            assert part not in shown.replace("json://localhost", "")


def test_no_recipient_is_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """apprise names the one of several whom a mail does not reach."""
    to = "mail-one@a.example,mail-two@a.example;mail-three@a.example"
    url = f"mailto://tell-user:tell-word@127.0.0.1:1/?from=me@a.example&to={to}&mode=insecure"
    monkeypatch.setenv("ONCALL_URL", url)
    world.run(one=BROKEN)
    result = run("notify", "-vv")
    assert result.exit_code == 1
    for part in ("mail-one", "mail-two", "mail-three", "tell-"):
        assert part not in result.output


@pytest.mark.parametrize("url", [None, "nothing://example.com", "file:///etc/passwd", FILE])
def test_channel_without_a_valid_url_is_a_setting_to_correct(
    url: str | None, world: World, inbox: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONCALL_URL") if url is None else monkeypatch.setenv("ONCALL_URL", url)
    world.run(one={}, two=BROKEN)
    result = run("notify")
    assert result.exit_code == 2
    assert "oncall" in result.stderr
    assert ("ONCALL_URL is not set" in result.stderr) == (url is None)
    assert url is None or url not in result.stderr
    assert [path for path, _ in taken(inbox)] == ["growth"]
    assert world.channel("oncall", "failing_since") == (world.now,)


def test_channel_that_does_not_answer_has_failed(
    world: World, inbox: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.send_all, "__defaults__", (0.3,))
    world.run(one=BROKEN)
    inbox.answers.clear()
    result = run("notify")
    assert (result.exit_code, "did not answer within" in result.stderr) == (1, True)


def test_channel_that_answers_slowly_is_told_once(
    world: World, inbox: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that has arrived must not count as failed, or it would come with each run."""
    monkeypatch.setattr(NotifyBase, "socket_read_timeout", 0.1)  # apprise's own is 4 s
    world.run(one=BROKEN)
    inbox.answers.clear()
    Timer(0.5, inbox.answers.set).start()
    assert run("notify").exit_code == 0
    assert run("notify").exit_code == 0
    assert [path for path, _ in taken(inbox)] == ["oncall"]


def test_failing_channel_is_a_problem_after_a_day(world: World, inbox: HttpReceiver) -> None:
    world.run(one=BROKEN)
    inbox.refused = {"oncall"}
    run("notify")
    since = world.now
    for length, is_reported in ((DAY - 2 * HOUR, False), (HOUR, True)):
        world.pass_time(length)
        world.run()
        shown = json.loads(run("check", "--format", "json").stdout)
        found = [row for row in shown if row["problem_type"] == "channel_failing"]
        assert bool(found) == is_reported
    [problem] = found
    assert problem["since"] == since.isoformat()
    assert "channel oncall has failed since" in problem["reason"]
    config = Path(os.environ["INVENTORY_CONFIG"])
    config.write_text(CONFIG.replace('"oncall"', '"renamed"'))
    run("notify")
    assert world.channel("oncall", "failing_since") == (None,)


def test_variable_that_was_missing_once_is_no_problem_of_the_channel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(one={})
    with monkeypatch.context() as patch:
        patch.delenv("ONCALL_URL")
        assert run("notify").exit_code == 2
    assert world.channel("oncall", "failing_since") == (world.now,)
    assert run("notify").exit_code == 0
    assert world.channel("oncall", "failing_since", "error_message") == (None, None)


def test_dry_run_prints_messages_and_writes_nothing(
    world: World, inbox: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONCALL_URL")
    world.run(one=BROKEN)
    before = everything(world.engine)
    result = run("notify", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"oncall: would send, as failure:\n    {TOLD}\n    Down:\n")
    assert result.stdout.endswith("/status\ngrowth: nothing to tell\n")
    assert (everything(world.engine), taken(inbox)) == (before, [])


def test_test_message_goes_to_one_channel_and_is_not_recorded(
    world: World, inbox: HttpReceiver
) -> None:
    before = everything(world.engine)
    assert run("notify", "--test", "growth").exit_code == 0
    assert taken(inbox) == [("growth", "Inventory: test message")]
    assert everything(world.engine) == before
    result = run("notify", "--test", "on-call")
    assert (result.exit_code, "Did you mean oncall?" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("service", "addresses", "region"),
    [
        ("opsgenie", opsgenie.OPSGENIE_API_LOOKUP, opsgenie.OpsgenieRegion.US),
        ("jira", jira.JIRA_API_LOOKUP, jira.JiraRegion.US),
    ],
)
def test_service_of_alerts_gets_what_is_no_alarm_as_well(
    service: str,
    addresses: dict[Any, str],
    region: Any,
    world: World,
    inbox: HttpReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of its own accord, apprise adds that to the alerts which the same process has opened."""
    address = inbox.url(service).partition("@")[2].partition("?")[0]
    monkeypatch.setitem(addresses, region, f"http://{address}")
    monkeypatch.setenv("ONCALL_URL", f"{service}://0a1b2c3d-1111-2222-3333-444455556666")
    assert run("notify", "--test", "oncall").exit_code == 0
    assert [message["message"] for _, message in inbox.posts] == ["Inventory: test message"]


@pytest.mark.usefixtures("world")
def test_sync_notifies_after_the_run_also_if_it_failed(
    inbox: HttpReceiver, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item("one", **BROKEN)]
    assert run("sync", "--notify").exit_code == 0
    assert taken(inbox) == [("oncall", TOLD)]
    monkeypatch.setenv("FIVETRAN_API_SECRET", "wrong")
    result = run("sync", "--notify", "--account", "account_one")
    assert (result.exit_code, "nothing to tell" in result.stdout) == (2, False)
    assert {path for path, _ in taken(inbox)} == {"oncall", "growth"}  # that runs fail
    monkeypatch.delenv("INVENTORY_CONFIG")
    failed = run("sync", "--notify")
    warning, error = failed.stderr.splitlines()
    assert warning.startswith("Warning: ")
    assert "config.toml does not exist" in warning
    assert (error.startswith("Error: "), failed.exit_code) == (True, 2)
    assert run("sync", "--notify", "--dry-run").exit_code == 2


def test_sync_notifies_also_after_an_error_that_nothing_foresees(
    world: World, inbox: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(one=BROKEN)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(job, "sync", fail)
    result = run("sync", "--notify")
    assert (result.exit_code, "Internal error" in result.stderr) == (3, True)
    assert taken(inbox) == [("oncall", TOLD)]


def test_sync_that_is_skipped_does_not_notify(world: World, inbox: HttpReceiver) -> None:
    world.run(one=BROKEN)
    with locks.lock(world.engine, "account_one"):
        result = run("sync", "--notify", "--skip-if-running")
    assert (result.exit_code, taken(inbox)) == (0, [])


def test_two_do_not_tell_at_once(world: World, inbox: HttpReceiver) -> None:
    world.run(one=BROKEN)
    with locks.command_lock(world.engine, "notify", "`inventory notify`", 1):
        result = run("notify", "--lock-timeout", "0.1")
        with (
            pytest.raises(AlreadyRunningError),
            locks.command_lock(world.engine, "notify", "it", 0),
        ):
            pass
    assert (result.exit_code, taken(inbox)) == (1, [])
    assert "Another run of `inventory notify` is in progress" in result.stderr
    assert "--skip-if-running" not in result.stderr
    assert run("notify", "--lock-timeout", "0.1").exit_code == 0


def test_second_one_waits_for_the_first(world: World, inbox: HttpReceiver) -> None:
    world.run(one=BROKEN)
    held, release = Event(), Event()

    def hold() -> None:
        with locks.command_lock(world.engine, "notify", "`inventory notify`", 1):
            held.set()
            release.wait()

    first = Thread(target=hold)
    first.start()
    held.wait()
    Timer(0.3, release.set).start()
    assert run("notify").exit_code == 0
    first.join()
    assert [path for path, _ in taken(inbox)] == ["oncall"]


def test_database_that_is_not_there_stays_so(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{folder / 'no.db'}")
    result = run("notify")
    assert (result.exit_code, "inventory sync" in result.stderr) == (2, True)
    assert [*folder.iterdir()] == []


def test_without_apprise_the_extra_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    world.run(one={})
    assert run("notify").exit_code == 0  # there is nothing to send
    world.run(one=BROKEN)
    result = run("notify")
    assert (result.exit_code, "install --force '.[notify]'" in result.stderr) == (2, True)
    assert len(result.stderr.splitlines()) == 1


def test_error_that_does_not_pass_by_itself_is_told_at_once(
    world: World, inbox: HttpReceiver
) -> None:
    world.run(one={})
    told = []
    for status in (500, 500, 500, 500, 401, 401):
        world.fail(status)
        run("notify")
        told.append([post.body["title"][:40] for post in inbox.take() if post.path == "oncall"])
    failed = "Inventory: failing_runs: {} runs have fai"
    assert told == [[], [], [failed.format(3)], [], [failed.format(5)], []]


def test_tags_mute_and_give_a_link(world: World, inbox: HttpReceiver) -> None:
    world.run(one=BROKEN, two=BROKEN)
    set_tag(world, "one", "mute_until", f"{world.now + HOUR:%Y-%m-%dT%H:%M:%SZ}")
    set_tag(world, "two", "mute_until", "some day")  # as if there were none
    set_tag(world, "two", "runbook_url", "https://wiki.example.com/a(b)")
    set_tag(world, "two", "owner", "growth")
    run("notify")
    message = dict(inbox.posts)["oncall"]["message"]
    assert "one_schema" not in message
    assert "two_schema (two), postgres, group group_one, owner growth" in message
    assert "runbook: https://wiki.example.com/a%28b%29\n" in message


@pytest.mark.parametrize("name", ["", "   "])
def test_connector_without_a_name_is_told_by_its_id(
    name: str, world: World, inbox: HttpReceiver
) -> None:
    world.run(one=BROKEN | {"schema": name})
    run("notify")
    assert taken(inbox) == [("oncall", "Inventory: broken: one, postgres, group group_one")]


def test_end_that_was_muted_for_days_has_its_time(world: World, inbox: HttpReceiver) -> None:
    """The outage ended before all that is otherwise read; beside it another one is still open."""
    world.run(one=BROKEN, two=BROKEN)
    run("notify")
    began, mute_ends_at = world.now, world.now + 5 * DAY
    set_tag(world, "one", "mute_until", f"{mute_ends_at:%Y-%m-%dT%H:%M:%SZ}")
    world.run(one={}, two=BROKEN)
    for _ in range(2):
        taken(inbox)
        world.pass_time(3 * DAY)
        world.run(one={}, two=BROKEN)
        run("notify")
    message = dict(inbox.posts)["oncall"]["message"]
    ended = began + HOUR
    assert f"broken from {began:%Y-%m-%d %H:%M} UTC to {ended:%Y-%m-%d %H:%M} UTC" in message
    assert "up again after 1 h: one_schema" in message


def test_outage_that_stays_open_for_weeks_is_known_to_be_told(
    world: World, inbox: HttpReceiver
) -> None:
    """Its row is long over, as it was announced to be flapping then."""
    world.run(one=BROKEN)
    run("notify")
    flapped_at = world.now
    world.pass_time(40 * DAY)
    world.run(one=BROKEN)
    run("notify")
    with transaction(world.engine) as connection:
        connection.execute(update(NOTIFICATIONS).values(over_at=flapped_at))
    taken(inbox)
    run("notify")
    told = rows(world.engine, "notifications", "notification_id", "announced_at", "over_at")
    assert told == [(1, flapped_at, None)]  # opened again, not announced by a second row
    assert [path for path, _ in taken(inbox)] == ["oncall"]


def set_tag(world: World, connector: str, name: str, value: str) -> None:
    with transaction(world.engine) as connection:
        insert = "insert into tags values ('connector', '{}', '{}', '{}')"
        connection.exec_driver_sql(insert.format(connector, name, value))
