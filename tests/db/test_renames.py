"""An upgrade that renames views keeps the grants on them, and names the views of others it breaks.

Older revisions had other views, so each test creates those that it needs at revision 0008.
"""

import re
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, make_url, text
from support.builders import alembic
from support.databases import execute

from inventory.db import upgrade
from inventory.db.engine import read_only, transaction
from inventory.db.revision import State, state_of
from inventory.db.verify import problems
from inventory.errors import ConfigurationError, SchemaVersionError

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OLD_VIEWS = (
    "create view connector_health as select connector_id, account_id from connectors",
    "create view attention as select connector_id from connector_health",
    "create view availability_30d as select connector_id, 1.0 as observed_share from connectors",
    "create view latest_run as select account_id, 60 as usual_minutes from sync_runs",
)


@pytest.fixture
def old(engine: Engine) -> Engine:
    """A database at revision 0008, with views as that release had them."""
    alembic(engine, command.downgrade, "0008")
    execute(engine, *OLD_VIEWS)
    return engine


def views_of(engine: Engine) -> set[str]:
    with read_only(engine) as connection:
        return set(inspect(connection).get_view_names())


@pytest.fixture
def role(old: Engine) -> Iterator[str]:
    name = f'"Analyst of {make_url(old.url).database}"'
    execute(old, f"create role {name}", f"grant usage on schema public to {name}")
    yield name
    execute(old, f"drop owned by {name}", f"drop role {name}")


def may_read(engine: Engine, role: str, query: str) -> bool:
    try:
        with transaction(engine) as connection:
            connection.execute(text(f"set local role {role}"))
            connection.execute(text(query))
    except ConfigurationError as error:
        if "permission denied" not in str(error):
            raise
        return False
    return True


@only_postgresql
def test_role_that_read_attention_only_reads_findings_only(old: Engine, role: str) -> None:
    execute(old, f"grant select on attention to {role}")
    assert may_read(old, role, "select * from attention")
    upgrade.upgrade(old)
    assert may_read(old, role, "select * from findings")
    assert not may_read(old, role, "select * from latest_run")
    assert not may_read(old, role, "select * from connectors")
    assert "attention" not in views_of(old)
    assert problems(old) == []


@only_postgresql
def test_grant_on_a_renamed_column_is_kept_with_its_grant_option(old: Engine, role: str) -> None:
    column = "(connector_id, observed_share)"
    execute(old, f"grant select {column} on availability_30d to {role} with grant option")
    upgrade.upgrade(old)
    assert may_read(old, role, "select connector_id, coverage from availability_30d")
    assert not may_read(old, role, "select * from availability_30d")
    granted = (
        "select column_name, is_grantable from information_schema.column_privileges"
        " where table_name = 'availability_30d' and grantee <> current_user"
    )
    with read_only(old) as connection:
        rows = {tuple(row) for row in connection.execute(text(granted))}
    assert rows == {("connector_id", "YES"), ("coverage", "YES")}


THEIRS = {
    "their_share": (
        "create view their_share as select connector_id, observed_share from availability_30d",
        "write coverage instead of observed_share",
    ),
    "their_list": (
        "create view their_list as select * from attention",
        "write findings instead of attention",
    ),
    "their_runs": (
        "create view their_runs as select l.usual_minutes, r.run_id from latest_run l"
        " join sync_runs r on r.account_id = l.account_id",
        "write inventory_runs instead of sync_runs",
    ),
}


def test_views_of_others_on_old_names_are_named_with_what_to_write_instead(old: Engine) -> None:
    execute(old, *(create for create, _ in THEIRS.values()))
    execute(old, "create view their_ids as select connector_id from connector_health")
    before = views_of(old)
    with pytest.raises(ConfigurationError, match="Nothing was changed") as refused:
        upgrade.upgrade(old)
    for name, (_, advice) in THEIRS.items():
        assert re.search(rf"\b{name} \([^()]*; [^()]*{advice}", str(refused.value)), name
    assert "their_ids" not in str(refused.value)
    assert (state_of(old), views_of(old)) == (State.OLDER, before)
    execute(old, *(f"drop view {name}" for name in THEIRS))
    upgrade.upgrade(old)
    assert "their_ids" in views_of(old)
    assert problems(old) == []


@only_sqlite  # PostgreSQL has no broken views
def test_view_of_others_that_was_broken_before_does_not_stop_an_upgrade(old: Engine) -> None:
    execute(old, "create view broken as select * from nowhere")
    upgrade.upgrade(old)
    assert "broken" in views_of(old)


@pytest.mark.parametrize("name", ["findings", "inventory_runs"])
def test_name_that_others_use_already_is_not_taken_from_them(old: Engine, name: str) -> None:
    execute(old, f"create view {name} as select 1 as theirs")
    with pytest.raises(SchemaVersionError, match=f"contains {name}, created by another tool"):
        upgrade.upgrade(old)
    with read_only(old) as connection:
        assert connection.scalar(text(f"select theirs from {name}")) == 1
