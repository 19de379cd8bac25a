"""Commands in processes of their own."""

import os
import subprocess
import sys

from inventory.demo.fake_api import FakeApi
from support.builders import variables


def process(
    api: FakeApi, url: str, *words: str, program: tuple[str, ...] = ("-m", "inventory")
) -> subprocess.Popen[str]:
    """`inventory sync`, or another program, in a process of its own."""
    command, pipe = [sys.executable, *program, "sync", *words], subprocess.PIPE
    return subprocess.Popen(
        command,
        text=True,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=os.environ | variables(api, url),
    )
