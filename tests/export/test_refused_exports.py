"""Exports that cannot begin: of the database, of the tables, or because the target is damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url
from support.builders import connect
from support.databases import execute
from support.effort import CHIEFLY_SQLITE

from inventory.cli import main
from inventory.db import upgrade

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Exports in an empty folder; returns the exit code and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, url: str) -> tuple[int, str]:
        result = CliRunner(env={"INVENTORY_DATABASE_URL": url}).invoke(main, ["export", *words])
        return result.exit_code, result.stderr

    return run


@pytest.mark.parametrize("folder", ["", "missing/"])
def test_without_a_database_nothing_is_created(
    folder: str, command: Command, tmp_path: Path
) -> None:
    code, said = command("lake", url=f"sqlite:///{tmp_path}/{folder}none.db")
    assert code == 2
    assert said.endswith("has no inventory yet: run `inventory sync` first.\n")
    assert not [*tmp_path.iterdir()]


def test_role_that_may_only_read_is_told_what_it_lacks(command: Command, postgres_url: str) -> None:
    owner = connect(postgres_url)
    reader = f"reader_{owner.url.database}"
    execute(owner, f"create role {reader} login")
    upgrade.grant_reader(owner, reader)
    url = make_url(postgres_url).set(username=reader).render_as_string(hide_password=False)
    code, said = command("lake", url=url)
    execute(owner, f"drop owned by {reader}", f"drop role {reader}")
    assert code == 2
    assert "permission denied for table export_bookmarks. Check INVENTORY_DATABASE_URL" in said
    assert said.count("\n") == 1


@CHIEFLY_SQLITE
@pytest.mark.parametrize("names", ["incidents,", " ,incidents , incidents"])
def test_blanks_among_tables_are_none(
    names: str, command: Command, database_url: str, tmp_path: Path
) -> None:
    assert command("lake", "--tables", names, url=database_url) == (0, "")
    manifest = json.loads((tmp_path / "lake/_manifest.json").read_text())
    assert [*manifest["tables"]] == ["incidents"]


@CHIEFLY_SQLITE
@pytest.mark.parametrize("names", ["", " , "])
def test_no_table_is_refused(names: str, command: Command, database_url: str) -> None:
    code, said = command("lake", "--tables", names, url=database_url)
    assert code == 2
    assert "--tables names no table. These are: connector_history, " in said


def without(*path: Any) -> Callable[[Any], Any]:
    def change(manifest: Any) -> Any:
        *above, last = path
        place = manifest
        for name in above:
            place = place[name]
        del place[last]
        return manifest

    return change


@CHIEFLY_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        lambda _: [],
        without("layout"),
        without("tables"),
        without("superseded"),
        without("tables", "incidents", "columns"),
        without("tables", "incidents", "edition"),
        without("tables", "incidents", "files", 0, "rows"),
        lambda manifest: manifest | {"tables": []},
        lambda manifest: manifest | {"superseded": [{"path": "a", "at": "yesterday"}]},
    ],
)
def test_damaged_manifest_is_named_and_left_alone(
    change: Callable[[Any], Any], command: Command, database_url: str, tmp_path: Path
) -> None:
    words = ("lake", "--tables", "incidents")
    assert command(*words, url=database_url) == (0, "")
    file = tmp_path / "lake/_manifest.json"
    damaged = json.dumps(change(json.loads(file.read_text())))
    file.write_text(damaged)
    code, said = command(*words, url=database_url)
    assert code == 3
    assert "/lake/_manifest.json is not a manifest of this tool. Restore it, or " in said
    assert file.read_text() == damaged


@CHIEFLY_SQLITE
@pytest.mark.parametrize(("number", "content"), [(0, None), (1, None), (1, '{"commitInfo')])
def test_damaged_log_of_delta_is_named(
    number: int, content: str | None, command: Command, database_url: str, tmp_path: Path
) -> None:
    """It is not a failure that passes: each later export would meet it again."""
    words = ("lake", "--tables", "incidents", "--format", "delta")
    for _ in range(2):
        assert command(*words, url=database_url) == (0, "")
    file = tmp_path / f"lake/incidents/_delta_log/{number:020}.json"
    file.unlink() if content is None else file.write_text(content)
    code, said = command(*words, url=database_url)
    assert code == 3
    assert f"The log of a Delta table in {tmp_path}/lake is damaged: " in said
    assert said.endswith("Restore it, or export to another URL.\n")
    assert said.count("\n") == 1
