"""Parses a PostgreSQL URL with libpq, so that every URL that psql accepts works here.

It contacts no server.
"""

import difflib
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, unquote

from inventory.errors import ConfigurationError

log = logging.getLogger(__name__)

_SCHEME = re.compile(r"postgres(?:ql)?(?:\+(\w+))?://")
_OTHER_DRIVERS = ("psycopg2", "psycopg2cffi", "psycopg_async", "asyncpg", "pg8000")
# A whole component that a shell should have expanded. A literal $ is written %24.
_UNEXPANDED = re.compile(r"(?<=[:/@=,])\$(\{\w+\}|[A-Z_][A-Z0-9_]*)(?=[:/@?&,]|$)")
_CREDENTIALS = re.compile(r"(postgresql://)([^:/@?]*):([^@]*)@")

# Parameters of other tools, in lower case and without - and _, with what to write instead.
_OUT = "leave it out"
_SCHEMA = "name the schema in INVENTORY_SCHEMA"
_SET = "write options=-c%20{name}%3DVALUE"
_INSTEAD = {
    "ssl": "write sslmode=require",
    "usessl": "write sslmode=require",
    "requiressl": "write sslmode=require",
    "schema": _SCHEMA,
    "currentschema": _SCHEMA,
    "searchpath": _SCHEMA,
    "sslca": "write sslrootcert=FILE",
    "sslcafile": "write sslrootcert=FILE",
    "sslaccept": "write sslrootcert=FILE",
    "timeout": "write connect_timeout=10",
    "connectiontimeout": "write connect_timeout=10",
    "logintimeout": "write connect_timeout=10",
    "username": "write user=NAME",
    "role": "write user=NAME",
    "charset": _OUT,
    "encoding": _OUT,
    "database": "write dbname=NAME",
    "db": "write dbname=NAME",
    "pgbouncer": _OUT,
    "connectionlimit": _OUT,
    "poolsize": _OUT,
    "pooltimeout": _OUT,
    "autocommit": _OUT,
    "rowfactory": _OUT,
    "cursorfactory": _OUT,
    "preparethreshold": _OUT,
    "statementcachesize": _OUT,
    "preparedstatementcachesize": _OUT,
    "statementtimeout": _SET,
    "locktimeout": _SET,
    "workmem": _SET,
    "timezone": _SET,
    "jit": _SET,
}


def is_postgresql(given: str) -> bool:
    return _SCHEME.match(given) is not None


def parse(given: str) -> tuple[dict[str, str], str]:
    """Return the parameters of a URL, and the password that stands before its @.

    Raises ConfigurationError with the name of an invalid parameter.
    """
    uri = _with_libpq_scheme(given)
    if _UNEXPANDED.search(uri):
        raise ConfigurationError(
            "INVENTORY_DATABASE_URL contains the name of a variable ($NAME), which only a shell "
            "expands. Write its value; write %24 for a literal $."
        )
    parameters = _parse(uri)
    credentials = _CREDENTIALS.match(uri)  # password= overrides it, but neither may be shown
    return parameters, unquote(credentials[3]) if credentials else ""


def invalid_url() -> ConfigurationError:
    # The message does not show the URL, which may contain a password.
    return ConfigurationError(
        "INVENTORY_DATABASE_URL is not a valid URL. Expected "
        "postgresql://user:password@host/database or sqlite:////path/to/inventory.db. "
        "Percent-encode special characters in the password."
    )


def _with_libpq_scheme(given: str) -> str:
    scheme = _SCHEME.match(given)
    assert scheme is not None
    driver = scheme[1]
    if driver in _OTHER_DRIVERS:
        log.info("INVENTORY_DATABASE_URL names the driver %s; psycopg 3 is used instead", driver)
    elif driver not in (None, "psycopg"):
        raise ConfigurationError(
            f"INVENTORY_DATABASE_URL begins with {scheme[0].removesuffix('://')}, which is not "
            "supported. Write postgresql://…, which uses psycopg 3."
        )
    return f"postgresql://{given[scheme.end() :]}"


def _parse(uri: str) -> dict[str, str]:
    """Let libpq parse the URL; if the result is not plausible, encode special characters first."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    encoded = _encode(uri)
    for spelling in (uri, encoded):
        with suppress(ProgrammingError):
            parameters = {name: str(value) for name, value in conninfo_to_dict(spelling).items()}
            if _is_plausible(parameters, spelling):
                _check_names(spelling)
                if "-c+" in parameters.get("options", ""):  # SQLAlchemy writes a space as +
                    parameters["options"] = parameters["options"].replace("+", " ")
                return parameters
    _check_names(encoded)
    raise invalid_url()


def _encode(uri: str) -> str:
    """Encode / and ? in a password, = in a value (options=-c%20jit=off), and spaces."""
    uri = uri.replace(" ", "%20")
    encoded = _CREDENTIALS.sub(lambda m: f"{m[1]}{m[2]}:{quote(m[3], safe='%')}@", uri, count=1)
    start, mark, query = encoded.partition("?")
    parts = [part.split("=", 1) for part in query.split("&")]
    return start + mark + "&".join("=".join(text.replace("=", "%3D") for text in p) for p in parts)


def _is_plausible(parameters: Mapping[str, str], uri: str) -> bool:
    """Say whether libpq took no part of a password for a host, a port or a database."""
    if "@" in parameters.get("dbname", "") and "%40" not in uri:
        return False
    # The name of an abstract Unix socket begins with @, but stands in host=.
    if "@" in parameters.get("host", "") and "host" not in _names(uri):
        return False
    return re.fullmatch("[0-9,]*", parameters.get("port", "")) is not None


def _names(uri: str) -> list[str]:
    parts = filter(None, uri.partition("?")[2].split("&"))
    return [unquote(part.partition("=")[0]) for part in parts]


def _check_names(uri: str) -> None:
    """Reject unknown parameters, and repeated ones, of which libpq would use only the last."""
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    names = _names(uri)
    if not all(re.fullmatch(r"[A-Za-z][\w.-]{0,40}", name) for name in names):
        raise invalid_url()  # the name is not shown: it may be part of a password
    if unknown := [name for name in dict.fromkeys(names) if name not in known]:
        each = ", ".join(f"{name} ({_advice(name, known)})" for name in unknown)
        raise ConfigurationError(
            f"INVENTORY_DATABASE_URL has parameters that PostgreSQL does not know: {each}."
        )
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ConfigurationError(
            f"INVENTORY_DATABASE_URL has {repeated}= more than once. Write it once; for several "
            "hosts, write host=one,two&port=5432,5433."
        )


def _advice(name: str, known: set[str]) -> str:
    letters = re.sub("[^a-z]", "", name.lower())
    if letters in _INSTEAD:
        return _INSTEAD[letters].format(name=name)
    similar = {re.sub("[^a-z]", "", each): each for each in sorted(known)}
    found = difflib.get_close_matches(letters, similar, n=1, cutoff=0.8)
    return f"write {similar[found[0]]}=" if found else _OUT
