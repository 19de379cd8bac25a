"""Exports one after the other: what is added, what is replaced, what stays when rows are gone."""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from sqlalchemy import Double, Engine, insert, select, update
from support.builders import Account, api_settings, connect, item
from support.databases import new_database
from support.effort import KINDS
from support.lake import (
    FORMATS,
    HISTORIES,
    TABLES,
    assert_equal,
    comparable,
    in_database,
    in_lake,
    manifest,
    parts,
)
from support.pruning import LEAST, stopped
from support.scenario import play, utc
from support.wrong_clock import HOUR, S, at, live, stop_clock

from inventory.db import export_bookmarks, prune, redate, views
from inventory.db.engine import now, read_only, transaction
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import (
    ApiUnavailableError,
    AuthenticationError,
    ConfigurationError,
    MissingExtraError,
)
from inventory.export import retained, run, snapshot
from inventory.export.run import export
from inventory.export.tables import ExportedTable, exported_tables
from inventory.models import EXPORT_BOOKMARKS, INVENTORY_RUNS
from inventory.settings import RemovalSettings, Secret
from inventory.sync.run import sync

# What these say depends on the time at which it is read.
MOVES = ("availability_daily", "connector_health")
STILL = {*TABLES} - {*MOVES}
ALL = RemovalSettings(accept=True)
Numbers = dict[str, tuple[int, int]]


def exported(engine: Engine, folder: Path, **options: Any) -> Numbers:
    """Export to a target of each format; return how many rows were added and replaced."""
    found = [
        export(engine, str(folder / each), output_format=each, **options).tables for each in FORMATS
    ]
    assert found[0] == found[1]
    return {table.name: (table.settled, table.current) for table in found[0]}


def assert_both_equal(engine: Engine, folder: Path, **options: Any) -> None:
    for each in FORMATS:
        assert_equal(engine, folder / each, **options)


@pytest.fixture(params=KINDS)
def lived(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The scenario after its last run, with the clock stopped there."""
    if request.param == "sqlite":
        file = tmp_path / "lived.db"
        shutil.copyfile(request.getfixturevalue("lived_file"), file)
        yield stopped(connect(f"sqlite:///{file}"), utc("11-20 10:00"))
    else:
        lived = request.getfixturevalue("lived_database")
        with new_database(request.getfixturevalue("postgres_server"), lived) as url:
            yield stopped(connect(url), utc("11-20 10:00"))


# --- one after the other --------------------------------------------------------------------


def test_many_exports_hold_what_the_database_holds(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty runs in 46 days, with an export after each fifth; few small files are merged."""
    monkeypatch.setattr(retained, "_MANY", 3)
    exports: list[Numbers] = []
    at_run = iter(range(1, 100))

    def after_run(words: str) -> None:
        if next(at_run) % 5 == 0:
            with transaction(engine) as connection:
                views.stop_clock(connection, utc(words))
            exports.append(exported(engine, tmp_path))

    play(engine, after_run)
    exports.append(exported(engine, tmp_path))
    assert_both_equal(engine, tmp_path)
    for each in FORMATS:
        for table in TABLES:
            partitions = Counter(part[:2] for part in parts(tmp_path / each, table))
            assert max(partitions.values(), default=0) <= 3, table
    for table in HISTORIES:
        closed = [row for row in in_database(engine, table) if row["valid_to"]]
        assert sum(each[table][0] for each in exports) == len(closed) > 0
        assert {part[0] for part in parts(tmp_path / "parquet", table)} <= {
            *(f"{row['valid_to']:%Y-%m}" for row in closed),
            "current",
        }


def test_first_export_equals_many(lived: Engine, tmp_path: Path) -> None:
    exported(lived, tmp_path)
    assert_both_equal(lived, tmp_path)


def test_export_without_a_new_run_replaces_only_what_moves_without_one(
    lived: Engine, tmp_path: Path
) -> None:
    exported(lived, tmp_path)
    before = manifest(tmp_path / "parquet")["tables"]
    again = exported(lived, tmp_path)
    now = manifest(tmp_path / "parquet")["tables"]
    moved = {name for name in TABLES if now[name]["files"] != before[name]["files"]}
    assert moved == {"incidents", "connector_health"}
    assert all(settled == 0 for settled, _ in again.values())
    assert_both_equal(lived, tmp_path)


def test_superseded_files_stay_for_an_hour(lived: Engine, tmp_path: Path) -> None:
    """A reader who holds the last manifest reads on; what no manifest names is deleted."""
    export(lived, str(tmp_path))
    superseded = manifest(tmp_path)["tables"]["connector_health"]["files"][0]["path"]
    left = tmp_path / "incidents/month=current/part-00ff-00001.parquet"
    of_others = tmp_path / "incidents/notes.txt"
    for each in (left, of_others):
        each.touch()
    for minutes, stays in ((1, True), (59, True), (62, False)):
        stopped(lived, utc("11-20 10:00") + timedelta(minutes=minutes))
        export(lived, str(tmp_path))
        assert (tmp_path / superseded).exists() is stays, minutes
        assert not left.exists()
    assert of_others.exists()
    assert_equal(lived, tmp_path, but=("availability_daily",))


def test_only_chosen_tables(lived: Engine, tmp_path: Path) -> None:
    chosen = {"incidents", "warning_history"}
    assert exported(lived, tmp_path, tables=chosen).keys() == chosen
    assert manifest(tmp_path / "parquet")["tables"].keys() == chosen
    exported(lived, tmp_path)
    assert_both_equal(lived, tmp_path)


def test_bookmarks_say_how_far_each_table_is(lived: Engine, tmp_path: Path) -> None:
    target = str(tmp_path / "lake")
    export(lived, target, tables={"incidents", "inventory_runs"})
    with read_only(lived) as connection:
        found = {row.table_name: row for row in connection.execute(select(EXPORT_BOOKMARKS))}
    times = [row["observed_at"] for row in in_database(lived, "inventory_runs")]
    last = max(filter(None, times))
    assert {row.target for row in found.values()} == {target}
    assert {name: (row.run_id, row.observed_at) for name, row in found.items()} == {
        "incidents": (39, last),
        "inventory_runs": (39, last),
    }
    assert found["incidents"].settled_until == export_bookmarks.microseconds(last)
    assert found["inventory_runs"].settled_until == 41


def test_empty_database_and_a_run_that_failed(engine: Engine, api: FakeApi, tmp_path: Path) -> None:
    assert set(exported(engine, tmp_path).values()) == {(0, 0)}
    with pytest.raises(AuthenticationError):
        sync(engine, replace(api_settings(api), secret=Secret("wrong")))
    assert exported(engine, tmp_path)["inventory_runs"] == (0, 1)
    assert_both_equal(engine, tmp_path)


def test_runs_settle_once_no_lower_number_can_appear(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    """Those of the last day are current, and so are all from one on that is still running."""
    numbers = []
    for number, hours in ((1, 30), (2, 29), (4, 28), (5, 3), (6, 2)):
        account.connectors = [item("a", paused=bool(number % 2))]
        sync(engine, api_settings(api))
        of_run(engine, number, started_at=hours)
        if number == 2:
            with transaction(engine) as connection:
                columns = {"account_id": "other", "status": "running", "tool_version": "0"}
                long_ago = now(connection) - timedelta(hours=29)
                connection.execute(insert(INVENTORY_RUNS).values(started_at=long_ago, **columns))
        if number == 6:
            of_run(engine, 3, status="crashed")
        numbers.append(exported(engine, tmp_path, tables=STILL)["inventory_runs"])
        assert_both_equal(engine, tmp_path, but=MOVES)
    assert numbers == [(1, 0), (1, 1), (0, 2), (0, 3), (2, 2)]


def of_run(engine: Engine, run_id: int, *, started_at: int = 0, **columns: Any) -> None:
    """Change a run; `started_at` is in hours before now."""
    with transaction(engine) as connection:
        if started_at:
            columns["started_at"] = now(connection) - timedelta(hours=started_at)
        this = update(INVENTORY_RUNS).where(INVENTORY_RUNS.c.run_id == run_id)
        connection.execute(this.values(columns))


# --- what the database no longer holds, or holds in another way -----------------------------


def test_pruned_rows_stay_in_the_target(lived: Engine, tmp_path: Path) -> None:
    exported(lived, tmp_path)
    held = {name: in_lake(tmp_path / "parquet", name) for name in TABLES}
    stopped(lived, utc("12-24 10:00"))
    pruned = prune.prune(lived, LEAST)
    assert all(pruned.rows[of] for of in ("connector_status_past", "sync_outcomes"))
    for full in (False, True, False):
        exported(lived, tmp_path, full=full)
        for each in FORMATS:
            for table in (*HISTORIES, "sync_outcomes", "incidents", "inventory_runs"):
                left_out = ("minutes",) if table == "incidents" else ()  # open ones go on
                found = comparable(in_lake(tmp_path / each, table), left_out)
                assert found == comparable(held[table], left_out), (each, table, full)
            kept = in_lake(tmp_path / each, "availability_daily")
            assert settled_days(kept) == settled_days(held["availability_daily"])


def settled_days(rows: list[dict[str, Any]]) -> list[str]:
    """Those that were settled before the prune: four days before the last run."""
    return comparable(row for row in rows if row["day"] <= date(2026, 11, 16))


def test_rows_pruned_before_an_export_are_not_in_the_target(lived: Engine, tmp_path: Path) -> None:
    stopped(lived, utc("12-24 10:00"))
    prune.prune(lived, LEAST)
    exported(lived, tmp_path)
    assert_both_equal(lived, tmp_path)


def test_redated_history_replaces_what_was_exported(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    live(engine, api, account)
    stop_clock(engine, S + 43 * HOUR)
    exported(engine, tmp_path)
    assert redate.redate(engine).runs
    results = export(engine, str(tmp_path / "parquet")).tables
    reasons = {table.name: table.whole for table in results}
    assert set(reasons.values()) == {"history that was exported has been rewritten in the database"}
    export(engine, str(tmp_path / "delta"), output_format="delta")
    assert_both_equal(engine, tmp_path)


def test_account_that_is_learned_later_reaches_the_target(
    engine: Engine, api: FakeApi, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that failed before it knew its account gets one when a later run learns it."""
    monkeypatch.setattr(snapshot, "_RUNS_IN_FLUX", timedelta(0))
    account.connectors = [item("a")]
    api.intercept = lambda request: FakeResponse.error(500, "Oops")
    for _ in range(2):
        with pytest.raises(ApiUnavailableError):
            sync(engine, api_settings(api, attempts=1))
    assert exported(engine, tmp_path, tables=STILL)["inventory_runs"] == (2, 0)
    api.intercept = lambda request: None
    sync(engine, api_settings(api))
    assert exported(engine, tmp_path, tables=STILL)["inventory_runs"] == (3, 0)
    assert {row["account_id"] for row in in_lake(tmp_path / "delta", "inventory_runs")} == {
        account.account_id
    }
    assert_both_equal(engine, tmp_path, but=MOVES)


def test_runs_that_got_numbers_of_lost_ones_reach_the_target(
    sqlite_template: Path, api: FakeApi, account: Account, tmp_path: Path
) -> None:
    """Since the backup all runs had failed, so the last complete one is the same."""
    file = tmp_path / "inventory.db"
    shutil.copyfile(sqlite_template, file)
    engine = connect(f"sqlite:///{file}")
    settings = api_settings(api, account=account.account_id, attempts=1)
    clocks = (at(utc("01-02 00:00") - timedelta(days=1000 - each)) for each in range(100))
    sync(engine, settings, clock=next(clocks))
    exported(engine, tmp_path)
    engine.dispose()
    shutil.copyfile(file, tmp_path / "backup.db")
    api.intercept = lambda request: FakeResponse.error(500, "Oops")
    for _ in range(3):
        with pytest.raises(ApiUnavailableError):
            sync(engine, settings, clock=next(clocks))
    exported(engine, tmp_path)
    engine.dispose()
    shutil.copyfile(tmp_path / "backup.db", file)
    api.intercept = lambda request: None
    for _ in range(5):
        sync(engine, settings, clock=next(clocks))
    exported(engine, tmp_path)
    assert_both_equal(engine, tmp_path, but=MOVES)


# --- columns and accounts -------------------------------------------------------------------


def test_new_column_appears_without_rewriting_old_files(
    lived: Engine, tmp_path: Path, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(run, "exported_tables", lambda: [without_paused()])
        exported(lived, tmp_path)
    old = {name for each in FORMATS for _, _, name in parts(tmp_path / each, "connector_history")}
    account.connectors = [item("steady", paused=True)]
    sync(lived, api_settings(api), removals=ALL)
    exported(lived, tmp_path, tables={"connector_history"})
    for each in FORMATS:
        now = {part[2] for part in parts(tmp_path / each, "connector_history")}
        assert {name for name in old if "month=2" in name} & now
    known = manifest(tmp_path / "parquet")["tables"]["connector_history"]
    columns = [each["name"] for each in known["columns"]]
    delta = DeltaTable(tmp_path / "delta/connector_history")
    assert "paused" in columns
    assert "paused" in [field.name for field in delta.schema().fields]
    rows = in_lake(tmp_path / "delta", "connector_history")
    assert {row["paused"] for row in rows} == {None, False, True}
    # Merged, old files get the column, too.
    monkeypatch.setattr(retained, "_MANY", 1)
    exported(lived, tmp_path, tables={"connector_history"}, full=False)
    account.connectors = [item("steady")]
    sync(lived, api_settings(api))
    exported(lived, tmp_path, tables={"connector_history"})
    left_out = ("paused",)
    for each in FORMATS:
        found = in_lake(tmp_path / each, "connector_history")
        assert all("paused" in row for row in found)
        expected = in_database(lived, "connector_history")
        assert comparable(found, left_out) == comparable(expected, left_out)


def without_paused() -> ExportedTable:
    """The history of connectors, as a release exports it that does not know a column."""
    table = next(each for each in exported_tables() if each.name == "connector_history")

    def narrow(statement: Any) -> Any:
        columns = [each for each in statement.selected_columns if each.key != "paused"]
        return statement.with_only_columns(*columns)

    return table._replace(
        columns={name: each for name, each in table.columns.items() if name != "paused"},
        settled=lambda *given: map(narrow, table.settled(*given)),
        current=lambda *given: narrow(table.current(*given)),
    )


def test_column_of_another_type_is_refused(
    lived: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = next(each for each in exported_tables() if each.name == "incidents")
    number = table.columns["minutes"]._replace(type=Double())
    with monkeypatch.context() as earlier:
        changed = table._replace(columns=table.columns | {"minutes": number})
        earlier.setattr(run, "exported_tables", lambda: [changed])
        exported(lived, tmp_path)
    for each in FORMATS:
        with pytest.raises(ConfigurationError, match=r"incidents.minutes as .*double.*, and"):
            export(lived, str(tmp_path / each), output_format=each, full=True)


ACCOUNTS = ("2024", "a/b", "a=100%", "...", "plain_account", "long" * 63)


def test_each_account_has_files_of_its_own(engine: Engine, api: FakeApi, tmp_path: Path) -> None:
    """An account is named by people or by the vendor; a connector moves from one to another.

    What was settled before it moves says the account, and of its outage the runs, of that time.
    """
    for round_number in range(2):
        for number, name in enumerate(ACCOUNTS):
            mine = [item(f"c{number}{each}", paused=bool(round_number)) for each in range(3)]
            moves = [item("mover")] if number == round_number else []
            api.account.connectors = [*mine, *moves]
            sync(engine, api_settings(api, account=name), removals=ALL)
            exported(engine, tmp_path, tables=STILL)
            assert_both_equal(engine, tmp_path, but=(*MOVES, "incidents"), without=("account_id",))
    # The names in Delta are those that Hive and Spark give: readers take the account from there.
    for each, allowed in (("parquet", "[A-Za-z0-9_=./-]+"), ("delta", "[A-Za-z0-9_=./%-]+")):
        found = parts(tmp_path / each, "connector_status_history")
        assert {account for _, account, _ in found} == {*ACCOUNTS}
        assert all(re.fullmatch(allowed, path) for _, _, path in found)
        assert not any("/../" in path for _, _, path in found)


# --- without the extra ----------------------------------------------------------------------


def test_missing_packages_are_named(
    lived: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(MissingExtraError, match=r"deltalake, .* the extra lake"):
        export(lived, str(tmp_path), output_format="delta")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pyarrow, .* the extra lake"):
        export(lived, str(tmp_path))
