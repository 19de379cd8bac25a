"""Where notifications arrive: an HTTP server and a mail server that keep what they were sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Post(NamedTuple):
    """What was posted, and the path without its slashes."""

    path: str
    body: dict[str, Any]


class HttpReceiver(ThreadingHTTPServer):
    """Keeps what is posted, but for paths in `refused`, which get a 500.

    `arrived` is set with each post. Until `answers` is set, none gets a response.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[Post] = []
        self.refused: set[str] = set()
        self.arrived, self.answers = Event(), Event()
        self.answers.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str) -> str:
        """Return the URL of a channel that posts JSON to this path."""
        return f"json://user:pass-word@{self.address}/{path}?format=text"

    def receive(self, post: Post) -> int:
        """Keep a post, and return the status to answer with."""
        is_refused = post.path in self.refused
        if not is_refused:
            self.posts.append(post)
        self.arrived.set()
        self.answers.wait()
        return 500 if is_refused else 200

    def take(self) -> list[Post]:
        """Return what has arrived since the last call."""
        taken, self.posts = self.posts, []
        return taken

    def handle_error(self, *_: Any) -> None:
        """Say nothing of one who was killed before the answer came."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, HttpReceiver)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0].strip("/")
        self.send_response(receiver.receive(Post(path, json.loads(content))))
        answer = b'{"requestId": "1"}'  # as Opsgenie's
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        thread = Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.answers.set()
            receiver.shutdown()
            thread.join()


class _AnyPort(Controller):
    """Listens on a free port."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class MailReceiver:
    """A mail server on localhost; while it refuses, it takes no mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        self._controller = _AnyPort(
            self,
            hostname="127.0.0.1",
            port=0,
            authenticator=lambda *_: AuthResult(success=True),
            auth_require_tls=False,
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._controller.port}"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses:
            return "451 Try again later"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 Taken"

    def take(self) -> list[EmailMessage]:
        taken, self.mails = self.mails, []
        return taken


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    receiver = MailReceiver()
    receiver._controller.start()
    try:
        yield receiver
    finally:
        receiver._controller.stop()
