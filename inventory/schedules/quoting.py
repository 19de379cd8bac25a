"""Quotes words for a shell, cron and systemd, and refuses those that they cannot hold."""

import os
import re
import shlex
from collections.abc import Callable, Sequence

from inventory.errors import ConfigurationError
from inventory.text import escape_control_chars


def expanded(option: str, path: str) -> str:
    """Return a path with the home in place of ~, which a shell leaves as it is in --option=~/file.

    Raises ConfigurationError if there is no path, or no such home.
    """
    if not path:
        raise ConfigurationError(f"{option} is empty. Pass a path.")
    absolute = os.path.expanduser(path)
    if absolute.startswith("~"):
        shown = escape_control_chars(path)
        raise ConfigurationError(f"{option} is in a home that does not exist: {shown}.")
    return absolute


def check_path(what: str, path: str) -> None:
    """Raise ConfigurationError for a path that some format cannot hold.

    A line ends at a newline in each of them, and implementations of cron differ about a backslash.
    """
    if not path.isprintable() or "\\" in path:
        raise _unusable(what, path, "a backslash, a control character or invalid UTF-8")


def check_image(image: str) -> None:
    """Raise ConfigurationError for what is no name of a container image; one needs no quotes."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.:/@-]*", image, re.ASCII):
        shown = escape_control_chars(image)
        raise ConfigurationError(f"--image is not the name of a container image: {shown}.")


def for_shell(words: Sequence[str]) -> str:
    """Write words for sh."""
    return shlex.join(words)


def for_cron(command: str) -> str:
    """Escape a command of sh for cron, which reads % as a newline. See crontab(5)."""
    return command.replace("%", r"\%")


def for_exec_start(words: Sequence[str]) -> str:
    """Write words for ExecStart= of systemd: see "Command lines" in systemd.service(5)."""
    program = words[0]
    if re.search("[\"']", program):
        raise _unusable("The program", program, "a quote, which systemd does not accept there")
    # The path of the program is taken as it is; ":" says that no $ is a variable in the words.
    prefix = ":" if any("$" in word for word in words) else ""
    return prefix + " ".join(map(_exec_word, words))


def _exec_word(word: str) -> str:
    word = for_unit(word)
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word, re.ASCII) else f'"{word}"'


def for_unit(text: str) -> str:
    """Write text for a unit of systemd, in which % begins a specifier."""
    return text.replace("%", "%%")


def for_environment_file(path: str) -> str:
    """Write a path for EnvironmentFile=, which takes it unquoted and as a pattern."""
    if re.search(r"[*?\[]|^\s|\s$", path):
        raise _unusable("--env-file", path, "*, ? or [, or a space at its end")
    return for_unit(path)


def _unusable(what: str, path: str, why: str) -> ConfigurationError:
    shown = escape_control_chars(path)
    return ConfigurationError(f"{what} has a path that contains {why}: {shown}. Use another path.")


FILTERS: dict[str, Callable[..., str]] = {
    "shell": for_shell,
    "cron": for_cron,
    "exec_start": for_exec_start,
    "environment_file": for_environment_file,
}
