"""The configuration of `inventory notify`: one TOML file without secrets, checked as a whole."""

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from inventory import times
from inventory.errors import ConfigurationError
from inventory.health import DOWN
from inventory.settings import Secret, not_empty, read_secret_file
from inventory.suggestions import did_you_mean

VARIABLE = "INVENTORY_CONFIG"
MATCH_KEYS = ("account", "group", "service", "connector", "health", "owner", "tier")
# In one line, as errors are.
EXAMPLE = 'notify.channel = [{ name = "data-oncall", url_env = "ONCALL_URL" }]'

_NOTIFY_KEYS = ("after", "remind", "channel")
_CHANNEL_KEYS = ("name", "url_env", "url_file", "match", "digest")
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Where to send, and what. One of `url_env` and `url_file` says where the URL is.

    `match` maps keys to values in lower case; a connector must have one of the values of each key.
    A channel with a `digest` gets one message a day, at that time of the user's zone.
    """

    name: str
    url_env: str | None = None
    url_file: Path | None = None
    match: Mapping[str, frozenset[str]] = field(default_factory=dict)
    digest: time | None = None


@dataclass(frozen=True, kw_only=True)
class NotifyConfig:
    """What to tell: outages that have lasted `after`, and each again once per `remind`."""

    channels: tuple[Channel, ...]
    after: timedelta = timedelta(minutes=10)
    remind: timedelta = timedelta(hours=24)

    def channel(self, name: str) -> Channel:
        """Return the channel of this name. Raises ConfigurationError with a suggestion."""
        names = [channel.name for channel in self.channels]
        if name not in names:
            hint = did_you_mean(name, names) or f"The channels are: {', '.join(names)}."
            raise ConfigurationError(f"There is no channel named {name}. {hint}")
        return self.channels[names.index(name)]


def url_of(channel: Channel, environ: Mapping[str, str] = os.environ) -> Secret:
    """Read the URL of a channel. Raises ConfigurationError that names the variable or the file."""
    if channel.url_env is not None:
        url, where = not_empty(environ, channel.url_env), f"the variable {channel.url_env}"
        if url is None:
            raise ConfigurationError(f"{channel.url_env} is not set. Export it.")
    else:
        url = read_secret_file("url_file", str(channel.url_file)).strip()
        where = f"the file {channel.url_file}"
    if not url or not url.isprintable():
        raise ConfigurationError(f"{where} must contain one line: the URL.")
    return Secret(url)


def path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the file that INVENTORY_CONFIG names, or the one in the user's config folder."""
    if (given := not_empty(environ, VARIABLE)) is not None:
        return Path(given).expanduser()
    from platformdirs import user_config_path

    with suppress(RuntimeError):  # no HOME and no such user: a container with an arbitrary uid
        folder = user_config_path("inventory", appauthor=False)
        if folder.is_absolute():
            return folder / "config.toml"
    raise ConfigurationError(
        f"{VARIABLE} is not set, and this user has no home directory for the default file. Set it, "
        "for example to /etc/inventory.toml."
    )


def load(environ: Mapping[str, str] = os.environ) -> NotifyConfig:
    """Read and check the file. Raises ConfigurationError that names the file and what to write."""
    file = path(environ)
    try:
        return parse(_read(file), file.parent)
    except _InvalidError as error:
        raise ConfigurationError(f"{file}: {error}") from None


def parse(text: str, folder: Path) -> NotifyConfig:
    """Check a configuration; a relative `url_file` is in `folder`. Raises ValueError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _InvalidError(f"it is not valid TOML: {error}") from None
    _known(document, ("notify",), "at the top")
    notify = document.get("notify")
    if not isinstance(notify, dict):
        raise _InvalidError(f"it has no table [notify]. Write for example: {EXAMPLE}")
    _known(notify, _NOTIFY_KEYS, "in [notify]")
    durations = {name: _duration(notify, name) for name in ("after", "remind") if name in notify}
    channels = tuple(_channels(notify.get("channel", []), folder))
    if not channels:
        raise _InvalidError(f"it has no [[notify.channel]]. Write for example: {EXAMPLE}")
    return NotifyConfig(channels=channels, **durations)


class _InvalidError(ValueError):
    """What is wrong in the file, in words."""


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist, so there is nobody to tell. Write it, or set {VARIABLE} to "
            f"another file. It needs at least: {EXAMPLE}"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"{file} cannot be read: {reason}. Correct its permissions, or set {VARIABLE}."
        ) from None


def _known(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known) or f"Known are: {', '.join(known)}."
            raise _InvalidError(f"there is an unknown key {key!r} {where}. {hint}")


def _duration(table: Mapping[str, Any], name: str) -> timedelta:
    try:
        return times.parse_duration(_text(table[name], name))
    except _InvalidError:
        raise
    except ValueError as error:
        raise _InvalidError(f"{name}: {error}") from None


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _InvalidError(f"{what} must be one line of text in quotes, not {value!r}")
    return value.strip()


# --- channels -------------------------------------------------------------------------------


def _channels(tables: Any, folder: Path) -> Iterator[Channel]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _InvalidError("write [[notify.channel]], with two brackets: each is one channel")
    names: set[str] = set()
    for number, table in enumerate(tables, 1):
        channel = _channel(table, f"channel {number}", folder)
        if channel.name in names:
            raise _InvalidError(f"two channels are named {channel.name}. Give each its own name")
        names.add(channel.name)
        yield channel


def _channel(table: Mapping[str, Any], which: str, folder: Path) -> Channel:
    if "name" not in table:
        raise _InvalidError(f"{which} has no name")
    name = _text(table["name"], f"the name of {which}")
    if len(name) > _LONGEST_NAME:
        raise _InvalidError(f"the name of {which} has more than {_LONGEST_NAME} characters")
    if "url" in table:
        raise _InvalidError(
            f"channel {name} has a url, but a URL contains a secret, and this file should hold "
            'none. Put it into an environment variable, and write url_env = "NAME" here'
        )
    _known(table, _CHANNEL_KEYS, f"in channel {name}")
    if ("url_env" in table) == ("url_file" in table):
        raise _InvalidError(f"channel {name} needs one of url_env and url_file")
    return Channel(
        name=name,
        url_env=_variable(table["url_env"], name) if "url_env" in table else None,
        url_file=folder / _file(table["url_file"], name) if "url_file" in table else None,
        match=dict(_match(table.get("match", {}), name)),
        digest=_time_of_day(table["digest"], name) if "digest" in table else None,
    )


# Who writes the URL itself must not find it in a message, as it is a secret.


def _variable(value: Any, channel: str) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value.strip(), re.ASCII):
        return value.strip()
    raise _InvalidError(
        f"url_env of channel {channel} is not the name of a variable. Put the URL into an "
        'environment variable, and write url_env = "NAME" here'
    )


def _file(value: Any, channel: str) -> Path:
    if isinstance(value, str) and value.strip() and value.isprintable() and ":/" not in value:
        return Path(value.strip()).expanduser()
    raise _InvalidError(
        f"url_file of channel {channel} is not the name of a file. Put the URL into a file, and "
        'write url_file = "NAME" here'
    )


def _match(table: Any, channel: str) -> Iterator[tuple[str, frozenset[str]]]:
    if not isinstance(table, dict):
        raise _InvalidError(
            f'match of channel {channel} must be a table, as match = {{ owner = ["growth"] }}'
        )
    _known(table, MATCH_KEYS, f"in match of channel {channel}")
    for key, values in table.items():
        where = f"{key} in match of channel {channel}"
        if not isinstance(values, list) or not values:
            raise _InvalidError(f'{where} must be a list of texts, as {key} = ["..."]')
        texts = [_text(value, f"each value of {where}") for value in values]
        for text in texts if key == "health" else ():
            if text.lower() not in DOWN:
                hint = did_you_mean(text, DOWN) or ""
                raise _InvalidError(
                    f"{text!r} is not a health that counts as down: {', '.join(DOWN)}. {hint}"
                )
        yield key, frozenset(map(str.casefold, texts))


def _time_of_day(value: Any, channel: str) -> time:
    with suppress(ValueError):
        if isinstance(value, str) and len(value) == len("08:00"):
            return time.fromisoformat(value)
    raise _InvalidError(f'digest of channel {channel} must be a time of day, as "08:00"')
