"""The command `inventory prune`: its output, exit codes and refusals."""

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, Engine, text
from support.builders import (
    everything,
)
from support.pruning import (
    CLEARED,
    LEAST,
    MICROSECOND,
    after_each_delete,
    beside,
    gone,
    history,
)

from inventory.cli import main
from inventory.db.engine import is_sqlite, transaction
from inventory.db.prune import prune
from inventory.errors import ConfigurationError

# --- the command ----------------------------------------------------------------------------


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["prune", *words])


@pytest.fixture
def user(world: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The scenario as the database that a user has configured."""
    url = world.url.render_as_string(hide_password=False).replace("+psycopg", "")
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    return world


def test_dry_run_counts_rows_and_writes_nothing(user: Engine) -> None:
    before = everything(user)
    dry = json.loads(run("--older-than", "35d", "--dry-run", "--format", "json").stdout)
    assert everything(user) == before
    wet = json.loads(run("--older-than", "5w", "--format", "json").stdout)
    assert (dry.pop("dry_run"), wet.pop("dry_run")) == (True, False)
    assert dry == wet
    assert wet["cutoff"] == "2026-11-19T10:00:00+00:00"
    assert wet["rows"] == gone({name: before[name] for name in CLEARED}, history(user))


def test_summary_counts_by_table(user: Engine, zone: Callable[[str], None]) -> None:
    zone("UTC")
    dry, wet, again = (
        run("--older-than", "35d", *more) for more in (("--dry-run",), (), ("--dry-run",))
    )
    assert (dry.exit_code, dry.stderr, wet.exit_code, wet.stderr) == (0, "", 0, "")
    first, *counts, last = dry.stdout.splitlines()
    words = "that ended before 2026-11-19 10:00:00+00:00"
    assert first.startswith("Would have deleted ")
    assert first.endswith(f" rows {words}.")
    assert last.startswith("Dry run: nothing was written to ")
    assert wet.stdout.splitlines() == [first.replace("Would have deleted", "Deleted"), *counts]
    numbers = {table: int(number) for number, table in map(str.split, counts)}
    assert f" {sum(numbers.values())} rows " in first
    assert numbers.keys() == set(CLEARED) - {"notifications"}  # only those with any
    assert again.stdout.splitlines()[0] == f"Would have deleted 0 rows {words}."


def test_quiet_prune_prints_nothing(user: Engine) -> None:
    before = history(user)
    result = run("--older-than", "35d", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert history(user) != before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_prune_that_a_signal_ends_reports_its_deletions(user: Engine, sent: signal.Signals) -> None:
    before = history(user)
    done: list[int] = []

    def end(_: Connection, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            os.kill(os.getpid(), sent)

    with all_engines(end):
        result = run("--older-than", "35d")
    assert (result.exit_code, result.stdout) == (1, "")
    went = sum(gone(before, history(user)).values())
    assert went == done[0] + done[1] > 0
    assert result.stderr == (
        f"Error: Interrupted. At least {went} rows were deleted and stay deleted; nothing else "
        "has changed. Run it again to continue.\n"
    )


@contextlib.contextmanager
def all_engines(act: Callable[[Connection, int], None]) -> Iterator[None]:
    with after_each_delete(Engine, act):  # type: ignore[arg-type]
        yield


def test_lost_connection_is_reported_with_the_deletions_so_far(user: Engine) -> None:
    if is_sqlite(user):
        pytest.skip("a file has no connection to lose")
    done: list[int] = []

    def end(connection: Connection, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            with transaction(beside(user)) as another:
                pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
                another.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})

    with all_engines(end):
        result = run("--older-than", "35d")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"At least {sum(done[:2])} rows were deleted and stay deleted" in result.stderr
    assert "is unavailable" in result.stderr


@pytest.mark.parametrize("words", ["34d", "4w", "0m", "50399m"])
def test_cutoff_within_the_range_of_views_is_rejected(user: Engine, words: str) -> None:
    before = everything(user)
    result = run("--older-than", words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: --older-than must be at least 35d: views look back 30 days and need the history of "
        "all of them.\n"
    )
    assert everything(user) == before
    with pytest.raises(ConfigurationError):
        prune(user, LEAST - MICROSECOND)


@pytest.mark.parametrize("words", [(), ("--older-than", "400"), ("--older-than", "2026-01-01")])
def test_invalid_cutoff_is_rejected(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert (result.exit_code, "--older-than" in result.stderr) == (2, True)


def test_empty_database_is_reported_with_what_to_do_first(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    result = run("--older-than", "400d")
    assert (result.exit_code, "run `inventory sync` first" in result.stderr) == (2, True)
    assert list(tmp_path.rglob("*.db")) == []


def test_tables_of_an_older_version_are_left_alone(user: Engine) -> None:
    with transaction(user) as connection:
        connection.execute(text("update inventory_version set version_num = '0002'"))
    before = history(user)
    result = run("--older-than", "400d")
    assert (result.exit_code, "inventory db upgrade" in result.stderr) == (2, True)
    assert history(user) == before


def test_database_without_a_run_has_nothing_to_prune(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    result = run("--older-than", "400d", "--format", "json")
    assert json.loads(result.stdout)["rows"] == dict.fromkeys(CLEARED, 0)
