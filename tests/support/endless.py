"""A server whose answers never end, each in a way of its own."""

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

PAGE = b'{"code": "Success", "data": {"items": []}}'
FIRST = json.dumps({"code": "Success", "data": {"items": [], "next_cursor": "2"}}).encode()

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(PAGE), PAGE)
PACKED = OK + b"Content-Encoding: gzip\r\n\r\n"
MEMBER = b"\x1f\x8b\x08\x00\0\0\0\0\0\x03"  # the head of a gzip
NAMED = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"  # one that a file name follows, to the next zero
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Answer(NamedTuple):
    """What is sent at once, and then what is sent again and again, `pause` seconds in between.

    `reply` is sent before that, once the other side has said more.
    """

    begin: bytes
    more: bytes
    pause: float = 0.0
    reply: bytes = b""


# No content comes any more, or none at all.
FAST = {
    "trailers": Answer(WHOLE, b"X-More: x\r\n" * 5000),
    "file name": Answer(PACKED + NAMED, b"x" * 65536),
    "empty blocks": Answer(PACKED + MEMBER, EMPTY_BLOCK * 10_000),
    "empty gzips": Answer(PACKED, gzip.compress(b"") * 3000),
    "heads": Answer(b"", CONTINUE * 2000),
}
SLOW = {
    "silence": Answer(b"", b"", 0.05),
    "head": Answer(OK + b"X-Long: ", b"x", 0.05),
    "lines of a head": Answer(OK, b"X: x\r\n", 0.05),
    "dripping heads": Answer(CONTINUE, CONTINUE, 0.05),
    "dripping trailers": Answer(WHOLE, b"X", 0.05),
    "lines of trailers": Answer(WHOLE, b"X-More: x\r\n", 0.05),
    "dripping extension": Answer(CHUNKED + b"1;", b"x", 0.05),
    "dripping file name": Answer(PACKED + NAMED, b"x", 0.05),
    "dripping blocks": Answer(PACKED + MEMBER, EMPTY_BLOCK, 0.05),
}
# Content comes, but never all of it.
CONTENT = {
    "dripping content": Answer(OK + b"\r\n", b" ", 0.05),
    "wide extensions": Answer(CHUNKED, b"1;" + b"x" * 60_000 + b"\r\n \r\n"),
}
ALL = FAST | SLOW | CONTENT

PLACES = {
    "account": "/v1/account/info",
    "page 1": "?limit=",
    "page 2": "cursor=2",
    "one by id": "/v1/connectors/",
}


class Server:
    """Sends `answer` to each request that holds `place`; `reached` counts those.

    `left_alone` is set once a client hangs up on one. To any other it sends a first page.
    """

    def __init__(self, answer: Answer, place: str, wrap: Callable[[socket.socket], socket.socket]):
        self.reached = threading.Semaphore(0)
        self.left_alone = threading.Event()
        self._answer, self._place, self._wrap = answer, place.encode(), wrap
        self._left = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self._left.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                plain.settimeout(20)
                self._threads.append(threading.Thread(target=self._serve, args=(plain,)))
                self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self._wrap(plain) as connection:
            while request := connection.recv(65536):
                if self._place in request:
                    self.reached.release()
                    try:
                        self._send(connection)
                    finally:
                        self.left_alone.set()
                    return
                head = OK + b"Content-Length: %d\r\n\r\n" % len(FIRST)
                connection.sendall(head + FIRST)

    def _send(self, connection: socket.socket) -> None:
        connection.sendall(self._answer.begin)
        if self._answer.reply and connection.recv(65536):
            connection.sendall(self._answer.reply)
        while not self._left.wait(self._answer.pause):
            connection.sendall(self._answer.more)
            if not self._answer.more and hung_up(connection):
                return


def hung_up(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        connection.settimeout(20)


@contextmanager
def server(
    answer: Answer,
    place: str = "",
    wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain,
) -> Iterator[Server]:
    with ExitStack() as stack:
        made = Server(answer, place, wrap)
        stack.callback(made.close)
        yield made
