"""The HTTP session: which servers get the key, and how long a response may take."""

import errno
import itertools
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from support import endless
from support.builders import (
    KEY,
    SECRET,
    Account,
    api_settings,
    item,
)
from support.effort import few_of

from inventory.api.background import BackgroundCalls
from inventory.api.client import Client
from inventory.api.watchdog import Watch
from inventory.demo.fake_api import FakeApi
from inventory.errors import ApiUnavailableError, ConfigurationError
from inventory.settings import ApiSettings, Secret
from inventory.settings import api_settings as from_environment

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
def serve(authority: trustme.CA, account: Account) -> Iterator[Callable[[str], FakeApi]]:
    """Serve the account with a certificate for a name."""
    servers: list[FakeApi] = []

    def start(name: str) -> FakeApi:
        server = FakeApi(account, key=KEY, secret=SECRET, tls=certified(authority, name))
        servers.append(server)
        return server.__enter__()

    yield start
    for server in servers:
        server.__exit__()


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    return tls


def walk(api: FakeApi, **changes: object) -> int:
    with closing(Client(api_settings(api, attempts=1, **changes))) as client:
        return sum(len(page) for page in client.pages())


def test_private_authority_is_trusted_once_it_is_named(
    serve: Callable[[str], FakeApi], named: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.connectors = [item("one")]
    api = serve("127.0.0.1")
    with pytest.raises(ConfigurationError, match=r"not trusted.*REQUESTS_CA_BUNDLE"):
        walk(api)
    assert api.requests == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)
    assert walk(api) == 1


def test_certificate_of_another_name_is_refused(
    serve: Callable[[str], FakeApi], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve("api.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)
    with pytest.raises(ConfigurationError, match="not trusted"):
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
    serve: Callable[[str], FakeApi],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    api = serve("127.0.0.1")
    with pytest.raises(ConfigurationError, match="not trusted"):
        walk(api)
    assert api.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_missing_authority_is_a_configuration_error(tmp_path: Path, name: str) -> None:
    environ = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET, name: f"{tmp_path}/no.pem"}
    with pytest.raises(ConfigurationError, match=rf"{name} names .*no\.pem, which does not exist"):
        from_environment(environ)


def test_file_without_an_authority_is_a_configuration_error(
    serve: Callable[[str], FakeApi], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
        walk(serve("127.0.0.1"))


# --- time -----------------------------------------------------------------------------------

PATIENCE = 30  # seconds after which a client is said to hang
UNBOUNDED = 1 << 20  # megabytes


def ask(place: str, port: int, scheme: str = "http", **limits: Any) -> None:
    """Ask for what the server does not end to send."""
    url = f"{scheme}://127.0.0.1:{port}"
    settings = ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=url, **limits)
    with closing(Client(settings)) as client:
        client.stats.endpoint = "connectors"
        if place == "account":
            client.account()
        elif place == "one by id":
            client.connector("one")
        else:
            list(client.pages())


def failure_of(ask: Callable[[], None]) -> str:
    """Have a client ask that must give up; return what it says."""

    def words() -> str:
        with pytest.raises(ApiUnavailableError) as error:
            ask()
        return str(error.value)

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(words).result(PATIENCE)
    finally:
        pool.shutdown(wait=False)  # the end of the server ends a client that hangs


SOME = ("trailers", "empty gzips", "silence", "head", "dripping blocks", "wide extensions")


@pytest.mark.parametrize("name", few_of(list(endless.ALL), SOME))
def test_endless_response_is_abandoned_at_the_deadline(name: str) -> None:
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        answers = {}
        for place, path in endless.PLACES.items():
            server = stack.enter_context(endless.server(endless.ALL[name], path))
            limits = {"deadline": 2, "max_response_mb": UNBOUNDED}
            work = partial(failure_of, partial(ask, place, server.port, **limits))
            answers[place] = (server, pool.submit(work))
        for place, (server, answer) in answers.items():
            assert "the run's 2 s are over" in answer.result(PATIENCE), place
            assert server.reached.acquire(timeout=0), place


def test_connection_of_an_abandoned_exchange_is_reset() -> None:
    """A server that waits for room would not hear of a mere shutdown, and keep its connection."""
    watch = Watch(PATIENCE, UNBOUNDED)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = socket.create_connection(listener.getsockname())
        with listener.accept()[0] as sender:
            watch.hold(receiver.fileno())
            watch.end(errno.ETIMEDOUT, "late")
            receiver.close()
            with pytest.raises(ConnectionError):
                sender.send(b"x")


Wraps = dict[str, Callable[[socket.socket], socket.socket]]


@pytest.fixture
def wraps(authority: trustme.CA, named: str, monkeypatch: pytest.MonkeyPatch) -> Wraps:
    """By scheme, what a server makes of a connection that it has taken; the job trusts it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)
    tls = certified(authority, "127.0.0.1")
    return {"http": lambda plain: plain, "https": partial(tls.wrap_socket, server_side=True)}


WITHOUT_CONTENT = list(endless.FAST | endless.SLOW)
SCHEMES = ("http", "https")


@pytest.mark.parametrize(
    ("name", "scheme"),
    few_of(
        [(name, scheme) for name in WITHOUT_CONTENT for scheme in SCHEMES],
        [
            pair
            for pair in zip(WITHOUT_CONTENT, itertools.cycle(SCHEMES), strict=False)
            if pair[0] in SOME
        ],
    ),
)
def test_response_without_content_is_abandoned_after_the_read_timeout(
    name: str, scheme: str, wraps: Wraps
) -> None:
    with endless.server(endless.ALL[name], endless.PLACES["page 1"], wraps[scheme]) as server:
        limits = {"read_timeout": 0.5, "attempts": 2, "max_response_mb": UNBOUNDED}
        said = failure_of(partial(ask, "page 1", server.port, scheme, **limits))
        assert "in time), after 2 attempts" in said
        assert server.reached.acquire(timeout=0)
        assert server.reached.acquire(timeout=0)


@pytest.mark.parametrize("name", endless.FAST | {"wide extensions": 0})
def test_response_without_content_may_not_exceed_the_limit(name: str) -> None:
    with endless.server(endless.ALL[name], endless.PLACES["page 2"]) as server:
        limits = {"attempts": 1, "max_response_mb": 1}
        said = failure_of(partial(ask, "page 2", server.port, **limits))
    assert "more than 9 MB came for one response" in said


def test_slow_content_may_take_longer_than_the_read_timeout() -> None:
    def wrap(plain: socket.socket) -> socket.socket:
        plain.recv(65536)
        plain.sendall(endless.OK + b"Content-Length: %d\r\n\r\n" % len(endless.PAGE))
        for byte in endless.PAGE:
            time.sleep(0.03)
            plain.sendall(bytes([byte]))
        return plain

    with endless.server(endless.Answer(b"", b""), "nowhere", wrap) as server:
        ask("page 1", server.port, read_timeout=0.6, attempts=1)


HELLO = b"\x16\x03\x03\x40\x00"  # a record of TLS that is to be long
BEFORE = {
    "head of a proxy": endless.Answer(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05),
    "lines of a proxy": endless.Answer(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 5000),
    "TLS by a proxy": endless.Answer(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.05, HELLO),
}


@pytest.mark.parametrize(
    ("name", "scheme"),
    few_of(
        [(name, scheme) for name in BEFORE for scheme in SCHEMES],
        list(zip(BEFORE, itertools.cycle(SCHEMES), strict=False)),
    ),
)
def test_proxy_that_never_connects_is_abandoned(
    name: str, scheme: str, wraps: Wraps, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endless.server(BEFORE[name], "CONNECT", wraps[scheme]) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{server.port}")
        limits = {"deadline": 2, "max_response_mb": UNBOUNDED}
        said = failure_of(partial(ask, "page 1", 9, "https", **limits))
        # Some Pythons take no more than 100 lines: then it is asked again, until the end.
        assert re.search(r"the run's 2 s(econds)? are (over|left)", said)
        assert server.reached.acquire(timeout=0)


REFUSALS = [
    (407, ConfigurationError, "name and a password"),
    (403, ConfigurationError, "ask its operator"),
]


@pytest.mark.parametrize(
    ("status", "kind", "message"), [*REFUSALS, (502, ApiUnavailableError, "answered 502")]
)
def test_proxy_that_refuses_is_named_without_its_password(
    status: int, kind: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = endless.Answer(b"HTTP/1.1 %d no\r\nContent-Length: 0\r\n\r\n" % status, b"", 0.05)
    with endless.server(answer, "CONNECT", lambda plain: plain) as server:
        place = f"127.0.0.1:{server.port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass-word-99@{place}")
        with pytest.raises(kind, match=message) as refused:
            ask("page 1", 9, "https", attempts=1)
        assert place in str(refused.value)
    with pytest.raises(ApiUnavailableError) as refused:
        ask("page 1", 9, "https", attempts=1)
    said = f"Connection refused), connecting to the proxy {place}"
    assert (said in str(refused.value), "pass-word" in str(refused.value)) == (True, False)


@pytest.mark.parametrize("limit", ["connect_timeout", "deadline"])
def test_tls_that_never_begins_is_abandoned(limit: str) -> None:
    with endless.server(endless.Answer(HELLO, b"x", 0.05)) as server:
        said = failure_of(partial(ask, "page 1", server.port, "https", attempts=1, **{limit: 0.5}))
        assert "TimeoutError" in said
        assert server.reached.acquire(timeout=0)


def test_endless_name_lookup_is_abandoned_and_the_key_is_not_sent_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = threading.Event()
    look_up = socket.getaddrinfo

    def hang(*args: Any, **options: Any) -> Any:
        found.wait(PATIENCE)
        return look_up(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with endless.server(endless.Answer(b"", b"")) as server:
        said = failure_of(partial(ask, "page 1", server.port, deadline=0.5))
        assert "no connection was made in time" in said
        assert "all of the run's 0.5 s are over" in said
        found.set()
        assert not server.reached.acquire(timeout=0.5)


def test_closed_client_abandons_the_request_in_progress() -> None:
    with endless.server(endless.SLOW["silence"], endless.PLACES["page 2"]) as server:
        before = set(threading.enumerate())
        url = f"http://127.0.0.1:{server.port}"
        with closing(
            Client(ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=url))
        ) as client:
            next(client.pages())
            assert server.reached.acquire(timeout=PATIENCE)
            [thread] = [
                each for each in threading.enumerate() if each.daemon and each not in before
            ]
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.mark.parametrize("name", ["trailers", "dripping trailers"])
def test_prefetched_page_is_abandoned_too(name: str) -> None:
    with endless.server(endless.ALL[name], endless.PLACES["page 2"]) as server:
        url = f"http://127.0.0.1:{server.port}"
        limits = {"read_timeout": 0.5, "max_response_mb": UNBOUNDED}
        settings = ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=url, **limits)
        with closing(Client(settings)) as client:
            next(client.pages())
            assert server.left_alone.wait(PATIENCE)


def test_exchanges_share_a_thread() -> None:
    threads: set[int | None] = set()
    calls = BackgroundCalls()
    for _ in range(20):
        threads.add(calls.begin(threading.get_ident).result(lambda: PATIENCE))
    calls.dismiss()
    assert len(threads) == 1


def test_time_limit_is_read_again_during_a_wait() -> None:
    limits = iter([1e9, 0.0])
    end = threading.Event()
    calls = BackgroundCalls()
    with pytest.raises(StopIteration):
        calls.begin(end.wait).result(lambda: next(limits))
    end.set()
    calls.dismiss()


def test_connection_is_reused_and_nothing_else_is_kept(api: FakeApi, account: Account) -> None:
    account.connectors = [item(f"c{number}") for number in range(30)]
    with closing(Client(api_settings(api, page_size=1))) as client:
        walked = client.pages()
        next(walked)
        before = len(os.listdir("/proc/self/fd"))
        assert len(list(walked)) == 29
        assert len(os.listdir("/proc/self/fd")) <= before
