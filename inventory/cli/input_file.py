"""Reads a file that the user names, or stdin."""

import sys
from pathlib import Path

from inventory.errors import ConfigurationError

STDIN = "-"


def name_of(file: str) -> str:
    return "stdin" if file == STDIN else file


def read_bytes(file: str) -> bytes:
    """Return the content; `-` is stdin. Raises ConfigurationError if it cannot be read."""
    if file == STDIN and sys.stdin is None:  # Python sets it to None if the descriptor is closed
        raise ConfigurationError("stdin is closed, so it cannot be read.")
    try:
        return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: of a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{name_of(file)} cannot be read: {reason}.") from error
