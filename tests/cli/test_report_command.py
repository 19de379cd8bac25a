"""`inventory report`: the file it writes, what it prints, and what cannot be written."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inventory.cli import main

PRINTED = "KB. As of 2026-10-30 03:00:00+00:00 (0 min ago): 30 connectors, 3 down.\n"


@pytest.fixture(autouse=True)
def folder(demo_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; the database is the demo's."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", demo_file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["report", *words])


def test_report_is_a_file_in_the_current_folder(folder: Path) -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Wrote report.html, ")
    assert result.stdout.endswith(PRINTED)
    assert os.listdir(folder) == ["report.html"]
    page = (folder / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>\n")
    assert page.endswith("</html>\n")
    assert stat.S_IMODE((folder / "report.html").stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_dash_is_stdout(folder: Path) -> None:
    result = run("--output", "-", "--group", "Sales")
    assert result.exit_code == 0
    assert result.stdout.startswith("<!doctype html>\n")
    assert "only group Sales" in result.stdout
    assert result.stderr.endswith(": 6 connectors, 2 down.\n")
    assert os.listdir(folder) == []


def test_quiet_prints_nothing() -> None:
    assert run("--quiet").output == ""
    assert run("--quiet", "--output", "-").stderr == ""


def test_file_is_replaced_as_a_whole_and_keeps_its_mode(folder: Path) -> None:
    old, link = folder / "old.html", folder / "link.html"
    old.write_text("old")
    old.chmod(0o640)
    link.symlink_to(old)
    with old.open() as reader:  # somebody reads it meanwhile
        assert run("--output", "link.html").exit_code == 0
        assert reader.read() == "old"
    assert link.is_symlink()
    assert old.read_text("utf-8").endswith("</html>\n")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert sorted(os.listdir(folder)) == ["link.html", "old.html"]


@pytest.mark.parametrize(
    ("output", "code", "reason"),
    [
        ("no/such/folder.html", 2, "No such file or directory"),
        ("/", 2, "Is a directory"),
        ("", 2, "--output is empty"),
        ("../" * 2000, 2, "File name too long"),
        ("\x1b[31m/\n", 2, "\\x1b[31m/\\n cannot be written: No such file or directory"),
        (f"{'x' * 300}.html", 2, "File name too long"),
        ("/dev/full", 1, "No space left on device"),
        ("/proc/version/report.html", 2, "Not a directory"),
    ],
)
def test_path_that_cannot_be_written_is_said(
    folder: Path, output: str, code: int, reason: str
) -> None:
    result = run("--output", output)
    assert (result.exit_code, result.stdout) == (code, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert "bug" not in result.stderr
    assert os.listdir(folder) == []


@pytest.mark.parametrize("words", [("--days", "0"), ("--days", "367"), ("--days", "x")])
def test_days_are_from_one_to_a_year(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_page_on_stdout_is_utf8_whatever_the_locale(demo_file: str) -> None:
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "inventory", "report", "--output", "-"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert "\N{EN DASH}" in done.stdout.decode("utf-8")


def test_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m inventory report --output - --quiet | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("<!doctype ", "")


def test_times_are_utc_wherever_it_is_written(folder: Path, zone: Callable[[str], None]) -> None:
    run("--output", "here.html")
    zone("Asia/Kathmandu")
    assert "As of 2026-10-30 08:45:00+05:45" in run("--output", "there.html").stdout
    here, there = ((folder / name).read_text("utf-8") for name in ("here.html", "there.html"))
    assert here == there
    assert "all times and days are UTC" in here


def test_name_that_matches_nothing_is_no_report_on_which_all_is_well(folder: Path) -> None:
    result = run("--group", "nope", "--owner", "dana")
    assert result.exit_code == 2
    assert "No connector matches --group nope --owner dana." in result.stderr
    assert os.listdir(folder) == []


def test_report_does_not_replace_the_database(
    folder: Path, demo_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = folder / "copy.db"
    shutil.copyfile(demo_file.removeprefix("sqlite:///"), copy)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{copy}")
    (folder / "link.html").symlink_to(copy)
    before = copy.read_bytes()
    for name in ("copy.db", "link.html", str(copy)):
        result = run("--output", name)
        assert (result.exit_code, "is the database" in result.stderr) == (2, True)
    assert copy.read_bytes() == before


def test_same_data_makes_the_same_page(demo_file: str) -> None:
    """Also in another process, where sets have another order."""
    pages = {
        subprocess.run(
            [sys.executable, "-m", "inventory", "report", "--output", "-"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(pages) == 1
