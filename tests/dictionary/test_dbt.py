"""A real dbt reads `inventory schema --format dbt`, beside a real PostgreSQL.

dbt needs older libraries than the other tests, so it is installed elsewhere: set INVENTORY_TEST_DBT
to its executable (see the extra `dbt` in pyproject.toml, and .ci/run).
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url
from support.builders import Account, api_settings, connect, item
from support.databases import execute

from inventory.cli import main
from inventory.demo.fake_api import FakeApi
from inventory.dictionary.entities import all_entities
from inventory.sync.run import sync

DBT = os.environ.get("INVENTORY_TEST_DBT")
PROJECT = """
name: example
version: "1.0"
profile: example
flags: {send_anonymous_usage_stats: false}
"""
Dbt = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.skipif(not DBT, reason="INVENTORY_TEST_DBT names no dbt")


def project(folder: Path, database_url: str) -> Dbt:
    """Make a project whose only file of models is what the command prints."""
    url = make_url(database_url)
    target = {
        "type": "postgres",
        "host": url.host or url.query["host"],
        "port": url.port or int(str(url.query.get("port", 5432))),
        "user": url.username,
        "password": url.password or "",
        "dbname": url.database,
        "schema": "analytics",
        "threads": 4,
    }
    profiles = {"example": {"target": "here", "outputs": {"here": target}}}
    printed = CliRunner().invoke(main, ["schema", "--format", "dbt"])
    (folder / "models").mkdir()
    (folder / "models" / "inventory.yml").write_text(printed.stdout)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(json.dumps(profiles))
    nowhere = "http://127.0.0.1:9"  # nothing is to be fetched, and no telemetry sent
    environment = os.environ | {"DO_NOT_TRACK": "1", "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere}

    def dbt(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(DBT), "--no-version-check", "--no-use-colors", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return dbt


def written(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "target" / name).read_text())
    return content


def test_dbt_parses_all_tables_and_views_without_a_warning(
    tmp_path: Path, demo_postgres: str
) -> None:
    dbt = project(tmp_path, demo_postgres)
    parsed = dbt("--warn-error", "parse", "--show-all-deprecations")
    assert parsed.returncode == 0, parsed.stdout
    sources = written(tmp_path, "manifest.json")["sources"].values()
    shown = {
        each["name"]: (
            each["description"],
            {name: (of["description"], of["data_type"]) for name, of in each["columns"].items()},
        )
        for each in sources
    }
    assert shown == {
        each.name: (
            f"{each.comment}.",
            {column.name: (column.comment, column.type) for column in each.columns},
        )
        for each in all_entities()
        if each.kind != "function" and each.name != "digest_key"
    }
    assert {each["relation_name"].split(".")[1] for each in sources} == {'"public"'}

    tested = dbt("test")
    assert tested.returncode == 0, tested.stdout
    results = written(tmp_path, "run_results.json")["results"]
    assert {each["status"] for each in results} == {"pass"}
    assert len(results) > 100
    tables = {each.name: each for each in all_entities() if each.name != "digest_key"}
    foreign_keys = {
        (name, join.target, pair)
        for name, table in tables.items()
        for join in table.joins
        if join.is_foreign_key
        for pair in join.pairs
    }
    relationships = {
        node["unique_id"]: (node["column_name"], node["test_metadata"]["kwargs"]["field"])
        for node in written(tmp_path, "manifest.json")["nodes"].values()
        if node.get("test_metadata", {}).get("name") == "relationships"
    }
    assert sorted(relationships.values()) == sorted(pair for *_, pair in foreign_keys)
    assert relationships.keys() <= {each["unique_id"] for each in results}


def test_freshness_is_that_of_the_last_run(
    tmp_path: Path, postgres_url: str, account: Account, api: FakeApi
) -> None:
    engine = connect(postgres_url)
    account.connectors = [item("amber_acorn")]
    sync(engine, api_settings(api))
    dbt = project(tmp_path, postgres_url)

    def freshness() -> tuple[int, list[tuple[str, str]]]:
        done = dbt("source", "freshness")
        results = written(tmp_path, "sources.json")["results"]
        return done.returncode, [(each["unique_id"], each["status"]) for each in results]

    runs = "source.example.inventory.inventory_runs"
    assert freshness() == (0, [(runs, "pass")])
    execute(engine, "update inventory_runs set observed_at = observed_at - interval '7 hours'")
    assert freshness() == (0, [(runs, "warn")])
    execute(engine, "update inventory_runs set observed_at = observed_at - interval '18 hours'")
    assert freshness() == (1, [(runs, "error")])
