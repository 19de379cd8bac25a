"""The command line as people and cron call it: output, exit codes, signals, settings."""

import contextlib
import csv
import functools
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from support.builders import (
    KEY,
    SECRET,
    Account,
    api_settings,
    connect,
    item,
    rows,
    variables,
)
from support.references import serve

from inventory.cli import main
from inventory.db import locks
from inventory.db.errors import display_url
from inventory.db.revision import HEAD
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.sync.run import sync

PASSWORD = "pass-5150"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def process(*words: str, **options: object) -> subprocess.Popen[str]:
    """The installed command in a process of its own."""
    command = [sys.executable, "-m", "inventory", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, text=True, **pipes)


def database_shown(environment: dict[str, str]) -> str:
    return display_url(connect(environment["INVENTORY_DATABASE_URL"]))


# --- sync -----------------------------------------------------------------------------------


def test_sync_prints_a_summary_on_stdout_and_nothing_on_stderr(
    environment: dict[str, str], account: Account
) -> None:
    account.connectors = [item(f"c{number}") for number in range(3)]
    serve(account)
    result = run("sync", "--page-size", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third, last = result.stdout.splitlines()
    assert first == "Saw 3 connectors of account account_one in 2 pages of /v1/connectors."
    assert second == "Added 3, changed 0, removed 0."
    assert third == "Read the details of 3 connectors."
    assert last.startswith("Run 1 took ")
    assert last.endswith(f", into {database_shown(environment)}.")


def test_sync_says_what_the_quota_left_out(
    environment: dict[str, str], account: Account, api: FakeApi
) -> None:
    account.connectors = [item(f"c{number}") for number in range(3)]
    api.used_by_others = 17_000
    result = run("sync")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Note: the details of 3 of 3 connectors were not read: the account's" in result.stdout


def test_notes_of_a_run_count_in_the_singular_too(
    environment: dict[str, str], account: Account, api: FakeApi
) -> None:
    account.connectors = [item("one"), item("two")]
    failing = ["one"]
    api.intercept = lambda each: (
        FakeResponse.error(500, "Oops") if each.path.split("/")[-1] in failing else None
    )
    note = "left as listed: reading the details failed."
    assert f"Note: 1 connector {note}" in run("sync").stdout
    failing.append("two")
    assert f"Note: 2 connectors {note}" in run("sync", "--details", "all").stdout


def test_sync_as_json_is_the_row_of_the_run(
    environment: dict[str, str], account: Account, engine: Engine
) -> None:
    account.connectors = [item("one")]
    printed = json.loads(run("sync", "--format", "json").stdout)
    [stored] = json.loads(run("runs", "--format", "json").stdout)
    assert printed == stored
    assert (printed["status"], printed["added"], printed["endpoint"]) == (
        "succeeded",
        1,
        "connectors",
    )


def test_quiet_sync_prints_problems_only(environment: dict[str, str], account: Account) -> None:
    account.connectors = [item("one")]
    assert (run("sync", "--quiet").exit_code, run("sync", "--quiet").output) == (0, "")
    account.connectors = [item("one", sync_frequency="odd")]
    odd = run("sync", "--quiet")
    assert (odd.exit_code, odd.stdout) == (0, "")
    assert "sync_frequency" in odd.stderr


def test_sync_dry_run_lists_changes_and_writes_nothing(
    environment: dict[str, str], account: Account, engine: Engine
) -> None:
    account.connectors = [item("one")]
    result = run("sync", "--dry-run")
    assert result.exit_code == 0
    assert "Would have added 1, changed 0, removed 0." in result.stdout
    assert "added     one  (connector_status, connectors)" in result.stdout
    assert rows(engine, "inventory_runs") == []


FAILURES: dict[str, tuple[FakeResponse, int, str]] = {
    "api_down": (FakeResponse.error(503, "Unavailable"), 1, "answered 503"),
    "key_refused": (FakeResponse.error(401, "AuthFailed"), 2, "FIVETRAN_API_KEY"),
    "no_inventory": (FakeResponse.success({"items": [{"id": 5}]}), 3, "usable id"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failed_sync_prints_one_line_and_exits_by_its_error(
    environment: dict[str, str], api: FakeApi, failure: str
) -> None:
    answer, exit_code, message = FAILURES[failure]
    api.intercept = lambda request: answer
    result = run("sync", "--account", "a", "--attempts", "1")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" in run("sync", "--account", "a", "--attempts", "1", "--debug").stderr


def test_failed_sync_prints_its_row_as_json(
    environment: dict[str, str], api: FakeApi, engine: Engine
) -> None:
    api.intercept = lambda request: FakeResponse.error(503, "Unavailable")
    result = run("sync", "--account", "a", "--attempts", "1", "--format", "json")
    assert result.exit_code == 1
    [stored] = json.loads(run("runs", "--format", "json").stdout)
    assert json.loads(result.stdout) == stored
    assert (stored["status"], stored["error_code"]) == ("failed", "api_unavailable")


@pytest.mark.parametrize("option", ["--deadline", "--read-timeout", "--connect-timeout"])
@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1"])
def test_invalid_number_of_seconds_is_rejected(option: str, value: str) -> None:
    result = run("sync", option, value)
    assert result.exit_code == 2
    assert option in result.stderr


@pytest.mark.parametrize("value", ["nan", "-1", "101"])
def test_invalid_percentage_is_rejected(value: str) -> None:
    result = run("sync", "--max-missing-percent", value)
    assert (result.exit_code, "--max-missing-percent" in result.stderr) == (2, True)


@pytest.mark.parametrize("account", ["", "x" * 256, "a\nb", "\udcff"])
def test_invalid_account_name_is_rejected(
    environment: dict[str, str], engine: Engine, account: str
) -> None:
    for words in ((), ("--dry-run",)):
        result = run("sync", "--account", account, *words)
        assert (result.exit_code, "--account must be 1 to 255 bytes" in result.stderr) == (2, True)
    assert rows(engine, "inventory_runs") == []


def test_second_sync_exits_1_or_is_skipped(
    environment: dict[str, str], engine: Engine, account: Account
) -> None:
    with locks.lock(engine, account.account_id):
        refused, skipped = run("sync"), run("sync", "--skip-if-running")
        assert run("sync", "--skip-if-running", "--quiet").output == ""
    assert (refused.exit_code, skipped.exit_code) == (1, 0)
    assert "--skip-if-running" in refused.stderr
    assert skipped.stderr.startswith(
        "Skipped: Another run of account account_one is in progress on "
    )
    assert "--skip-if-running" not in skipped.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_sync_ended_by_a_signal_marks_its_run(
    environment: dict[str, str],
    engine: Engine,
    api: FakeApi,
    account: Account,
    sent: signal.Signals,
) -> None:
    account.connectors = [item(f"c{number}") for number in range(4)]
    reached, gone = threading.Event(), threading.Event()

    def wait(request: Request) -> None:
        if "cursor" in request.query:
            reached.set()
            gone.wait(30)

    api.intercept = wait
    job = process("sync", "--page-size", "2")
    assert reached.wait(30)
    out, err = ended(job, sent)
    gone.set()
    assert (job.returncode, out) == (1, "")
    assert err.startswith("Error: Interrupted")
    assert rows(engine, "inventory_runs", "status", "error_code") == [("failed", "interrupted")]
    assert rows(engine, "connectors") == []


def ended(job: subprocess.Popen[str], sent: signal.Signals) -> tuple[str, str]:
    """Send a signal, and again if the process was not ready for the first one."""
    for _ in range(5):
        job.send_signal(sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return job.communicate(timeout=6)
    job.kill()
    return job.communicate()


def test_sync_shows_no_secret_at_the_highest_verbosity(
    environment: dict[str, str], api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one", connect_card={"token": "tok-77", "uri": "uri-77"})]
    faults = iter([FakeResponse.error(500, "InternalError")])
    api.intercept = lambda request: next(faults, None)
    result = run("sync", "-vvv", "--log-format", "json", "--debug")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert {"info", "debug"} <= {line["level"] for line in lines}
    for secret in (KEY, SECRET, "tok-77", "uri-77"):
        assert secret not in result.output


# --- JSON on stderr -------------------------------------------------------------------------


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def run_in_json(*words: str) -> tuple[int, list[dict[str, object]]]:
    """Return the exit code, and the lines of stderr, each parsed as JSON."""
    result = run(*words, "--log-format", "json")
    return result.exit_code, json_lines(result.stderr)


def test_last_json_line_is_the_row_of_the_run(
    environment: dict[str, str], account: Account, api: FakeApi
) -> None:
    def row() -> object:
        return json.loads(run("runs", "--limit", "1", "--format", "json").stdout)[0]

    account.connectors = [item(f"c{number}") for number in range(6)]
    code, [*_, last] = run_in_json("sync", "-v")
    assert (code, last["level"], last["run"]) == (0, "info", row())
    assert run_in_json("sync", "--quiet") == (0, [])
    account.connectors = []
    code, [*_, last] = run_in_json("sync", "--quiet")
    assert (code, last["error_code"], last["run"]) == (3, "removals_withheld", row())
    api.intercept = lambda request: FakeResponse.error(503, "Unavailable")
    code, [*_, last] = run_in_json("sync", "--attempts", "1")
    assert (code, last["level"], last["run"]) == (1, "error", row())
    assert "answered 503" in str(last["message"])


def test_every_line_on_stderr_is_json_with_log_format_json(
    environment: dict[str, str], engine: Engine, account: Account, api: FakeApi
) -> None:
    account.connectors = [item("one", schema="a\nb")]
    sync(engine, api_settings(api))
    with locks.lock(engine, account.account_id):
        _, [skipped] = run_in_json("sync", "--skip-if-running")
    assert str(skipped["message"]).startswith("Skipped: ")
    _, [note] = run_in_json("status")
    assert (note["level"], str(note["message"])[:5]) == ("info", "As of")
    code, [rejected] = run_in_json("query", "selec", "--debug")
    assert (code, rejected["exit_code"], rejected["error_code"]) == (2, 2, "query_rejected")
    assert "Traceback" in str(rejected["traceback"])
    for words in (("nonsense",), ("status", "--nonsense"), ("query", "x", "--file", "y"), ("at",)):
        code, [refused] = run_in_json(*words)
        assert (code, refused["exit_code"], refused["level"]) == (2, 2, "error")
    assert run("nonsense", "--log-format=json").stderr[0] == "{"
    assert run("nonsense").stderr.startswith("Usage: ")


def test_full_disk_and_interrupt_are_reported_in_json_too(
    environment: dict[str, str], account: Account, api: FakeApi
) -> None:
    with open("/dev/full", "w") as full:
        _, err = process("sync", "--log-format=json", stdout=full).communicate(timeout=60)
    warning, last = json_lines(err)
    assert (warning["level"], last["level"]) == ("warning", "info")
    reached, gone = threading.Event(), threading.Event()

    def wait(request: Request) -> None:
        reached.set()
        gone.wait(30)

    api.intercept = wait
    job = process("sync", "--log-format", "json")
    assert reached.wait(30)
    _, err = ended(job, signal.SIGINT)
    gone.set()
    assert [line["error_code"] for line in json_lines(err)] == ["interrupted"]


def test_sync_draws_a_progress_bar_on_a_terminal_only(
    environment: dict[str, str], account: Account
) -> None:
    account.connectors = [item("one")]
    master, slave = pty.openpty()
    job = process("sync", stderr=slave)
    out, _ = job.communicate(timeout=60)
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert job.returncode == 0
    assert "Reading connectors" in shown
    assert "Reading" not in out


# --- query commands -------------------------------------------------------------------------


def test_csv_keeps_every_value_and_spreadsheet_disarms_formulas(
    environment: dict[str, str], engine: Engine, api: FakeApi, account: Account
) -> None:
    name = 'comma, "quote"\nline'
    account.connectors = [item("one", schema=name), item("two", schema="=HYPERLINK(1)")]
    sync(engine, api_settings(api))

    def parsed(output_format: str) -> list[dict[str, str]]:
        text = run("status", "--format", output_format).stdout
        return list(csv.DictReader(io.StringIO(text)))

    assert [row["schema_name"] for row in parsed("csv")] == ["=HYPERLINK(1)", name]
    assert [row["schema_name"] for row in parsed("spreadsheet")] == ["'=HYPERLINK(1)", name]
    assert parsed("csv")[0]["succeeded_at"] == "2026-11-20T01:00:00+00:00"


def test_table_escapes_control_characters_of_a_name(
    environment: dict[str, str], engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one", schema="\x1b[31mred\r\n")]
    sync(engine, api_settings(api))
    shown = run("status").stdout
    assert "\x1b" not in shown
    assert r"\x1b[31mred\r\n" in shown


def test_name_that_the_locale_cannot_encode_is_escaped(
    environment: dict[str, str], engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one", schema="\N{ROCKET}"), item("two")]
    sync(engine, api_settings(api))
    latin = os.environ | {"PYTHONIOENCODING": "latin-1"}
    out, err = process("status", "--quiet", env=latin).communicate(timeout=60)
    assert (r"\U0001f680" in out, "two" in out, err) == (True, True, "")


def test_runs_are_shown_newest_first(
    environment: dict[str, str], engine: Engine, api: FakeApi
) -> None:
    for _ in range(3):
        sync(engine, api_settings(api))
    shown = json.loads(run("runs", "--limit", "2", "--format", "json").stdout)
    assert [row["run_id"] for row in shown] == [3, 2]
    assert "succeeded" in run("runs").stdout


def test_times_of_one_output_are_in_one_time_zone(
    environment: dict[str, str],
    engine: Engine,
    api: FakeApi,
    account: Account,
    zone: Callable[[str], None],
) -> None:
    account.connectors = [
        item("one", status={"setup_state": "broken"}, failed_at="2026-11-20T02:00:00Z"),
        item("two", failed_at="2026-11-20T02:00:00Z"),
    ]
    sync(engine, api_settings(api))
    account.connectors[0]["created_at"] = "2026-01-02T03:04:06Z"
    account.connectors[0]["config"] = {"start": "2026-01-01 00:00 of their own"}
    sync(engine, api_settings(api))
    sync(engine, api_settings(api))
    zone("America/New_York")
    commands = [("status",), ("status", "two"), ("check",), ("changes",), ("history", "one")]
    commands += [("incidents",), ("at", "0m"), ("findings",), ("runs",)]
    for words in commands:
        shown = run(*words).output.replace("(days of UTC)", "")
        assert not re.search(r"UTC|\dZ|\+00:00", shown), (words, shown)
    assert "last failure 2026-11-19 21:00-05:00" in run("status").stdout
    assert "2026-01-01 22:04:06-05:00" in run("changes").stdout
    account.connectors[0]["config"] = {"start": "2026-01-01 00:00:00Z"}  # a value of the API
    sync(engine, api_settings(api))
    assert "2026-01-01 00:00:00Z" in run("changes").stdout
    assert "last failure 2026-11-20 02:00 UTC" in run("status", "--format", "csv").stdout
    assert "last failure 2026-11-20 02:00 UTC" in run("check", "--format", "json").stdout


def test_broken_is_listed_before_failing_whatever_their_names(
    environment: dict[str, str], engine: Engine, api: FakeApi, account: Account
) -> None:
    failed = {"succeeded_at": "2026-11-20T01:00:00Z", "failed_at": "2026-11-20T02:00:00Z"}
    account.connectors = [
        item("a", **failed),
        item("b", paused=True),
        item("c", status={"setup_state": "broken"}),
    ]
    sync(engine, api_settings(api))
    for words in (("status",), ("at", "0m")):
        shown = json.loads(run(*words, "--format", "json").stdout)
        assert [row["health"] for row in shown] == ["broken", "failing", "paused"]


@pytest.mark.parametrize("since", ["today", "yesterday", "1h30m"])
def test_changes_since_a_day_or_a_duration_ago(
    environment: dict[str, str], engine: Engine, api: FakeApi, account: Account, since: str
) -> None:
    account.connectors = [item("one")]
    now = datetime.now(UTC)
    ago = {"today": now - timedelta(days=1), "yesterday": now - timedelta(days=2)}
    sync(engine, api_settings(api), clock=lambda _: ago.get(since, now - timedelta(hours=2)))
    account.connectors = [item("one", paused=True)]
    sync(engine, api_settings(api), clock=lambda _: now)
    shown = json.loads(run("changes", "--since", since, "--format", "json").stdout)
    assert {row["kind"] for row in shown} == {"changed"}


# --- help ----------------------------------------------------------------------------------

SECTIONS = {
    "Options": ["--dry-run", "--skip-if-running", "--notify"],
    "What to read": ["--account", "--endpoint", "--page-size", "--max-response-mb"],
    "Timeouts and retries": [
        "--deadline",
        "--lock-timeout",
        "--attempts",
        "--connect-timeout",
        "--read-timeout",
    ],
    "Beyond the list": [
        "--no-users",
        "--details",
        "--details-budget",
        "--details-concurrency",
        "--setup-tests",
    ],
    "Removals": [
        "--max-missing-percent",
        "--max-missing-count",
        "--max-missing-group",
        "--accept-removals",
        "--max-lookups",
    ],
    "Output": ["--format", "--verbose", "--quiet", "--log-format", "--debug", "--help"],
}


def test_help_of_sync_lists_its_options_in_sections() -> None:
    shown = run("sync", "--help").stdout
    sections = re.findall(r"^(\w[\w ]*):\n((?:  .*\n|\n)+)", shown, re.MULTILINE)
    found = {
        title: re.findall(r"^  (?:-\w, )?(--[a-z-]+)", body, re.MULTILINE)
        for title, body in sections
    }
    assert [*found.items()] == [*SECTIONS.items()]


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        else:
            yield (*words, name)


@pytest.mark.parametrize("words", [*commands(main)], ids=" ".join)
def test_help_fits_80_columns_and_ends_its_sections_with_output(words: tuple[str, ...]) -> None:
    shown = run(*words, "--help").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "..." not in re.sub(r"^Usage: .*", "", shown)  # no summary is cut off
    titles = re.findall(r"^(Options|Output):$", shown, re.MULTILINE)
    assert titles in (["Options"], ["Output"], ["Options", "Output"])


# --- settings -------------------------------------------------------------------------------


def test_command_without_a_key_names_the_variable() -> None:
    result = run("sync")
    assert result.exit_code == 2
    assert "FIVETRAN_API_KEY" in result.stderr


def test_query_command_without_a_database_says_what_to_do_first(tmp_path: Path) -> None:
    result = run("status")
    assert result.exit_code == 2
    assert "inventory sync" in result.stderr
    assert list(tmp_path.rglob("*.db")) == []


def test_default_database_is_the_same_in_every_folder(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIVETRAN_APIKEY", KEY)  # the spelling of the Terraform provider
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("FIVETRAN_APISECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("FIVETRAN_API_URL", f"{api.url}/v1/")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert run("sync").exit_code == 0
    [file] = tmp_path.rglob("*.db")
    assert file == tmp_path / "data" / "inventory" / "inventory.db"
    assert len(json.loads(run("runs", "--format", "json").stdout)) == 2
    assert str(file) in run("sync").stdout


def test_password_of_the_database_is_shown_nowhere(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(api, "").items():
        monkeypatch.setenv(name, value)
    for url in (
        f"postgresql://someone:{PASSWORD}@127.0.0.1:9/none",
        f"postgresql://127.0.0.1:9/none?user=someone&password={PASSWORD}",
        f"oracle://someone:{PASSWORD}@host/none",
        f"nonsense {PASSWORD}",
    ):
        monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
        result = run("sync", "-vv", "--debug")
        assert result.exit_code in (1, 2)
        assert PASSWORD not in result.output


def test_db_upgrade_creates_the_tables(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run("db", "upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"is at revision {HEAD}" in result.stdout
    assert json.loads(run("status", "--format", "json").stdout) == []


# --- what is imported -----------------------------------------------------------------------

PROBE = """
import sys
from inventory.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*sys.modules, file=sys.stderr)
"""


def loaded_by(*words: str) -> set[str]:
    """Return the modules that a command has imported, without the standard library's."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    loaded = done.stderr.splitlines()[-1].split()
    library = sys.stdlib_module_names | loaded_at_start()
    return {name for name in loaded if name.partition(".")[0] not in library and name[0] != "_"}


@functools.cache
def loaded_at_start() -> set[str]:
    """Return what the interpreter imports by itself, such as a `sitecustomize`."""
    bare = "import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True)
    return libraries(set(done.stdout.split()))


def libraries(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_help_imports_nothing_but_click() -> None:
    assert libraries(loaded_by("--help")) == {"click", "inventory"}


# What a run imports, with the dependencies of that.
NEEDED = {
    *("click", "cronsim", "inventory", "msgspec", "sqlalchemy", "typing_extensions"),
    *("requests", "certifi", "charset_normalizer", "idna", "urllib3"),
    "greenlet",  # which SQLAlchemy imports before 2.1
}
DRIVER = {"psycopg", "psycopg_binary"}
TEMPLATES = {"jinja2", "markupsafe"}
MIGRATIONS = {"alembic", "mako", "pygments"}  # Mako imports Pygments if it is installed
# What only some runs import: the first one; those that find something new.
FIRST_RUN = {"alembic", "jinja2"}
FIRST_RUN |= {f"inventory.db.{name}" for name in ("grants", "upgrade", "views")}
NEWS = {"inventory.sync.canonicalize"} | {
    f"inventory.sync.{name}" for name in ("changes", "judge", "merge", "staging")
}


def test_sync_imports_only_what_it_uses(
    empty_url: str, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item()]
    serve(account)
    for name, value in variables(api, empty_url).items():
        monkeypatch.setenv(name, value)
    first, nothing_new = loaded_by("sync"), loaded_by("sync")
    account.connectors = [item(paused=True)]
    something_new = loaded_by("sync")
    driver = DRIVER if empty_url.startswith("postgresql") else set()
    for loaded in (first, nothing_new, something_new):
        # Modules that mypyc and cython add are not libraries.
        compiled = {name for name in libraries(loaded) if re.search("mypyc|cython", name)}
        assert libraries(loaded) - compiled <= NEEDED | driver | TEMPLATES | MIGRATIONS
        assert driver <= loaded
    assert first >= FIRST_RUN | NEWS
    assert not (FIRST_RUN | NEWS) & nothing_new
    assert something_new >= NEWS
    assert not MIGRATIONS & something_new
    assert not FIRST_RUN & something_new


def test_status_loads_no_models(environment: dict[str, str]) -> None:
    """They and the mapper take a third of the time of what reads views only."""
    assert run("sync").exit_code == 0
    models = {"inventory.models", "sqlalchemy.orm"}
    for words in (("status",), ("changes",), ("findings",)):
        loaded = loaded_by(*words)
        assert "inventory.db.views" in loaded
        assert not models & loaded
    assert models <= loaded_by("runs")


def test_console_script_is_the_module(environment: dict[str, str]) -> None:
    assert process("--version").communicate()[0] == run("--version").stdout.replace(
        "main", "inventory"
    )
