"""Work that goes on in another thread until its result is wanted."""

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class UnderWay(Generic[T]):
    """A call that has begun. Nobody waits for one whose result is not asked for.

    Not even the end of the process: its thread is a daemon, so that Ctrl-C ends a run at once,
    however long the other side takes.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._do, args=(work,), daemon=True)
        self._thread.start()

    def _do(self, work: Callable[[], T]) -> None:
        try:
            self._result.append(work())
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """Wait for the end; return the result, once, or raise what was raised."""
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._result.pop()
