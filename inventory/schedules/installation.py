"""Finds the program of this installation, and who may run it. It runs nothing."""

import os
import pwd
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_HOMES = ("/home", "/root", "/run/user")  # what ProtectHome= of systemd hides
_TEMPORARY = ("/tmp", "/var/tmp")  # what PrivateTmp= of systemd hides


class Installation(NamedTuple):
    """The words that start the program, and what keeps another user from running it."""

    command: tuple[str, ...]
    closed: str | None = None  # a folder on the way to it that only its owner may enter
    owner: str | None = None  # of that folder
    is_in_home: bool = False
    is_temporary: bool = False


def this_installation() -> Installation:
    """Describe the installation that runs."""
    command = _command()
    return describe(command, [Path(command[0]), *_needed_paths()])


def describe(command: tuple[str, ...], needed: Sequence[Path]) -> Installation:
    """Describe an installation by the paths that it needs, and what these lead to."""
    paths = [*needed, *(path.resolve() for path in needed)]
    is_in_home = any(_is_below(path, _HOMES) for path in paths)
    is_temporary = any(_is_below(path, _TEMPORARY) for path in paths)
    closed = next(filter(_is_closed, _ways(paths)), None)
    if closed is None:
        return Installation(command, None, None, is_in_home, is_temporary)
    return Installation(command, str(closed), _owner(closed), is_in_home, is_temporary)


def _command() -> tuple[str, ...]:
    """Return the script that was called, not what it links to: an upgrade may move that."""
    called = Path(os.path.abspath(sys.argv[0]))
    beside = Path(sys.executable).with_name("inventory")
    for script in (called, beside):
        if script.name == "inventory" and script.is_file() and os.access(script, os.X_OK):
            return (str(script),)
    return (sys.executable, "-m", "inventory")


def _needed_paths() -> Iterator[Path]:
    """Yield the interpreter, its libraries, and this package, which may be installed elsewhere."""
    yield from map(Path, (sys.executable, sys.prefix, sys.base_prefix))
    yield Path(__file__).parents[1]


def _is_below(path: Path, folders: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _ways(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield each path behind the folders that lead to it."""
    for path in paths:
        yield from reversed((path, *path.parents))


def _is_closed(path: Path) -> bool:
    return not path.stat().st_mode & stat.S_IXOTH


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # systemd accepts the number as well
        return str(uid)
