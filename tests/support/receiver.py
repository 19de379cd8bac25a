"""A server on localhost that takes what `json://` channels are sent, and can refuse it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class Receiver:
    """`received` holds each message with the path it came to; paths in `refused` get a 500."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._port = server.server_address[1]
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.refused: set[str] = set()
        self.answers = Event()  # until it is set, requests get no response
        self.answers.set()

    def url(self, path: str) -> str:
        return f"json://user:pass-word@127.0.0.1:{self._port}/{path}?format=text"

    def take(self) -> list[tuple[str, str]]:
        """Return path and title of what has been received since the last call."""
        taken = [(path, message["title"]) for path, message in self.received]
        self.received.clear()
        return taken


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            path = self.path.partition("?")[0].strip("/")
            is_refused = path in held.refused
            if not is_refused:
                held.received.append((path, json.loads(body)))
            held.answers.wait()
            self.send_response(500 if is_refused else 200)
            answer = b'{"requestId": "1"}'  # as Opsgenie's
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held = Receiver(server)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield held
        finally:
            held.answers.set()
            server.shutdown()
            thread.join()
