"""Prometheus' own tool, of Debian's package prometheus. Tests that need it are skipped without."""

import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(
    *words: str, given: bytes | None = None, folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: it is in Debian's package prometheus")
    return subprocess.run(
        [program, *words],
        input=None if given is None else given.decode(),
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
