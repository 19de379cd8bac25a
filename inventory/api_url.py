"""Checks the URL of the API, and the proxy and the certificates on the way to it. No connection."""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from inventory.errors import ConfigurationError

DEFAULT = "https://api.fivetran.com"


def checked(url: str) -> str:
    """Return the base URL without a trailing slash or /v1; raise if it is unusable or unsafe."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
        raise ConfigurationError(f"FIVETRAN_API_URL must be an http(s) URL, for example {DEFAULT}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "FIVETRAN_API_URL must contain only scheme, host and path. Set the key in "
            "FIVETRAN_API_KEY and FIVETRAN_API_SECRET."
        )
    if parts.scheme == "http" and not _is_localhost(parts.hostname):
        raise ConfigurationError(
            f"FIVETRAN_API_URL would send the key unencrypted to {parts.hostname}. Use https; "
            "plain http is accepted for localhost only."
        )
    return url.rstrip("/").removesuffix("/v1")


def is_http(url: str) -> bool:
    """Return whether a URL of another service is one of http or https, with a host."""
    parts = _split(url)
    return bool(
        parts is not None
        and parts.scheme in ("https", "http")
        and parts.hostname
        and url.isprintable()
    )


def check_ca_bundle(environ: Mapping[str, str]) -> None:
    """Check that the CA bundle that the HTTP library takes from these variables is readable."""
    name = next(filter(environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")), None)
    if name and not os.access(environ[name], os.R_OK):
        raise ConfigurationError(
            f"{name} names {environ[name]}, which does not exist or cannot be read. Correct the "
            "path or its permissions."
        )


def check_proxy(environ: Mapping[str, str], url: str) -> None:
    """Reject a proxy that the HTTP library cannot use, or would misread."""
    # The lower-case spelling wins, even if it is empty.
    names = [name if name in environ else name.upper() for name in ("https_proxy", "all_proxy")]
    name = next(filter(environ.get, names), None)
    if name is None or url.startswith("http:") or _is_bypassed(url, environ):
        return
    given = environ[name].strip()
    has_scheme = "://" in given
    parts = _split(given if has_scheme else f"http://{given}")
    if has_scheme and parts is not None and parts.scheme not in ("http", "https"):
        raise ConfigurationError(
            f"{name} names a {parts.scheme} proxy, which is not supported. Set it to an HTTP "
            "proxy such as http://host:3128, or unset it."
        )
    if parts is None or not parts.hostname or (parts.port is None and not has_scheme):
        raise ConfigurationError(
            f"{name} is not a valid proxy address. Set it to one such as http://host:3128."
        )


def _is_bypassed(url: str, environ: Mapping[str, str]) -> bool:
    from requests.utils import should_bypass_proxies

    return should_bypass_proxies(url, environ.get("no_proxy") or environ.get("NO_PROXY") or "")


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
