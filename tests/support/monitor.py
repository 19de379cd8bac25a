"""A monitor of jobs, as healthchecks.io is one: it keeps the pings that it gets."""

import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

SECRET_PATH = "/3c8b1f0e-7d55-4c1c-9c38-key/nightly"


class Ping(NamedTuple):
    path: str
    query: dict[str, list[str]]
    body: str


class Monitor:
    """Answers each ping with `status`, once `answers` is set, and then lists it in `pings`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.pings: list[Ping] = []
        self.status = 200
        self._scheme = "https" if tls else "http"
        self.headers: dict[str, str] = {}
        self.arrived, self.answers = Event(), Event()
        self.answers.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}{SECRET_PATH}"

    @property
    def signals(self) -> list[str]:
        """The last part of each path: `start`, or an exit code."""
        assert all(ping.path.startswith(f"{SECRET_PATH}/") for ping in self.pings)
        return [ping.path.rsplit("/", 1)[1] for ping in self.pings]

    def _handler(self) -> Any:
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                monitor.arrived.set()
                monitor.answers.wait(10)
                url = urlsplit(self.path)
                monitor.pings.append(Ping(url.path, parse_qs(url.query), body))
                self.send_response(monitor.status)
                for name, text in monitor.headers.items():
                    self.send_header(name, text)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
