"""`inventory schedule`: where it prints, what it finds of the installation, what it refuses."""

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inventory.cli import main
from inventory.schedules import files, installation

SQLITE = "sqlite:////srv/inventory.db"


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", SQLITE)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["schedule", *words])


def test_single_file_is_printed_as_it_is_and_several_with_their_names() -> None:
    for kind, names in (("cron", []), ("kubernetes", []), ("docker", ["Dockerfile", "crontab"])):
        result = run(kind)
        assert (result.exit_code, result.stderr) == (0, "")
        assert re.findall(r"^# --- (.*)$", result.stdout, re.MULTILINE) == names


@pytest.mark.parametrize("kind", ["cron", "kubernetes", "docker"])
def test_output_writes_what_is_printed(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for _ in range(2):  # the same files again are no reason to refuse
        result = run(kind, "--output", str(folder))
        assert (result.exit_code, result.stderr) == (0, "")
        written = sorted(folder.iterdir())
        assert sorted(result.stdout.splitlines()) == [f"Wrote {path}." for path in written]
    printed = run(kind).stdout
    assert all(path.read_text() in f"{printed}\n" for path in written)
    assert run(kind, "--output", str(folder), "--quiet").output == ""


def test_file_that_differs_is_kept(tmp_path: Path) -> None:
    (tmp_path / "crontab").write_text("mine")
    result = run("docker", "--output", str(tmp_path))
    assert result.exit_code == 2
    assert f"{tmp_path}/crontab exists and differs." in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["crontab"]
    assert (tmp_path / "crontab").read_text() == "mine"


@pytest.mark.parametrize("folder", ["/dev/null/x", "/proc/x", "a\0b"])
def test_folder_that_cannot_be_written_is_named(folder: str) -> None:
    result = run("cron", "--output", folder)
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cron", "--every", "90m"], "Pass --every 1h or 2h"),
        (["kubernetes", "--every", "7m"], "Pass --every 6m or 10m"),
        (["docker", "--every", "25h"], "Pass --every 24h or 7d"),
        (["cron", "--every", "0m"], "at least 1m"),
        (["cron", "--every", "soon"], "is not a duration"),
        (["cron", "--image", "a"], "--image is for kubernetes and docker"),
        (["docker", "--image", "a b"], "--image is not the name of a container image"),
        (["docker", "--image", ""], "--image is not the name of a container image"),
        (["cron", "--env-file", "a\nb"], "--env-file has a path that contains"),
        (["cron", "--env-file", ""], "--env-file is empty"),
        (["cron", "--env-file", "~nobody-here/x"], "--env-file is in a home that does not exist"),
        (["cron", "--output", ""], "--output is empty"),
        (["kubernetes", "--every", "14m"], "kubernetes cannot start a run every 14m"),
        (["launchd"], "'launchd' is not one of"),
    ],
)
def test_what_cannot_be_written_is_refused(words: list[str], message: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_relative_file_of_settings_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f". {tmp_path}/settings; " in run("cron", "--env-file", "settings").stdout
    assert f". {os.environ['HOME']}/.inventory.env; " in run("cron").stdout


def test_home_is_found_where_a_shell_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In --env-file=~/x it does."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f". {tmp_path}/x; " in run("cron", "--env-file=~/x").stdout
    assert run("cron", "--output=~/new").stdout == f"Wrote {tmp_path}/new/crontab.\n"


def test_name_of_a_folder_cannot_control_the_terminal(tmp_path: Path) -> None:
    result = run("cron", "--output", f"{tmp_path}/a\n\x1b[31m")
    assert result.stdout == f"Wrote {tmp_path}/a\\n\\x1b[31m/crontab.\n"


def test_docker_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "  docker run --rm" in run("docker").stdout
    (tmp_path / "docker").touch(0o755)
    assert f"  {tmp_path}/docker run --rm" in run("docker").stdout
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert f"  {tmp_path}/docker run --rm" in run("docker").stdout


@pytest.mark.parametrize(("owner", "is_warned"), [("root", True), ("ada", False), (None, False)])
def test_service_that_runs_as_root_is_warned_of(
    owner: str | None, is_warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = installation.Installation(("/srv/bin/inventory",), owner and "/srv", owner)
    monkeypatch.setattr(files, "this_installation", lambda: found)
    result = run("systemd")
    assert result.exit_code == 0
    assert ("The service will run as root, because only root may enter /srv" in result.stderr) == (
        is_warned
    )
    assert run("cron").stderr == ""


def test_program_is_the_one_that_was_called(tmp_path: Path) -> None:
    """Also if that is a link, as pipx and uv make one."""
    link = tmp_path / "bin" / "inventory"
    link.parent.mkdir()
    link.symlink_to(Path(sys.executable).with_name("inventory"))
    command = [str(link), "schedule", "cron"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"; {link} sync --quiet" in shown
    as_module = [sys.executable, "-m", "inventory", "schedule", "cron"]
    shown = subprocess.run(as_module, capture_output=True, text=True, check=True).stdout
    assert f"; {sys.prefix}/bin/inventory sync --quiet" in shown


def test_installation_that_others_may_not_enter_is_run_by_its_owner(tmp_path: Path) -> None:
    closed, opened = tmp_path / "closed", tmp_path / "open"
    for folder, mode in ((closed, 0o700), (opened, 0o755), (tmp_path, 0o755)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
        (folder / "inventory").touch(0o755)
    (opened / "link").symlink_to(closed / "inventory")
    me = pwd.getpwuid(os.geteuid()).pw_name
    outer = installation.describe(("a",), [tmp_path])  # pytest's own folder is closed, too
    assert installation.describe(("a",), [opened / "inventory"]) == outer
    for path in (closed / "inventory", opened / "link"):
        found = installation.describe(("a",), [Path("/usr/bin/env"), path])
        assert found.owner == me
        assert found.closed in (str(closed), outer.closed)
    assert installation.describe(("a",), [Path("/usr/bin/env")]) == installation.Installation(
        ("a",)
    )


@pytest.mark.parametrize(("path", "in_home"), [("/root", True), ("/home", True), ("/usr", False)])
def test_installation_in_a_home_is_recognized(path: str, in_home: bool) -> None:
    assert installation.describe(("a",), [Path(path)]).is_in_home == in_home


def test_folders_for_temporary_files_are_recognized() -> None:
    for path, is_temporary in (("/tmp", True), ("/var/tmp", True), ("/usr", False)):
        assert installation.describe(("a",), [Path(path)]).is_temporary == is_temporary
