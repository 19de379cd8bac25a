"""The units, by systemd's own tools, and the command in a sandbox like the one they describe."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.builders import KEY, SECRET, Account, connect, item
from support.schedules import OF_ADA, POSTGRESQL, SHARED, SQLITE, comments, files

from inventory.db import engine
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError
from inventory.schedules.installation import Installation

ANALYZE = shutil.which("systemd-analyze")
BUBBLEWRAP = shutil.which("bwrap")
MOST_EXPOSED = 15  # tenths; an ordinary service has 9.6
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def service(**changes: Any) -> dict[str, str]:
    """The settings of the service; of a repeated one, the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(files("systemd", **changes)["inventory.service"])
    return dict(parser["Service"])


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    assert ANALYZE
    return subprocess.run([ANALYZE, *map(str, words)], capture_output=True, text=True, check=False)


def write(folder: Path, **changes: Any) -> list[Path]:
    paths = []
    for name, content in files("systemd", **changes).items():
        (folder / name).write_text(content)
        paths.append(folder / name)
    return paths


@needs_systemd
@pytest.mark.parametrize("name", ["plain", "it is 100%n $HOME; `id` #1 & é"])
@pytest.mark.parametrize("minutes", [15, 90])
@pytest.mark.parametrize("database", [POSTGRESQL, SQLITE])
def test_systemd_accepts_the_units(name: str, minutes: int, database: Any, tmp_path: Path) -> None:
    """It also looks for the program, so the path means what it should."""
    program = tmp_path / name / "inventory"
    program.parent.mkdir()
    shutil.copyfile("/bin/true", program)
    program.chmod(0o755)
    changes = {
        "installation": Installation((str(program),)),
        "env_file": f"/etc/{name}",
        "every": timedelta(minutes=minutes),
        "database": database,
    }
    units = write(tmp_path, **changes)
    done = analyze("verify", *units)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    program.rename(program.with_name("moved"))
    assert "is not executable" in analyze("verify", *units).stderr


@needs_systemd
@pytest.mark.parametrize("installation", [SHARED, OF_ADA])
def test_service_is_hardened(installation: Installation, tmp_path: Path) -> None:
    unit, *_ = write(tmp_path, installation=installation)
    analyzed = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert analyzed.returncode == 0, analyzed.stdout


def test_service_of_a_shared_installation_has_a_user_of_its_own() -> None:
    settings = service()
    assert (settings["DynamicUser"], settings["ProtectHome"]) == ("yes", "yes")
    assert "User" not in settings
    assert settings["EnvironmentFile"] == "/etc/inventory.env"
    assert settings["ExecStart"].endswith("inventory sync --quiet --skip-if-running")


def test_program_in_a_home_runs_as_its_owner_who_may_read_it() -> None:
    settings = service(installation=OF_ADA)
    assert (settings["User"], settings["ProtectHome"]) == ("ada", "read-only")
    assert "DynamicUser" not in settings


def test_comments_say_what_a_program_in_a_home_lets_the_service_do() -> None:
    of_root = Installation(("/root/bin/inventory",), "/root", "root", is_in_home=True)
    for installation, rights in ((OF_ADA, "the rights of this user"), (of_root, "of root")):
        said = comments(files("systemd", installation=installation)["inventory.service"])
        assert f"{rights}, within the limits below" in said
        assert "The service can read there what its user may read." in said
    assert "can read there" not in comments(files("systemd")["inventory.service"])


def test_failure_starts_a_unit_that_reports_it() -> None:
    units = files("systemd")
    [named] = re.findall(r"^OnFailure=(.*)$", units["inventory.service"], re.MULTILINE)
    assert named in units
    assert "${MONITOR_EXIT_STATUS}" in units[named]


@pytest.mark.parametrize(
    ("minutes", "lines"),
    [
        (15, {"OnCalendar=*-*-* *:00/15:00 UTC", "RandomizedDelaySec=14min", "Persistent=yes"}),
        (1440, {"OnCalendar=*-*-* 03:00:00 UTC", "RandomizedDelaySec=59min", "Persistent=yes"}),
        (7, {"OnUnitActiveSec=7min", "OnActiveSec=1min"}),
        (1500, {"OnUnitActiveSec=1500min"}),
    ],
)
def test_timer_has_a_calendar_where_there_is_one(minutes: int, lines: set[str]) -> None:
    timer = files("systemd", every=timedelta(minutes=minutes))["inventory.timer"].splitlines()
    assert lines <= set(timer)
    assert any(line.startswith("OnCalendar=") for line in timer) == (minutes in (15, 1440))


@needs_systemd
@pytest.mark.parametrize("minutes", [1, 2, 15, 60, 720, 1440])
def test_delayed_run_starts_before_the_next_is_due(minutes: int) -> None:
    """systemd looks for the next time after the start: one that has passed is skipped."""
    parser = configparser.RawConfigParser()
    parser.read_string(files("systemd", every=timedelta(minutes=minutes))["inventory.timer"])
    timer = parser["Timer"]
    latest = seconds(timer.get("RandomizedDelaySec", "0")) + seconds(timer.get("AccuracySec", "1m"))
    assert latest < minutes * 60


def seconds(time_span: str) -> float:
    [microseconds] = re.findall(r"[μu]s: (\d+)", analyze("timespan", time_span).stdout)
    return int(microseconds) / 1_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"installation": Installation(("/opt/it's/inventory",))},
        {"installation": Installation(('/opt/"/inventory',))},
        {"env_file": "/etc/[a]"},
        {"env_file": "/etc/a "},
    ],
)
def test_path_that_systemd_cannot_take_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="Use another path"):
        files("systemd", **changes)


def test_dollar_is_no_variable_in_the_command() -> None:
    program = Installation(("/opt/$HOME/python", "-m", "inventory"))
    command = service(installation=program)["ExecStart"]
    assert command == ':"/opt/$HOME/python" -m inventory sync --quiet --skip-if-running'


def test_installation_for_a_while_is_refused() -> None:
    """In /tmp, which the service has for itself."""
    passing = Installation(("/tmp/clone/.venv/bin/inventory",), is_temporary=True)
    with pytest.raises(ConfigurationError, match="folder for temporary files"):
        files("systemd", installation=passing)
    assert files("cron", installation=passing)


# --- the sandbox ----------------------------------------------------------------------------


def sandbox(state: Path) -> list[str]:
    """What the service's settings allow, as bubblewrap says it.

    The program of the tests may be in a home or in /tmp, so these places are shown again.
    """
    settings = service(database=SQLITE)
    assert (settings["ProtectSystem"], settings["PrivateTmp"]) == ("strict", "yes")
    assert BUBBLEWRAP
    words = [BUBBLEWRAP, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for hidden in ("/home", "/root", "/tmp", "/var/tmp", "/run/user"):
        words += ["--tmpfs", hidden] if Path(hidden).is_dir() else []
    shown = {sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path)}
    for path in sorted(str(Path(each).resolve()) for each in shown if Path(each).exists()):
        words += ["--ro-bind", path, path]
    words += ["--tmpfs", "/var/lib", "--bind", str(state), f"/var/lib/{settings['StateDirectory']}"]
    words += [
        "--unshare-user",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--unshare-pid",
        "--unshare-ipc",
    ]
    return [*words, "--cap-drop", "ALL", "--new-session", "--die-with-parent", "--chdir", "/"]


def can_sandbox() -> bool:
    if BUBBLEWRAP is None:
        return False
    words = [BUBBLEWRAP, "--ro-bind", "/", "/", "--unshare-user", "--unshare-pid", "/bin/true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_sandbox(), reason="bubblewrap is not installed, or may not do it here")
def test_run_needs_no_more_than_the_service_allows(
    account: Account, api: FakeApi, tmp_path: Path
) -> None:
    account.connectors = [item("one")]
    state = tmp_path / "state"
    state.mkdir(0o700)
    settings = service(database=SQLITE)
    name, _, value = settings["Environment"].partition("=")
    environment = {name: value, "FIVETRAN_API_URL": api.url}
    environment |= {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}
    environment["PYTHONPATH"] = os.pathsep.join(filter(os.path.isabs, sys.path))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*sandbox(state), *words], env=environment, capture_output=True, text=True, check=False
        )

    for place in ("/etc/x", "/opt/x", "/var/lib/x/y", str(Path(sys.prefix) / "x")):
        assert run("/bin/sh", "-c", f"> {place}").returncode != 0
    _, *words = settings["ExecStart"].split()
    done = run(sys.executable, "-m", "inventory", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with engine.read_only(connect(f"sqlite:///{state}/inventory.db")) as connection:
        assert connection.scalar(text("select connectors_seen from inventory_runs")) == 1
