"""Owns the settings: reads environment variables and flags, checks them once and freezes them.

Secrets are read here, wrapped in `Secret`, and unwrapped only where they leave the process.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inventory import api_url
from inventory.errors import ConfigurationError

Endpoint = Literal["auto", "connectors", "connections"]

# Fivetran's Terraform provider reads the second spelling; users may have set it already.
KEY_NAMES = ("FIVETRAN_API_KEY", "FIVETRAN_APIKEY")
SECRET_NAMES = ("FIVETRAN_API_SECRET", "FIVETRAN_APISECRET")
DATABASE_URL = "INVENTORY_DATABASE_URL"
PING_URL = "INVENTORY_PING_URL"

_QUOTES = ("'", '"', "`", "\N{LEFT SINGLE QUOTATION MARK}", "\N{LEFT DOUBLE QUOTATION MARK}")


class Secret:
    """A text that repr, format and pickle never show; only `reveal()` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret('******')"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """How to read the API. Times are in seconds; `deadline` bounds the whole run."""

    key: Secret
    secret: Secret
    url: str = api_url.DEFAULT
    endpoint: Endpoint = "auto"
    account: str | None = None
    page_size: int = 1000
    deadline: float = 900.0
    attempts: int = 6
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    max_response_mb: int = 64


@dataclass(frozen=True, kw_only=True)
class RemovalSettings:
    """When to remove connectors that are missing from a complete walk.

    Removals are withheld if more than `max_missing_percent` of the known connectors and at least
    `max_missing_count` are missing, or all of a group of at least `max_missing_group`. `accept`
    overrides that. Each missing connector is looked up by id before it is removed; a run looks up
    at most `max_lookups`.
    """

    max_missing_percent: float = 20.0
    max_missing_count: int = 5
    max_missing_group: int = 3
    max_lookups: int = 500
    accept: bool = False


@dataclass(frozen=True, kw_only=True)
class EnrichmentSettings:
    """What to read beyond the list of connectors.

    `users`: the list of users, beside those of groups, destinations and connector types. `details`:
    of no connectors, of all, or of those that need it most, at most `details_budget` in a run.
    `setup_tests`: of no connectors, of those that are down or incomplete, or of all, also at most
    `details_budget`; `tested` names more of them. Both send at most `concurrency` requests at once.
    """

    users: bool = True
    details: Literal["auto", "all", "none"] = "auto"
    details_budget: int = 200
    concurrency: int = 4
    setup_tests: Literal["down", "all", "none"] = "none"
    tested: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Where the tables are. The URL may contain a password; `display_url` masks it."""

    url: Secret
    schema: str | None = None


def api_settings(environ: Mapping[str, str] = os.environ, **flags: Any) -> ApiSettings:
    """Read key, secret and URL from the environment; a flag that is None keeps its default.

    Raises ConfigurationError that names the variable to set.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    api_url.check_ca_bundle(environ)
    url = api_url.checked(not_empty(environ, "FIVETRAN_API_URL") or api_url.DEFAULT)
    api_url.check_proxy(environ, url)
    return ApiSettings(
        key=_secret(environ, KEY_NAMES), secret=_secret(environ, SECRET_NAMES), url=url, **given
    )


def database_settings(environ: Mapping[str, str] = os.environ) -> DatabaseSettings:
    """Read INVENTORY_DATABASE_URL and INVENTORY_SCHEMA; the default is a file of the user.

    INVENTORY_DATABASE_URL_FILE may name a file that contains the URL instead.
    """
    url = _secret_url(environ, DATABASE_URL) or f"sqlite:///{_default_file()}"
    _reject_quote("INVENTORY_DATABASE_URL", url)
    schema = not_empty(environ, "INVENTORY_SCHEMA")
    if schema and url.startswith("sqlite"):
        raise ConfigurationError(
            "INVENTORY_SCHEMA is set, but SQLite has no schemas. Unset it, or set "
            "INVENTORY_DATABASE_URL to a PostgreSQL database."
        )
    if schema and (
        len(schema.encode()) > 63
        or schema.startswith(("pg_", "$user", "information_schema"))
        or "\0" in schema
    ):
        raise ConfigurationError(
            "INVENTORY_SCHEMA is not a valid schema name: it must have at most 63 bytes and not "
            "begin with pg_, $user or information_schema."
        )
    return DatabaseSettings(url=Secret(url), schema=schema)


def ping_url(environ: Mapping[str, str] = os.environ) -> Secret | None:
    """Read INVENTORY_PING_URL, or the file that INVENTORY_PING_URL_FILE names; None = no pings."""
    url = _secret_url(environ, PING_URL)
    if url is None:
        return None
    _reject_quote(PING_URL, url)
    if not api_url.is_http(url):
        raise ConfigurationError(f"{PING_URL} must be an http(s) URL.")
    return Secret(url)


def _secret_url(environ: Mapping[str, str], name: str) -> str | None:
    """Read a URL from a variable, or from the file that NAME_FILE names."""
    file_name = f"{name}_FILE"
    url, file = not_empty(environ, name), not_empty(environ, file_name)
    if url and file:
        raise ConfigurationError(f"{name} and {file_name} are both set. Keep one of them.")
    if file is None:
        return url
    url = read_secret_file(file_name, file).strip()
    if not url.isprintable() or not url:
        raise ConfigurationError(f"{file_name} names {file}, which must contain one line: the URL.")
    return url


def not_empty(environ: Mapping[str, str], name: str) -> str | None:
    """Return the value of a variable; None if it is not set.

    Raises ConfigurationError if it is empty: the variable it was copied from had no value, and the
    default would send the key or the data to the wrong place.
    """
    text = environ.get(name)
    if text is not None and not text.strip():
        raise ConfigurationError(f"{name} is set but empty. Give it a value or unset it.")
    return None if text is None else text.strip()


def _default_file() -> Path:
    """Return the same file in every working directory, so that cron and a shell agree."""
    from platformdirs import user_data_path

    with suppress(RuntimeError):  # no HOME and no such user: a container with an arbitrary uid
        folder = user_data_path("inventory", appauthor=False)
        if folder.is_absolute():
            return folder / "inventory.db"
    raise ConfigurationError(
        "INVENTORY_DATABASE_URL is not set, and this user has no home directory for the default "
        "database. Set it, for example to sqlite:////data/inventory.db."
    )


def _secret(environ: Mapping[str, str], names: tuple[str, ...]) -> Secret:
    """Return the first secret that is set, as NAME or in the file that NAME_FILE names."""
    for name in names:
        text, file = environ.get(name), environ.get(f"{name}_FILE")
        if text and file:
            raise ConfigurationError(f"{name} and {name}_FILE are both set. Keep one of them.")
        if file:
            text = read_secret_file(f"{name}_FILE", file)
        if text and text.strip():
            if not text.strip().isprintable():  # surrogates of invalid UTF-8 are not, either
                raise ConfigurationError(f"{name} must be a single line of printable text.")
            _reject_quote(name, text.strip())
            return Secret(text.strip())
    raise ConfigurationError(
        f"{names[0]} is not set. Export it, or set {names[0]}_FILE to a file that contains it. "
        "You create the API key and its secret in the Fivetran dashboard under API Config."
    )


def _reject_quote(name: str, text: str) -> None:
    """Reject quotes that a shell would have removed; `docker --env-file`, for one, keeps them."""
    if text.startswith(_QUOTES):
        raise ConfigurationError(
            f"The value of {name} begins with a quote ({text[0]}), which only a shell removes. "
            "Write the value without quotes."
        )


def read_secret_file(variable: str, file: str) -> str:
    """Return the text of the file that a setting names. Raises ConfigurationError."""
    if "://" in file:  # the URL itself, which is a secret and must not be in a message
        raise ConfigurationError(
            f"{variable} is a URL, not the name of a file. Write the URL into a file that only "
            f"you can read, and set {variable} to its name."
        )
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        # One that is no path may be the secret itself.
        named = file if file.startswith(("/", "./", "../")) else "a file"
        raise ConfigurationError(
            f"{variable} names {named}, which cannot be read: {reason}. "
            "Correct the path or the file's permissions."
        ) from None
