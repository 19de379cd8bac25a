"""Runs of the command whose system calls are counted, and one of which is attacked.

As a program it is the father of such runs: it has loaded interposer.c and imported everything, and
forks one run for each line that it reads.
"""

import ctypes
import errno
import importlib
import json
import os
import signal
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

SOURCE = Path(__file__).with_suffix(".c")
PATIENCE = 25  # seconds for one run; less than SQLite is waited for


class Kind(IntEnum):
    """What is counted, as in interposer.c."""

    WRITE = 1  # to a file
    FLUSH = 2  # fsync, fdatasync
    CUT = 3  # ftruncate, unlink, rename, link
    SEND = 4  # to the database
    RECEIVE = 5  # from the database
    ASK = 6  # sent to the API
    HEAR = 7  # received from the API
    CREATE = 8  # a file or a folder
    READ = 9  # from a file, or open it


class Fate(IntEnum):
    """What becomes of the call, as in interposer.c."""

    KILLED_BEFORE = 1
    KILLED_AFTER = 2
    KILLED_HALFWAY = 3  # after half of the bytes
    SHORT = 4  # half of the bytes, and all goes on
    FAILS = 5
    SIGNALLED = 6  # before it; `error` is the signal


class Attack(NamedTuple):
    """What becomes of the call of that kind and number; where it lasts, of all after it, too."""

    kind: Kind
    at: int
    fate: Fate
    error: int = 0
    lasts: bool = False

    def __str__(self) -> str:
        how = errno.errorcode[self.error] if self.fate is Fate.FAILS else self.fate.name.lower()
        return f"{self.kind.name.lower()} {self.at} {how}{' from then on' if self.lasts else ''}"

    @property
    def kills(self) -> bool:
        return self.fate < Fate.SHORT

    @property
    def is_harmless(self) -> bool:
        """Say whether it is one to go on after; a flush that was interrupted has not been done."""
        interrupted = self.error == errno.EINTR and self.kind is not Kind.FLUSH
        return self.fate is Fate.SHORT or interrupted

    def variables(self) -> dict[str, str]:
        variables = {"KIND": self.kind, "AT": self.at, "FATE": self.fate, "ERROR": self.error}
        variables |= {"LASTS": 1} if self.lasts else {}
        return {f"INTERPOSER_{name}": str(int(number)) for name, number in variables.items()}


class Ended(NamedTuple):
    """How a run ended: its code, negative for a signal; its stderr; how many calls it made."""

    code: int
    stderr: str
    calls: dict[Kind, int]


def compiled(compiler: str, folder: Path) -> Path:
    library = folder / "interposer.so"
    options = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")
    done = subprocess.run(
        [compiler, *options, "-o", library, SOURCE, "-ldl"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return library


class Runs:
    """Starts runs, one after the other, with files of their own in `folder`."""

    def __init__(self, library: Path, folder: Path, *modules: str) -> None:
        """Each run has imported `modules`, beside what every command needs."""
        self._folder = folder
        environment = os.environ | {
            "LD_PRELOAD": str(library),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, __file__, library, *modules]
        self._father = subprocess.Popen(command, env=environment, **pipes)

    def close(self) -> None:
        """End the father; he has no child left."""
        self._father.communicate(timeout=PATIENCE)

    def run(
        self,
        *words: str,
        home: Path,
        environment: dict[str, str],
        attack: Attack | None = None,
        **changes: int,
    ) -> Ended:
        """Run the command in the folder `home`; `changes` are made to inventory.demo.tour."""
        tally, said = self._folder / "tally", self._folder / "stderr"
        tally.unlink(missing_ok=True)
        counting = {"INTERPOSER_FOLDER": str(home), "INTERPOSER_TALLY": str(tally)}
        chosen = attack.variables() if attack else {}
        job = {
            "words": words,
            "home": str(home),
            "environment": environment | {"TMPDIR": str(home)} | counting | chosen,
            "stderr": str(said),
            "changes": changes,
        }
        assert self._father.stdin
        assert self._father.stdout
        self._father.stdin.write(json.dumps(job) + "\n")
        self._father.stdin.flush()
        code = int(self._father.stdout.readline())
        counted = memoryview(tally.read_bytes()).cast("l")
        return Ended(code, said.read_text(), {kind: counted[kind] for kind in Kind})


# --- the father -----------------------------------------------------------------------------


def _father(library: str) -> None:
    """Fork a run for each line; tell how it ended."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _run(ctypes.CDLL(library), **json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  # it is asked for


def _run(
    library: Any,
    words: list[str],
    home: str,
    environment: dict[str, str],
    stderr: str,
    changes: dict[str, int],
) -> NoReturn:
    """Become the command, as a shell would start it."""
    signal.alarm(PATIENCE)
    nowhere = os.open(os.devnull, os.O_RDWR)
    said = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for place, file in enumerate((nowhere, nowhere, said)):
        os.dup2(file, place)
    os.chdir(home)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["inventory", *words]

    from inventory.__main__ import run
    from inventory.demo import tour as demo

    for name, value in changes.items():
        setattr(demo, name, value)
    library.interposer_begin()
    run()
    sys.exit(0)  # click has done so


if __name__ == "__main__":
    from sqlalchemy.dialects.postgresql import psycopg as _  # noqa: F401

    import inventory.db.prune
    import inventory.db.verify  # noqa: F401

    for module in sys.argv[2:]:
        importlib.import_module(module)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _father(sys.argv[1])
