"""Parses a SQLite URL into a file name and an open mode. It touches no file."""

from typing import NamedTuple
from urllib.parse import unquote

from sqlalchemy import URL

from inventory.errors import ConfigurationError

_MODES = ("rwc", "rw", "ro")  # SQLite's names; rwc creates a missing file
_TRUE = ("true", "1", "yes", "on")


class FileAddress(NamedTuple):
    """A file name as given, and the mode to open it in."""

    name: str
    mode: str


def parse(url: URL) -> FileAddress:
    """Parse a plain path or a URI of SQLite's own (file:/path?mode=ro).

    Raises ConfigurationError if the URL names no file: everything stored would be lost when the
    process ends.
    """
    name, given = url.database or "", dict(url.query)
    if name.startswith("file:"):
        name = _path_of_uri(name)
    elif given.keys() - {"uri", "mode"} == set() and name == "":
        raise _no_file()
    mode, uri = given.pop("mode", "rwc"), given.pop("uri", "true")
    if name in ("", ":memory:") or mode == "memory":
        raise _no_file()
    if mode not in _MODES or str(uri).lower() not in _TRUE or given:
        raise ConfigurationError(
            "INVENTORY_DATABASE_URL has an invalid parameter. SQLite accepts only mode, which is "
            f"{', '.join(_MODES[:-1])} or {_MODES[-1]}, for example "
            "sqlite:////path/to/inventory.db?mode=ro."
        )
    if name.startswith("~"):
        raise ConfigurationError(
            "INVENTORY_DATABASE_URL has a path that begins with ~, which only a shell expands. "
            "Write the full path."
        )
    if "\0" in name:
        raise ConfigurationError(
            "INVENTORY_DATABASE_URL contains %00 in its path. A file name cannot contain it."
        )
    return FileAddress(name, str(mode))


def _path_of_uri(uri: str) -> str:
    path = uri.removeprefix("file:").partition("#")[0]
    if path.startswith("//"):
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise ConfigurationError(
                "INVENTORY_DATABASE_URL names a file on another host. A path begins with one "
                "slash or three, for example file:/path/to/inventory.db."
            )
        path = slash + rest
    return unquote(path, errors="surrogateescape")


def _no_file() -> ConfigurationError:
    return ConfigurationError(
        "INVENTORY_DATABASE_URL names no file, so nothing would be stored. Is a variable in it "
        "unset? Expected sqlite:////path/to/inventory.db."
    )
