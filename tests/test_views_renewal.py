"""A changed text of a view reaches every database, and leaves what others have made on ours."""

import pytest
from sqlalchemy import Engine, inspect, text
from worlds import Account, api_settings, connect, everything, item

from inventory import database, questions, schema, upgrades, views
from inventory.errors import SchemaMismatch
from inventory.standin import StandIn
from inventory.sync import sync
from inventory.views.view import View


def execute(engine: Engine, *statements: str) -> None:
    with database.transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def first(engine: Engine, statement: str) -> object:
    with database.reading(engine) as connection:
        return connection.scalar(text(statement))


def next_release(monkeypatch: pytest.MonkeyPatch, **changed: View) -> None:
    """The tool as a later release of it, with these views changed."""
    monkeypatch.setattr(schema, "__version__", "99.0")
    monkeypatch.setattr(upgrades, "__version__", "99.0")
    for name, view in changed.items():
        monkeypatch.setitem(views.VIEWS, name, view)


STOPPED = "'2001-01-01 00:00:00.000000+00:00'"


@pytest.fixture
def stopped_clock() -> View:
    """The clock, but for its text: what it says is what tells which text is in force."""
    clock = views.VIEWS["clock"]
    return clock._replace(statement=lambda sql: f"select cast({STOPPED} as {sql.timestamp}) as now")


@pytest.fixture
def wider_clock(stopped_clock: View) -> View:
    """The clock with one more column at its end, as a later release might have it."""
    columns = stopped_clock.columns | {"hour": stopped_clock.columns["now"]}
    now = stopped_clock.statement
    return stopped_clock._replace(
        columns=columns, statement=lambda sql: f"select now, now as hour from ({now(sql)}) n"
    )


@pytest.fixture
def other_clock(stopped_clock: View) -> View:
    """The clock with a column before its own: no view can be replaced by that one in place."""
    wider = {"hour": stopped_clock.columns["now"]} | stopped_clock.columns
    now = stopped_clock.statement
    return stopped_clock._replace(
        columns=wider, statement=lambda sql: f"select now as hour, now from ({now(sql)}) n"
    )


def test_changed_view_reaches_the_database_with_the_next_sync(
    engine: Engine,
    api: StandIn,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    stopped_clock: View,
) -> None:
    account.connectors = [item("one")]
    sync(engine, api_settings(api))
    before = everything(engine)
    next_release(monkeypatch, clock=stopped_clock)
    with pytest.raises(SchemaMismatch, match="views of another release"):
        schema.require_current(engine)
    sync(engine, api_settings(api))
    with questions.asking(engine) as connection:
        assert questions.now(connection).year == 2001
    after = everything(engine)
    assert len(after.pop("sync_runs")) == len(before.pop("sync_runs")) + 1
    assert after == before


@pytest.mark.parametrize("clock", ["stopped_clock", "wider_clock", "other_clock"])
def test_changed_view_reaches_the_database_with_db_upgrade(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, clock: str
) -> None:
    next_release(monkeypatch, clock=request.getfixturevalue(clock))
    upgrades.upgrade(engine)
    schema.require_current(engine)
    with questions.asking(engine) as connection:
        assert questions.now(connection).year == 2001
        assert [each["name"] for each in inspect(connection).get_columns("clock")] == (
            questions.columns("clock")
        )


def test_changed_view_of_the_same_release_reaches_it_with_db_upgrade(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, stopped_clock: View
) -> None:
    monkeypatch.setitem(views.VIEWS, "clock", stopped_clock)
    upgrades.upgrade(engine)
    with questions.asking(engine) as connection:
        assert questions.now(connection).year == 2001


def test_release_without_changed_views_touches_none(
    engine: Engine, api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = next(iter(views.VIEWS))
    wanted = (
        f"select rootpage from sqlite_schema where name = '{view}'"
        if database.is_sqlite(engine)
        else f"select xmin::text || ctid::text from pg_class where oid = '{view}'::regclass"
    )
    before = first(engine, wanted)
    next_release(monkeypatch)
    schema.require_current(engine)  # who only asks may write nothing, and need not
    assert schema.state_of(engine) is schema.State.OTHER_RELEASE
    sync(engine, api_settings(api))
    assert schema.state_of(engine) is schema.State.CURRENT
    assert first(engine, wanted) == before


def test_what_is_missing_is_put_back(engine: Engine) -> None:
    functions = [] if database.is_sqlite(engine) else ["function connector_health_at"]
    for missing in ("view attention", *functions):
        execute(engine, f"drop {missing}")
        upgrades.upgrade(engine)
        with database.reading(engine) as connection:
            assert views.are_there(connection), missing


@pytest.mark.parametrize("clock", ["stopped_clock", "wider_clock"])
def test_what_others_have_made_on_the_views_stays(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, clock: str
) -> None:
    engine = connect(postgres_url)
    execute(
        engine,
        "create materialized view report as select connector_id, health from connector_health",
        "create index on report (health)",
        "create view report_of_report as select health from report",
    )
    next_release(monkeypatch, clock=request.getfixturevalue(clock))
    upgrades.upgrade(engine)
    execute(engine, "refresh materialized view report")
    assert first(engine, "select count(*) from report_of_report") == 0
    with questions.asking(engine) as connection:
        assert questions.now(connection).year == 2001


def test_digest_is_the_same_in_every_process(postgres_url: str) -> None:
    stored = first(connect(postgres_url), "select views_digest from inventory_version")
    assert stored == views.digest(connect(postgres_url).dialect)
