"""A changed view reaches every database, and what others built on the views stays."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, make_url, text
from support.builders import (
    Account,
    api_settings,
    connect,
    everything,
    item,
    rows,
)

from inventory import __version__, queries
from inventory.db import revision as schema
from inventory.db import session, view_recreation, views
from inventory.db import upgrade as upgrades
from inventory.db.engine import is_sqlite, read_only, transaction
from inventory.db.verify import problems
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError, SchemaVersionError
from inventory.sync.run import sync

NextRelease = Callable[..., None]


def execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def first(engine: Engine, statement: str) -> object:
    with read_only(engine) as connection:
        return connection.scalar(text(statement))


@pytest.fixture
def next_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> NextRelease:
    """Turn the tool into a later release with other files of these views."""

    def release(**changed: str) -> None:
        monkeypatch.setattr(schema, "__version__", "99.0")
        monkeypatch.setattr(view_recreation, "__version__", "99.0")
        files = Path(shutil.copytree(views._HERE, tmp_path / "views", dirs_exist_ok=True))
        monkeypatch.setattr(views, "_HERE", files)
        monkeypatch.setattr(views, "_templates", cache(views._templates.__wrapped__))
        for name, words in changed.items():
            (files / f"{name}.sql").write_text(words)
            monkeypatch.setitem(views.VIEWS, name, views.described(name))

    return release


NOW = "-- now  time  The clock"
HOUR = "-- hour  time  The clock again"
STOPPED = """cast('2001-01-01 00:00:00.000000+00:00' as {{ sql.timestamp() }})"""
CLOCKS = {
    # The clock with another text: its value shows which text is in use.
    "stopped": f"-- One row.\n--\n{NOW}\nselect {STOPPED} as now",
    # With one more column at the end, as in a later release.
    "wider": f"-- One row.\n--\n{NOW}\n{HOUR}\nselect {STOPPED} as now, {STOPPED} as hour",
    # With a new first column: PostgreSQL cannot replace the view in place.
    "other": f"-- One row.\n--\n{HOUR}\n{NOW}\nselect {STOPPED} as hour, {STOPPED} as now",
}


def test_changed_view_reaches_the_database_with_the_next_sync(
    engine: Engine,
    api: FakeApi,
    account: Account,
    next_release: NextRelease,
) -> None:
    account.connectors = [item("one")]
    sync(engine, api_settings(api))
    before = everything(engine, but=("inventory_runs",))
    next_release(clock=CLOCKS["stopped"])
    with pytest.raises(SchemaVersionError, match="views of another release"):
        schema.require_current(engine)
    sync(engine, api_settings(api))
    with session.open_session(engine) as connection:
        assert session.now(connection).year == 2001
    assert len(rows(engine, "inventory_runs")) == 2
    assert everything(engine, but=("inventory_runs",)) == before


@pytest.mark.parametrize("clock", CLOCKS)
def test_changed_view_reaches_the_database_with_db_upgrade(
    engine: Engine, next_release: NextRelease, clock: str
) -> None:
    next_release(clock=CLOCKS[clock])
    upgrades.upgrade(engine)
    schema.require_current(engine)
    with session.open_session(engine) as connection:
        assert session.now(connection).year == 2001
        assert [each["name"] for each in inspect(connection).get_columns("clock")] == (
            queries.view_columns("clock")
        )


def test_changed_view_of_the_same_release_reaches_it_with_db_upgrade(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, next_release: NextRelease
) -> None:
    next_release(clock=CLOCKS["stopped"])
    for module in (schema, view_recreation):
        monkeypatch.setattr(module, "__version__", __version__)
    upgrades.upgrade(engine)
    with session.open_session(engine) as connection:
        assert session.now(connection).year == 2001


def test_release_without_changed_views_touches_none(
    engine: Engine, api: FakeApi, next_release: NextRelease
) -> None:
    view = next(iter(views.VIEWS))
    wanted = (
        f"select rootpage from sqlite_schema where name = '{view}'"
        if is_sqlite(engine)
        else f"select xmin::text || ctid::text from pg_class where oid = '{view}'::regclass"
    )
    before = first(engine, wanted)
    next_release()
    schema.require_current(engine)  # a reader may not write, and need not
    assert schema.state_of(engine) is schema.State.OTHER_RELEASE
    sync(engine, api_settings(api))
    assert schema.state_of(engine) is schema.State.CURRENT
    assert first(engine, wanted) == before


def test_missing_views_and_functions_are_restored(engine: Engine) -> None:
    functions = [] if is_sqlite(engine) else ["function connector_health_at"]
    for missing in ("view findings", *functions):
        execute(engine, f"drop {missing}")
        upgrades.upgrade(engine)
        with read_only(engine) as connection:
            assert views.exist(connection), missing


@pytest.mark.parametrize("clock", ["stopped", "wider"])
def test_views_that_others_built_stay(
    postgres_url: str, next_release: NextRelease, clock: str
) -> None:
    engine = connect(postgres_url)
    execute(
        engine,
        "create materialized view report as select connector_id, health from connector_health",
        "create index on report (health)",
        "create view report_of_report as select health from report",
    )
    next_release(clock=CLOCKS[clock])
    upgrades.upgrade(engine)
    execute(engine, "refresh materialized view report")
    assert first(engine, "select count(*) from report_of_report") == 0
    with session.open_session(engine) as connection:
        assert session.now(connection).year == 2001


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_revision_keeps_views_of_others_on_sqlite(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite parses all views again when a column is dropped, and some are missing then."""
    execute(
        engine,
        'create view "who is ""down""" as select connector_id from connector_health where is_down',
        'create trigger hands_off instead of delete on "who is ""down""" begin select 1; end',
        'create view upon_it as select count(*) as number from "who is ""down"""',
    )
    theirs = "select group_concat(name || sql) from sqlite_schema where sql like '%who is %'"
    before = first(engine, theirs)
    at_next_revision(tmp_path, monkeypatch, "alter table connectors drop column config_volatile")
    upgrades.upgrade(engine)
    assert first(engine, theirs) == before
    assert first(engine, "select number from upon_it") == 0


def test_digest_is_the_same_in_every_process(postgres_url: str) -> None:
    stored = first(connect(postgres_url), "select views_digest from inventory_version")
    assert stored == views.digest(connect(postgres_url).dialect)


# --- views that must be dropped below those of others ---------------------------------------

THEIR_OBJECTS = """
select c.oid::regclass::text as name, c.relkind::text, c.reloptions, c.relowner::regrole::text,
  c.relacl::text, pg_get_viewdef(c.oid) as definition,
  (select array_agg(pg_get_indexdef(i.indexrelid) || coalesce(obj_description(i.indexrelid), '')
     order by 1) from pg_index i where i.indrelid = c.oid) as indexes,
  (select array_agg((a.attname, a.attacl::text, col_description(c.oid, a.attnum))::text
     order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns,
  obj_description(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'Reports' and c.relkind in ('v', 'm') order by 1
"""


@pytest.fixture
def reports(postgres_url: str) -> Iterator[Engine]:
    """Views of analysts: on those of this tool, on each other, in a schema of another owner."""
    engine = connect(postgres_url)
    analyst = f'"analyst of {make_url(postgres_url).database}"'
    execute(
        engine,
        f"create role {analyst}",
        f'create schema "Reports" authorization {analyst}',
        f"grant usage on schema public to {analyst}",
        'create materialized view "Reports"."50%" as select connector_id, health, now '
        "from connector_health cross join clock",
        'create unique index "by id" on "Reports"."50%" (connector_id) where health <> \'100%\'',
        "comment on index \"Reports\".\"by id\" is 'It''s of 100 %'",
        'comment on column "Reports"."50%".health is \'say "hi"\'',
        'create view "Reports".a_on_top with (security_barrier) as '
        'select p.*, i.path from "Reports"."50%" p left join incidents i using (connector_id)',
        "comment on view \"Reports\".a_on_top is 'On both'",
        f'grant select on "Reports".a_on_top to {analyst} with grant option',
        'grant select (health) on "Reports".a_on_top to public',
        f'alter materialized view "Reports"."50%" owner to {analyst}',
        'create materialized view "Reports".empty as select * from clock with no data',
    )
    yield engine
    execute(engine, f"drop owned by {analyst} cascade", f"drop role {analyst}")


def their_objects(engine: Engine) -> list[tuple[object, ...]]:
    with read_only(engine) as connection:
        return [tuple(row) for row in connection.execute(text(THEIR_OBJECTS))]


def test_views_of_others_are_recreated_unchanged(
    reports: Engine, next_release: NextRelease
) -> None:
    before = their_objects(reports)
    assert len(before) == 3
    next_release(clock=CLOCKS["other"])
    upgrades.upgrade(reports)
    assert their_objects(reports) == before
    with session.open_session(reports) as connection:
        assert session.now(connection).year == 2001
    unpopulated = "select relname from pg_class where relkind = 'm' and not relispopulated"
    assert first(reports, unpopulated) == "empty"


REVISION = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", {before!r}, None, None


def upgrade():
    op.execute({statement!r})
"""


def at_next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Turn the tool into one of a later revision, which alters a table below the views."""
    scripts = Path(shutil.copytree(upgrades._migrations(), tmp_path / "scripts"))
    revision = REVISION.format(before=schema.HEAD, statement=statement)
    (scripts / "versions" / "9999_next.py").write_text(revision)
    monkeypatch.setattr(upgrades, "_migrations", lambda: scripts)
    monkeypatch.setattr(schema, "HEAD", "9999")


def test_revision_keeps_views_of_others(
    reports: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL does not change the type of a column below a view."""
    execute(reports, "drop index ix_sync_outcomes_run_id")
    before = their_objects(reports)
    altering = "alter table connectors alter column schema_name type varchar"
    at_next_revision(tmp_path, monkeypatch, altering)
    upgrades.upgrade(reports)
    assert first(reports, "select version_num from inventory_version") == "9999"
    assert their_objects(reports) == before
    assert problems(reports) == []  # the missing index is restored, too


def test_view_of_others_on_a_dropped_column_is_named(
    reports: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(reports, 'create view "Reports".of_outcomes as select outcome from sync_outcomes')
    altering = "alter table sync_outcomes drop column outcome"
    at_next_revision(tmp_path, monkeypatch, altering)
    with pytest.raises(
        ConfigurationError, match=r'others created depend on it: .*"Reports"\.of_outcomes'
    ):
        upgrades.upgrade(reports)


def test_view_of_others_that_would_break_is_named_and_nothing_changes(
    reports: Engine, api: FakeApi, next_release: NextRelease, caplog: pytest.LogCaptureFixture
) -> None:
    execute(reports, 'create view "Reports".of_detail as select detail from findings')
    before = their_objects(reports)
    next_release(findings="-- Nothing.\n--\n-- words  text  In one sentence\nselect '' as words")
    with pytest.raises(
        ConfigurationError, match=r'"Reports".of_detail \(column .*detail.* does not exist'
    ):
        upgrades.upgrade(reports)
    # Runs continue to record history.
    assert sync(reports, api_settings(api))["status"] == "succeeded"
    assert "of_detail" in caplog.text
    assert their_objects(reports) == before
    assert schema.state_of(reports) is schema.State.OTHER_RELEASE


def test_run_of_a_user_who_may_not_renew_views_succeeds(
    postgres_url: str, api: FakeApi, account: Account, next_release: NextRelease
) -> None:
    """The role of the job may only write rows, while another role owns the tables."""
    owner, role = connect(postgres_url), f"writer_{make_url(postgres_url).database}"
    execute(
        owner,
        f"create role {role} login",
        f"grant select, insert, update, delete on all tables in schema public to {role}",
        f"grant usage on all sequences in schema public to {role}",
        f"revoke update, insert, delete on inventory_version from {role}",
    )
    try:
        next_release()
        account.connectors = [item("one")]
        writer = connect(postgres_url.replace("postgres@", f"{role}@"))
        assert sync(writer, api_settings(api))["added"] == 1
        upgrades.upgrade(owner)
        assert schema.state_of(writer) is schema.State.CURRENT
    finally:
        execute(owner, f"drop owned by {role}", f"drop role {role}")
