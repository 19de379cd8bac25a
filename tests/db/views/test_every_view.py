"""What holds for every view: both databases agree, and the session's time zone does not matter."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.scenario import (
    PLACE,
    at,
)
from support.view_rows import BETWEEN, LATER, NOW, select_rows

from inventory.db.views import VIEWS
from inventory.models import HISTORY_TABLES

OF_CONNECTORS = (
    *("connector_health", "incidents", "state_changes", "flapping", "availability_30d"),
    *("sync_outcomes_daily", "findings", "connector_tags"),
)
ANSWERED = {
    *OF_CONNECTORS,
    *("service_reliability", "latest_run", "connector_history_mode", "destination_health"),
    "fivetran_platform__connection_status",
}
HISTORIES = {versioned.history for versioned in HISTORY_TABLES}


def test_every_view_is_listed_here() -> None:
    assert VIEWS.keys() - HISTORIES - {"clock"} == ANSWERED


@pytest.mark.parametrize("now", [NOW, BETWEEN, LATER])
@pytest.mark.parametrize("view", sorted(ANSWERED))
def test_both_databases_give_the_same_values(
    sqlite_scenario: Engine, postgresql_scenario: Engine, view: str, now: str
) -> None:
    with at(sqlite_scenario, now) as one, at(postgresql_scenario, now) as other:
        mine, theirs = (
            sorted(select_rows(one, view), key=repr),
            sorted(select_rows(other, view), key=repr),
        )
    assert mine == theirs
    assert mine
    assert [types(row) for row in mine] == [types(row) for row in theirs]


def types(row: tuple[Any, ...]) -> list[type]:
    return [type(cell) for cell in row]


@pytest.mark.parametrize("view", sorted(ANSWERED))
def test_time_zone_of_the_session_does_not_matter(postgresql_scenario: Engine, view: str) -> None:
    with at(postgresql_scenario, NOW) as connection:
        want = sorted(select_rows(connection, view), key=repr)
    columns = VIEWS[view].table.columns
    with at(postgresql_scenario, NOW, "set local time zone 'Asia/Kathmandu'") as connection:
        connection.execute(text(f"create temporary table seen as select * from {view}"))
        # The driver reads no time that is of the year 10000 in the session's zone.
        connection.execute(text("set local time zone 'UTC'"))
        seen = connection.execute(text("select * from seen").columns(*columns))
        assert sorted(map(tuple, seen), key=repr) == want


@pytest.mark.parametrize("view", OF_CONNECTORS)
def test_rows_about_a_connector_identify_it(scenario: Engine, view: str) -> None:
    identity = "connector_id account_id group_id service schema_name"
    want = {
        one: (one, "account_one", group, service, f"{one}_schema")
        for one, (service, group) in PLACE.items()
    }
    want["goes_and_returns"] = (*want["goes_and_returns"][:4], "renamed")
    with at(scenario, NOW) as connection:
        for row in select_rows(connection, view, identity):
            assert row == want[row[0]]
