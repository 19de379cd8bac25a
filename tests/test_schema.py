"""The tables are those of the models, however they came about, and no upgrade is left half done."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from conftest import new_database
from sqlalchemy import Connection, Engine, inspect, make_url, text
from worlds import Account, api_settings, connect, everything, item

from inventory import database, runs, schema, upgrades, views
from inventory.errors import FixSettings, InventoryError, LookAtIt, SchemaMismatch
from inventory.health import EDITION
from inventory.models import METADATA
from inventory.schema import HEAD, VERSION_TABLE, State
from inventory.standin import StandIn
from inventory.sync import prepare, sync
from inventory.verify import problems

ROOT = Path(__file__).parent.parent
MIGRATIONS = ROOT / "migrations"
TABLES = set(METADATA.tables)
VIEWS = set(views.VIEWS)

only_postgresql = pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)


def rules(connection: Connection, table: str) -> list[dict[str, Any]]:
    look = inspect(connection)
    kinds = (look.get_foreign_keys, look.get_check_constraints, look.get_unique_constraints)
    found = [rule for kind in kinds for rule in kind(table)]
    indexes = [
        rule | {"dialect_options": {name: str(value) for name, value in options.items()}}
        for rule in look.get_indexes(table)
        for options in (rule.get("dialect_options", {}),)
    ]
    return sorted([look.get_pk_constraint(table), *found, *indexes], key=repr)


def tables(connection: Connection) -> dict[str, list[str]]:
    """What the catalog says of each table, column by column and rule by rule."""
    look, commented = inspect(connection), connection.dialect.supports_comments
    return {
        name: [
            *map(repr, look.get_columns(name)),
            *map(repr, rules(connection, name)),
            repr(commented and look.get_table_comment(name)),
        ]
        for name in set(look.get_table_names()) - {VERSION_TABLE}
    }


def shape(engine: Engine) -> dict[str, Any]:
    """The tables, the views with their texts, and what the version table says, if there is one."""
    with database.reading(engine) as connection:
        look = inspect(connection)
        versions = text(f"select version_num from {VERSION_TABLE}")
        return {
            "tables": tables(connection),
            "views": {name: look.get_view_definition(name) for name in look.get_view_names()},
            "at": connection.scalars(versions).all() if look.has_table(VERSION_TABLE) else None,
        }


def execute(engine: Engine, *statements: str) -> None:
    with database.transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def add_run(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        runs.start(connection, "account_one", database.now)


def alembic(engine: Engine, act: Any, to: str, scripts: Path = MIGRATIONS) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["engine"] = engine
    act(config, to)


def python(*arguments: str, url: str) -> subprocess.Popen[str]:
    """Start another process on the database of that URL, from the checkout."""
    environment = {**os.environ, "INVENTORY_DATABASE_URL": url}
    options = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | {"text": True}
    command_line = [sys.executable, "-W", "error", *arguments]
    return subprocess.Popen(command_line, cwd=ROOT, env=environment, **options)


# --- the revisions and the models -----------------------------------------------------------


def test_migrations_build_what_the_models_say(empty_url: str) -> None:
    engine = connect(empty_url)
    with database.rolled_back(engine) as connection:
        METADATA.create_all(connection)
        modelled = tables(connection)
    upgrades.upgrade(engine)
    assert (set(modelled), set(shape(engine)["views"])) == (TABLES, VIEWS)
    with database.reading(engine) as connection:
        assert tables(connection) == modelled
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_first_run_builds_what_the_migrations_do(empty_url: str) -> None:
    migrated, built = connect(empty_url), connect(f"{empty_url}")
    upgrades.upgrade(migrated)
    wanted = (shape(migrated), details(migrated))
    alembic(migrated, command.downgrade, "base")
    execute(migrated, f"drop table {VERSION_TABLE}")
    assert schema.state_of(built) is State.EMPTY
    prepare(built)
    assert (shape(built), details(built)) == wanted
    upgrades.upgrade(built)
    assert (shape(built), details(built)) == wanted


def details(engine: Engine) -> list[Any]:
    """What the inspector passes over: column by column on SQLite, all that is set on PostgreSQL."""
    with database.reading(engine) as connection:
        if database.is_sqlite(engine):
            names = sorted({*TABLES, VERSION_TABLE})
            return [
                [tuple(row) for row in connection.execute(text(f"pragma table_xinfo({name})"))]
                for name in names
            ]
        found = connection.execute(
            text(
                """
                select c.relname, c.reloptions, pg_get_constraintdef(k.oid), k.conname
                from pg_class c left join pg_constraint k on k.conrelid = c.oid
                where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
                order by 1, 4
                """
            )
        )
        return [tuple(row) for row in found]


def test_every_constraint_has_a_name_of_ours(engine: Engine) -> None:
    with database.reading(engine) as connection:
        for table in TABLES:
            for rule in rules(connection, table):
                assert re.match(rf"(pk|fk|ck|uq|ix)_{table}(_|$)", str(rule["name"]))


def test_every_table_view_and_column_has_a_comment(postgres_url: str) -> None:
    with database.reading(connect(postgres_url)) as connection:
        look = inspect(connection)
        for name in TABLES | VIEWS:
            assert look.get_table_comment(name)["text"], name
            assert all(column["comment"] for column in look.get_columns(name)), name


def test_revisions_are_numbered_in_one_line_that_ends_at_head() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    line = list(scripts.walk_revisions())[::-1]
    numbers = [revision.revision for revision in line]
    assert scripts.get_heads() == [HEAD]
    assert numbers == [f"{number:04d}" for number in range(1, len(line) + 1)]
    assert [revision.down_revision for revision in line] == [None, *numbers[:-1]]
    assert [Path(revision.path).name.partition("_")[0] for revision in line] == numbers


def test_revisions_import_nothing_of_ours() -> None:
    """The past must not change with the models: a revision says itself what it builds."""
    ours = re.compile(r"^\s*(from|import)\s+(.*\binventory\b|\.)", re.MULTILINE)
    for file in (MIGRATIONS / "versions").glob("*.py"):
        assert not ours.search(file.read_text()), file.name


# --- up and down ----------------------------------------------------------------------------


def test_down_to_base_leaves_nothing_and_up_again_all(engine: Engine) -> None:
    built = shape(engine)
    alembic(engine, command.downgrade, "base")
    assert shape(engine) == {"tables": {}, "views": {}, "at": []}
    assert schema.state_of(engine) is State.EMPTY
    upgrades.upgrade(engine)
    assert shape(engine) == built


def test_upgrade_twice_is_harmless(engine: Engine) -> None:
    add_run(engine)
    before = shape(engine), everything(engine)
    upgrades.upgrade(engine)
    prepare(engine)
    assert (shape(engine), everything(engine)) == before


def test_alembic_from_a_shell_builds_the_same(empty_url: str) -> None:
    engine = connect(empty_url)
    with python("-m", "alembic", "upgrade", "head", url=empty_url) as shell:
        assert (*shell.communicate(timeout=60), shell.returncode) == ("", "", 0)
    by_hand = shape(engine)
    assert (set(by_hand["tables"]), by_hand["at"]) == (TABLES, [HEAD])
    alembic(engine, command.downgrade, "base")
    upgrades.upgrade(engine)
    assert shape(engine) == by_hand


HALF_DONE = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{HEAD}"
def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer()))
    op.add_column("tasks", sa.Column("half_done", sa.Text()))
    op.execute("delete from sync_runs")
    op.execute("insert into nowhere values (1)")
"""


@pytest.mark.parametrize("built", [False, True], ids=["empty", "built"])
def test_half_a_revision_leaves_nothing(empty_url: str, tmp_path: Path, built: bool) -> None:
    engine = connect(empty_url)
    if built:
        upgrades.upgrade(engine)
        add_run(engine)
    before = shape(engine), built and everything(engine)
    scripts = shutil.copytree(MIGRATIONS, tmp_path / "scripts")
    (scripts / "versions" / "9999_half_done.py").write_text(HALF_DONE)
    with pytest.raises(InventoryError, match="nowhere"):
        alembic(engine, command.upgrade, "head", scripts)
    assert (shape(engine), built and everything(engine)) == before


REBUILD = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{HEAD}"
def upgrade():
    with op.batch_alter_table("connectors", recreate="auto") as table:
        table.alter_column("service", existing_type=sa.Text(), server_default="unknown")
"""


def test_revision_that_rebuilds_a_table_keeps_every_row(
    engine: Engine, tmp_path: Path, api: StandIn, account: Account
) -> None:
    """SQLite alters a table by making another; the rows that refer to it must not notice."""
    account.connectors = [item("one", status={"warnings": [{"code": "w"}]}), item("two")]
    sync(engine, api_settings(api))
    before = everything(engine)
    scripts = shutil.copytree(MIGRATIONS, tmp_path / "scripts")
    (scripts / "versions" / "9999_rebuild.py").write_text(REBUILD)
    alembic(engine, command.upgrade, "head", scripts)
    assert everything(engine) == before
    with pytest.raises(LookAtIt):  # and foreign keys hold again
        execute(engine, "delete from connectors")


def raw(engine: Engine, of: dict[str, Any] | None = None) -> dict[str, Any]:
    """All rows as they are stored, with the columns that there are, or that were there `of` old."""
    found = {}
    with database.reading(engine) as connection:
        for name in set(inspect(connection).get_table_names()) - {VERSION_TABLE}:
            rows = [*connection.execute(text(f"select * from {name}")).mappings()]
            columns = of[name][0] if of else sorted(rows[0])
            found[name] = (
                columns,
                sorted(([row[each] for each in columns] for row in rows), key=repr),
            )
    return found


def test_upgrade_from_the_first_revision_keeps_every_row(
    engine: Engine, api: StandIn, account: Account
) -> None:
    alert, test = {"code": "w", "details": {"n": 1}}, {"title": "t", "status": "PASSED"}
    for run in range(4):  # rows in every table, past and present
        account.connectors = [
            item(
                f"c{number}",
                sync_frequency=run,
                schedule_type="manual",
                failed_at=f"2026-11-2{run}T00:00:00Z",
                setup_tests=[test | {"message": f"{run}"}],
                status={"warnings": [alert] * (run % 2 + 1), "tasks": [alert] * (2 - run % 2)},
            )
            for number in range(20 - run)
        ]
        sync(engine, api_settings(api))
    everything_before = everything(engine)
    assert all(everything_before.values())
    alembic(engine, command.downgrade, "0001")
    first = raw(engine)
    with pytest.raises(SchemaMismatch, match="db upgrade"):
        sync(engine, api_settings(api))
    upgrades.upgrade(engine)
    assert raw(engine, first) == first
    assert problems(engine) == []
    # Of these, the states alone tell all: they failed, and no task stands above that.
    run = sync(engine, api_settings(api))
    assert (run["changed"], run["health_rules"]) == (0, EDITION)


# A connector in the years before health was stored: its versions of states, from one day of
# November to the next, and what is made of each. An empty word: it was not there.
DAY = "2026-11-{:02} 03:00:00.000000+00:00"
STATES = {
    "healthy": {},
    "failing": {"last_sync_failed": "true"},
    "delayed": {"update_state": "'delayed'"},
    "broken": {"setup_state": "'broken'", "last_sync_failed": "true"},
    "paused": {"sync_state": "'paused'", "last_sync_failed": "true"},
    "blocked": {"schema_status": "'blocked_on_capture'", "update_state": "'delayed'"},
    "initial_sync": {"sync_state": "'syncing'", "last_sync_failed": "true"},
    "never_synced": {},
}
# One line: first day, its states, whether somebody had paused it, its word since, down since.
LIVES = {
    "in_and_out": [
        (1, "healthy", False, "healthy 1 -"),
        (2, "failing", False, "failing 2 2"),
        (3, "broken", False, "broken 3 2"),
        (4, "broken", False, "broken 3 2"),
        (5, "healthy", False, "healthy 5 -"),
        (6, "delayed", False, "delayed 6 6"),
    ],
    "paused_by_hand": [
        (1, "failing", False, "failing 1 1"),
        (2, "failing", True, "paused 2 -"),
        (3, "paused", False, "paused 2 -"),
        (4, "blocked", False, "blocked 4 -"),
    ],
    "came_back": [
        (1, "failing", False, "failing 1 1"),
        (2, "", False, ""),
        (3, "failing", False, "failing 3 3"),
    ],
    "at_first": [
        (1, "initial_sync", False, "initial_sync 1 -"),
        (2, "never_synced", False, "never_synced 2 -"),
        (3, "failing", False, "failing 3 3"),
    ],
}


def test_health_of_before_is_what_its_states_and_pauses_say(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    alembic(engine, command.downgrade, "0005")
    execute(engine, *old_rows())
    upgrades.upgrade(engine)
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [
        "The health of the past is judged by its states and pauses: what was late by its schedule "
        "before this upgrade is not told as stale."
    ]
    assert lived(engine) == {
        (name, str(first)): want
        for name, life in LIVES.items()
        for first, _, _, want in life
        if want
    }
    assert problems(engine) == []


@pytest.mark.parametrize(
    ("state", "is_paused", "before", "since"),
    [
        ("broken", True, "broken 1 1", "paused 3 -"),
        ("broken", False, "paused 1 -", "broken 3 3"),
        ("healthy", True, "healthy 1 -", "paused 3 -"),
    ],
)
def test_open_version_is_split_where_somebody_paused_or_unpaused(
    engine: Engine, state: str, is_paused: bool, before: str, since: str
) -> None:
    """Its states are those of the first day, and the pause began or ended on the third."""
    alembic(engine, command.downgrade, "0005")
    versions = [(1, state, not is_paused, ""), (3, state, is_paused, "")]
    with pytest.MonkeyPatch.context() as lives:
        lives.setitem(globals(), "LIVES", {"one": versions})
        rows = [row for row in old_rows() if "into connector_status_past" not in row]
    execute(engine, *rows, f"update connector_status set valid_from = '{DAY.format(1)}'")
    upgrades.upgrade(engine)
    assert lived(engine) == {("one", "1"): before, ("one", "3"): since}
    assert problems(engine) == []


def lived(engine: Engine) -> dict[tuple[str, str], str]:
    """The word of each version, since when, and since when it is down."""
    with database.reading(engine) as connection:
        found = connection.execute(
            text("select * from connector_status_history order by connector_id, valid_from")
        ).mappings()
        return {
            (row["connector_id"], day(row["valid_from"])): " ".join(
                (row["health"], day(row["health_since"]), day(row["down_since"]))
            )
            for row in found
        }


def day(instant: Any) -> str:
    return "-" if instant is None else str(int(str(instant)[8:10]))


def old_rows() -> Iterator[str]:
    """The lives as they were stored: each version of a connector ends with that of its states."""
    yield (
        "insert into sync_runs (run_id, account_id, status, started_at, observed_at, pages,"
        " requests, retries, connectors_seen, duplicates, added, changed, removed, returned,"
        f" unconfirmed, anomalies, tool_version) values (1, 'a', 'succeeded', '{DAY.format(1)}',"
        f" '{DAY.format(1)}', 1, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, '0')"
    )
    for name, life in LIVES.items():
        *past, last = [*zip(life, [*life[1:], None], strict=True)]
        first, _, paused, _ = last[0]
        open_from = f"'{name}', 'a', {paused}, '{DAY.format(first)}'"
        yield (
            "insert into connectors (connector_id, account_id, paused, valid_from, first_seen_at)"
            f" values ({open_from}, '{DAY.format(1)}')"
        )
        if name == "at_first":  # whose first success no run has seen
            yield status("connector_status", name, last[0], fingerprints="''")
        else:
            success = "'2026-10-01 00:00:00.000000+00:00'"
            seen = {"fingerprints": "''", "succeeded_at": success}
            yield status("connector_status", name, last[0], **seen)
            yield (
                "insert into sync_outcomes (connector_id, outcome, finished_at, run_id)"
                f" values ('{name}', 'succeeded', {success}, 1)"
            )
        for version, following in past:
            if version[1]:
                until = DAY.format(following[0])
                yield (
                    "insert into connectors_past (connector_id, account_id, paused, valid_from,"
                    f" valid_to) values ('{name}', 'a', {version[2]}, '{DAY.format(version[0])}',"
                    f" '{until}')"
                )
                yield status("connector_status_past", name, version, valid_to=f"'{until}'")


def status(table: str, name: str, version: tuple[int, str, bool, str], **more: str) -> str:
    values = {
        "connector_id": f"'{name}'",
        "setup_state": "'connected'",
        "sync_state": "'scheduled'",
        "update_state": "'on_schedule'",
        "last_sync_failed": "false",
        "valid_from": f"'{DAY.format(version[0])}'",
        **STATES[version[1]],
        **more,
    }
    return f"insert into {table} ({', '.join(values)}) values ({', '.join(values.values())})"


def test_view_of_somebody_else_is_not_taken_for_one_of_ours(engine: Engine) -> None:
    """The names of the views are common words, and were not ours from the first revision on."""
    alembic(engine, command.downgrade, "0002")
    execute(engine, "create view incidents as select 1 as theirs")
    with pytest.raises(SchemaMismatch, match="holds incidents, made by somebody else"):
        upgrades.upgrade(engine)
    with database.reading(engine) as connection:
        assert connection.execute(text("select theirs from incidents")).all() == [(1,)]


def test_view_that_others_have_made_on_ours_is_named(postgres_url: str) -> None:
    engine = connect(postgres_url)
    execute(engine, "create view their_report as select * from task_history")
    upgrades.upgrade(engine)  # which has nothing to do
    execute(engine, f"update {VERSION_TABLE} set views_digest = 'changed'")
    upgrades.upgrade(engine)  # which replaces the views in place
    with pytest.raises(FixSettings, match=r"view their_report depends on view task_history"):
        alembic(engine, command.downgrade, "-1")


@pytest.mark.parametrize("look", ["current", "history", "check"])
def test_alembic_that_only_looks_changes_nothing(engine: Engine, look: str) -> None:
    before = shape(engine)
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    out, err = python("-m", "alembic", look, url=url).communicate(timeout=60)
    assert (err, shape(engine)) == ("", before)
    assert out or look == "current"


def test_database_of_another_encoding_is_refused(postgres_server: str) -> None:
    latin = new_database(postgres_server, "template0 encoding 'LATIN1' locale 'C'")
    with latin as url, pytest.raises(SchemaMismatch, match="LATIN1"):
        prepare(connect(url))


def test_revision_that_nobody_knows_is_no_bug(engine: Engine) -> None:
    execute(engine, f"update {VERSION_TABLE} set version_num = '0000'")
    with pytest.raises(SchemaMismatch, match="0000"):
        upgrades.upgrade(engine)


UPGRADE = """
import alembic.command
from inventory import database, schema, settings, upgrades
engine = database.connect(settings.database_settings())
input("ready\\n")
upgrades.upgrade(engine)
"""


def test_upgrades_at_once_all_succeed(empty_url: str) -> None:
    hosts = [python("-c", UPGRADE, url=empty_url) for _ in range(3)]
    assert [host.stdout.readline() for host in hosts] == ["ready\n"] * 3
    for host in hosts:
        print("go", file=host.stdin, flush=True)
    assert [(*host.communicate(timeout=60), host.returncode) for host in hosts] == [("", "", 0)] * 3
    assert schema.state_of(connect(empty_url)) is State.CURRENT


@pytest.mark.parametrize(
    ("revision", "advice"), [("0000", "run `inventory db upgrade`"), ("9999", "upgrade the tool")]
)
def test_tables_of_another_version_are_refused(engine: Engine, revision: str, advice: str) -> None:
    execute(engine, f"update {VERSION_TABLE} set version_num = '{revision}'")
    before = shape(engine)
    newer = [upgrades.upgrade] if revision > HEAD else []
    for attempt in (schema.require_current, prepare, *newer):
        with pytest.raises(SchemaMismatch, match=advice) as refused:
            attempt(engine)
        assert refused.value.exit_code == 2
    assert shape(engine) == before


@pytest.mark.parametrize("theirs", ["table tasks", "view tasks", "view task_history"])
def test_what_others_have_made_is_refused_and_left_alone(empty_url: str, theirs: str) -> None:
    engine = connect(empty_url)
    execute(engine, f"create {theirs} as select 1 as theirs")
    before = shape(engine)
    attempts = [schema.state_of, schema.require_current, prepare, upgrades.upgrade]
    for attempt in (*attempts, lambda engine: alembic(engine, command.upgrade, "head")):
        with pytest.raises(SchemaMismatch, match="Name another database"):
            attempt(engine)
    assert shape(engine) == before


@only_postgresql
@pytest.mark.parametrize("name", ["inventory", "Weird-Name", "select", "50%", 'say "hi"'])
def test_all_is_in_the_schema_that_is_named(empty_url: str, name: str) -> None:
    engine, public = connect(empty_url, name), connect(empty_url)
    upgrades.upgrade(engine)
    upgrades.upgrade(engine)
    with database.reading(public) as connection:
        look = inspect(connection)
        places = set(look.get_schema_names()) - {"information_schema"}
        found = [(p, n) for p in places for n in look.get_table_names(p) + look.get_view_names(p)]
    assert sorted(found) == sorted((name, each) for each in TABLES | VIEWS | {VERSION_TABLE})
    assert (schema.state_of(engine), schema.state_of(public)) == (State.CURRENT, State.EMPTY)


@only_postgresql
def test_two_schemas_of_one_database_do_not_know_each_other(empty_url: str) -> None:
    one, two = connect(empty_url, "one"), connect(empty_url, "two")
    upgrades.upgrade(one)
    assert schema.state_of(two) is State.EMPTY
    upgrades.upgrade(two)
    built = shape(two)
    assert shape(one) == built
    add_run(one)
    assert (len(everything(one)["sync_runs"]), everything(two)["sync_runs"]) == (1, [])
    alembic(one, command.downgrade, "base")
    assert (schema.state_of(one), schema.state_of(two)) == (State.EMPTY, State.CURRENT)
    assert shape(two) == built


@pytest.fixture
def reader(postgres_url: str) -> Iterator[str]:
    """A role, which belongs to the whole server, and is gone afterwards."""
    role = f'"Reader of {make_url(postgres_url).database}"'
    execute(connect(postgres_url), f"create role {role}")
    yield role
    execute(connect(postgres_url), f"drop owned by {role}", f"drop role {role}")


def test_grants_on_views_survive_an_upgrade(postgres_url: str, reader: str) -> None:
    """Every upgrade makes the views anew, and their readers must not notice."""
    engine = connect(postgres_url)
    execute(
        engine,
        f"grant select on connector_history to {reader}",
        f"grant select, insert on task_history to {reader} with grant option",
        "grant select on warning_history to public",
        f"grant select (connector_id, valid_from) on setup_test_history to {reader}",
    )

    def granted() -> set[tuple[str, ...]]:
        rights = """select table_name, column_name, grantee, privilege_type, is_grantable
                    from information_schema.column_privileges where grantee <> current_user"""
        with database.reading(engine) as connection:
            return {tuple(row) for row in connection.execute(text(rights)) if row[0] in VIEWS}

    before = granted()
    execute(engine, "drop view connector_history_mode")  # or there would be nothing to do
    upgrades.upgrade(engine)
    assert len({view for view, *_ in before}) == 4
    assert granted() == before
