"""The Dockerfile, by the parser of Docker's own builder, and the line that runs the image."""

import shlex
from pathlib import Path

import dockerfile
import pytest
from support.schedules import POSTGRESQL, SQLITE, cron_line, files

from inventory.schedules.chosen_database import ChosenDatabase

ROOT = Path(__file__).parents[2]


def instructions(database: ChosenDatabase) -> list[tuple[str, tuple[str, ...]]]:
    text = files("docker", database=database)["Dockerfile"]
    return [(each.cmd, each.value) for each in dockerfile.parse_string(text)]


@pytest.mark.parametrize("database", [POSTGRESQL, SQLITE])
def test_image_runs_one_sync_as_a_user_who_is_not_root(database: ChosenDatabase) -> None:
    parsed = instructions(database)
    names = [name for name, _ in parsed]
    assert names.count("FROM") == 2
    assert dict(parsed)["USER"] == ("10001:10001",)
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    assert dict(parsed)["ENTRYPOINT"] == ("/opt/inventory/bin/inventory",)
    assert dict(parsed)["CMD"] == ("sync", "--quiet", "--skip-if-running")


def test_image_contains_nothing_but_the_package() -> None:
    """What is copied exists in a clone, and is all that building the package reads."""
    copied = [value for name, value in instructions(POSTGRESQL) if name == "COPY"]
    sources = {source for value in copied[:-1] for source in value[:-1]}
    assert sources == {"pyproject.toml", "README.md", "inventory", "migrations"}
    assert all((ROOT / source).exists() for source in sources)
    assert copied[-1] == ("/opt/inventory", "/opt/inventory")


@pytest.mark.parametrize(("database", "has_volume"), [(POSTGRESQL, False), (SQLITE, True)])
def test_sqlite_file_is_on_a_volume(database: ChosenDatabase, has_volume: bool) -> None:
    parsed = dict(instructions(database))
    _, command = cron_line(files("docker", database=database)["crontab"])
    assert ("VOLUME" in parsed, "--volume inventory:/data" in command) == (has_volume, has_volume)
    if has_volume:
        # Not only in the image: there, the file of settings would override it.
        assert "--env INVENTORY_DATABASE_URL=sqlite:////data/inventory.db" in command
        assert parsed["ENV"][:2] == ("INVENTORY_DATABASE_URL", "sqlite:////data/inventory.db")


def test_line_runs_the_image_in_a_container_that_can_write_nothing() -> None:
    name = "it's 100% $HOME"
    fields, command = cron_line(
        files("docker", env_file=f"/etc/{name}", image="host:5000/a/b@sha256:0f")["crontab"]
    )
    words = shlex.split(command)
    assert fields == "7-59/15 * * * *"
    assert words[:3] == ["docker", "run", "--rm"]
    assert words[words.index("--env-file") + 1] == f"/etc/{name}"
    assert {"--read-only", "no-new-privileges", "ALL"} <= set(words)
    assert words[-1] == "host:5000/a/b@sha256:0f"


def test_docker_is_found_with_the_short_path_of_cron() -> None:
    _, command = cron_line(files("docker", docker="/snap/a bin/docker")["crontab"])
    assert shlex.split(command)[:2] == ["/snap/a bin/docker", "run"]
