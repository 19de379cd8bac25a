"""Bounds one exchange over a network, from the look-up of a name to the last byte of the response.

A run promises to end by its deadline, but a socket's timeout starts over with each byte, and a
look-up has none. So each exchange runs in a thread that can be abandoned. Both the thread that
waits for it and each read of the socket check the watch; the first to find the time over ends the
exchange.
"""

import errno
import io
import os
import socket
import struct
import threading
import time
from contextlib import suppress
from contextvars import ContextVar

_CONNECTING = "no connection was made in time"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


class Watch:
    """The limits of one exchange: the time by which it must have progressed, and its size.

    It must end within `seconds` from now, whatever its progress.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._ends_at = self._due_at = time.monotonic() + seconds
        self._late = _CONNECTING  # the message if that time passes
        self._max_bytes = self._bytes_left = max_bytes
        self._why: tuple[int, str] | None = None
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    def connecting(self) -> None:
        """Expect a connection; each of its steps has a timeout of its own."""
        self._late, self._due_at = _CONNECTING, self._ends_at

    def expect(self, seconds: float, late: str) -> None:
        """Expect the next step within this time; `late` is the message if it does not come."""
        self._late, self._due_at = late, min(self._ends_at, time.monotonic() + seconds)

    def check(self) -> float:
        """Return the seconds left for this step. Raises the exchange's error if it has ended."""
        left = self._due_at - time.monotonic()
        if left <= 0:
            self.end(*self._overdue)
        if (error := self.error) is not None:
            raise error
        return left

    def count(self, received: int) -> None:
        """Count received bytes of any kind; raise like `check`, and for too many."""
        self._bytes_left -= received
        if self._bytes_left < 0:
            limit = f"{self._max_bytes >> 20} MB"
            self.end(errno.EMSGSIZE, f"more than {limit} came for one response")
        self.check()

    def explained(self, error: BaseException) -> BaseException:
        """Return the error of a broken exchange; a socket's timeout does not say what was late."""
        if isinstance(error, TimeoutError) and error.errno is None:
            error = OSError(*self._overdue)
        return self.error or error

    @property
    def _overdue(self) -> tuple[int, str]:
        return errno.ETIMEDOUT, self._late

    @property
    def error(self) -> OSError | None:
        """Why the exchange was ended; None if it was not."""
        return OSError(*self._why) if self._why else None

    def end(self, number: int, why: str) -> None:
        """End the exchange in whichever thread it runs."""
        with self._lock:
            self._why = self._why or (number, why)
            if self._descriptor is not None:
                _abort(self._descriptor)
                self._descriptor = None

    def hold(self, connected: int) -> None:
        """Watch a connection by its descriptor, whatever wraps it."""
        self.release()
        with self._lock:
            if self._why is None:
                self._descriptor = os.dup(connected)
        self.check()

    def release(self) -> None:
        """Stop watching the connection: the exchange is over."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


# The watch of the exchange that the current thread runs.
CURRENT: ContextVar[Watch] = ContextVar("CURRENT")


class Watched(io.RawIOBase):
    """The bytes that a connection receives in one exchange; reading ends when the watch says so."""

    def __init__(self, raw: io.RawIOBase, watch: Watch) -> None:
        self._raw = raw
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int | None:  # type: ignore[override]
        received = self._raw.readinto(buffer)
        # After the read: a response that ends because the exchange was ended may look complete.
        self._watch.count(received or 0)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


def _abort(descriptor: int) -> None:
    """Shut a connection down and close this descriptor of it."""
    # Not by the method of a TLS socket, which would undo the encryption in use.
    with socket.socket(fileno=descriptor) as connected, suppress(OSError):
        # A sender that waits for room would not notice a mere shutdown: it has to be reset.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connected.shutdown(socket.SHUT_RDWR)
