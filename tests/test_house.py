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
    from importlinter.cli import lint_imports

    assert lint_imports(str(PACKAGE.parent / "pyproject.toml"), no_cache=True) == 0
