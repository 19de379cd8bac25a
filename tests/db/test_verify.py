"""`inventory db verify` accepts what runs write, and names what they never would."""

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from support.builders import (
    Account,
    api_settings,
    connect,
    item,
)
from support.effort import few_of

from inventory.cli import main
from inventory.db import locks, upgrade, verify
from inventory.db.engine import is_sqlite, now, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import NeedsAttentionError
from inventory.sync import run_log
from inventory.sync.run import sync


def execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def lived(engine: Engine, api: FakeApi, account: Account) -> Engine:
    """Three runs: a change, a change back, and a removal. One connector goes down in two ways."""
    one, two = item("one", failed_at="2026-11-20T00:00:00Z"), item("two", paused=True)
    works, broken = item("three", paused=True), item("three", status={"setup_state": "broken"})
    late = item("three", status={"setup_state": "broken", "update_state": "delayed"})
    for connectors in (
        [one, two, works],
        [one | {"schema": "else"}, two, broken],
        [one, late],
    ):
        account.connectors = connectors
        sync(engine, api_settings(api))
    return engine


def found(engine: Engine) -> list[tuple[str, str]]:
    return [(problem.table, problem.example) for problem in verify.problems(engine)]


def test_rows_of_runs_are_consistent(lived: Engine) -> None:
    assert verify.problems(lived) == []


# Damage to the states of a connector that was paused, then broken, and is now broken in another
# way; and of a removed one. The first has one closed version in which it was down.
NOW = "update connector_status set {} where connector_id = 'three'".format
PAST = "update connector_status_past set {} where connector_id = 'three' and is_down".format
GONE = "update connector_status_past set {} where connector_id = 'two'".format
LONG_AGO = "'2000-01-01 00:00:00.000000+00:00'"
ONE_DAY = "'2100-01-01 00:00:00.000000+00:00'"
CURRENT, OF_PAST = "connector_status", "connector_status_past"
WORD = "is_down does not match health, or down_since does not match is_down"
JUDGED = "health_since is null, or health_since or down_since is later than valid_from"
STRETCH = "down_since does not match the previous version"
SAME = "health_since does not match the previous version"
HEALTH_DAMAGE = {
    NOW("is_down = false"): [(CURRENT, WORD)],
    NOW("health = 'healthy'"): [(CURRENT, WORD)],
    NOW("down_since = null"): [(CURRENT, WORD)],
    PAST("is_down = false"): [(OF_PAST, WORD)],
    GONE("down_since = valid_from"): [(OF_PAST, WORD)],
    NOW("health_since = null"): [(CURRENT, JUDGED)],
    NOW(f"down_since = {ONE_DAY}"): [(CURRENT, JUDGED), (CURRENT, STRETCH)],
    GONE("health_since = null"): [(OF_PAST, JUDGED)],
    GONE(f"health_since = {ONE_DAY}"): [(OF_PAST, JUDGED)],
    # An outage that continues, and one that begins.
    NOW(f"down_since = {LONG_AGO}"): [(CURRENT, STRETCH)],
    f"{PAST(f'down_since = {LONG_AGO}')}; {NOW(f'down_since = {LONG_AGO}')}": [(OF_PAST, STRETCH)],
    NOW(f"health_since = {LONG_AGO}"): [(CURRENT, SAME)],
    "; ".join(of(f"health_since = {LONG_AGO}, down_since = {LONG_AGO}") for of in (PAST, NOW)): [
        (OF_PAST, SAME)
    ],
}

LAST = "(select max({}) from connectors_past p where p.connector_id = 'one')"
DAMAGE = {
    "update connectors_past set valid_to = '2100-01-01 00:00:00.000000+00:00' "
    f"where connector_id = 'one' and valid_from = {LAST.format('valid_from')}": [
        ("connectors", "one")
    ],
    f"update connectors_past set valid_to = {LAST.format('valid_to')} where connector_id = 'one'": [
        ("connectors_past", "one")
    ],
    "update connectors set removed_at = valid_from, removed_reason = 'deleted' "
    "where connector_id = 'one'": [("connector_status", "one")],
    "update inventory_runs set status = 'failed' where run_id = 1": [("sync_outcomes", "one")],
    "delete from sync_outcomes where outcome = 'failed'": [("connector_status", "one")],
    "update inventory_runs set observed_at = (select max(observed_at) from inventory_runs)": [
        ("inventory_runs", "account_one")
    ],
    "update inventory_runs set observed_at = '2200-01-01 00:00:00.000000+00:00' "
    "where run_id = (select max(run_id) from inventory_runs)": [("inventory_runs", "account_one")],
    "drop view findings": [("views", "")],
    "drop index ix_sync_outcomes_run_id": [("sync_outcomes", "")],
}


@pytest.mark.parametrize("damage", few_of([*DAMAGE], [*DAMAGE][::3]))
def test_damage_is_named(lived: Engine, damage: str) -> None:
    execute(lived, damage)
    assert found(lived) == DAMAGE[damage]


@pytest.mark.parametrize("damage", few_of([*HEALTH_DAMAGE], [*HEALTH_DAMAGE][::3]))
def test_damage_to_health_is_named(lived: Engine, damage: str) -> None:
    execute(lived, *damage.split("; "))
    named = [(problem.table, problem.what) for problem in verify.problems(lived)]
    assert named == HEALTH_DAMAGE[damage]


def test_outcome_of_nobody_is_named(lived: Engine) -> None:
    """No foreign key rejects it on PostgreSQL, nor on SQLite in a shell."""
    execute(
        lived.execution_options(foreign_keys_off=True),
        "insert into sync_outcomes (connector_id, outcome, finished_at, run_id) "
        "values ('nobody', 'failed', '2026-11-20 00:00:00.000000+00:00', 1)",
    )
    assert found(lived) == [("sync_outcomes", "nobody")]


def test_run_that_only_says_it_is_running_is_named(lived: Engine) -> None:
    with transaction(lived) as connection:
        account_id = connection.scalar(text("select account_id from inventory_runs"))
        run_log.start(connection, account_id, now)
    assert found(lived) == [("inventory_runs", account_id)]
    with locks.lock(lived, account_id):
        assert found(lived) == []


def test_command_prints_what_is_wrong_and_exits_with_3(
    lived: Engine, environment: dict[str, str]
) -> None:
    where = "is consistent.\n"
    result = CliRunner().invoke(main, ["db", "verify"])
    assert (result.exit_code, result.stdout.endswith(where), result.stderr) == (0, True, "")
    quiet = CliRunner().invoke(main, ["db", "verify", "-q"])
    assert (quiet.exit_code, quiet.output) == (0, "")
    execute(lived, "delete from sync_outcomes where outcome = 'failed'")
    result = CliRunner().invoke(main, ["db", "verify", "-q"])
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout == (
        "connector_status: failed_at without a sync outcome (1, for example one)\n"
    )


def test_upgrade_restores_what_is_missing(lived: Engine) -> None:
    constraint = "alter table sync_outcomes drop constraint {}".format
    lost = ["drop index ix_sync_outcomes_run_id", "drop index ix_connectors_account_id"]
    if not is_sqlite(lived):
        lost += [
            constraint("ck_sync_outcomes_outcome"),
            constraint("pk_sync_outcomes"),
            "alter table tasks drop constraint fk_tasks_connector_id",
        ]
    execute(lived, *lost)
    assert len(verify.problems(lived)) == len(lost)
    upgrade.upgrade(lived)
    assert verify.problems(lived) == []


def test_constraint_that_rows_violate_is_not_restored(
    postgres_url: str, api: FakeApi, account: Account
) -> None:
    engine = connect(postgres_url)
    account.connectors = [item("one")]
    sync(engine, api_settings(api))
    execute(
        engine,
        "alter table connectors drop constraint ck_connectors_removed_reason",
        "update connectors set removed_reason = 'odd', removed_at = now()",
    )
    with pytest.raises(
        NeedsAttentionError, match="lacks the constraint ck_connectors_removed_reason"
    ):
        upgrade.upgrade(engine)
