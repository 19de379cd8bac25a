"""A fake Fivetran API on localhost: real HTTP, paging and basic auth over any list of items.

For `inventory demo` and for the tests. It imports nothing of this package, so that it cannot share
a misunderstanding with the client.
"""

import base64
import binascii
import gzip
import json
import socketserver
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

LISTS = ("connectors", "connections")


class Account(Protocol):
    """What the API serves: an account and the items that it lists now."""

    account_id: str
    account_name: str

    def items(self) -> list[dict[str, Any]]: ...

    def reference_lists(self) -> dict[str, list[dict[str, Any]]]:
        """Return other lists by their path; one that is missing is not found."""
        ...

    def details(self, connector_id: str) -> dict[str, Any] | None:
        """Return one connector with what the list leaves out; None if there is none."""
        ...

    def tested(self, connector_id: str) -> dict[str, Any] | None:
        """Run the setup tests of a connector; return its details, with the results."""
        ...


class Request(NamedTuple):
    """A request received. `number` counts from 1; `query` has the last value of each name."""

    number: int
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True)
class FakeResponse:
    """A response to send. `truncate_at` breaks the connection after that many bytes."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    truncate_at: int | None = None

    @classmethod
    def success(cls, data: Any) -> Self:
        envelope = {"code": "Success", "message": "Operation performed.", "data": data}
        return cls(200, json.dumps(envelope).encode())

    @classmethod
    def error(cls, status: int, code: str, **headers: str) -> Self:
        body = json.dumps({"code": code, "message": f"Fake API: {code}"}).encode()
        return cls(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


# Is called first with each request; a response that it returns is sent instead of the usual one.
Interceptor = Callable[[Request], FakeResponse | None]


class FakeApi:
    """The server, as a context manager. `requests` lists every request received.

    Like Fivetran's, it tells with each response how much is left of an hour's quota of `rate_limit`
    requests, and answers 429 to more. `used_by_others` are requests of other clients.
    """

    def __init__(
        self,
        account: Account,
        *,
        key: str = "demo-key",
        secret: str = "demo-secret",
        port: int = 0,
        intercept: Interceptor = lambda request: None,
        tls: ssl.SSLContext | None = None,
        rate_limit: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.rate_limit = rate_limit
        self.used_by_others = 0
        self._counted: deque[float] = deque()  # when requests of the last hour came
        self.account = account
        self.intercept = intercept
        self.requests: list[Request] = []
        self.key = key
        self._authorization = "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(
        self,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        method: str = "GET",
        body: bytes = b"",
    ) -> FakeResponse:
        """Return the response to one request, as Fivetran's API would."""
        request = Request(len(self.requests) + 1, path, query, headers, method, body)
        self.requests.append(request)
        if (response := self.intercept(request)) is not None:
            return response
        if headers.get("authorization") != self._authorization:
            return FakeResponse.error(401, "Unauthorized")
        quota = self._count()
        if quota["X-Rate-Limit-Remaining"] == "0":
            response = FakeResponse.error(429, "TooManyRequests", Retry_After="60")
        else:
            response = self._route(method, path, query)
        return replace(response, headers=response.headers | quota)

    def _count(self) -> dict[str, str]:
        """Count a request; return the headers that tell what is left of the quota."""
        remaining = self.remaining
        if remaining > 0:
            self._counted.append(self._clock())
        return {"X-Rate-Limit": str(self.rate_limit), "X-Rate-Limit-Remaining": str(remaining)}

    @property
    def remaining(self) -> int:
        """What is left of the quota."""
        while self._counted and self._counted[0] <= self._clock() - 3600:
            self._counted.popleft()
        return max(0, self.rate_limit - self.used_by_others - len(self._counted))

    def _route(self, method: str, path: str, query: dict[str, str]) -> FakeResponse:
        if method == "POST":
            match path.removeprefix("/v1/").split("/"):
                case [name, connector_id, "test"] if name in LISTS:
                    return _one(self.account.tested(unquote(connector_id)))
            return FakeResponse.error(404, "NotFound")
        match path.removeprefix("/v1/").split("/"):
            case ["account", "info"]:
                names = {
                    "account_id": self.account.account_id,
                    "account_name": self.account.account_name,
                }
                return FakeResponse.success(names)
            case [name] if name in LISTS:
                return _page(query, self.account.items())
            case [name, connector_id] if name in LISTS:
                return _one(self.account.details(unquote(connector_id)))
        items = self.account.reference_lists().get(path.removeprefix("/v1/"))
        return FakeResponse.error(404, "NotFound") if items is None else _page(query, items)


def _one(item: dict[str, Any] | None) -> FakeResponse:
    if item is None:
        return FakeResponse.error(404, "NotFound_Connector")
    return FakeResponse.success(item)


def _page(query: dict[str, str], items: list[dict[str, Any]]) -> FakeResponse:
    try:
        limit = int(query.get("limit", "100"))
        skip = _skip_of(query["cursor"]) if "cursor" in query else 0
    except (ValueError, KeyError, binascii.Error):
        return FakeResponse.error(400, "InvalidInput")
    if not 1 <= limit <= 1000:
        return FakeResponse.error(400, "InvalidInput")
    data: dict[str, Any] = {"items": items[skip : skip + limit]}
    if skip + limit < len(items):
        data["next_cursor"] = _cursor_at(skip + limit)
    return FakeResponse.success(data)


def _cursor_at(skip: int) -> str:
    # As in older documents of Fivetran: an offset, with no snapshot behind it.
    return base64.b64encode(json.dumps({"skip": skip}).encode()).decode()


def _skip_of(cursor: str) -> int:
    return int(json.loads(base64.b64decode(cursor))["skip"])


# --- HTTP -----------------------------------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients that disconnect early are expected."""


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet, or each response would wait for an ACK

        # The names that http.server looks for.
        def do_GET(self) -> None:
            self._respond("GET")

        def do_POST(self) -> None:
            self._respond("POST")

        def _respond(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = {name: texts[-1] for name, texts in parse_qs(url.query).items()}
            headers = {name.lower(): text for name, text in self.headers.items()}
            self._send(api.respond(url.path, query, headers, method, body))

        def _send(self, response: FakeResponse) -> None:
            headers = {"Content-Type": "application/json;charset=utf-8"} | response.headers
            body = response.body
            accepts_gzip = "gzip" in self.headers.get("Accept-Encoding", "")
            if accepts_gzip and len(body) > 1000 and "Content-Encoding" not in headers:
                body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
            self.send_response(response.status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: response.truncate_at])
            self.wfile.flush()
            self.close_connection = response.truncate_at is not None

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing: stderr belongs to the command."""

    return Handler
