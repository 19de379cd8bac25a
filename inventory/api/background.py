"""Makes calls in other threads, so that a caller can wait for a limited time or abandon them."""

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_LONGEST_WAIT = 1.0  # seconds: the time limit may have moved closer since it was last read


class BackgroundCall(Generic[T]):
    """A call that another thread has begun or is about to begin. It may be abandoned."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._done = Event()

    @property
    def has_ended(self) -> bool:
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the call, but no longer than this; return whether it has ended."""
        return self._done.wait(min(seconds, _LONGEST_WAIT))

    def result(self, seconds_left: Callable[[], float]) -> T:
        """Wait for the end of the call; return its result, once, or raise its exception.

        `seconds_left` is called repeatedly; an exception that it raises abandons the call.
        """
        while not self._done.is_set():
            self.wait(seconds_left())
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback refers to this frame: the two would keep each other alive
        return self._result.pop()

    def run(self, and_then: Callable[[], None]) -> None:
        """Make the call, then call `and_then`, before any waiter is woken."""
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._error = error
        and_then()
        self._done.set()


class BackgroundCalls:
    """Threads that make calls. A new one starts if all others are busy.

    They are daemons, so the process does not wait for them at its end: Ctrl-C ends a run at once,
    however long the other side takes.
    """

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[BackgroundCall[Any] | None]] = []
        self._is_dismissed = False

    def begin(self, work: Callable[[], T]) -> BackgroundCall[T]:
        """Have a thread make this call now."""
        call = BackgroundCall(work)
        if self._idle:
            queue = self._idle.pop()
        else:
            queue = SimpleQueue()
            Thread(target=self._run_all, args=(queue,), daemon=True).start()
        queue.put(call)
        return call

    def _run_all(self, queue: "SimpleQueue[BackgroundCall[Any] | None]") -> None:
        while (call := queue.get()) is not None:
            call.run(lambda: self._idle.append(queue))
            del call  # and its result with it
            if self._is_dismissed:
                self.dismiss()

    def dismiss(self) -> None:
        """End each thread as soon as it is idle."""
        self._is_dismissed = True
        with suppress(IndexError):  # several threads may call this at once
            while True:
                self._idle.pop().put(None)
