"""What the user decides: environment variables and flags, checked once and frozen.

Secrets are read here, wrapped in `Secret`, and unwrapped only where they leave the process.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from inventory.errors import FixSettings

Endpoint = Literal["auto", "connectors", "connections"]

API_URL = "https://api.fivetran.com"

# The Terraform provider of the vendor reads the second spelling; people have it set already.
KEY_NAMES = ("FIVETRAN_API_KEY", "FIVETRAN_APIKEY")
SECRET_NAMES = ("FIVETRAN_API_SECRET", "FIVETRAN_APISECRET")


class Secret:
    """A text that no repr, format or pickle shows; `reveal()` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret('******')"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """How the API is asked. Times are seconds; `deadline` bounds the whole run."""

    key: Secret
    secret: Secret
    url: str = API_URL
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
    """When connectors that are missing from a complete walk are believed to be gone.

    They are not where more than `suspect_percent` and at least `suspect_count` of all are missing
    at once, or all of a group of at least `suspect_group`; unless `accept` says so. One that is
    believed is still asked for by id: `max_questions` bounds that for a run.
    """

    suspect_percent: float = 20.0
    suspect_count: int = 5
    suspect_group: int = 3
    max_questions: int = 500
    accept: bool = False


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Where the tables are. The URL may hold a password: `refusals.describe` prints it masked."""

    url: Secret
    schema: str | None = None


def api_settings(environ: Mapping[str, str] = os.environ, **flags: Any) -> ApiSettings:
    """Read key, secret and URL from the environment; flags that are None keep their default.

    Raises FixSettings, naming the variable to set.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    _check_authority(environ)
    return ApiSettings(
        key=_secret(environ, KEY_NAMES),
        secret=_secret(environ, SECRET_NAMES),
        url=_checked_api_url(environ.get("FIVETRAN_API_URL") or API_URL),
        **given,
    )


def database_settings(environ: Mapping[str, str] = os.environ) -> DatabaseSettings:
    """Read INVENTORY_DATABASE_URL and INVENTORY_SCHEMA; without a URL, the user's own file."""
    url = environ.get("INVENTORY_DATABASE_URL") or f"sqlite:///{_default_file()}"
    schema = environ.get("INVENTORY_SCHEMA") or None
    if schema and url.startswith("sqlite"):
        raise FixSettings(
            "INVENTORY_SCHEMA is set, but SQLite has no schemas: unset it, or name a PostgreSQL "
            "database in INVENTORY_DATABASE_URL."
        )
    if schema and (
        len(schema.encode()) > 63
        or schema.startswith(("pg_", "$user", "information_schema"))
        or "\0" in schema
    ):
        raise FixSettings(
            "INVENTORY_SCHEMA is no name that PostgreSQL takes for a schema: at most 63 bytes, "
            "not $user, and none of the server's own."
        )
    return DatabaseSettings(url=Secret(url), schema=schema)


def _default_file() -> Path:
    """The same file from every working directory, so that cron and a shell agree."""
    from platformdirs import user_data_path

    return user_data_path("inventory", appauthor=False) / "inventory.db"


def _secret(environ: Mapping[str, str], names: tuple[str, ...]) -> Secret:
    """Take the first of NAME, NAME_FILE that is set, in the order of names."""
    for name in names:
        text, file = environ.get(name), environ.get(f"{name}_FILE")
        if text and file:
            raise FixSettings(f"{name} and {name}_FILE are both set: keep one of them.")
        if file:
            text = _read_secret_file(f"{name}_FILE", file)
        if text and text.strip():
            if not text.strip().isprintable():  # nor is what is no UTF-8
                raise FixSettings(f"{name} holds what is no text in one line: it cannot be a key.")
            return Secret(text.strip())
    raise FixSettings(
        f"{names[0]} is not set: export it, or name a file that holds it in {names[0]}_FILE. "
        "Both halves of a key are made in the Fivetran dashboard under API Config."
    )


def _read_secret_file(variable: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise FixSettings(
            f"{variable} names {file}, which cannot be read: {reason}. "
            "Correct the path or the file's permissions."
        ) from None


def _checked_api_url(url: str) -> str:
    """Return the base URL without a trailing slash or /v1, or say why it is refused."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
        raise FixSettings("FIVETRAN_API_URL is no http(s) URL: it looks like " + API_URL + ".")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise FixSettings(
            "FIVETRAN_API_URL holds more than scheme, host and path: "
            "the key belongs in FIVETRAN_API_KEY and FIVETRAN_API_SECRET."
        )
    if parts.scheme == "http" and not _is_localhost(parts.hostname):
        raise FixSettings(
            f"FIVETRAN_API_URL would send the key unencrypted to {parts.hostname}: use https "
            "(plain http is taken for localhost only)."
        )
    return url.rstrip("/").removesuffix("/v1")


def _check_authority(environ: Mapping[str, str]) -> None:
    """See that the authority is there that the HTTP library will look for under these names."""
    name = next(filter(environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")), None)
    if name and not os.access(environ[name], os.R_OK):
        raise FixSettings(
            f"{name} names {environ[name]}, which is not there or cannot be read: correct the path "
            "or its permissions."
        )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_localhost(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
