"""Writes a file that a command makes: all of it, or nothing."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from inventory.db.errors import PATH_ERRORS
from inventory.errors import ConfigurationError, HostError

_NEW_FILE_MODE = 0o666  # less what the user's umask takes away


def write_file(name: str, content: bytes) -> None:
    """Replace a file, or create it. A reader sees the old content or the new one, no mixture.

    A device or a pipe is written to. Raises ConfigurationError if the path cannot be written.
    """
    if not name:
        raise ConfigurationError("--output is empty. Pass the name of a file, or - for stdout.")
    file = Path(name)
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if file.exists() and not file.is_file():
            file.write_bytes(content)
        else:  # the target of a link is replaced, not the link
            _replace(Path(os.path.realpath(file)), content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in PATH_ERRORS:
            raise ConfigurationError(
                f"{name} cannot be written: {reason}. Pass another file to --output."
            ) from error
        raise HostError(f"{name} could not be written: {reason}.") from error


def _replace(file: Path, content: bytes) -> None:
    """Write a file beside it, and rename that."""
    with NamedTemporaryFile(
        dir=file.parent, prefix=f".{file.name[:50]}.", suffix=".new", delete=False
    ) as new:
        try:
            new.write(content)
            new.flush()
            os.fchmod(new.fileno(), _mode(file))
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
