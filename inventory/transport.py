"""The HTTP session: what a library would be too patient or too obliging for.

TLS is always verified, against the authority that REQUESTS_CA_BUNDLE names or the public ones; no
redirect is followed, and an answer must have begun within the read timeout.
"""

import contextlib
import errno
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from inventory import __version__
from inventory.redaction import REDACTED, hide
from inventory.settings import ApiSettings

_CREDENTIAL = 12  # characters; the real ones have more, and a shorter one may be a word


def session(settings: ApiSettings) -> requests.Session:
    """Make a session for the API's address alone, with the key in hand."""
    made = _Session()
    # Plain http is for localhost alone: a proxy would get the key unencrypted.
    made.trust_env = not settings.url.lower().startswith("http:")
    key, secret = settings.key.reveal(), settings.secret.reveal()
    hide(key, secret, f"{key}:{secret}", *_proxy_passwords())
    # As bytes, or requests would encode them as latin-1.
    made.auth = HTTPBasicAuth(key.encode(), secret.encode())
    made.headers.update(
        {
            "Accept": "application/json;version=2",
            "Accept-Encoding": "gzip",
            "User-Agent": f"inventory/{__version__}",
        }
    )
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter())
    return made


def purger(settings: ApiSettings) -> Callable[[bytearray], bytearray]:
    """Make what takes key and secret out of an answer: an API may quote them, in any field."""
    key, secret = settings.key.reveal(), settings.secret.reveal()
    texts = (key, secret, b64encode(f"{key}:{secret}".encode()).decode())
    secrets = [text.encode() for text in texts if len(text) >= _CREDENTIAL]

    def purged(body: bytearray) -> bytearray:
        for each in secrets:
            if each in body:  # or a copy would be made of what is large
                body = body.replace(each, REDACTED.encode())
        return body

    return purged


def _proxy_passwords() -> Iterator[str]:
    for proxy in getproxies().values():
        with contextlib.suppress(ValueError):  # no URL at all
            password = urlsplit(proxy).password or ""
            yield from (password, unquote(password))


def distrusts(error: BaseException) -> bool:
    """Say whether this is a certificate that is not trusted, or an authority that is none.

    Asking again does not help then.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    return isinstance(error, ssl.SSLError) and error.reason == "NO_CERTIFICATE_OR_CRL_FOUND"


class _Session(requests.Session):
    """Never looks where a redirect leads: the question, and maybe the key, would go elsewhere."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


# --- an answer that must begin in time ------------------------------------------------------


class _Punctual(HTTPConnection):
    """Bounds the head of an answer as a whole.

    A socket's timeout starts anew with each byte: a head that drips would never end.
    """

    def getresponse(self) -> Any:
        late, connected = threading.Event(), self.sock

        def give_up() -> None:
            late.set()
            with contextlib.suppress(OSError):
                # Not by the method of a TLS socket, which would undo the encryption under way.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

        assert self.timeout is not None  # every request is sent with one
        watch = threading.Timer(self.timeout, give_up)
        watch.daemon = True
        watch.start()
        try:
            response = super().getresponse()
        except Exception:
            if not late.is_set():
                raise
        else:
            if not late.is_set():
                return response
            response.close()  # a head that was cut off may look complete
        finally:
            watch.cancel()
        raise TimeoutError(errno.ETIMEDOUT, "the head of the answer did not end in time")


class _PunctualTls(_Punctual, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Punctual


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PunctualTls


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
