"""Opens SQLite files with no more rights than the work needs.

A user who may not write to a file or its folder can still read it, and leaves no file beside it.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from inventory.db.errors import display_url
from inventory.errors import ConfigurationError, DatabaseUnavailableError

_EFFECTIVE = os.access in os.supports_effective_ids

# The pool passes nothing to the function that opens a connection, so `only_reading` sets this.
_reading: ContextVar[bool] = ContextVar("reading", default=False)


class Driver(sqlite3.Connection):
    """A connection; `as_opened` is the state of a file that is read without a lock."""

    as_opened: tuple[Path, tuple[int, ...]] | None = None


@contextmanager
def only_reading() -> Iterator[None]:
    """Open connections inside for reading only."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def exists(file: Path) -> bool:
    """Say whether a file exists.

    Raises ConfigurationError or OSError if it cannot be a database.
    """
    try:
        kind = file.stat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(kind):
        what = "a directory" if stat.S_ISDIR(kind) else "not a regular file"
        raise ConfigurationError(
            f"sqlite:///{file} is {what}. Name a file in INVENTORY_DATABASE_URL."
        )
    return True


def open_file(file: Path, mode: str, timeout: float) -> Driver:
    """Open a file to read or write it. Raises PermissionError with the name of the closed file."""
    read_only = _reading.get()
    found = exists(file)
    for each in (file, *_beside(file, "-wal", "-shm")):
        if each.exists() and not _may(each, os.R_OK):
            raise PermissionError(errno.EACCES, "Permission denied", str(each))
    if read_only and mode != "ro" and found and _may(file, os.W_OK) and _may(file.parent, os.W_OK):
        return _connect(file, "rw", timeout)  # rw, not rwc: a reader creates no file
    if read_only and found:
        return _open_to_read(file, timeout)
    if mode != "ro" and found and not _may(file, os.W_OK):
        raise PermissionError(errno.EACCES, "Permission denied", str(file))
    if mode == "rwc" and not found:
        _create(file)
    return _connect(file, mode, timeout)


def _open_to_read(file: Path, timeout: float) -> Driver:
    """Open a file that another user writes.

    SQLite reads an existing write-ahead log. If there is none, SQLite would have to create it,
    which fails or locks the owner out. But without a log nobody is writing, so the file can be read
    without a lock as long as it does not change.
    """
    while True:
        state = _state(file)
        if not _is_written(file):
            driver = _connect(file, "ro&immutable=1", timeout)
            driver.as_opened = (file, state)
            return driver
        driver = _connect(file, "ro", timeout)
        try:
            driver.execute("select 1 from sqlite_schema").fetchall()  # opens the sidecar files
            return driver
        except sqlite3.OperationalError:
            driver.close()
            if _is_written(file):  # otherwise the writer has just finished: try again
                raise


def _is_written(file: Path) -> bool:
    """Say whether a process writes the file, or crashed while it did.

    Raises PermissionError for a log without its index: a crash left it, and only a command of the
    owner can recover it.
    """
    log, index, journal = _beside(file, "-wal", "-shm", "-journal")
    if log.exists() and not index.exists():
        raise PermissionError(errno.EACCES, "Permission denied", str(index))
    return log.exists() or journal.exists()


def _connect(file: Path, mode: str, timeout: float) -> Driver:
    return sqlite3.connect(
        f"file://{quote(os.fsencode(file))}?mode={mode}",
        uri=True,
        timeout=timeout,
        check_same_thread=False,
        factory=Driver,
    )


def _beside(file: Path, *suffixes: str) -> Iterator[Path]:
    return (file.with_name(file.name + suffix) for suffix in suffixes)


def _may(path: Path, how: int) -> bool:
    return os.access(path, how, effective_ids=_EFFECTIVE)


def _state(file: Path) -> tuple[int, ...]:
    now = file.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def _create(file: Path) -> None:
    """Create a file for its owner only; SQLite gives its sidecar files the same permissions."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


# --- files that are read without a lock -----------------------------------------------------


@contextmanager
def unchanged(connection: Connection) -> Iterator[None]:
    """Reject what was read without a lock if another process wrote the file meanwhile.

    Raises DatabaseUnavailableError then, even if the results look right.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error):
        _require_unchanged(connection)
        raise
    _require_unchanged(connection)


def _require_unchanged(connection: Connection) -> None:
    as_opened = getattr(connection.connection.driver_connection, "as_opened", None)
    if as_opened is not None:
        file, state = as_opened
        if not file.exists() or _state(file) != state:
            raise DatabaseUnavailableError(
                f"{display_url(connection.engine)} was written while it was read; this user "
                "cannot lock it, as its folder is read-only. Run the command again."
            )
