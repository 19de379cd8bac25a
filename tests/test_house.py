"""The house stands: each module can be entered alone, and floors are held (see pyproject.toml)."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "inventory"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem not in ("__init__", "__main__")
)


@pytest.mark.parametrize("module", MODULES)
def test_module_is_imported_alone_without_a_warning(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {module}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_module_imports_only_from_below() -> None:
    # In a process of its own: it sets up logging for itself, and silences everybody else's.
    lint = "import sys; from importlinter.cli import lint_imports as lint; "
    lint += "sys.exit(lint(sys.argv[1], no_cache=True))"
    settings = PACKAGE.parent / "pyproject.toml"
    done = subprocess.run([sys.executable, "-c", lint, settings], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
