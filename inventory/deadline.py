"""The deadline of a run, and a thread that cuts off database connections which outlast it."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

# Seconds for work that begins after the deadline: a failed run must still be recorded in the log.
GRACE = 5.0


class Deadline:
    """The run may take this many seconds from now, and wait `lock_timeout` seconds per lock."""

    def __init__(self, seconds: float, lock_timeout: float | None = None) -> None:
        self.seconds = seconds
        self._lock_timeout = lock_timeout
        self._ends_at = time.monotonic() + seconds
        self._connections: list[tuple[float, socket.socket]] | None = None
        self._is_over = Event()

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 after it."""
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def used(self) -> float:
        """Seconds since the run began."""
        return max(0.0, self.seconds - (self._ends_at - time.monotonic()))

    @property
    def allowed(self) -> float:
        """Seconds for work that begins now: the time left, but no less than the grace."""
        return max(self.left, GRACE)

    @property
    def lock_wait(self) -> float:
        """Seconds to wait for a lock that another session holds."""
        return min(self.allowed, self._lock_timeout or self.allowed)

    def passes(self) -> Callable[[], bool]:
        """Return a function that tells whether work that begins now must have ended."""
        ends_at = time.monotonic() + self.allowed
        return lambda: time.monotonic() > ends_at

    def watch(self, descriptor: int) -> None:
        """Shut this connection down if work that begins on it now goes on for too long.

        Only inside `enforced`. The descriptor is duplicated: its number may be reused by then.
        """
        if self._connections is not None:
            connection = socket.socket(fileno=os.dup(descriptor))
            self._connections.append((time.monotonic() + self.allowed + GRACE, connection))

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Have another thread shut down the connections that are watched inside."""
        self._connections = []
        enforcing = Thread(target=self._enforce, args=(self._connections,), daemon=True)
        enforcing.start()
        try:
            yield
        finally:
            self._is_over.set()
            enforcing.join()
            for _, connection in self._connections:
                connection.close()
            self._connections = None

    def _enforce(self, connections: "list[tuple[float, socket.socket]]") -> None:
        while not self._is_over.wait(max(self.left, 1.0)):
            for ends_at, connection in connections[:]:
                if ends_at <= time.monotonic():
                    with suppress(OSError):  # the other side has closed it
                        connection.shutdown(socket.SHUT_RDWR)
