"""The session under the client: who is trusted with the key, and how long an answer may take."""

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme
from worlds import KEY, SECRET, Account, api_settings, item

from inventory.client import Client
from inventory.errors import ApiUnavailable, FixSettings
from inventory.settings import ApiSettings, Secret
from inventory.settings import api_settings as from_environment
from inventory.standin import StandIn

# --- TLS ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that nobody knows."""
    return trustme.CA()


@pytest.fixture
def named(authority: trustme.CA, tmp_path: Path) -> str:
    """A file with the authority's certificate."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


@pytest.fixture
def serve(authority: trustme.CA, account: Account) -> Iterator[Callable[[str], StandIn]]:
    """Serve the account with a certificate for a name."""
    servers: list[StandIn] = []

    def start(name: str) -> StandIn:
        server = StandIn(account, key=KEY, secret=SECRET, tls=certified(authority, name))
        servers.append(server)
        return server.__enter__()

    yield start
    for server in servers:
        server.__exit__()


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    return tls


def walk(api: StandIn, **changes: object) -> int:
    with closing(Client(api_settings(api, attempts=1, **changes))) as client:
        return sum(len(page) for page in client.pages())


def test_private_authority_is_trusted_once_it_is_named(
    serve: Callable[[str], StandIn], named: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item("one")]
    api = serve("127.0.0.1")
    with pytest.raises(FixSettings, match=r"not trusted.*REQUESTS_CA_BUNDLE"):
        walk(api)
    assert api.requests == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)
    assert walk(api) == 1


def test_certificate_of_another_name_is_refused(
    serve: Callable[[str], StandIn], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve("api.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)
    with pytest.raises(FixSettings, match="not trusted"):
        walk(api)
    assert api.requests == []


@pytest.mark.parametrize(
    "variables",
    [
        {"REQUESTS_CA_BUNDLE": ""},
        {"CURL_CA_BUNDLE": ""},
        {"PYTHONHTTPSVERIFY": "0"},
        {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "", "SSL_CERT_FILE": os.devnull},
    ],
)
def test_verification_cannot_be_turned_off(
    serve: Callable[[str], StandIn],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    api = serve("127.0.0.1")
    with pytest.raises(FixSettings, match="not trusted"):
        walk(api)
    assert api.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authority_that_is_not_there_is_a_setting(tmp_path: Path, name: str) -> None:
    environ = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET, name: f"{tmp_path}/no.pem"}
    with pytest.raises(FixSettings, match=rf"{name} names .*no\.pem, which is not there"):
        from_environment(environ)


def test_authority_that_is_none_is_a_setting(
    serve: Callable[[str], StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    with pytest.raises(FixSettings, match="REQUESTS_CA_BUNDLE"):
        walk(serve("127.0.0.1"))


# --- time -----------------------------------------------------------------------------------

PAGE = b'{"code": "Success", "data": {"items": []}}'
DRIPS = {
    "a line": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1500,
    "lines": b"HTTP/1.1 200 OK\r\n" + b"X-Short: x\r\n" * 90,
    "heads": b"HTTP/1.1 100 Continue\r\n\r\n" * 60,
}
ENDS = {
    "a line": b"\r\nContent-Length: %d\r\n\r\n" % len(PAGE),
    "lines": b"Content-Length: %d\r\n\r\n" % len(PAGE),
    "heads": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PAGE),
}


@contextmanager
def dripping(head: str, tls: ssl.SSLContext | None) -> Iterator[int]:
    """A server that sends a head by single bytes, for some 20 s, and then a page; yields its port.

    So a client that waits on succeeds in the end, and its test fails and does not hang.
    """
    left = threading.Event()

    def serve() -> None:
        with listener, contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                connection.recv(65536)
                for byte in DRIPS[head]:
                    connection.sendall(bytes([byte]))
                    if left.wait(20 / len(DRIPS[head])):
                        return
                connection.sendall(ENDS[head] + PAGE)

    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    left.set()
    thread.join()


@pytest.mark.parametrize("limit", ["read_timeout", "deadline"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("head", DRIPS)
def test_head_that_drips_is_left_in_time(
    head: str,
    scheme: str,
    limit: str,
    authority: trustme.CA,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)
    with dripping(head, certified(authority, "127.0.0.1") if scheme == "https" else None) as port:
        limits = {"attempts": 1, limit: 1}
        url = f"{scheme}://127.0.0.1:{port}"
        settings = ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=url, **limits)
        with closing(Client(settings)) as client, pytest.raises(ApiUnavailable, match="in time"):
            list(client.pages())
