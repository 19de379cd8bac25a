"""Exit codes of commands if the host, the database file or the server fails: never a bug.

`test_environments.py` runs every command in every environment; here are variants of each.

1 = the next run may succeed, 2 = a setting must be corrected first, 3 = a person must look.
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event
from support.builders import (
    Account,
    api_settings,
    connect,
    item,
    rows,
)
from support.effort import few_of

from inventory import errors
from inventory.cli import main
from inventory.db.engine import file_of, is_sqlite, transaction
from inventory.db.errors import translate_errors
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sync",),
    ("sync", "--dry-run"),
    ("status",),
    ("changes",),
    ("history", "c1"),
    ("incidents",),
    ("at", "0m"),
    ("findings",),
    ("report", "--output", "-"),
    ("check",),
    ("query",),
    ("query", "select count(*) from connectors"),
    ("runs",),
    ("prune", "--older-than", "400d"),
    ("db", "upgrade"),
    ("db", "verify"),
    ("db", "grant-reader", "nobody_at_all"),
)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def assert_exit(result: Any, *codes: int) -> None:
    code = result.exit_code if isinstance(result, Result) else result.code
    err = result.stderr if isinstance(result, Result) else result.err
    assert code in codes, (code, err, result)
    for words in ("Traceback", "bug in inventory", "ignored"):
        assert words not in err, result


# --- a database -----------------------------------------------------------------------------


@pytest.fixture
def filled(engine: Engine, api: FakeApi, account: Account) -> Engine:
    account.connectors = [item(f"c{number}") for number in range(3)]
    sync(engine, api_settings(api))
    return engine


@sqlite
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///file::memory:?uri=true"])
def test_no_command_accepts_a_database_in_memory(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    for words in COMMANDS:
        result = run(*words)
        assert_exit(result, 2)
        assert "INVENTORY_DATABASE_URL names no file" in result.stderr


# --- paths of a file ------------------------------------------------------------------------


def loop(place: Path) -> None:
    place.symlink_to(place)


def folder_in_a_loop(place: Path) -> None:
    place.parent.rmdir()
    place.parent.symlink_to(place.parent)


def socket_at(place: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        folder = os.getcwd()
        os.chdir(place.parent)  # the path of a socket has a short maximum length
        listening.bind(place.name)
        os.chdir(folder)


def below_a_file(place: Path) -> None:
    place.parent.rmdir()
    place.parent.write_text("")


PLACES: dict[str, Callable[[Path], object]] = {
    "loop": loop,
    "folder in a loop": folder_in_a_loop,
    "directory": Path.mkdir,
    "fifo": os.mkfifo,
    "socket": socket_at,
    "device": lambda place: place.symlink_to("/dev/null"),
    "full device": lambda place: place.symlink_to("/dev/full"),
    "folder that does not exist": lambda place: place.symlink_to("/proc/none/such.db"),
    "below a file": below_a_file,
    "text": lambda place: place.write_text("Dear diary, this is not a database. " * 99),
}


@sqlite
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("place", PLACES)
def test_path_without_a_database_is_a_configuration_error(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "place" / "inventory.db"
    file.parent.mkdir()
    PLACES[place](file)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{file}")
    for words in (("sync",), ("status",), ("db", "verify"), ("query",)):
        assert_exit(run(*words), 2)


@sqlite
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000 + "y", "a%00b"])
def test_impossible_file_name_is_a_configuration_error(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{tmp_path}/{name}")
    for words in (("sync",), ("status",)):
        assert_exit(run(*words), 2)


# --- damage ---------------------------------------------------------------------------------


def truncated_to(share: float) -> Callable[[bytes], bytes]:
    return lambda whole: whole[: int(len(whole) * share)]


def overwritten(at: int) -> Callable[[bytes], bytes]:
    return lambda whole: whole[:at] + b"\xa5" * 3000 + whole[at + 3000 :]


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "truncated to a half": (truncated_to(0.5), 3),
    "truncated by a page": (lambda whole: whole[:-4096], 3),
    "truncated to a header": (lambda whole: whole[:100], 3),
    "schema overwritten": (overwritten(100), 3),
    "header of something else": (lambda whole: b"PK" + whole[2:], 2),
    "invalid page size": (lambda whole: whole[:16] + b"\x03\x03" + whole[18:], 2),
}


@sqlite
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_needs_a_person(filled: Engine, damage: str) -> None:
    file, (how, code) = file_of(filled), DAMAGE[damage]
    assert file is not None
    file.write_bytes(how(file.read_bytes()))
    before = file.read_bytes()
    for words in COMMANDS:
        if words[:2] != ("db", "grant-reader"):  # PostgreSQL only
            result = run(*words)
            assert_exit(result, code)
            assert ("is damaged" in result.stderr) == (code == 3)
    assert file.read_bytes() == before


@sqlite
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("column", "words"),
    [("connector_status.health_since", ("status",)), ("connectors.config", ("history", "c1"))],
)
def test_value_written_by_another_program_needs_a_person(
    filled: Engine, column: str, words: tuple[str, ...]
) -> None:
    table, name = column.split(".")
    with closing(sqlite3.connect(str(file_of(filled)))) as raw:
        raw.execute(f"update {table} set {name} = 'x y'")
        raw.commit()
    result = run(*words, "--format", "json")
    assert_exit(result, 3)
    assert "damaged, or another program writes into it" in result.stderr


@sqlite
@pytest.mark.usefixtures("environment")
def test_dropped_view_is_a_configuration_error(filled: Engine) -> None:
    with closing(sqlite3.connect(str(file_of(filled)))) as raw:
        raw.execute("drop view connector_health")
    assert_exit(run("status"), 2)


@pytest.mark.usefixtures("environment")
def test_dropped_table_is_named(filled: Engine) -> None:
    with transaction(filled) as connection:
        cascade = "" if is_sqlite(filled) else " cascade"
        connection.exec_driver_sql(f"drop table setup_tests{cascade}")
    for words in (("db", "verify"), ("db", "upgrade")):
        result = run(*words)
        assert_exit(result, 3)
        assert "dropped or renamed: setup_tests" in result.stderr


# --- PostgreSQL -----------------------------------------------------------------------------


@postgresql
@pytest.mark.usefixtures("environment")
def test_publication_without_replica_identity_is_a_configuration_error(
    filled: Engine, account: Account
) -> None:
    with transaction(filled) as connection:
        connection.exec_driver_sql("alter table connectors replica identity nothing")
        connection.exec_driver_sql("create publication of_all for table connectors")
    account.connectors[0]["paused"] = True
    result = run("sync")
    assert_exit(result, 2)
    assert "replica identity" in result.stderr


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_event_trigger_that_forbids_ddl_is_a_configuration_error(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    with transaction(connect(empty_url)) as connection:
        connection.exec_driver_sql(
            "create function forbid() returns event_trigger language plpgsql as "
            "$$ begin raise exception 'ask the administrator'; end $$"
        )
        connection.exec_driver_sql(
            "create event trigger forbid on ddl_command_start when tag in ('CREATE TABLE') "
            "execute function forbid()"
        )
    result = run("db", "upgrade")
    assert_exit(result, 2)
    assert "ask the administrator" in result.stderr


@postgresql
@pytest.mark.parametrize(
    ("state", "code"),
    [("XX001", 3), ("XX002", 3), ("P0001", 2), ("0A000", 2), ("23505", 3), ("40001", 1)],
)
@pytest.mark.usefixtures("environment")
def test_error_of_the_server_is_classified_by_its_sqlstate(
    filled: Engine, account: Account, state: str, code: int
) -> None:
    with transaction(filled) as connection:
        connection.exec_driver_sql(
            "create function refuse() returns trigger language plpgsql as "
            f"$$ begin raise exception 'trouble' using errcode = '{state}'; end $$"
        )
        connection.exec_driver_sql(
            "create trigger refuse before update on connectors execute function refuse()"
        )
    account.connectors[0]["paused"] = True
    result = run("sync")
    assert_exit(result, code)
    assert "trouble" in result.stderr


@postgresql
@pytest.mark.usefixtures("environment")
def test_client_encoding_of_the_environment_is_ignored(
    filled: Engine,
    api: FakeApi,
    account: Account,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account.connectors[0]["schema"] = "\N{ROCKET}"
    sync(filled, api_settings(api))
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    for more in ("", "&client_encoding=LATIN1"):
        monkeypatch.setenv("INVENTORY_DATABASE_URL", environment["INVENTORY_DATABASE_URL"] + more)
        result = run("status")
        assert (result.exit_code, "\N{ROCKET}" in result.stdout) == (0, True), result.stderr


@postgresql
@pytest.mark.usefixtures("environment")
def test_lock_timeout_of_a_query_is_retryable(
    filled: Engine, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = "&options=-c%20lock_timeout=50ms"
    monkeypatch.setenv("INVENTORY_DATABASE_URL", environment["INVENTORY_DATABASE_URL"] + patience)
    with transaction(filled) as other:
        other.exec_driver_sql("lock table connectors in access exclusive mode")
        result = run("query", "select * from connectors")
    assert_exit(result, 1)
    assert "a lock, held by" in result.stderr


@pytest.mark.parametrize(
    "rest", ["?nonsense=1", "?sslmode=banana", "?connect_timeout=soon", "%00?host=/nowhere"]
)
def test_invalid_option_of_a_url_is_a_configuration_error(
    rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"postgresql://someone@127.0.0.1:9/none{rest}")
    assert_exit(run("status"), 2)


# --- the host -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), 1),
        (RuntimeError("can't start new thread"), 1),
        (ImportError("libz.so.1: failed to map segment from shared object"), 1),
        (OSError(24, "Too many open files"), 1),
        (SystemError("returned NULL without setting an exception"), 1),
        (ModuleNotFoundError("No module named 'x'", name="x"), 2),
        (errors.ConfigurationError("ours"), 2),
        (ZeroDivisionError("secret"), 3),
    ],
)
def test_unexpected_exception_is_a_host_error_or_a_bug(error: Exception, code: int) -> None:
    named = errors.from_unforeseen(error)
    assert (named.exit_code, "secret" in str(named)) == (code, False)


def test_memory_error_behind_another_error_is_a_host_error() -> None:
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = MemoryError()
    assert isinstance(errors.from_unforeseen(error), errors.HostError)


@pytest.mark.usefixtures("environment", "filled")
@sqlite
@pytest.mark.parametrize(
    "module", ["gc", "inventory.process", "inventory.cli", "sqlalchemy", "inventory.cli.status"]
)
def test_memory_that_is_not_enough_is_the_hosts(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of the system would do, but then libraries written in C crash now and then."""
    (tmp_path / "sitecustomize.py").write_text(OUT_OF_MEMORY.format(module=module))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-m", "inventory", "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:6], done.stderr.count("\n")) == (1, "Error:", 1)
    assert "memory" in done.stderr


OUT_OF_MEMORY = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise MemoryError

sys.modules.pop("{module}", None)
sys.meta_path.insert(0, Finder())
"""


@sqlite
@pytest.mark.usefixtures("environment")
def test_bug_is_reported_as_internal_error(filled: Engine) -> None:
    def trouble(*_: Any) -> None:
        raise ZeroDivisionError

    event.listen(Engine, "before_cursor_execute", trouble)
    try:
        result = run("status")
    finally:
        event.remove(Engine, "before_cursor_execute", trouble)
    assert (result.exit_code, "Internal error (ZeroDivisionError)" in result.stderr) == (
        3,
        True,
    )


@pytest.mark.parametrize("message", ["Is it there", "Is it there.", "Is it there?", "Is it there!"])
def test_message_of_a_database_ends_in_one_full_stop(engine: Engine, message: str) -> None:
    with pytest.raises(errors.InventoryError) as error, translate_errors(engine):
        raise sqlite3.OperationalError(message)
    assert "Is it there. " in str(error.value)


# --- signals, from the first line to the last -----------------------------------------------

HOOK = """
import atexit, os, sys

class Hook:
    "Sends this process a signal when the n-th module after inventory.__main__ is imported."
    count = None

    def find_spec(self, name, path=None, target=None):
        if Hook.count is not None:
            Hook.count += 1
            if Hook.count == int(os.environ["AT"]):
                Finalized() if "FINALIZED" in os.environ else send()
        if name == "inventory.__main__":
            Hook.count = 0

class Finalized:
    def __del__(self):
        send()

def send():
    os.kill(os.getpid(), int(os.environ["SIGNAL"]))

def at_the_end():
    if os.environ["AT"] == "-1":
        send()

sys.meta_path.insert(0, Hook())
atexit.register(at_the_end)
"""


@pytest.fixture
def signalled(
    tmp_path: Path, environment: dict[str, str], filled: Engine
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a command that receives a signal while it imports modules."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK)
    path = os.pathsep.join(filter(None, (str(hooks), os.environ.get("PYTHONPATH"))))

    def run_signalled(
        *words: str, at: int, sent: signal.Signals = signal.SIGINT, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        env = os.environ | {"PYTHONPATH": path, "AT": str(at), "SIGNAL": str(int(sent))} | more
        command = [sys.executable, "-m", "inventory", *words]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    return run_signalled


@sqlite
@pytest.mark.parametrize("nth_import", few_of([1, 2, 3, 5, 8, 20, 50, 100, 170, 250], [1, 8, 100]))
def test_ctrl_c_during_an_import_prints_one_line(signalled: Any, nth_import: int) -> None:
    done = signalled("status", at=nth_import)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: Interrupted.\n")


@sqlite
def test_ctrl_c_during_an_import_is_reported_in_json_with_log_format_json(signalled: Any) -> None:
    done = signalled("status", "--log-format", "json", at=100)
    assert (done.returncode, json.loads(done.stderr)["message"]) == (1, "Interrupted.")


@pytest.mark.parametrize(
    ("sent", "nth_import"),
    few_of(
        [
            (sent, nth_import)
            for sent in (signal.SIGINT, signal.SIGTERM)
            for nth_import in (60, 300)
        ],
        [(signal.SIGINT, 60), (signal.SIGTERM, 300)],
    ),
)
def test_run_interrupted_during_an_import_merges_nothing(
    signalled: Any, filled: Engine, nth_import: int, sent: signal.Signals
) -> None:
    before = rows(filled, "inventory_runs", "run_id", "status")
    done = signalled("sync", at=nth_import, sent=sent)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Interrupted")
    assert done.stderr.count("\n") == 1
    after = rows(filled, "inventory_runs", "run_id", "status")
    assert set(after) - set(before) <= {(2, "failed")}


@sqlite
def test_ctrl_c_in_a_finalizer_is_not_lost(signalled: Any) -> None:
    for nth_import in (60, 120):
        done = signalled("status", at=nth_import, FINALIZED="1")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: Interrupted.\n")


@sqlite
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signal_at_the_end_is_ignored(signalled: Any, sent: signal.Signals) -> None:
    done = signalled("runs", at=-1, sent=sent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "succeeded" in done.stdout


@sqlite
@pytest.mark.usefixtures("environment", "filled")
def test_ctrl_c_that_was_ignored_at_the_start_stays_ignored(signalled: Any) -> None:
    """Shells start background processes like that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = signalled("status", at=50)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 0
