"""A real Datasette serves the demo's file with `inventory schema --format datasette`."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import make_url
from support.docs import PAGES, QUERY

from inventory.cli import main
from inventory.dictionary.entities import all_entities
from inventory.dictionary.sample_queries import SampleQuery, sample_queries

# Nobody waits for the rows here, but a busy machine is not to fail the tests.
PATIENT = ("--setting", "sql_time_limit_ms", "60000", "--setting", "facet_time_limit_ms", "60000")
SHOWN_ROWS = {sql: rows for page in PAGES for _, sql, rows, _ in QUERY.findall(page.read_text())}


@pytest.fixture(scope="module")
def site(demo_file: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the database in Datasette."""
    metadata = tmp_path_factory.mktemp("datasette") / "metadata.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INVENTORY_DATABASE_URL", demo_file)
        printed = CliRunner().invoke(main, ["schema", "--format", "datasette"])
    metadata.write_text(printed.stdout)
    file = str(make_url(demo_file).database)
    command = [sys.executable, "-m", "datasette", "serve", "--immutable", file]
    command += ["--metadata", str(metadata), "--setting", "allow_download", "off"]
    command += ["--port", "0", *PATIENT]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    yield f"{found[1]}/{Path(file).stem}"
                    break
            else:
                pytest.fail("Datasette did not start")
        finally:
            server.terminate()


def page(address: str) -> str:
    response = requests.get(address, timeout=60)
    assert response.status_code == 200, response.text
    return response.text


def rows(address: str, **parameters: str) -> dict[str, Any]:
    response = requests.get(f"{address}.json", params=parameters, timeout=60)
    content: dict[str, Any] = response.json()
    assert response.status_code == 200, content
    return content


def facets(content: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        name: {each["value"]: each["count"] for each in of["results"]}
        for name, of in content["facet_results"].items()
    }


def test_page_of_a_table_is_described_and_links_by_name(site: str) -> None:
    shown = page(f"{site}/connectors")
    assert "One row per connector ever seen; a removed one keeps its last version." in shown
    assert "<dt>sync_frequency</dt><dd>Minutes between two syncs</dd>" in shown
    assert 'data-column-description="Minutes between two syncs"' in shown
    outcomes = f"{site}/sync_outcomes"
    [outcome, *_] = rows(outcomes, connector_id="hazy_kite", _labels="on", _shape="objects")["rows"]
    assert outcome["connector_id"] == {"value": "hazy_kite", "label": "s3_teal_helpdesk"}
    assert re.match(r"2026-10-\d\d 03:00:00", outcome["run_id"]["label"])


def test_page_of_a_view_has_facets_and_begins_with_the_worst(site: str) -> None:
    shown = page(f"{site}/connector_health")
    assert "One row per connector ever seen: its health now, since when, and why." in shown
    assert "<dt>reason</dt><dd>Why, in one sentence</dd>" in shown
    content = rows(f"{site}/connector_health")
    found = facets(content)
    assert [*found] == ["health", "service_name", "group_name"]
    assert (found["health"]["failing"], found["health"]["broken"]) == (2, 1)
    severity = content["columns"].index("severity")
    worst_first = [row[severity] for row in content["rows"]]
    assert worst_first == sorted(worst_first, reverse=True)
    assert worst_first[0] == 3


@pytest.mark.parametrize(
    "request_of_secret",
    [
        "/digest_key",
        "/digest_key.json",
        "/digest_key/1.json",
        "/inventory_version.json",
        ".json?sql=select+*+from+digest_key",
        ".csv?sql=select+*+from+digest_key",
        "/connectors.json?_where=exists(select+*+from+digest_key)",
        ".db",
    ],
)
def test_secret_cannot_be_read(site: str, request_of_secret: str) -> None:
    """The site serves an immutable file, which Datasette offers for download by default."""
    assert requests.get(f"{site}{request_of_secret}", timeout=60).status_code == 403


def test_closed_tables_are_not_listed(site: str) -> None:
    shown = page(site)
    assert "digest_key" not in shown
    assert "inventory_version" not in shown


def test_command_of_the_documentation_offers_no_download() -> None:
    [command] = re.findall(r"^datasette .*$", "".join(each.read_text() for each in PAGES), re.M)
    assert "--setting allow_download off" in command


def test_metadata_of_one_table_closes_the_secret() -> None:
    printed = CliRunner().invoke(main, ["schema", "--format", "datasette", "incidents"])
    database = json.loads(printed.stdout)["databases"]["inventory"]
    assert database["allow_sql"] is False
    assert database["tables"]["digest_key"] == {"allow": False}


def test_facet_is_shared_by_rows(site: str) -> None:
    """A value for each row would be a list of the rows again."""
    found = {name: [*facets(rows(f"{site}/{name}"))] for name in ("connector_types", "groups")}
    assert found == {"connector_types": ["type"], "groups": []}
    assert [*facets(rows(f"{site}/destination_health"))] == ["setup_status", "service"]


def test_availability_begins_with_the_longest_outage(site: str) -> None:
    content = rows(f"{site}/availability_30d")
    down_minutes = [row[content["columns"].index("down_minutes")] for row in content["rows"]]
    assert down_minutes == sorted(down_minutes, reverse=True)
    assert down_minutes[0] > 0


def test_queries_of_the_documentation_are_listed(site: str) -> None:
    shown = page(site)
    assert len(sample_queries()) == 15
    for query in sample_queries():
        assert f'/{query.name}"' in shown
        assert query.question in shown
    names = {query.name for query in sample_queries()}
    assert names & {entity.name for entity in all_entities()} == set()  # they share addresses


def text_of(value: object) -> str:
    """Show a value as `inventory query` does in the documentation."""
    return "-" if value is None else re.sub(r"\.\d{6}(?=\+00:00$)", "", str(value))


@pytest.mark.parametrize("query", sample_queries(), ids=lambda query: query.name)
def test_query_returns_the_rows_of_the_documentation(site: str, query: SampleQuery) -> None:
    content = rows(f"{site}/{query.name}", **query.examples)
    head, *shown = (re.split(" {2,}", line) for line in SHOWN_ROWS[query.example_sql].splitlines())
    assert content["columns"] == head
    assert [[text_of(value) for value in row] for row in content["rows"]] == shown
    assert len(shown) > 0


@pytest.mark.parametrize("name", ["failed_syncs_since", "health_changes_since", "not_healthy_at"])
def test_query_asks_for_its_parameters(site: str, name: str) -> None:
    [query] = (each for each in sample_queries() if each.name == name)
    shown = page(f"{site}/{name}")
    for parameter, example in query.examples.items():
        assert re.search(rf'<input type="text" id="\w+" name="{parameter}" value="">', shown)
        assert f"For example {parameter}: {example}" in shown
