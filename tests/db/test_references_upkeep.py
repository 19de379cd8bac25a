"""Verify, redate, prune, upgrades and grants treat the tables of groups and the like as others."""

from datetime import datetime, timedelta

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import Engine, inspect, text
from support.builders import (
    T0,
    Account,
    FakeClock,
    alembic,
    api_settings,
    connect,
    everything,
    item,
    rows,
)
from support.references import destination, group, numbered, serve, user
from support.view_rows import select_rows
from support.wrong_clock import CLOCKS, HOUR, RIGHT, WRONG, S, at, stop_clock

from inventory.cli import main
from inventory.db import redate, upgrade, verify
from inventory.db.engine import read_only, transaction
from inventory.db.prune import prune
from inventory.db.revision import VERSION_TABLE
from inventory.demo.fake_api import FakeApi
from inventory.models import METADATA
from inventory.sync.run import sync

NEW = (
    *("accounts", "groups", "groups_past", "destinations", "destinations_past"),
    *("users", "connector_types"),
)


def execute(engine: Engine, statement: str) -> None:
    with transaction(engine) as connection:
        connection.execute(text(statement))


@pytest.fixture
def lived(engine: Engine, api: FakeApi, account: Account) -> Engine:
    """Four days: a group is renamed, removed and returns; a destination breaks and is mended."""
    clock = FakeClock()
    names: tuple[str | None, ...] = ("a", "b", None, "b")
    for name, status in zip(names, ("connected", "broken", "connected", "connected"), strict=True):
        account.connectors = [item("one", schedule_type="manual")]
        listed = [group(name=name)] if name else []
        serve(
            account,
            groups=[*listed, *numbered("groups", 2)],
            destinations=[destination(setup_status=status)],
            users=[user(), user("other")][: 2 if name == "a" else 1],
        )
        sync(engine, api_settings(api), clock=clock)
        clock.pass_a_day()
    return engine


# --- verify ---------------------------------------------------------------------------------

OVERLAP, REVERSED = "versions of one row overlap", "versions end before they begin"
EARLY = "the open version begins before the previous one ended"
LATE = "'2100-01-01 00:00:00.000000+00:00'"
DAMAGE = {
    "update groups_past set valid_to = '2026-11-02 12:00:00.000000+00:00' where group_name = 'a'": (
        "groups_past",
        OVERLAP,
        "group_one",
    ),
    f"update groups_past set valid_to = {LATE} where group_name = 'b'": (
        *("groups", EARLY),
        "group_one",
    ),
    "update destinations set valid_from = '2026-11-02 12:00:00.000000+00:00'": (
        *("destinations", EARLY),
        "group_one",
    ),
}


def test_rows_of_runs_are_consistent(lived: Engine) -> None:
    assert len(rows(lived, "groups_past")) == len(rows(lived, "destinations_past")) == 2
    assert verify.problems(lived) == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(lived: Engine, damage: str) -> None:
    execute(lived, damage)
    found = [(problem.table, problem.what, problem.example) for problem in verify.problems(lived)]
    assert DAMAGE[damage] in found


# --- redate ---------------------------------------------------------------------------------

# Times that the API sent; redating must not touch them.
SENT = {"created_at", "logged_in_at"}


def test_redating_moves_the_times_of_the_new_tables(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    """The second of four runs has a clock that is two days ahead, which the others follow."""
    others = numbered("groups", 2)
    for number, clock in enumerate(CLOCKS):
        serve(
            account,
            groups=[*others, group("new", name=f"{min(number, 2)}")][: 2 if number == 0 else 3],
            destinations=[destination(setup_status="broken" if number == 1 else "connected")],
            users=[user(), user("goes"), user("new")][:: 1 if number == 0 else 2],
        )
        sync(engine, api_settings(api), clock=at(clock))
    stop_clock(engine, S + 43 * HOUR)
    sent = times(engine, sent=True)
    assert WRONG in times(engine)
    moved = redate.redate(engine).rows
    # By hand: the second run added a group and removed a user, the third renamed the group; both
    # began a version of the destination. The second read the connector types last: for the clock of
    # the others that is a later day.
    assert {name: moved[name] for name in NEW} == {
        "accounts": 0,
        "groups": 1,
        "groups_past": 1,
        "destinations": 1,
        "destinations_past": 2,
        "users": 1,
        "connector_types": 1,
    }
    found = times(engine)
    assert found == set(RIGHT[:3])
    assert times(engine, sent=True) == sent
    assert verify.problems(engine) == []


def times(engine: Engine, *, sent: bool = False) -> set[datetime]:
    """Return the times in the new tables: those that runs wrote, or those that the API sent."""
    found = set()
    for name in NEW:
        columns = [c.name for c in METADATA.tables[name].c if (c.name in SENT) == sent]
        for row in rows(engine, name, *columns) if columns else []:
            found |= {cell for cell in row if isinstance(cell, datetime)}
    return found


# --- prune ----------------------------------------------------------------------------------


def test_prune_deletes_closed_versions_that_ended_long_ago(lived: Engine) -> None:
    stop_clock(lived, T0.replace(day=3) + timedelta(days=36, hours=1))
    before = everything(lived)
    pruned = prune(lived, timedelta(days=36)).rows
    assert (pruned["groups_past"], pruned["destinations_past"]) == (2, 2)
    assert (rows(lived, "groups_past"), rows(lived, "destinations_past")) == ([], [])
    for name in ("accounts", "groups", "destinations", "users", "connector_types"):
        assert rows(lived, name) == before[name]
    assert verify.problems(lived) == []


def test_prune_keeps_versions_that_ended_lately(lived: Engine) -> None:
    stop_clock(lived, T0.replace(day=2) + timedelta(days=36, hours=1))
    pruned = prune(lived, timedelta(days=36)).rows
    assert (pruned["groups_past"], pruned["destinations_past"]) == (1, 1)
    assert rows(lived, "groups_past", "group_name") == [("b",)]
    assert rows(lived, "destinations_past", "setup_status") == [("broken",)]


@pytest.mark.parametrize("page", [1, 10_000])
def test_prune_leaves_since_when_a_destination_has_its_status(
    engine: Engine, api: FakeApi, account: Account, clock: FakeClock, page: int
) -> None:
    """By day: the status and region of a destination, and the region of one that is removed."""
    account.connectors = [item("one", schedule_type="manual")]
    days: tuple[tuple[str | None, str], ...] = (
        *(("broken", "EU"), ("connected", "EU"), ("broken", "EU"), (None, "")),
        *(("broken", "EU"), ("Broken", "US"), ("broken", "AP"), ("broken", "EU")),
    )
    for number, (status, region) in enumerate(days):
        listed = [destination(setup_status=status, region=region)] if status else []
        goes = [destination("goes", region=f"{number}")] if number < 7 else []
        serve(account, destinations=[*listed, *goes, *numbered("destinations", 2)])
        assert sync(engine, api_settings(api), clock=clock)["skipped"] is None
        clock.pass_a_day()
    stop_clock(engine, T0 + timedelta(days=100))
    since = select_since(engine)
    assert since["group_one"] == T0.replace(day=5)
    counted = prune(engine, timedelta(days=40), dry_run=True).rows
    assert prune(engine, timedelta(days=40), page=page).rows == counted
    assert rows(engine, "destinations_past", "destination_id", "valid_from") == [
        ("group_one", T0.replace(day=day)) for day in (5, 6, 7)
    ]
    assert select_since(engine) == since
    assert verify.problems(engine) == []


def select_since(engine: Engine) -> dict[str, datetime]:
    with read_only(engine) as connection:
        columns = "destination_id setup_status_since"
        return dict(select_rows(connection, "destination_health", columns))


# --- upgrades and grants --------------------------------------------------------------------


def test_upgrade_from_0009_keeps_every_row_and_a_downgrade_too(lived: Engine, api: FakeApi) -> None:
    execute(lived, "update inventory_runs set rate_limit_remaining = null")  # since 0012
    before = everything(lived)
    assert all(before[name] for name in NEW)
    alembic(lived, command.downgrade, "0009")
    with read_only(lived) as connection:
        look = inspect(connection)
        assert not set(NEW) & set(look.get_table_names())
        assert "skipped" not in {column["name"] for column in look.get_columns("inventory_runs")}
        versions = connection.scalars(text(f"select version_num from {VERSION_TABLE}")).all()
    assert versions == ["0009"]
    upgrade.upgrade(lived)
    after = everything(lived)
    assert [after[name] for name in NEW] == [[]] * len(NEW)
    assert {name: of for name, of in after.items() if name not in NEW} == {
        name: of for name, of in before.items() if name not in NEW
    }
    assert verify.problems(lived) == []
    run = sync(lived, api_settings(api))
    assert (run["status"], run["skipped"], run["changed"]) == ("succeeded", None, 0)
    assert rows(lived, "groups", "group_id", "group_name") == [
        ("group_one", "b"),
        ("n0", "Finance"),
        ("n1", "Finance"),
    ]


def test_reader_may_read_the_new_tables(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", postgres_url)
    owner = connect(postgres_url)
    role = f"reader_{owner.url.database}"
    execute(owner, f"create role {role} login")
    try:
        granted = CliRunner().invoke(main, ["db", "grant-reader", role])
        assert granted.exit_code == 0, granted.output
        reader = connect(owner.url.set(username=role).render_as_string(hide_password=False))
        for name in (*NEW, "group_history", "destination_history", "destination_health"):
            with read_only(reader) as connection:
                assert connection.execute(text(f"select * from {name}")).all() == [], name
    finally:
        execute(owner, f"drop owned by {role}")
        execute(owner, f"drop role {role}")
