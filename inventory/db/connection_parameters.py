"""Checks libpq's connection parameters, and adds those that the environment sets.

It contacts no server.
"""

import os
import re
import socket
from collections.abc import Iterator, Mapping

from inventory.errors import ConfigurationError

Parameters = Mapping[str, str]

_VARIABLES = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "service": "PGSERVICE"}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def value(parameters: Parameters, name: str) -> str:
    """Return a parameter of the URL, or else of its PG* variable."""
    return parameters.get(name) or os.environ.get(_VARIABLES[name], "")


def per_host(parameters: Parameters) -> Iterator[dict[str, str]]:
    """Yield the parameters once for each host that libpq would try, with only that host."""
    names, numbers = (value(parameters, name).split(",") for name in ("host", "hostaddr"))
    ports = value(parameters, "port").split(",")
    count = max(len(names), len(numbers))
    for at in range(count):
        one = {
            "host": names[at] if len(names) == count else "",
            "hostaddr": numbers[at] if len(numbers) == count else "",
            "port": ports[at] if len(ports) == count else ports[0],
        }
        # libpq chooses a value for an empty one: a service may name the host.
        yield {**parameters, **{n: text for n, text in one.items() if text or n in parameters}}


def check_hosts(parameters: Parameters) -> None:
    """Check hosts and ports of the URL and of variables, which libpq checks only on connecting.

    A service takes precedence over the variables, so with a service they are not checked.
    """
    names, values = ["INVENTORY_DATABASE_URL"], {}
    for name in ("host", "hostaddr", "port"):
        values[name] = parameters.get(name, "")
        if name not in parameters and not value(parameters, "service"):
            values[name] = value(parameters, name)
            names += [_VARIABLES[name]] if values[name] else []
    ports, addresses = values["port"].split(","), values["hostaddr"].split(",")
    counts = [len(values[name].split(",")) for name in ("host", "hostaddr") if values[name]]
    where = " and ".join(names)
    if len(set(counts)) > 1 or len(ports) not in (1, *counts):
        raise ConfigurationError(
            f"{where}: there are {counts[0] if counts else 1} hosts, but another number of ports "
            "or addresses. Write one port for each host, or one port for all."
        )
    if not all(map(_is_port, ports)):  # the port is not shown: it may be part of a password
        raise ConfigurationError(
            f"{_source('port', parameters)} is invalid: a port is between 1 and 65535."
        )
    if wrong := next((each for each in addresses if each and not _is_address(each)), None):
        raise ConfigurationError(
            f"{_source('hostaddr', parameters)} is not a numeric address: {wrong}. Write a host "
            "name in host= or PGHOST."
        )


def _source(name: str, parameters: Parameters) -> str:
    return f"{name} of INVENTORY_DATABASE_URL" if name in parameters else _VARIABLES[name]


def _is_port(text: str) -> bool:
    digits = text.strip()  # as libpq does
    return not text or (digits.isascii() and digits.isdigit() and 0 < int(digits[:9]) < 65536)


def _is_address(text: str) -> bool:
    """Parse an address as libpq does, without a lookup."""
    try:
        socket.getaddrinfo(text, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def with_environment(parameters: dict[str, str]) -> dict[str, str]:
    """Let libpq check the values; return the parameters with those of a service and PG* variables.

    libpq checks values before it tries a host. So it gets a host that it can never reach; if it
    fails before it tries that host, a value is invalid.
    """
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn

    mode = parameters.get("sslmode", "require")
    if mode not in _SSL_MODES:
        raise ConfigurationError(
            f"INVENTORY_DATABASE_URL has an invalid sslmode={mode}. Write one of "
            f"{', '.join(_SSL_MODES)}; require encrypts but does not verify the certificate."
        )
    unreachable = {"host": "/dev/null", "hostaddr": "", "port": "1"}
    connection = PGconn.connect_start(make_conninfo(**parameters | unreachable).encode())
    try:
        message = connection.error_message.decode(errors="replace").strip()
        options = [each for each in connection.info if each.keyword.decode() not in unreachable]
    finally:
        connection.finish()
    if "/dev/null/" not in message:
        raise ConfigurationError(
            f"libpq cannot use INVENTORY_DATABASE_URL: {message}. Correct the URL{_or_variables()}."
        )
    return {
        option.keyword.decode(): option.val.decode(errors="replace")
        for option in options
        if option.val is not None and option.val != option.compiled
    }


def _or_variables() -> str:
    names = sorted(name for name in os.environ if re.fullmatch("PG[A-Z]+", name))
    return f" or {', '.join(names)}" if names else ""
