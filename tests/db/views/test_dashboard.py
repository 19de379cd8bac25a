"""The Grafana dashboard: each of its queries runs on PostgreSQL as Grafana would send it."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection
from support.builders import connect

import inventory
from inventory.cli import main
from inventory.db import engine, views

PACKAGE = Path(inventory.__file__).parent
FILE = PACKAGE / "dashboards" / "grafana.json"
BOARD = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
VARIABLES = {each["name"]: each for each in BOARD["templating"]["list"]}
QUERIES = {panel["title"]: panel["targets"][0]["rawSql"] for panel in PANELS}
CHOICES = {name: each for name, each in VARIABLES.items() if each["type"] == "query"}
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
LAST_RUN = datetime(2026, 10, 30, 3, tzinfo=UTC)
MONTH = (LAST_RUN - timedelta(days=30), LAST_RUN)
ALL = ["$__all"]

NUMBERS, TEXTS, TIMES = {"int4", "int8", "float8", "numeric"}, {"text"}, {"timestamptz"}


class Frame(NamedTuple):
    """What Grafana gets: the names and types of columns, and rows."""

    columns: dict[str, str]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        place = list(self.columns).index(name)
        return [row[place] for row in self.rows]


def expanded(
    sql: str,
    during: tuple[datetime, datetime] = MONTH,
    service: Iterable[str] = ALL,
    group: Iterable[str] = ALL,
    account: Iterable[str] = ALL,
) -> str:
    """Put in what Grafana puts in: the values of variables first, then macros, which have no depth.

    A variable's own value for All is put in as it is; `:sqlstring` quotes all others.
    """
    values = {"service": list(service), "group": list(group), "account": list(account)}
    began, ended = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in during)

    def value(found: re.Match[str]) -> str:
        chosen = values[found[1]]
        if chosen == ALL:
            return str(VARIABLES[found[1]]["allValue"])
        return ",".join("'" + each.replace("'", "''") + "'" for each in chosen)

    def macro(found: re.Match[str]) -> str:
        name, argument = found.groups()
        spelled = {"timeFrom": began, "timeTo": ended}
        if argument:
            spelled = {"timeFilter": f"{argument} BETWEEN {began} AND {ended}"}
        return spelled[name]

    whole = re.sub(r"\$\{(\w+):sqlstring\}", value, sql)
    whole = re.sub(r"\$__(\w+)\(([^)]*)\)", macro, whole)
    assert "$" not in whole, "something is left that the test does not know"
    return whole


def ask(url: str, sql: str) -> Frame:
    with engine.read_only(connect(url)) as connection:
        return answer_of(connection, sql)


def answer_of(connection: Connection, sql: str) -> Frame:
    answer = connection.connection.cursor().execute(sql)
    names = [column.name for column in answer.description]
    assert len(set(names)) == len(names)
    types = [psycopg.adapters.types[column.type_code].name for column in answer.description]
    return Frame(dict(zip(names, types, strict=True)), answer.fetchall())


@contextmanager
def long_after(url: str, last_run: timedelta) -> Iterator[Connection]:
    """The database so long after its last run; nothing of that is kept."""
    with connect(url).connect() as connection:
        views.stop_clock(connection, LAST_RUN + last_run)
        yield connection
        connection.rollback()


def panel_named(title: str) -> dict[str, Any]:
    [panel] = (panel for panel in PANELS if panel["title"] == title)
    return panel


# --- the file


def test_documentation_says_where_it_is() -> None:
    page = (PACKAGE / "docs" / "operations.md").read_text()
    assert f"`{FILE.relative_to(PACKAGE.parent)}`" in page


def test_dashboard_can_be_imported_into_any_grafana() -> None:
    """It names no data source of its own, and has no number that another may have.

    Which one it asks is chosen at its top, so that it can be provisioned as a file, too.
    """
    assert "__inputs" not in BOARD
    source = VARIABLES["datasource"]
    assert (source["type"], source["query"], source["multi"]) == (
        "datasource",
        SOURCE["type"],
        False,
    )
    assert (BOARD["schemaVersion"], BOARD["id"]) == (39, None)
    assert BOARD["uid"]
    needed = {each["id"] for each in BOARD["__requires"]}
    assert needed == {"grafana", SOURCE["type"], *(panel["type"] for panel in PANELS)}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panel_has_a_description_and_a_source(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    [target] = panel["targets"]
    assert panel["datasource"] == target["datasource"] == SOURCE
    assert target["rawQuery"] is True
    assert target["format"] == ("time_series" if panel["type"] == "timeseries" else "table")


def test_panels_do_not_overlap() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


@pytest.mark.parametrize("variable", CHOICES.values(), ids=CHOICES)
def test_variable_offers_all_and_several(variable: dict[str, Any], demo_postgres: str) -> None:
    assert (variable["multi"], variable["includeAll"]) == (True, True)
    assert variable["current"]["value"] == ALL
    assert variable["datasource"] == SOURCE
    assert variable["query"] == variable["definition"]
    offered = ask(demo_postgres, variable["query"])
    assert list(offered.columns) == ["__value", "__text"]
    assert len(set(offered.rows)) == len(offered.rows) > (variable["name"] != "account")
    every = ask(demo_postgres, variable["allValue"])
    assert {row[0] for row in every.rows} == set(offered.column("__value"))


# --- its queries


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panel_gets_data_of_the_form_it_shows(panel: dict[str, Any], demo_postgres: str) -> None:
    frame = ask(demo_postgres, expanded(panel["targets"][0]["rawSql"]))
    assert frame.rows
    kinds = list(frame.columns.values())
    if panel["type"] == "stat":
        assert len(frame.rows) == 1
        assert set(kinds) <= NUMBERS
    elif panel["type"] == "bargauge":
        assert len(kinds) == 2
        assert kinds[0] in TEXTS
        assert kinds[1] in NUMBERS
    elif panel["type"] == "timeseries":
        times = frame.column("time")
        assert frame.columns["time"] in TIMES
        assert times == sorted(set(times))
        assert {kind for name, kind in frame.columns.items() if name != "time"} <= NUMBERS
    else:
        assert panel["type"] == "table"
    overridden = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
    assert overridden <= frame.columns.keys()


@pytest.mark.parametrize("title", QUERIES)
def test_panel_of_an_empty_database_is_empty(title: str, postgres_url: str) -> None:
    frame = ask(postgres_url, expanded(QUERIES[title]))
    kind = panel_named(title)["type"]
    if kind == "stat":
        expected = {"Data is overdue": 1, "Age of the data": None}
        assert frame.rows == [(expected.get(title, 0),)]
    elif kind == "timeseries":
        assert [sum(row[1:]) for row in frame.rows if sum(row[1:])] == []
    else:
        assert frame.rows == []


OF_ALL_ACCOUNTS = "Reliability by service"  # as its view is
ABOUT_DATA = ("Age of the data", "Data is overdue")
# How many are unobserved is told long after a run: see below.
ABOUT_CONNECTORS = [title for title in QUERIES if title not in (*ABOUT_DATA, "Unobserved")]


@pytest.mark.parametrize("title", ABOUT_CONNECTORS)
def test_panel_shows_only_the_chosen_services_and_groups(title: str, demo_postgres: str) -> None:
    def shown(**chosen: list[str]) -> Frame:
        return ask(demo_postgres, expanded(QUERIES[title], **chosen))

    def amount(frame: Frame) -> Decimal | int:
        if panel_named(title)["type"] in ("table", "bargauge"):
            # A service as a whole stands there for any group.
            return len([row for row in frame.rows if "all" not in row])
        return sum(cell for row in frame.rows for cell in row if isinstance(cell, (int, Decimal)))

    services = ["hubspot", "google_ads", "it's"]
    some = shown(service=services, group=["teal_pipeline", "teal_ledger"])
    assert 0 < amount(some) <= amount(shown(service=services)) <= amount(shown())
    if panel_named(title)["type"] == "table":
        assert set(some.column("service")) <= {"HubSpot", "Google Ads"}
        assert set(some.column("group")) <= {"Sales", "Finance", "all"}
    assert amount(shown(service=["of nobody"])) == 0
    assert amount(shown(group=["of nobody"])) == 0
    if title != OF_ALL_ACCOUNTS:
        assert amount(shown(account=["of nobody"])) == 0
        assert amount(shown(account=["demo_account"])) == amount(shown())


def test_panel_shows_only_the_chosen_account(demo_postgres: str) -> None:
    with long_after(demo_postgres, timedelta(hours=5)) as connection:
        for account, age in ((["demo_account"], 300), (ALL, 300), (["of nobody"], None)):
            sql = expanded(QUERIES["Age of the data"], account=account)
            assert answer_of(connection, sql).rows == [(age,)]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_connector_links_to_fivetrans_dashboard(panel: dict[str, Any]) -> None:
    if panel["type"] != "table" or panel["title"] == OF_ALL_ACCOUNTS:
        return
    [link] = [
        link
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        for link in (each["value"] if each["id"] == "links" else [])
        if override["matcher"]["options"] == "connector_id"
    ]
    assert link["url"] == "https://fivetran.com/dashboard/connections/${__value.raw}/status"
    assert link["targetBlank"] is True


def test_command_prints_or_writes_the_file(tmp_path: Path) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["dashboards", *words])

    assert run().stdout == FILE.read_text()
    written = run("--output", str(tmp_path / "board.json"))
    assert (written.exit_code, "board.json" in written.stdout) == (0, True)
    assert (tmp_path / "board.json").read_bytes() == FILE.read_bytes()
    for nowhere in (tmp_path, tmp_path / "none" / "x", "x" * 300):
        refused = run("--output", str(nowhere))
        assert (refused.exit_code, "cannot be written" in refused.stderr) == (2, True)
    assert run("--output", "a\0b").exit_code == 2


@pytest.mark.parametrize(
    "title", ["What changed", "Outages", "Connectors down over time", "Sync outcomes per day"]
)
def test_panel_shows_only_the_chosen_time(title: str, demo_postgres: str) -> None:
    began, ended = datetime(2026, 10, 12, tzinfo=UTC), datetime(2026, 10, 14, tzinfo=UTC)
    frame = ask(demo_postgres, expanded(QUERIES[title], during=(began, ended)))
    assert frame.rows
    if title == "Outages":
        spans = zip(frame.column("started_at"), frame.column("ended_at"), strict=True)
        assert all(start <= ended and (end is None or end >= began) for start, end in spans)
    else:
        times = frame.column("changed_at" if title == "What changed" else "time")
        assert began <= min(times) <= max(times) <= ended


def test_panels_agree_with_the_demo(demo_postgres: str) -> None:
    assert ask(demo_postgres, expanded(QUERIES["Down now"])).rows == [(3,)]
    down = ask(demo_postgres, expanded(QUERIES["What is down, and why"]))
    assert down.column("connector_id") == ["hazy_kite", "amber_juniper", "dapper_dune"]
    over_time = ask(demo_postgres, expanded(QUERIES["Connectors down over time"])).rows
    assert over_time[-1] == (LAST_RUN, 3)
    healths = dict(ask(demo_postgres, expanded(QUERIES["Connectors by health"])).rows)
    assert healths == {"failing": 2, "broken": 1, "warning": 1, "healthy": 26, "deleted": 1}
    assert ask(demo_postgres, expanded(QUERIES["Data is overdue"])).rows == [(0,)]


# --- long after the last run


@pytest.mark.parametrize(("hours", "down", "unobserved"), [(0, 3, 0), (9, 3, 16), (200, 0, 30)])
def test_unobserved_connectors_do_not_count_as_down_in_panels(
    demo_postgres: str, hours: int, down: int, unobserved: int
) -> None:
    with long_after(demo_postgres, timedelta(hours=hours)) as connection:

        def shown(title: str) -> Frame:
            return answer_of(connection, expanded(QUERIES[title]))

        assert shown("Down now").rows == [(down,)]
        assert shown("Unobserved").rows == [(unobserved,)]
        assert len(shown("What is down, and why").rows) == down
        assert dict(shown("Connectors by health").rows).get("unobserved", 0) == unobserved
        open_ones = [how for how in shown("Outages").column("closed_by") if how == "still down"]
        assert len(open_ones) == down
        assert shown("Data is overdue").rows == [(1 if hours == 200 else 0,)]


def test_unobserved_are_counted_for_the_chosen_services_and_groups(demo_postgres: str) -> None:
    with long_after(demo_postgres, timedelta(hours=200)) as connection:

        def counted(**chosen: list[str]) -> int:
            [[amount]] = answer_of(connection, expanded(QUERIES["Unobserved"], **chosen)).rows
            return int(amount)

        assert 0 < counted(service=["hubspot"]) < counted()
        assert counted(service=["of nobody"]) == counted(group=["of nobody"]) == 0


def test_unobserved_connector_is_down_until_it_was_last_seen(demo_postgres: str) -> None:
    during = (LAST_RUN - timedelta(hours=100), LAST_RUN + timedelta(hours=200))
    with long_after(demo_postgres, timedelta(hours=200)) as connection:
        sql = expanded(QUERIES["Connectors down over time"], during=during)
        over_time = answer_of(connection, sql).rows
    assert {down for time, down in over_time if time >= LAST_RUN} == {0}
    assert max(down for time, down in over_time if time < LAST_RUN) >= 3


def test_future_time_is_left_empty(demo_postgres: str) -> None:
    during = (LAST_RUN - timedelta(days=1), LAST_RUN + timedelta(days=1))
    frame = ask(demo_postgres, expanded(QUERIES["Connectors down over time"], during=during))
    assert max(frame.column("time")) == LAST_RUN
