"""The command as people and cron call it: output, exit codes, signals, settings."""

import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from worlds import KEY, SECRET, Account, api_settings, connect, item, rows, variables

from inventory import runs
from inventory.cli import main
from inventory.refusals import describe
from inventory.schema import HEAD
from inventory.standin import Answer, Request, StandIn
from inventory.sync import sync

PASSWORD = "pass-5150"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def process(*words: str, **options: object) -> subprocess.Popen[str]:
    """The installed command in a process of its own."""
    command = [sys.executable, "-m", "inventory", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, text=True, **pipes)


def described(environment: dict[str, str]) -> str:
    return describe(connect(environment["INVENTORY_DATABASE_URL"]))


# --- sync -----------------------------------------------------------------------------------


def test_sync_sums_up_on_stdout_and_says_nothing_on_stderr(
    environment: dict[str, str], account: Account
) -> None:
    account.connectors = [item(f"c{number}") for number in range(3)]
    result = run("sync", "--page-size", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third = result.stdout.splitlines()
    assert first == "Saw 3 connectors of account account_one in 2 pages of /v1/connectors."
    assert second == "Added 3, changed 0, removed 0."
    assert third.startswith("Run 1 took ")
    assert third.endswith(f", into {described(environment)}.")


def test_sync_as_json_is_the_row_of_the_run(
    environment: dict[str, str], account: Account, engine: Engine
) -> None:
    account.connectors = [item("one")]
    told = json.loads(run("sync", "--format", "json").stdout)
    [stored] = json.loads(run("runs", "--format", "json").stdout)
    assert told == stored
    assert (told["status"], told["added"], told["endpoint"]) == ("succeeded", 1, "connectors")


def test_sync_that_is_quiet_says_only_what_is_wrong(
    environment: dict[str, str], account: Account
) -> None:
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
    assert rows(engine, "sync_runs") == []


FAILURES: dict[str, tuple[Answer, int, str]] = {
    "api_down": (Answer.error(503, "Unavailable"), 1, "answered 503"),
    "key_refused": (Answer.error(401, "AuthFailed"), 2, "FIVETRAN_API_KEY"),
    "no_inventory": (Answer.success({"items": [{"id": 5}]}), 3, "usable id"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_sync_that_fails_tells_why_in_a_line_and_in_its_exit_code(
    environment: dict[str, str], api: StandIn, failure: str
) -> None:
    answer, exit_code, words = FAILURES[failure]
    api.intercept = lambda request: answer
    result = run("sync", "--account", "a", "--attempts", "1")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" in run("sync", "--account", "a", "--attempts", "1", "--debug").stderr


def test_sync_that_fails_tells_its_row_as_json(
    environment: dict[str, str], api: StandIn, engine: Engine
) -> None:
    api.intercept = lambda request: Answer.error(503, "Unavailable")
    result = run("sync", "--account", "a", "--attempts", "1", "--format", "json")
    assert result.exit_code == 1
    [stored] = json.loads(run("runs", "--format", "json").stdout)
    assert json.loads(result.stdout) == stored
    assert (stored["status"], stored["error_code"]) == ("failed", "api_unavailable")


@pytest.mark.parametrize("option", ["--deadline", "--read-timeout", "--connect-timeout"])
@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1"])
def test_number_of_seconds_that_is_none_is_refused(option: str, value: str) -> None:
    result = run("sync", option, value)
    assert result.exit_code == 2
    assert option in result.stderr


@pytest.mark.parametrize("value", ["nan", "-1", "101"])
def test_percentage_that_is_none_is_refused(value: str) -> None:
    result = run("sync", "--suspect-percent", value)
    assert (result.exit_code, "--suspect-percent" in result.stderr) == (2, True)


@pytest.mark.parametrize("account", ["", "x" * 256, "a\nb", "\udcff"])
def test_account_that_is_no_name_is_refused(
    environment: dict[str, str], engine: Engine, account: str
) -> None:
    for words in ((), ("--dry-run",)):
        result = run("sync", "--account", account, *words)
        assert (result.exit_code, "--account is no name" in result.stderr) == (2, True)
    assert rows(engine, "sync_runs") == []


def test_sync_beside_another_exits_1_or_is_skipped(
    environment: dict[str, str], engine: Engine, account: Account
) -> None:
    with runs.lock(engine, account.account_id):
        refused, skipped = run("sync"), run("sync", "--skip-if-running")
        assert run("sync", "--skip-if-running", "--quiet").output == ""
    assert (refused.exit_code, skipped.exit_code) == (1, 0)
    assert "--skip-if-running" in refused.stderr
    assert skipped.stderr.startswith("Skipped: Another run of account account_one is at work on ")
    assert "--skip-if-running" not in skipped.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_sync_that_is_ended_by_a_signal_marks_its_run(
    environment: dict[str, str],
    engine: Engine,
    api: StandIn,
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
    assert rows(engine, "sync_runs", "status", "error_code") == [("failed", "interrupted")]
    assert rows(engine, "connectors") == []


def ended(job: subprocess.Popen[str], sent: signal.Signals) -> tuple[str, str]:
    """Send a signal, and again if it came in the very moment before the process began to wait."""
    for _ in range(5):
        job.send_signal(sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return job.communicate(timeout=6)
    job.kill()
    return job.communicate()


def test_sync_at_its_most_talkative_shows_no_secret(
    environment: dict[str, str], api: StandIn, account: Account
) -> None:
    account.connectors = [item("one", connect_card={"token": "tok-77", "uri": "uri-77"})]
    faults = iter([Answer.error(500, "InternalError")])
    api.intercept = lambda request: next(faults, None)
    result = run("sync", "-vvv", "--log-format", "json", "--debug")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert {"info", "debug"} <= {line["level"] for line in lines}
    for secret in (KEY, SECRET, "tok-77", "uri-77"):
        assert secret not in result.output


def test_sync_draws_its_bar_on_a_terminal_only(
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


# --- questions ------------------------------------------------------------------------------


def test_csv_is_read_back_as_it_was_and_runs_no_formula(
    environment: dict[str, str], engine: Engine, api: StandIn, account: Account
) -> None:
    name = 'comma, "quote"\nline'
    account.connectors = [item("one", schema=name), item("two", schema="=HYPERLINK(1)")]
    sync(engine, api_settings(api))
    told = list(csv.DictReader(io.StringIO(run("status", "--format", "csv").stdout)))
    assert [row["schema_name"] for row in told] == ["'=HYPERLINK(1)", name]
    assert told[0]["succeeded_at"] == "2026-11-20T01:00:00+00:00"


def test_table_shows_no_control_character_of_a_name(
    environment: dict[str, str], engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one", schema="\x1b[31mred\r\n")]
    sync(engine, api_settings(api))
    told = run("status").stdout
    assert "\x1b" not in told
    assert r"\x1b[31mred\r\n" in told


def test_name_that_the_locale_cannot_show_is_escaped(
    environment: dict[str, str], engine: Engine, api: StandIn, account: Account
) -> None:
    account.connectors = [item("one", schema="\N{ROCKET}"), item("two")]
    sync(engine, api_settings(api))
    latin = os.environ | {"PYTHONIOENCODING": "latin-1"}
    out, err = process("status", "--quiet", env=latin).communicate(timeout=60)
    assert (r"\U0001f680" in out, "two" in out, err) == (True, True, "")


def test_runs_are_told_newest_first(
    environment: dict[str, str], engine: Engine, api: StandIn
) -> None:
    for _ in range(3):
        sync(engine, api_settings(api))
    told = json.loads(run("runs", "--limit", "2", "--format", "json").stdout)
    assert [row["run_id"] for row in told] == [3, 2]
    assert "succeeded" in run("runs").stdout


# --- settings -------------------------------------------------------------------------------


def test_command_without_a_key_names_the_variable() -> None:
    result = run("sync")
    assert result.exit_code == 2
    assert "FIVETRAN_API_KEY" in result.stderr


def test_question_to_no_database_says_what_to_do_first(tmp_path: Path) -> None:
    result = run("status")
    assert result.exit_code == 2
    assert "inventory sync" in result.stderr
    assert list(tmp_path.rglob("*.db")) == []


def test_default_database_is_the_same_from_every_folder(
    api: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
    api: StandIn, monkeypatch: pytest.MonkeyPatch
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


def test_db_upgrade_makes_the_tables(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run("db", "upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"is at revision {HEAD}" in result.stdout
    assert json.loads(run("status", "--format", "json").stdout) == []


# --- what is loaded -------------------------------------------------------------------------

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
    """The modules that are loaded when a command has ended, but for the standard library's."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    loaded = done.stderr.splitlines()[-1].split()
    library = {*sys.stdlib_module_names, "sitecustomize"}  # which some systems' Python has
    return {name for name in loaded if name.partition(".")[0] not in library and name[0] != "_"}


def libraries(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_help_loads_nothing_but_click() -> None:
    assert libraries(loaded_by("--help")) == {"click", "inventory"}


# What a run needs, and what that needs in turn.
NEEDED = {
    *("click", "cronsim", "inventory", "msgspec", "sqlalchemy", "typing_extensions"),
    *("requests", "certifi", "charset_normalizer", "idna", "urllib3"),
    "greenlet",  # which SQLAlchemy takes along before 2.1
}
DRIVER = {"psycopg", "psycopg_binary"}
TEMPLATES = {"jinja2", "markupsafe"}
# What only some runs need: the first of all; those that find something new.
FIRST_RUN = {"inventory.upgrades", "inventory.readers", "inventory.views", "jinja2"}
NEWS = {f"inventory.{name}" for name in ("changes", "firstfill", "judge", "merge", "staging")}


def test_sync_loads_only_what_it_uses(
    empty_url: str, api: StandIn, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item()]
    for name, value in variables(api, empty_url).items():
        monkeypatch.setenv(name, value)
    first, nothing_new = loaded_by("sync"), loaded_by("sync")
    account.connectors = [item(paused=True)]
    something_new = loaded_by("sync")
    driver = DRIVER if empty_url.startswith("postgresql") else set()
    for loaded in (first, nothing_new, something_new):
        # What compilers of Python leave behind is no library.
        compiled = {name for name in libraries(loaded) if re.search("mypyc|cython", name)}
        assert libraries(loaded) - compiled <= NEEDED | driver | TEMPLATES
        assert driver <= loaded
        assert not {name for name in loaded if name.startswith("sqlalchemy.orm")}
    assert first >= FIRST_RUN | NEWS
    assert not (FIRST_RUN | NEWS) & nothing_new
    assert something_new >= NEWS
    assert not FIRST_RUN & something_new


def test_console_script_is_the_module(environment: dict[str, str]) -> None:
    assert process("--version").communicate()[0] == run("--version").stdout.replace(
        "main", "inventory"
    )
