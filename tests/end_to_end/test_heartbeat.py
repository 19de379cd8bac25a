"""The pings of a run: what a monitor of jobs gets, and that it cannot harm the run."""

import os
import shutil
import signal
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import pytest
import trustme
from click.testing import CliRunner
from support import endless
from support.builders import KEY, SECRET, Account, item
from support.forks import Case, Ended, run_one
from support.monitor import SECRET_PATH, Monitor
from support.processes import process

from inventory import redaction
from inventory.cli.pings import PingingCommand
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.heartbeat import MAX_BODY, Heartbeat, last_lines
from inventory.settings import Secret

NEVER_ANSWERED = "Warning: The ping to INVENTORY_PING_URL failed: there was no response in time."


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The database makes no difference."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'inventory.db')}"


@pytest.fixture
def monitor(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], account: Account
) -> Iterator[Monitor]:
    """The monitor of all runs of a test."""
    account.connectors = [item("one")]
    with Monitor() as served:
        monkeypatch.setenv("INVENTORY_PING_URL", served.url)
        yield served


def sync(*words: str, **odd: Any) -> Ended:
    return run_one(Case(("sync", *words), **odd))


def assert_tells_no_secret(text: str) -> None:
    for secret in (KEY, SECRET, *SECRET_PATH.split("/")[1:2], SECRET_PATH):
        assert secret not in text


# --- what it gets ---------------------------------------------------------------------------


def unauthorized(_: Any) -> FakeResponse:
    return FakeResponse.error(401, "Unauthorized")


@pytest.mark.parametrize(
    ("words", "env", "intercept", "code", "last"),
    [
        ((), {}, None, 0, "Run 1 took "),
        (("--quiet",), {}, None, 0, ""),
        (("--attempts", "1"), {}, lambda _: FakeResponse(500, b""), 1, "Error: GET "),
        ((), {"FIVETRAN_API_KEY": None}, None, 2, "Error: FIVETRAN_API_KEY is not set."),
        ((), {}, unauthorized, 2, "Error: "),
        ((), {"INVENTORY_DATABASE_URL": "mysql://h/d"}, None, 2, "Error: INVENTORY_DATABASE_URL"),
        (("--attempts", "1"), {}, lambda _: FakeResponse(200, b"[]"), 3, "Error: "),
        (("--log-format", "json"), {}, unauthorized, 2, '{"at": '),
    ],
)
def test_each_run_pings_at_its_beginning_and_with_its_exit_code(
    monitor: Monitor,
    api: FakeApi,
    words: tuple[str, ...],
    env: dict[str, str | None],
    intercept: Any,
    code: int,
    last: str,
) -> None:
    api.intercept = intercept or api.intercept
    ended = sync(*words, env=env)
    assert (ended.code, monitor.signals) == (code, ["start", str(code)])
    start, end = monitor.pings
    assert start.body == ""
    assert start.query == end.query
    assert len(start.query.pop("rid")[0]) == 36
    assert end.body == ended.out + ended.err
    assert [*end.body.splitlines(), ""][-2 if last else 0].startswith(last)
    assert_tells_no_secret(end.body + ended.err)


def test_usage_error_pings_too(monitor: Monitor) -> None:
    ended = sync("--nope")
    assert (ended.code, monitor.signals) == (2, ["2"])
    assert monitor.pings[0].body.startswith("Error: No such option")


def test_unforeseen_exception_is_no_success(monitor: Monitor) -> None:
    @click.command(cls=PingingCommand)
    @click.option("--dry-run", is_flag=True)
    def broken(dry_run: bool) -> None:
        raise OSError("no such thing")

    assert CliRunner().invoke(broken).exit_code == 1
    assert monitor.signals == ["1"]


def test_dry_run_and_other_commands_do_not_ping(monitor: Monitor) -> None:
    assert [sync("--dry-run").code, sync("--dry-run", "--nope").code] == [0, 2]
    assert [sync("--help").code, run_one(Case(("runs",))).code] == [0, 0]
    assert monitor.pings == []


def test_skipped_run_pings_with_its_exit_code(monitor: Monitor, api: FakeApi) -> None:
    held, skipped = threading.Event(), threading.Event()

    def hold(request: Any) -> None:
        held.set()
        skipped.wait(20)

    api.intercept = hold
    with process(api, os.environ["INVENTORY_DATABASE_URL"]) as first:
        held.wait(20)
        ended = sync("--skip-if-running", "--lock-timeout", "0.1")
        skipped.set()
        first.communicate(timeout=20)
    assert (ended.code, first.returncode) == (0, 0)
    assert monitor.signals == ["start", "start", "0", "0"]
    assert monitor.pings[2].body.startswith("Skipped: ")
    first_id, second_id, *ids_of_ends = (ping.query["rid"] for ping in monitor.pings)
    assert ids_of_ends == [second_id, first_id]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_run_pings(monitor: Monitor, api: FakeApi, number: int) -> None:
    held, left = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        held.set()
        left.wait(20)

    api.intercept = hold
    with process(api, os.environ["INVENTORY_DATABASE_URL"]) as job:
        held.wait(20)
        job.send_signal(number)
        _, err = job.communicate(timeout=20)
        left.set()
    assert (job.returncode, monitor.signals) == (1, ["start", "1"])
    assert monitor.pings[1].body == err
    assert err.startswith("Error: Interrupted")


def test_signal_while_the_ping_is_on_its_way_changes_nothing(
    monitor: Monitor, api: FakeApi
) -> None:
    monitor.answers.clear()
    with process(api, os.environ["INVENTORY_DATABASE_URL"], "--nope") as job:
        monitor.arrived.wait(20)
        job.send_signal(signal.SIGINT)
        monitor.answers.set()
        _, err = job.communicate(timeout=20)
    assert (job.returncode, monitor.signals) == (2, ["2"])
    assert "No such option" in err


@pytest.mark.parametrize(
    "streams", [{1: "closed"}, {1: "closed", 2: "closed"}, {1: "/dev/full"}, {1: "gone"}]
)
def test_output_that_nobody_reads_is_in_the_ping(monitor: Monitor, streams: dict[int, str]) -> None:
    assert sync(streams=streams).code == 0
    assert monitor.signals == ["start", "0"]
    assert monitor.pings[1].body.count("Saw 1 connector of account") == 1


def test_url_may_have_a_slash_and_a_query_and_be_in_a_file(
    monitor: Monitor, tmp_path: Path
) -> None:
    file = tmp_path / "ping"
    file.write_text(f"{monitor.url}/?create=1\n")
    ended = sync(env={"INVENTORY_PING_URL": None, "INVENTORY_PING_URL_FILE": str(file)})
    assert (ended.code, monitor.signals) == (0, ["start", "0"])
    assert {*monitor.pings[1].query} == {"create", "rid"}


def test_no_secret_is_in_a_ping_or_in_the_log(monitor: Monitor, environment: Any) -> None:
    ended = sync("-vv")
    assert '"POST [secret]/start?rid=' in ended.err
    assert_tells_no_secret(ended.err + monitor.pings[1].body)


@pytest.mark.parametrize(
    ("path", "secrets"),
    [
        ("/api/push/AbCdEf1234?token=Gh1234", ("AbCdEf1234", "Gh1234")),
        ("/k%c3%a4y%7e9f8e7d6c5b/nightly", ("9f8e7d6c5b",)),
        ("/x/../Zz98765/", ("Zz98765",)),
    ],
)
def test_log_of_libraries_spells_no_part_of_the_path(
    monitor: Monitor, path: str, secrets: tuple[str, ...]
) -> None:
    url = monitor.url.removesuffix(SECRET_PATH) + path
    ended = sync("-vv", env={"INVENTORY_PING_URL": url})
    assert (ended.code, len(monitor.pings)) == (0, 2)
    assert '"POST [secret]/start?' in ended.err
    for secret in secrets:
        assert secret not in ended.err + monitor.pings[1].body


def test_ping_carries_the_last_lines_without_secrets() -> None:
    redaction.hide("a secret of 22 letters")
    lines = [f"{number} é a secret of 22 letters" for number in range(2000)]
    body = last_lines("\n".join(lines))
    assert body.endswith("\n1999 é [secret]\n")
    assert MAX_BODY - 30 < len(body.encode()) <= MAX_BODY
    assert body.splitlines()[0][:4].isdigit()  # it begins with a whole line
    assert "letters" not in body
    assert last_lines("\x1b[2K\x1b[1;32mdone\x1b[0m\n") == "done\n"
    assert last_lines("x" * 2 * MAX_BODY) == ""
    assert last_lines("half \ud800\n").encode(errors="replace") == b"half ?\n"


# --- what cannot harm -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "404"), (500, "500"), (302, "302"), (429, "429")]
)
def test_rejected_ping_is_one_warning(monitor: Monitor, status: int, reason: str) -> None:
    with Monitor() as elsewhere:
        monitor.status, monitor.headers = status, {"Location": elsewhere.url}
        ended = sync("--quiet")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        f"Warning: The ping to INVENTORY_PING_URL failed: the server answered {reason}.\n"
    )
    assert monitor.signals == ["start", "0"]
    assert elsewhere.pings == []  # a redirect is not followed


@pytest.mark.parametrize(
    ("url", "warning"),
    [
        ("http://127.0.0.1:1/key-key-key-key", "ping to INVENTORY_PING_URL failed: its server"),
        ("http://no-such-host.invalid/k", "ping to INVENTORY_PING_URL failed: its server"),
        ("http://[::1/key-key-key-key", "INVENTORY_PING_URL must be an http(s) URL."),
        ("key-key-key-key", "INVENTORY_PING_URL must be an http(s) URL. No ping is sent."),
        ("ftp://host/key-key-key-key", "INVENTORY_PING_URL must be an http(s) URL."),
        ("'http://host/key-key-key-key'", "The value of INVENTORY_PING_URL begins with a quote"),
        (" ", "INVENTORY_PING_URL is set but empty."),
    ],
)
def test_wrong_url_is_one_warning(monitor: Monitor, url: str, warning: str) -> None:
    ended = sync("--quiet", env={"INVENTORY_PING_URL": url})
    assert (ended.code, ended.out, ended.err.count("\n")) == (0, "", 1)
    assert ended.err.startswith("Warning: ")
    assert warning in ended.err
    assert "key-key" not in ended.err


def test_certificate_is_verified_and_an_authority_of_ones_own_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, file = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with Monitor(tls=tls) as secured:
        heartbeat = Heartbeat(Secret(secured.url))
        assert heartbeat.finish(0, "") == "its certificate was not accepted"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        assert heartbeat.finish(0, "") is None
        assert secured.signals == ["0"]


@pytest.mark.parametrize("name", endless.ALL)
def test_run_waits_only_so_long_for_a_server_that_never_ends(name: str) -> None:
    """Whoever sends a head and then a body without end has taken the ping."""
    with endless.server(endless.ALL[name]) as server:
        heartbeat = Heartbeat(Secret(f"http://127.0.0.1:{server.port}/k"), 0.3)
        heartbeat.start()
        reason = heartbeat.finish(0, "")
    begin = endless.ALL[name].begin
    has_head = begin.startswith(endless.OK) and b"\r\n\r\n" in begin
    assert reason == (None if has_head else "there was no response in time")


def test_process_ends_although_no_ping_is_answered(monitor: Monitor) -> None:
    monitor.answers.clear()
    ended = sync("--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", f"{NEVER_ANSWERED}\n")
    assert monitor.pings == []


def test_last_ping_follows_the_first_one(monitor: Monitor) -> None:
    monitor.answers.clear()
    heartbeat = Heartbeat(Secret(monitor.url))
    heartbeat.start()
    with ThreadPoolExecutor() as pool:
        end = pool.submit(heartbeat.finish, 0, "")
        monitor.arrived.wait(10)
        monitor.answers.set()
        assert end.result() is None
    assert monitor.signals == ["start", "0"]
