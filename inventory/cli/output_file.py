"""Writes a file that a command makes: all of it, or nothing."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from inventory.db.errors import PATH_ERRORS
from inventory.errors import ConfigurationError, HostError

_NEW_FILE_MODE = 0o666  # less what the user's umask takes away


def require_another_file(name: str, database: Path | None, *, option: str = "--output") -> None:
    """Raise ConfigurationError if the file to write is the database."""
    with suppress(OSError):  # a path that cannot be looked at is reported when it is written to
        if database and Path(name).samefile(database):
            raise ConfigurationError(
                f"{name} is the database. Nothing was written; pass another file to {option}."
            )


def write_file(
    name: str, content: bytes, *, option: str = "--output", mode: int | None = None
) -> None:
    """Replace a file, or create it. A reader sees the old content or the new one, no mixture.

    It gets `mode`; without one, it keeps its mode, and a new file gets what the umask leaves. A
    device or a pipe is written to. `option` is what the user named the file with. Raises
    ConfigurationError if the path cannot be written.
    """
    if not name:
        raise ConfigurationError(f"{option} is empty. Pass the name of a file.")
    file = Path(name)
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if file.exists() and not file.is_file():
            file.write_bytes(content)
        else:  # the target of a link is replaced, not the link
            _replace(Path(os.path.realpath(file)), content, mode)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in PATH_ERRORS:
            raise ConfigurationError(
                f"{name} cannot be written: {reason}. Pass another file to {option}."
            ) from error
        raise HostError(f"{name} could not be written: {reason}.") from error


def _replace(file: Path, content: bytes, mode: int | None) -> None:
    """Write a file beside it, and rename that."""
    with NamedTemporaryFile(
        dir=file.parent, prefix=f".{file.name[:50]}.", suffix=".new", delete=False
    ) as new:
        try:
            new.write(content)
            new.flush()
            os.fchmod(new.fileno(), _mode(file) if mode is None else mode)
            os.replace(new.name, file)
        except BaseException:
            with suppress(OSError):
                os.unlink(new.name)
            raise


def _mode(file: Path) -> int:
    """Return the mode of the file that is replaced, or that of a new file."""
    with suppress(FileNotFoundError):
        return file.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return _NEW_FILE_MODE & ~umask
