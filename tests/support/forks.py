"""The command in processes of its own, many of them at little cost: all imports are done before.

Run as a script it takes cases as JSON lines and forks for each; what is closed, limited or another
user's is so in the fork alone. One such script serves all tests of a process.
"""

import atexit
import codecs
import functools
import importlib
import json
import os
import pkgutil
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

NOBODY = 65534
# What is imported late.
LIBRARIES = (
    *("alembic.command", "alembic.config", "alembic.runtime.environment", "psycopg"),
    "platformdirs.unix",
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite"),
)


@dataclass
class Case:
    """A command, and what is odd about its process."""

    words: tuple[str, ...]
    env: dict[str, str | None] = field(default_factory=dict)  # None = it is not set
    # By descriptor: "closed", "gone" (a pipe that nobody reads), or a file's name.
    streams: dict[int, str] = field(default_factory=dict)
    uid: int | None = None
    files: int | None = None  # how many it may have open
    size: int | None = None  # bytes that a file may grow to
    umask: int = 0o022
    folder: str | None = None  # the current one; "gone" = it has been removed


@dataclass
class Ended:
    code: int
    out: str
    err: str


def run_all(cases: Iterable[Case]) -> list[Ended]:
    """Run the cases one after the other; negative codes are signals'."""
    return [run_one(case) for case in cases]


def run_one(case: Case) -> Ended:
    """Run a case in the environment and the folder that are the test's now."""
    server = _server()
    assert server.stdin
    assert server.stdout
    env = {name: value for name, value in (os.environ | case.env).items() if value is not None}
    whole = asdict(case) | {"env": env, "folder": case.folder or os.getcwd()}
    server.stdin.write(json.dumps(whole) + "\n")
    server.stdin.flush()
    return Ended(**json.loads(server.stdout.readline()))


@functools.cache
def _server() -> "subprocess.Popen[str]":
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    server = subprocess.Popen([sys.executable, __file__], text=True, **pipes)
    atexit.register(server.communicate)  # which ends it
    return server


def _main() -> None:
    for codec in ("idna", "latin-1", "unicode_escape", "utf-16-be", "utf-16-le", "utf-8-sig"):
        codecs.lookup(codec)  # another user may not be let into where they come from
    for name in LIBRARIES:
        importlib.import_module(name)
    import inventory

    for module in pkgutil.walk_packages(inventory.__path__, "inventory."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    with TemporaryDirectory() as folder:
        for number, line in enumerate(iter(sys.stdin.readline, "")):
            case = json.loads(line)
            files = [os.path.join(folder, f"{number}.{name}") for name in ("out", "err")]
            child = os.fork()
            if not child:
                _be(case, *files)
            _, status = os.waitpid(child, 0)
            out, err = (Path(file).read_text(errors="replace") for file in files)
            code = os.waitstatus_to_exitcode(status)
            sys.stdout.write(json.dumps({"code": code, "out": out, "err": err}) + "\n")
            sys.stdout.flush()


def _be(case: dict, out: str, err: str) -> None:
    from inventory.__main__ import run

    os.environ.clear()
    os.environ.update(case["env"])
    time.tzset()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), descriptor)
    if case["folder"] == "gone":
        gone = f"{out}.folder"
        os.mkdir(gone)
        os.chdir(gone)
        os.rmdir(gone)
    else:
        os.chdir(case["folder"])
    os.closerange(3, 100)
    for descriptor, what in case["streams"].items():
        if what == "gone":
            read_only, writing = os.pipe()
            os.close(read_only)
            os.dup2(writing, int(descriptor))
            os.close(writing)
        elif what != "closed":
            opened = os.open(what, os.O_RDWR)
            os.dup2(opened, int(descriptor))
            os.close(opened)
    for descriptor, what in case["streams"].items():
        if what == "closed":
            os.close(int(descriptor))
    if case["files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (case["files"], case["files"]))
    if case["size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (case["size"], case["size"]))
    os.umask(case["umask"])
    if case["uid"] is not None:
        os.setgroups([])
        os.setgid(case["uid"])
        os.setuid(case["uid"])
    for stream in (sys.stdout, sys.stderr):  # as Python would have opened them
        stream.reconfigure(encoding=case["env"].get("PYTHONIOENCODING"))
    sys.argv = ["inventory", *case["words"]]
    code = 99
    try:
        run()
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(_main())
