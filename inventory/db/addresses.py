"""The address of a PostgreSQL server: what libpq gets, and what people see, without the password.

It contacts no server.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import URL

from inventory.db import connection_parameters, postgresql_url
from inventory.db.connection_parameters import Parameters
from inventory.redaction import hide


@dataclass(frozen=True)
class Address:
    """The connection parameters for libpq, and the same as a URL without its password."""

    parameters: dict[str, str]
    # Parameters that the URL, a service or a PG* variable sets.
    keep_if_equal: frozenset[str]
    shown: str

    @property
    def url(self) -> URL:
        """The address as a URL of SQLAlchemy."""
        rest = dict(self.parameters)
        names = {"username": rest.pop("user", None), "password": rest.pop("password", None)}
        database = rest.pop("dbname", None)
        host, port = rest.get("host", ""), rest.get("port", "")
        if host and not re.search("[,/@]", host) and "," not in port:
            del rest["host"]
            names |= {"host": host, "port": int(rest.pop("port", "") or 0) or None}  # type: ignore[dict-item]
        elif port and "," in host:
            each = connection_parameters.per_host(self.parameters)
            rest["port"] = ",".join(one.get("port", "") for one in each)
        return URL.create("postgresql+psycopg", database=database, query=rest, **names)  # type: ignore[arg-type]


def read(given: str) -> Address:
    """Read a URL as libpq does. Raises ConfigurationError with the name of an invalid parameter."""
    parameters, password = postgresql_url.parse(given)
    hide(*_maskable_passwords(parameters, password))
    connection_parameters.check_hosts(parameters)
    effective = connection_parameters.with_environment(parameters)
    keep_if_equal = frozenset(effective) | frozenset(parameters)
    return Address(parameters, keep_if_equal, _shown(parameters | effective, parameters))


def _shown(effective: Parameters, given: Parameters) -> str:
    """Format an address as a URL without its password."""
    user = quote(effective.get("user", ""), safe="")
    user += ":***" if "password" in given else ""
    database = quote(effective.get("dbname", ""), safe="")
    each = [
        (one.get("host") or one.get("hostaddr", ""), one.get("port", ""))
        for one in connection_parameters.per_host(given)
    ]
    query = []
    if any(re.search("[/@]", host) for host, _ in each):  # the folder or name of a Unix socket
        query = [f"host={','.join(host for host, _ in each)}"]
        if ports := ",".join(port for _, port in each).strip(","):
            query.append(f"port={ports}")
        each = []
    if service := connection_parameters.value(given, "service"):
        query.append(f"service={service}")
    hosts = ",".join(_host_and_port(host, port) for host, port in each)
    rest = f"?{'&'.join(query)}" if query else ""
    return f"postgresql://{user}{'@' if user else ''}{hosts}/{database}{rest}"


def _host_and_port(host: str, port: str) -> str:
    return (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")


def _maskable_passwords(parameters: Parameters, password: str) -> list[str]:
    """Return the passwords in use, except common words such as that of postgres:postgres@.

    Masking a common word would garble messages, and would hide only what anybody would guess.
    """
    given = [parameters.get(name, "") for name in ("password", "sslpassword")]
    common = f"{_shown(parameters, {})} inventory postgresql database".lower()
    passwords = (*given, password, os.environ.get("PGPASSWORD", ""))
    return [each for each in passwords if each and each.lower() not in common]
