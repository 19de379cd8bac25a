"""The file of `inventory check --state`: the problems that the last call reported."""

import fcntl
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal, NamedTuple

import msgspec

from inventory.db.errors import PATH_ERRORS
from inventory.errors import (
    ConfigurationError,
    HostError,
    InventoryError,
    RetryableError,
)

Problem = Mapping[str, Any]

_LOCK_TIMEOUT = 10.0  # seconds; another call needs less than one


# The names in the file are those of its first format.
class _Reported(msgspec.Struct, forbid_unknown_fields=True, rename={"problem_type": "kind"}):
    """A problem that was reported, by the columns of a problem."""

    problem_type: str
    connector_id: str | None
    schema_name: str | None
    service: str | None
    group_id: str | None
    account_id: str | None
    since: datetime | None
    reason: str
    database: str
    cause: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True, rename={"problems": "findings"}):
    format: Literal["inventory check, 1"]
    database: str
    problems: list[_Reported]


class Difference(NamedTuple):
    """How the problems differ from the last report, and what the next call must know."""

    new: list[Problem]
    over: list[Problem]
    removed: list[Problem]
    known: list[Problem]


@contextmanager
def open_state(path: str, timeout: float = _LOCK_TIMEOUT) -> "Iterator[State]":
    """Lock and read the file. Another call waits and compares with what this one leaves.

    Raises RetryableError if another call holds the lock for longer than `timeout` seconds.
    """
    file = Path(os.path.realpath(path))  # replace the target of a link, not the link
    with _naming(file):
        # The lock file stays: if it were removed, two calls could lock two files of one name.
        lock = os.open(f"{file}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            _wait_for(lock, f"{file}.lock", timeout)
        except BaseException:
            os.close(lock)
            raise
    try:
        yield State(file)
    finally:
        os.close(lock)


def _wait_for(lock: int, name: str, timeout: float) -> None:
    ends_at = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends_at:
                raise RetryableError(
                    f"Another `inventory check` has held {name} for {timeout:g} s, so nothing was "
                    f"checked. It hangs: `fuser {name}` prints its process id; end that process."
                ) from None
        time.sleep(0.05)


class State:
    """The file, while this process holds its lock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = self._read()

    def _read(self) -> _File | None:
        with _naming(self._file):
            if not self._file.exists():
                return None
            if self._file.is_file():
                text = self._file.read_bytes()
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    return msgspec.json.decode(text, type=_File)
        raise ConfigurationError(
            f"--state names {self._file}, which is damaged or was not written by `inventory "
            "check`. Name another file, or delete this one: then every problem is new again."
        )

    def compare(
        self,
        found: Sequence[Problem],
        database: str,
        *,
        existing: Collection[str],
        unobserved: Collection[str],
    ) -> Difference:
        """Sort problems into new, over and removed, compared with the last report.

        A problem of an `unobserved` connector is kept as known, because nobody knows whether it
        is over. A problem of a connector that is not `existing` any more is removed, not over.
        Raises ConfigurationError if the file is about another database.
        """
        if self._before is not None and self._before.database != database:
            raise ConfigurationError(
                f"--state names {self._file}, which is about {self._before.database}, but this is "
                f"{database}. Use one file per database."
            )
        before = (
            [msgspec.structs.asdict(each) for each in self._before.problems] if self._before else []
        )
        known, now = set(map(_identity, before)), set(map(_identity, found))
        gone = [problem for problem in before if _identity(problem) not in now]
        waiting = [problem for problem in gone if problem["connector_id"] in unobserved]
        # A subject that has another problem now is not over.
        ongoing = {_subject(problem) for problem in (*found, *waiting)}
        over = [problem for problem in gone if _subject(problem) not in ongoing]
        present = {None, *existing}
        return Difference(
            [problem for problem in found if _identity(problem) not in known],
            [problem for problem in over if problem["connector_id"] in present],
            [problem for problem in over if problem["connector_id"] not in present],
            [*found, *waiting],
        )

    def write(self, database: str, known: Sequence[Problem]) -> None:
        """Replace the file atomically."""
        problems = [_Reported(**problem) for problem in known]
        text = msgspec.json.encode(_File("inventory check, 1", database, problems))
        with _naming(self._file), NamedTemporaryFile(dir=self._file.parent, delete=False) as new:
            try:
                new.write(text)
                new.flush()
                os.fsync(new.fileno())
                os.replace(new.name, self._file)
            except BaseException:
                os.unlink(new.name)
                raise


def _identity(problem: Problem) -> tuple[Any, ...]:
    """Return what makes two problems the same.

    A second outage of a connector is another problem; overdue data stays one.
    """
    connector_id = problem["connector_id"]
    since = problem["since"] if connector_id is not None else None
    return (
        problem["problem_type"],
        problem["account_id"],
        connector_id,
        since,
        problem.get("cause"),
    )


def _subject(problem: Problem) -> tuple[Any, ...]:
    """Return what a problem is about: a connector, a channel, or an aspect of an account."""
    if problem["connector_id"] is not None:
        return (problem["connector_id"],)
    if problem["problem_type"] == "channel_failing":
        return problem["problem_type"], problem.get("cause")
    return problem["problem_type"], problem["account_id"]


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Turn an OSError into an error that names the file."""
    try:
        yield
    except InventoryError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in PATH_ERRORS:
            raise ConfigurationError(
                f"--state names {file}, which cannot be used: {reason}. Name a file in a folder "
                "that you may write to."
            ) from error
        raise HostError(f"{file} could not be read or written: {reason}.") from error
