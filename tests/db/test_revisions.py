"""The revisions build the tables of the models, up and down, and no upgrade is left half done."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from support.builders import (
    MIGRATIONS,
    Account,
    alembic,
    api_settings,
    connect,
    everything,
    item,
)
from support.databases import execute
from support.schemas import (
    TABLES,
    VIEWS,
    add_run,
    python,
    rules,
    shape,
    tables,
)

from inventory.db import upgrade
from inventory.db.constraints import is_made_on
from inventory.db.engine import is_sqlite, read_only, rollback
from inventory.db.revision import HEAD, VERSION_TABLE, State, state_of
from inventory.demo.fake_api import FakeApi
from inventory.errors import (
    InventoryError,
    NeedsAttentionError,
)
from inventory.models import METADATA
from inventory.sync.prepare import prepare
from inventory.sync.run import sync

# --- the revisions and the models -----------------------------------------------------------


def test_migrations_create_the_tables_of_the_models(empty_url: str) -> None:
    engine = connect(empty_url)
    with rollback(engine) as connection:
        METADATA.create_all(connection)
        modelled = tables(connection)
    upgrade.upgrade(engine)
    assert (set(modelled), set(shape(engine)["views"])) == (TABLES, VIEWS)
    with read_only(engine) as connection:
        assert tables(connection) == modelled
        options = {
            "version_table": VERSION_TABLE,
            "include_object": lambda part, *_: is_made_on(connection.dialect.name, part),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []


def test_first_run_creates_the_same_as_the_migrations(empty_url: str) -> None:
    migrated, built = connect(empty_url), connect(f"{empty_url}")
    upgrade.upgrade(migrated)
    wanted = (shape(migrated), details(migrated))
    alembic(migrated, command.downgrade, "base")
    execute(migrated, f"drop table {VERSION_TABLE}")
    assert state_of(built) is State.EMPTY
    prepare(built)
    assert (shape(built), details(built)) == wanted
    upgrade.upgrade(built)
    assert (shape(built), details(built)) == wanted


def details(engine: Engine) -> list[Any]:
    """Return what the inspector does not show: columns on SQLite, storage options on PostgreSQL."""
    with read_only(engine) as connection:
        if is_sqlite(engine):
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


def test_every_constraint_is_named_by_the_convention(engine: Engine) -> None:
    with read_only(engine) as connection:
        for table in TABLES:
            for rule in rules(connection, table):
                assert re.match(rf"(pk|fk|ck|uq|ix)_{table}(_|$)", str(rule["name"]))


def test_every_table_view_and_column_has_a_comment(postgres_url: str) -> None:
    with read_only(connect(postgres_url)) as connection:
        look = inspect(connection)
        for name in TABLES | VIEWS:
            assert look.get_table_comment(name)["text"], name
            assert all(column["comment"] for column in look.get_columns(name)), name


def test_revisions_are_numbered_in_one_line_that_ends_at_head() -> None:
    """HEAD is repeated in the package, so that a run need not read the folder of revisions."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    line = list(scripts.walk_revisions())[::-1]
    numbers = [revision.revision for revision in line]
    assert scripts.get_heads() == [HEAD], "set HEAD in inventory/db/revision.py to the last one"
    assert numbers == [f"{number:04d}" for number in range(1, len(line) + 1)]
    assert [revision.down_revision for revision in line] == [None, *numbers[:-1]]
    assert [Path(revision.path).name.partition("_")[0] for revision in line] == numbers


def test_revisions_import_nothing_of_this_package() -> None:
    """A revision must not change with the models, so it declares what it creates."""
    ours = re.compile(r"^\s*(from|import)\s+(.*\binventory\b|\.)", re.MULTILINE)
    for file in (MIGRATIONS / "versions").glob("*.py"):
        assert not ours.search(file.read_text()), file.name


# --- up and down ----------------------------------------------------------------------------


def test_downgrade_to_base_and_upgrade_restore_the_schema(engine: Engine) -> None:
    built = shape(engine)
    alembic(engine, command.downgrade, "base")
    assert shape(engine) == {"tables": {}, "views": {}, "at": []}
    assert state_of(engine) is State.EMPTY
    upgrade.upgrade(engine)
    assert shape(engine) == built


def test_second_upgrade_changes_nothing(engine: Engine) -> None:
    add_run(engine)
    before = shape(engine), everything(engine)
    upgrade.upgrade(engine)
    prepare(engine)
    assert (shape(engine), everything(engine)) == before


def test_alembic_from_a_shell_creates_the_same(empty_url: str) -> None:
    engine = connect(empty_url)
    with python("-m", "alembic", "upgrade", "head", url=empty_url) as shell:
        assert (*shell.communicate(timeout=60), shell.returncode) == ("", "", 0)
    by_hand = shape(engine)
    assert (set(by_hand["tables"]), by_hand["at"]) == (TABLES, [HEAD])
    alembic(engine, command.downgrade, "base")
    upgrade.upgrade(engine)
    assert shape(engine) == by_hand


HALF_DONE = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{HEAD}"
def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer()))
    op.add_column("tasks", sa.Column("half_done", sa.Text()))
    op.execute("delete from inventory_runs")
    op.execute("insert into nowhere values (1)")
"""


@pytest.mark.parametrize("built", [False, True], ids=["empty", "built"])
def test_failed_revision_changes_nothing(empty_url: str, tmp_path: Path, built: bool) -> None:
    engine = connect(empty_url)
    if built:
        upgrade.upgrade(engine)
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
    engine: Engine, tmp_path: Path, api: FakeApi, account: Account
) -> None:
    """SQLite alters a table by creating another; rows that refer to it must stay."""
    account.connectors = [item("one", status={"warnings": [{"code": "w"}]}), item("two")]
    sync(engine, api_settings(api))
    before = everything(engine)
    scripts = shutil.copytree(MIGRATIONS, tmp_path / "scripts")
    (scripts / "versions" / "9999_rebuild.py").write_text(REBUILD)
    alembic(engine, command.upgrade, "head", scripts)
    assert everything(engine) == before
    with pytest.raises(NeedsAttentionError):  # foreign keys are enforced again
        execute(engine, "delete from connectors")
