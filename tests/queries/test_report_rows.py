"""The numbers of the report are those of the views, and it can be limited to some connectors."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.builders import connect
from support.html_tables import Table, tables_of

from inventory.db import session
from inventory.output.report.content import Content
from inventory.output.report.page import render
from inventory.queries.report import report

REMOVED = ("deleted", "not_visible")


def read(url: str, days: int = 30, **filters: Collection[str]) -> Content:
    with session.open_session(connect(url)) as connection:
        return report(connection, days=days, **filters)


def select(url: str, statement: str) -> list[tuple[Any, ...]]:
    with session.open_session(connect(url)) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


@pytest.fixture(params=["demo", "four days"])
def url(request: pytest.FixtureRequest, four_days: str) -> str:
    """Either world, on each kind of database in turn."""
    if request.param == "demo":
        kind = "demo_file" if four_days.startswith("sqlite") else "demo_postgres"
        return str(request.getfixturevalue(kind))
    return four_days


@pytest.fixture
def tables(url: str) -> dict[str, Table]:
    return tables_of(render(read(url)))


def ids(table: Table) -> list[str]:
    """The id is the last word of the first cell."""
    return [cells[0].split()[-1] for cells in table]


def test_health_is_that_of_the_view(url: str, tables: dict[str, Table]) -> None:
    health = dict(select(url, "select connector_id, health from connector_health"))
    # Whoever was removed was so within the 30 days, in both worlds.
    assert {
        cells[0].split()[-1]: cells[1].split()[-1] for cells in tables["All connectors"]
    } == health
    counted = {cells[0].split()[-1]: int(cells[1]) for cells in tables["Connectors by health"]}
    now = {name: number for name, number in counted.items() if number}
    assert now == Counter(health.values())  # the others are healths of the past days


def test_what_is_down_is_that_of_the_view(url: str, tables: dict[str, Table]) -> None:
    down = select(url, "select connector_id, health, reason from connector_health where is_down")
    assert down
    shown = [
        (cells[0].split()[-1], cells[1].split()[-1], cells[3])
        for cells in tables["Connectors that are down"]
    ]
    assert sorted(shown) == sorted(down)


def test_availability_is_that_of_the_view(url: str, tables: dict[str, Table]) -> None:
    views = {
        key: f"{100 * share:.2f} %".replace("100.00", "100")
        for key, share in select(url, "select connector_id, availability from availability_30d")
    }
    assert {cells[0].split()[-1]: cells[3] for cells in tables["All connectors"]} == views


def test_services_are_those_of_the_view(url: str, tables: dict[str, Table]) -> None:
    views = select(
        url,
        "select coalesce(service_name, service), connectors, down_now, incidents, recovered "
        "from service_reliability where scope = 'service'",
    )
    shown = [(cells[0], *map(int, cells[1:5])) for cells in tables["Reliability of services"]]
    assert sorted(shown) == sorted(views)


def test_mttr_and_availability_of_services_are_those_of_the_views(url: str) -> None:
    content = read(url)
    mttr = "select service, mttr_minutes from service_reliability where scope = 'service'"
    assert {row["service"]: row["mttr_minutes"] for row in content.services} == dict(
        select(url, mttr)
    )
    shares = (
        "select service, 1.0 * sum(up_minutes) / sum(observed_minutes) from availability_30d "
        "group by service"
    )
    expected = {service: pytest.approx(float(share)) for service, share in select(url, shares)}
    assert {row["service"]: row["availability"] for row in content.services} == expected


def test_outages_and_findings_are_those_of_the_views(url: str, tables: dict[str, Table]) -> None:
    [(outages,)] = select(url, "select count(*) from incidents")
    groups = [cells for cells in tables["Outages on a time axis"] if "outage" in cells[1]]
    assert sum(int(cells[1].split()[0]) for cells in groups) == outages > 0
    kinds = dict(select(url, "select finding, count(*) from findings group by finding"))
    content = read(url)
    assert Counter(row["finding"] for row in content.findings) == kinds
    shown = [
        tables[label]
        for label in ("Same source read twice", "Pauses when its trial ends")
        if label in tables
    ]
    assert sum(map(len, shown)) == sum(kinds.values())


def test_run_is_that_of_the_view(url: str, tables: dict[str, Table]) -> None:
    statement = "select connectors_seen, withheld, unconfirmed, failed_attempts from latest_run"
    [cells] = tables["Latest runs"]
    assert [tuple(map(int, cells[4:8]))] == select(url, statement)
    assert cells[1] == "in time"


def test_days_limit_strips_outages_and_changes(demo_file: str) -> None:
    content = read(demo_file, days=3)
    assert [f"{day:%m-%d}" for day in content.days] == ["10-28", "10-29", "10-30"]
    assert {len(days) for days in content.daily.values()} == {3}
    ended = [row["ended_at"] for row in content.incidents if row["ended_at"]]
    assert f"{min(ended):%m-%d %H}" == "10-28 03"
    assert f"{min(row['changed_at'] for row in content.changes):%m-%d %H}" == "10-28 03"
    # It was deleted on 16 October.
    assert "gentle_otter" not in {row["connector_id"] for row in content.connectors}
    assert len(read(demo_file).services) == len(content.services)  # these cover 30 days


# --- who is in it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"groups": ["SALES"]}, "group_name = 'Sales'"),
        ({"services": ["hubspot", "Google Sheets"]}, "service in ('hubspot', 'google_sheets')"),
        ({"owners": ["GROWTH"]}, "owner = 'growth'"),
        ({"owners": ["sam author"]}, "owner is null and creator like 'Sam Author%'"),
        (
            {"owners": ["DANA@northwind.example"]},
            "owner is null and creator like '%dana@northwind.example%'",
        ),
        (
            {"owners": ["Sam Author", "growth"], "groups": ["Marketing"]},
            "owner is null and creator like 'Sam%' and group_name = 'Marketing'",
        ),
        ({"owners": ["Sam"]}, "false"),
        ({"owners": [""]}, "false"),
    ],
)
def test_filters_limit_every_part(
    demo_file: str, filters: dict[str, list[str]], condition: str
) -> None:
    wanted = {
        key
        for (key,) in select(
            demo_file, f"select connector_id from connector_health where {condition}"
        )
    }
    content = read(demo_file, **filters)
    assert {row["connector_id"] for row in content.connectors} == wanted == content.daily.keys()
    assert content.availability.keys() <= wanted
    for rows in (content.incidents, content.changes, content.findings):
        assert {row["connector_id"] for row in rows} <= wanted
    [(outages,)] = select(
        demo_file,
        "select count(*) from incidents where connector_id in "
        f"(select connector_id from connector_health where {condition})",
    )
    assert len(content.incidents) == outages
    assert sum(row["connectors"] for row in content.services) == len(
        [row for row in content.connectors if row["health"] not in REMOVED]
    )


def test_owner_may_be_an_id(demo_file: str) -> None:
    [(user, count), *_] = select(
        demo_file,
        "select connected_by, count(*) from connector_health "
        "where connected_by is not null and owner is null "
        "group by connected_by order by connected_by",
    )
    assert len(read(demo_file, owners=[user.upper()]).connectors) == count


def test_routine_states_of_syncs_are_no_change_worth_telling(demo_file: str) -> None:
    content = read(demo_file)
    every = "select count(*) from state_changes where changed_at >= '2026-10-23 03'"
    [(syncs,)] = select(demo_file, f"{every} and field = 'sync_state'")
    [(total,)] = select(demo_file, every)
    assert len(content.changes) == total - syncs
    assert "sync_state" not in {row["field"] for row in content.changes}


# --- small databases ------------------------------------------------------------------------


def test_database_without_a_run_says_what_to_do(engine: Engine) -> None:
    page = render(read(engine.url.render_as_string(hide_password=False)))
    assert "No run has completed yet: run <code>inventory sync</code>" in page
    assert "0 connectors, 0 down" in page
    assert tables_of(page)["All connectors"] == [["There is no connector."]]
