"""Configures the HTTP session: timeouts, TLS, redirects, proxies. Sends nothing itself.

TLS is always verified, against the authority in REQUESTS_CA_BUNDLE or the public ones. No redirect
is followed. Every exchange is watched from its first step to its last byte.
"""

import contextlib
import errno
import io
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from inventory import __version__, redaction
from inventory.api.watchdog import CURRENT, Watched
from inventory.errors import ConfigurationError
from inventory.redaction import hide
from inventory.settings import ApiSettings

_MIN_CREDENTIAL = 12  # characters; real ones are longer, and a shorter one may be a word


def create_session(settings: ApiSettings) -> requests.Session:
    """Return a session that sends the key. It is for the API's address only."""
    session = _Session()
    # Plain http is allowed for localhost only: a proxy would get the key unencrypted.
    session.trust_env = not settings.url.lower().startswith("http:")
    key, secret = settings.key.reveal(), settings.secret.reveal()
    hide(key, secret, f"{key}:{secret}", *_proxy_passwords())
    # As bytes: requests would encode texts as latin-1.
    session.auth = HTTPBasicAuth(key.encode(), secret.encode())
    session.headers.update(
        {
            "Accept": "application/json;version=2",
            "Accept-Encoding": "gzip",
            "User-Agent": f"inventory/{__version__}",
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


def secret_scrubber(settings: ApiSettings) -> Callable[[bytearray], bytearray]:
    """Return a function that removes key and secret from a body: the API may quote them."""
    key, secret = settings.key.reveal(), settings.secret.reveal()
    texts = (key, secret, f"{key}:{secret}")
    return redaction.secret_scrubber([text for text in texts if len(text) >= _MIN_CREDENTIAL])


def _proxy_passwords() -> Iterator[str]:
    for proxy in getproxies().values():
        with contextlib.suppress(ValueError):  # not a URL
            password = urlsplit(proxy).password or ""
            yield from (password, unquote(password))


def is_certificate_error(error: BaseException) -> bool:
    """Return whether the certificate, or the file of authorities, is at fault: no retry helps."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    return isinstance(error, ssl.SSLError) and error.reason == "NO_CERTIFICATE_OR_CRL_FOUND"


def unreachable_host(error: BaseException | None) -> str:
    """Name the host that could not be reached, without credentials; empty if it was reached."""
    while error is not None:
        connection = getattr(error, "conn", None) or next(iter(error.args), None)
        if isinstance(connection, HTTPConnection):
            kind = "the proxy " if connection.proxy else ""
            return f"connecting to {kind}{connection.host}:{connection.port}"
        error = error.__cause__ or error.__context__
    return ""


class _Session(requests.Session):
    """Ignores redirects: the request, and maybe the key, would go to another server."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


# --- connections that are watched -----------------------------------------------------------
#
# urllib3 has no hook for the promise that a run ends at its deadline even if a response never does
# (tests/api/test_transport.py), so its connection classes are replaced by these.


class _WatchedResponse(HTTPResponse):
    """Passes every byte of a response by the watch: head, body and framing."""

    def __init__(self, connected: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(connected, *args, **options)
        watched = Watched(self.fp.detach(), CURRENT.get())
        self.fp = io.BufferedReader(watched)


class _WatchedConnection(HTTPConnection):
    """Registers its socket with the watch of the exchange, and each step that it waits for."""

    response_class = _WatchedResponse

    def _new_conn(self) -> socket.socket:
        CURRENT.get().connecting()
        connected = super()._new_conn()
        try:
            CURRENT.get().hold(connected.fileno())
        except BaseException:
            connected.close()  # the look-up or the connection took too long
            raise
        return connected

    def _tunnel(self) -> None:
        CURRENT.get().expect(_seconds(self), "the proxy did not answer in time")
        failed = None
        try:
            super()._tunnel()
        except OSError as error:
            failed = _TUNNEL_FAILED.match(str(error))
            if failed is None:
                raise
        if failed:  # outside `except`: callers look at the cause of what is raised
            raise _proxy_error(f"{self.host}:{self.port}", failed[1])
        CURRENT.get().connecting()

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:  # of an earlier exchange, or just connected for TLS
            CURRENT.get().hold(self.sock.fileno())
        super().request(*args, **options)

    def getresponse(self) -> Any:
        CURRENT.get().expect(_seconds(self), "the head of the response did not end in time")
        return super().getresponse()


_TUNNEL_FAILED = re.compile(r"Tunnel connection failed: (\d{3})")  # all that http.client says


def _proxy_error(proxy: str, status: str) -> Exception:
    if status == "407":
        return ConfigurationError(
            f"The proxy {proxy} requires a name and a password (it answered 407): add them to "
            "HTTPS_PROXY, as in http://user:password@host:3128."
        )
    if status == "403":
        return ConfigurationError(
            f"The proxy {proxy} does not allow connections to the API (it answered 403): ask its "
            "operator, or add the API's host to NO_PROXY if it can be reached directly."
        )
    return ConnectionError(errno.ECONNREFUSED, f"the proxy {proxy} answered {status}")


def _seconds(connection: HTTPConnection) -> float:
    assert connection.timeout is not None  # every request has one
    return connection.timeout


class _WatchedTlsConnection(_WatchedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
