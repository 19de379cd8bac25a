"""Which tag counts for a connector, worked out by hand from those of the scenario."""

import pytest
from sqlalchemy import Engine
from support.scenario import PLACE
from support.view_rows import NOW, expected, rows_about, rows_of

# connector_id | name | value | scope | scope_id
OF_SOME = """
steady            | owner | northerners | group     | north
steady            | tier  | 3           | account   | account_one
steady            | cost_center | 4711  | connector | steady
breaks            | owner | Ada         | connector | breaks
breaks            | tier  | 1           | connector | breaks
fails             | tier  | 3           | account   | account_one
unseen            | owner | platform    | account   | account_one
unseen            | tier  | 3           | account   | account_one
fails_then_breaks | owner | dba         | service   | mysql
fails_then_breaks | tier  | 3           | account   | account_one
flaps             | owner | northerners | group     | north
flaps             | tier  | 2           | service   | hubspot
twin_one          | tier  | 3           | account   | account_one
twin_two          | owner | dba         | service   | mysql
twin_two          | tier  | 3           | account   | account_one
fails_and_goes    | owner | dba         | service   | mysql
fails_and_goes    | tier  | 3           | account   | account_one
"""


def test_most_specific_tag_counts_and_an_empty_one_hides_others(scenario: Engine) -> None:
    wanted = expected(OF_SOME)
    rows = rows_of(scenario, "connector_tags", "connector_id name value scope scope_id")
    some = {line.split(" | ")[0] for line in wanted}
    assert rows_about(rows, *some) == wanted
    assert {line.split(" | ")[0] for line in rows} == set(PLACE)


@pytest.mark.parametrize("view", ["connector_health", "incidents", "findings"])
def test_views_carry_owner_and_tier(scenario: Engine, view: str) -> None:
    tags = rows_of(scenario, "connector_tags", "connector_id name value", NOW)
    resolved = {tuple(line.split(" | ")[:2]): line.split(" | ")[2] for line in tags}
    lines = rows_of(scenario, view, "connector_id owner tier")
    assert any(line.startswith(("breaks |", "twin_one |")) for line in lines)
    for line in lines:
        connector_id, owner, tier = line.split(" | ")
        assert owner == resolved.get((connector_id, "owner"), "-")
        assert tier == resolved.get((connector_id, "tier"), "-")
