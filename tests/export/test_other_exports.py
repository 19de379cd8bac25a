"""Exports that meet another one: at the same time, of another database or format, or of a copy."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url
from support.builders import DAY
from support.databases import administrator
from support.effort import KINDS, few_of
from support.killed import at_each_point
from support.lake import FORMATS
from support.lake_world import BEGINS, LakeWorld

from inventory.cli import main
from inventory.db import prune, upgrade
from inventory.db.errors import display_url
from inventory.errors import InventoryError
from inventory.export import delta

EACH_FORMAT = pytest.mark.parametrize("output_format", FORMATS)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> str | None:
    """The server of a database that is not a file."""
    url: str = request.getfixturevalue("postgres_server")
    return None if kind == "sqlite" else url


@pytest.fixture
def world(
    kind: str, server: str | None, new_worlds: Callable[[str], LakeWorld], tmp_path: Path
) -> Iterator[LakeWorld]:
    """A world of eight days that is not exported yet."""
    home = tmp_path.resolve() / "home"
    home.mkdir()
    with new_worlds(kind).copied(server, tmp_path, home) as world:
        yield world


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place for another copy."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def command(world: LakeWorld, output_format: str, target: Path | None = None) -> tuple[int, str]:
    words = ("export", str(target or world.target(output_format)), "--format", output_format)
    result = CliRunner(env=world.environment).invoke(main, words)
    return result.exit_code, result.stderr


def at_the_last_table(act: Callable[[], object]) -> Callable[[str], None]:
    def on_table(name: str) -> None:
        if name == "availability_daily":
            act()

    return on_table


def assert_exported(world: LakeWorld, output_format: str) -> None:
    assert world.seen(output_format) == world.rows()


# --- at the same time -----------------------------------------------------------------------


@EACH_FORMAT
def test_second_export_at_the_same_time_exits_1(world: LakeWorld, output_format: str) -> None:
    second: list[tuple[int, str]] = []
    act = at_the_last_table(lambda: second.append(command(world, output_format)))
    world.export(output_format, on_table=act)
    what = f"Another run of the export to {world.target(output_format)} is in progress on"
    where = display_url(world.engine)
    assert second == [(1, f"Error: {what} {where}. Run this again later.\n")]
    assert_exported(world, output_format)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@EACH_FORMAT
def test_export_of_a_copy_at_the_same_time_is_not_undone(
    world: LakeWorld, output_format: str, server: str | None, folder: Path
) -> None:
    """A copied database is the same to a target, but has a lock of its own."""
    world.export(output_format)
    with world.copied(server, folder) as copy:
        world.live(until=9)
        copy.live(until=9, hour=2)
        with amid_its_last_table(lambda: copy.export(output_format)):
            refused = command(world, output_format)
        what = f"Another export has written to {world.target(output_format)} since this one began."
        advice = "Let only one database export to it, and run this again."
        assert refused == (1, f"Error: {what} {advice}\n")
        assert copy.seen(output_format)["availability_daily"] == copy.rows()["availability_daily"]
    world.export(output_format)
    assert_exported(world, output_format)


@contextmanager
def amid_its_last_table(act: Callable[[], object]) -> Iterator[None]:
    """Act once, when an export has read the state of the table and asks for its rows."""
    acted: list[str] = []

    def act_once(_: int, statement: str) -> None:
        if "observed_minutes" in statement and not acted:
            acted.append(statement)
            act()

    with at_each_point(act_once):
        yield
    assert acted


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@EACH_FORMAT
def test_export_that_has_lost_its_lock_commits_no_more(
    world: LakeWorld, output_format: str, server: str
) -> None:
    holders = (
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = "
        "(select oid from pg_database where datname = %s)"
    )

    def end_holders() -> None:
        administrator(server).execute(holders, [make_url(world.url).database])

    with pytest.raises(InventoryError, match="The lock of the export to") as raised:
        world.export(output_format, on_table=at_the_last_table(end_holders))
    assert raised.value.exit_code == 1
    assert "availability_daily" not in world.seen(output_format)
    world.export(output_format)
    assert_exported(world, output_format)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_export_may_last_longer_than_the_server_lets_transactions(
    world: LakeWorld, server: str
) -> None:
    """PostgreSQL 17 and newer can limit them; how long an export takes depends on the storage."""
    if administrator(server).info.server_version < 170000:
        pytest.skip("the setting is of PostgreSQL 17")
    database = make_url(world.url).database
    limit = f"alter database {database} set transaction_timeout = '2s'"
    administrator(server).execute(limit)
    world.export("parquet", on_table=at_the_last_table(lambda: time.sleep(2.1)))
    assert_exported(world, "parquet")


# --- of another database, in another format -------------------------------------------------


@EACH_FORMAT
def test_second_database_is_refused(world: LakeWorld, output_format: str, tmp_path: Path) -> None:
    other = world.on(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade.upgrade(other.engine)
    world.export(output_format)
    refusal = f"Error: {world.target(output_format)} holds the export of another database."
    assert command(other, output_format) == (2, f"{refusal} Pass another URL, or empty it.\n")
    assert_exported(world, output_format)


@EACH_FORMAT
def test_second_database_with_other_tables_is_refused(
    world: LakeWorld, output_format: str, tmp_path: Path
) -> None:
    other = world.on(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade.upgrade(other.engine)
    world.export(output_format, tables={"incidents"})
    words = ("export", str(world.target(output_format)), "--format", output_format)
    result = CliRunner(env=other.environment).invoke(main, [*words, "--tables", "task_history"])
    assert result.exit_code == 2
    assert "holds the export of another database" in result.stderr
    assert not (world.target(output_format) / "task_history/_delta_log").exists()


@pytest.mark.parametrize(
    ("first", "second", "advice"),
    [
        ("parquet", "delta", "Pass another URL for Delta, or --format parquet."),
        ("delta", "parquet", "Pass another URL for Parquet, or --format delta."),
    ],
)
def test_other_format_is_refused(world: LakeWorld, first: str, second: str, advice: str) -> None:
    world.export(first, tables=["incidents"])
    target = world.target(first)
    before = sorted(target.rglob("*"))
    refusal = f"Error: {target} holds an export in {first.capitalize()}. {advice}\n"
    assert command(world, second, target) == (2, refusal)
    assert sorted(target.rglob("*")) == before
    assert command(world, first, target)[0] == 0
    assert_exported(world, first)


# --- of a database that is not what it was --------------------------------------------------


@pytest.mark.parametrize("goes_on", few_of([False, True], [True]))
@EACH_FORMAT
def test_database_of_an_older_backup_is_exported_whole(
    world: LakeWorld,
    output_format: str,
    goes_on: bool,
    server: str | None,
    folder: Path,
) -> None:
    world.export(output_format)
    with world.copied(server, folder) as backup:
        world.live(until=10)
        world.export(output_format)
        if goes_on:
            backup.live(until=11, hour=1)
        result = backup.export(output_format)
        assert_exported(backup, output_format)
        whole = {table.name: table.whole for table in result.tables if table.settled}
        assert "connector_history" in whole
        assert {str(why).partition(" that ")[0] for why in whole.values()} == {
            "the target holds a run of 2026-11-02 03:00:00 UTC"
        }
        assert not any(table.whole for table in backup.export(output_format).tables)


@EACH_FORMAT
def test_pruned_rows_stay_though_the_bookmark_is_behind(
    world: LakeWorld, output_format: str
) -> None:
    """An export that was killed after the commit of the target leaves the bookmark behind."""
    world.export(output_format)
    world.live(until=12)
    world.keep()
    world.export(output_format)
    held = world.seen(output_format)
    world.set_bookmarks_back()
    world.stop_clock(BEGINS + (9.5 + 36) * DAY)
    assert prune.prune(world.engine, timedelta(days=36)).rows["connector_status_past"] > 0
    world.export(output_format, full=True)
    seen = world.seen(output_format)
    assert seen["sync_outcomes"] == held["sync_outcomes"]
    for name in ("connector_history", "connector_status_history", "warning_history"):
        assert closed(seen[name]) == closed(held[name]), name


def closed(versions: Counter[str]) -> Counter[str]:
    """Leave out those that are open."""
    return Counter({row: n for row, n in versions.items() if "('valid_to', None)" not in row})


@EACH_FORMAT
def test_emptied_target_takes_what_a_prune_has_left(world: LakeWorld, output_format: str) -> None:
    world.export(output_format)
    world.stop_clock(BEGINS + (5.5 + 36) * DAY)
    prune.prune(world.engine, timedelta(days=36))
    shutil.rmtree(world.target(output_format))
    world.export(output_format)
    assert_exported(world, output_format)


# --- what killed exports leave --------------------------------------------------------------


@EACH_FORMAT
def test_files_of_killed_exports_are_deleted_and_no_others(
    world: LakeWorld, output_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of Delta tables they are deleted now and then, once they are a week old."""
    monkeypatch.setattr(delta, "_CLEAN_EVERY", 1)
    world.export(output_format)
    part = next(world.target(output_format).glob("connector_health/*/*/part-*.parquet"))
    names = ("part-00ff-00001.parquet", ".part-00ff-00002.parquet.new", "mine.parquet")
    killed, half_written, foreign = (part.with_name(name) for name in names)
    for left in (killed, half_written, foreign):
        shutil.copyfile(part, left)
        os.utime(left, (0, 0))
    world.export(output_format)
    assert [each.exists() for each in (killed, half_written, foreign)] == [False, False, True]
    assert_exported(world, output_format)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_files_that_a_reader_of_delta_may_still_need_stay(
    world: LakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta, "_CLEAN_EVERY", 1)
    world.export("delta")
    [part] = world.target("delta").glob("connector_health/*/*/part-*.parquet")
    world.export("delta")
    assert part.exists()
