"""Describes the chosen database without its secrets. It connects to nothing."""

import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from inventory.db import postgresql_url
from inventory.db.engine import connect, file_of
from inventory.db.errors import display_url
from inventory.errors import ConfigurationError
from inventory.settings import DatabaseSettings, Secret
from inventory.text import escape_control_chars

ELLIPSIS = "..."  # stands for what the user has to fill in

_FILE_PARAMETERS = (
    "service",
    "passfile",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslcrldir",
)
# Characters that a component of a URL may contain as they are; in others it is / and a comma.
_UNQUOTED = {"user": "", "dbname": "", "host": "/,:", "hostaddr": ",:"}


class ChosenDatabase(NamedTuple):
    """A database as the files may show it."""

    url: str  # with ... in the place of each secret
    is_file: bool  # SQLite
    spread: int  # a number that stays the same for the same database
    file_parameters: tuple[str, ...] = ()  # parameters of the URL that name files
    has_user: bool = True  # without one, libpq takes the user of the operating system
    is_on_this_host: bool = False


def describe(settings: DatabaseSettings) -> ChosenDatabase:
    """Describe the configured database. Raises ConfigurationError for an invalid URL."""
    engine = connect(settings)
    file = file_of(engine)
    if file is not None:
        # The same path is another file on another host.
        spread = _number(f"{socket.gethostname()}:{file}")
        return ChosenDatabase(_sqlite_url(file), is_file=True, spread=spread)
    parameters, password = postgresql_url.parse(settings.url.reveal())
    if password:
        parameters["password"] = password
    shown = {name: _shown(name, value) for name, value in parameters.items()}
    known = _defaults() | parameters
    is_elsewhere = "service" in known  # the file of services names the host and the user
    return ChosenDatabase(
        _postgresql_url(shown),
        is_file=False,
        spread=_number(display_url(engine)),
        file_parameters=tuple(name for name in _FILE_PARAMETERS if parameters.get(name)),
        has_user=is_elsewhere or "user" in known,
        is_on_this_host=not is_elsewhere and _is_local(known),
    )


def _defaults() -> dict[str, str]:
    """Return the parameters that variables such as PGUSER set."""
    from psycopg.pq import Conninfo

    variables = {
        each.keyword.decode(): os.environ.get(each.envvar.decode(), "")
        for each in Conninfo.get_defaults()
        if each.envvar
    }
    return {name: value for name, value in variables.items() if value}


def _is_local(parameters: Mapping[str, str]) -> bool:
    """Return whether a host is this machine, or a directory with a socket, as it is by default."""
    hosts = (parameters.get("hostaddr") or parameters.get("host") or "/").split(",")
    return any(re.match(r"/|@|localhost$|127\.|::1$|$", host) for host in hosts)


def _number(text: str) -> int:
    digest = blake2b(os.fsencode(text), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def _sqlite_url(file: Path) -> str:
    """Write a URL that leads to a file, without a character that has to be quoted.

    Releases of SQLAlchemy differ in what they decode, so it is the first that leads back here.
    """
    encoded = quote(os.fsencode(file))
    spellings = [encoded] if encoded == str(file) else [f"file:{encoded}", f"file:{quote(encoded)}"]
    for url in (f"sqlite:///{spelling}" for spelling in spellings):
        with suppress(ConfigurationError):
            if file_of(connect(DatabaseSettings(url=Secret(url)))) == file:
                return url
    raise ConfigurationError(
        f"No URL leads to {escape_control_chars(str(file))}. Rename the file, and set "
        "INVENTORY_DATABASE_URL to its new name."
    )


def _shown(name: str, value: str) -> str:
    """Return a parameter percent-encoded, or ... if it holds a secret, or may.

    libpq itself says which ones do. `options` may set anything.
    """
    from psycopg.pq import Conninfo

    display = {each.keyword.decode(): each.dispchar.decode() for each in Conninfo.get_defaults()}
    if display.get(name, "*") or name == "options":
        return ELLIPSIS
    return quote(value, safe=_UNQUOTED.get(name, "/,"))


def _postgresql_url(shown: Mapping[str, str]) -> str:
    """Write a URL from percent-encoded parameters."""
    rest = dict(shown)
    user, password = rest.pop("user", ""), rest.pop("password", "")
    host, port, name = rest.pop("host", ""), rest.pop("port", ""), rest.pop("dbname", "")
    if re.search("[/@%]", host) or "," in host or "," in port:
        rest |= {"host": host} | ({"port": port} if port else {})
        host = port = ""
    host = f"[{host}]" if ":" in host else host
    account = f"{user}{f':{password}' if password else ''}@" if user or password else ""
    query = "&".join(f"{parameter}={value}" for parameter, value in rest.items())
    query = f"?{query}" if query else ""
    return f"postgresql://{account}{host}{f':{port}' if port else ''}/{name}{query}"
