"""The line for cron: its form by cron's own parser, and its command run by sh."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from support.builders import KEY, SECRET, Account, connect, item
from support.schedules import POSTGRESQL, SQLITE, cron_line, files

from inventory.db import engine
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError
from inventory.schedules.installation import Installation

CRONTAB = shutil.which("crontab")
HOSTILE = 'it\'s 100% $HOME; `id` "quoted" #1 & é'


def test_crontab_is_one_line_below_comments() -> None:
    text = files("cron")["crontab"]
    assert cron_line(text) == (
        "7-59/15 * * * *",
        "set -a; . /home/ada/.inventory.env; "
        "/opt/inventory/bin/inventory sync --quiet --skip-if-running",
    )
    assert "#   INVENTORY_DATABASE_URL=postgresql://inventory:...@db.example.com/observ" in text
    assert text.endswith("\n")


@pytest.mark.skipif(CRONTAB is None, reason="cron is not installed")
@pytest.mark.parametrize("kind", ["cron", "docker"])
@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_cron_accepts_the_crontab(kind: str, name: str, tmp_path: Path) -> None:
    assert CRONTAB
    program = Installation((f"/opt/{name}/inventory",))
    text = files(kind, installation=program, env_file=f"/etc/{name}")["crontab"]  # type: ignore[arg-type]
    (tmp_path / "good").write_text(text)
    (tmp_path / "bad").write_text(text.replace("7-59/15", "7-60/15"))
    for file, code in (("good", 0), ("bad", 1)):
        done = subprocess.run([CRONTAB, "-n", tmp_path / file], capture_output=True, check=False)
        assert done.returncode == code, done.stderr


@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_command_of_the_line_runs(
    name: str, account: Account, api: FakeApi, database_url: str, tmp_path: Path
) -> None:
    """As cron runs it: by sh, with no variable but HOME and its own PATH."""
    account.connectors = [item("one")]
    folder = tmp_path / name
    folder.mkdir()
    program, settings = folder / "inventory", folder / "settings"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m inventory "$@"\n')
    program.chmod(0o700)
    values = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET, "FIVETRAN_API_URL": api.url}
    values |= {"INVENTORY_DATABASE_URL": database_url}
    lines = [f"{variable}={shlex.quote(value)}\n" for variable, value in values.items()]
    settings.write_text("".join(lines))
    installation = Installation((str(program),))
    _, command = cron_line(
        files("cron", installation=installation, env_file=str(settings))["crontab"]
    )
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with engine.read_only(connect(database_url)) as connection:
        assert connection.scalar(text("select connectors_seen from inventory_runs")) == 1


def test_settings_that_are_shown_mean_the_same_to_sh(tmp_path: Path) -> None:
    """A URL with & has to be quoted for a shell, and must not be for Docker."""
    url = "postgresql://me:...@host/db?sslmode=require&target_session_attrs=primary"
    chosen = POSTGRESQL._replace(url=url)
    shown = {
        kind: [
            line.removeprefix("#   ")
            for line in files(kind, database=chosen)["crontab"].splitlines()
            if line.startswith("#   INVENTORY_DATABASE_URL=")
        ]
        for kind in ("cron", "docker")
    }
    assert shown["docker"] == [f"INVENTORY_DATABASE_URL={url}"]
    script = f'{shown["cron"][0]}\nprintf %s "$INVENTORY_DATABASE_URL"'
    assert subprocess.check_output(["/bin/sh", "-c", script], text=True) == url


def test_sqlite_file_stays_where_it_is() -> None:
    text = files("cron", database=SQLITE)["crontab"]
    assert "#   INVENTORY_DATABASE_URL=sqlite:////home/ada/inventory.db\n" in text


@pytest.mark.parametrize("character", ["\n", "\\", "\x1b", "\udcff", "\u2028"])
@pytest.mark.parametrize("what", ["program", "settings"])
@pytest.mark.parametrize("kind", ["cron", "systemd", "kubernetes", "docker"])
def test_path_that_no_file_can_hold_is_refused(kind: str, what: str, character: str) -> None:
    path = f"/opt/a{character}b/inventory"
    changes = {"env_file": path} if what == "settings" else {"installation": Installation((path,))}
    with pytest.raises(ConfigurationError, match="Use another path") as refused:
        files(kind, **changes)  # type: ignore[arg-type]
    assert str(refused.value).isprintable()
