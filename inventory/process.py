"""Owns the process: signals, standard streams, and an exit by a documented code.

Only the console script calls `set_up`; in a program that imports the package, nothing is touched.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NoReturn

from inventory.errors import InventoryError, OutputLostError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_RETRY_SECONDS = 0.01  # until an interrupt that was swallowed is raised again
INTERRUPTED = "Interrupted."


class _State:
    """What a signal does now, and how messages are written."""

    def __init__(self) -> None:
        # If True, a signal raises KeyboardInterrupt, so that a run can be marked; else it exits.
        self.is_interruptible = False
        self.ignores_signals = False  # the exit code is final
        self.was_interrupted = False
        self.uses_json = False  # on stderr
        self.on_output: Callable[[bytes], object] = lambda data: None


_state = _State()


def set_up() -> None:
    """Install the signal handlers and safe standard streams. Call it before anything else."""
    _reserve_standard_descriptors()
    sys.stdout = _open_stream(sys.stdout, 1, is_needed=True)
    sys.stderr = _open_stream(sys.stderr, 2, is_needed=False)
    sys.unraisablehook = _on_unraisable
    use_json(requests_json(sys.argv))
    for each in (*_SIGNALS, signal.SIGALRM):
        if signal.getsignal(each) is not signal.SIG_IGN:  # nohup sets SIG_IGN, which is kept
            signal.signal(each, _on_signal)


# --- signals --------------------------------------------------------------------------------


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal raise KeyboardInterrupt inside; before, it ends the process at once."""
    _state.is_interruptible, _state.ignores_signals = True, False
    _state.was_interrupted = False
    # If `set_up` was not called, SIGTERM would end the process without a message.
    is_default = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if is_default:
        signal.signal(signal.SIGTERM, _on_signal)
    try:
        yield
    finally:
        if is_default:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def ignore_signals() -> None:
    """Ignore signals from now on: the exit code is final."""
    _state.ignores_signals = True


@contextmanager
def leaving_ctrl_c_to_child() -> Iterator[None]:
    """Let Ctrl-C reach only the child that has the terminal, such as a pager."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler and not SIG_IGN, which the child would inherit.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def was_interrupted() -> bool:
    """Return whether a signal has come, even if other code swallowed its exception."""
    return _state.was_interrupted


def _on_signal(number: int, _frame: object) -> None:
    if _state.ignores_signals or (number == signal.SIGTERM and _state.was_interrupted):
        return
    if not _state.is_interruptible:
        exit_interrupted()
    _state.was_interrupted = True
    raise KeyboardInterrupt


def exit_interrupted() -> None:
    """Exit before any work began; a module being imported might swallow an exception."""
    with suppress(OSError):
        os.write(2, f"{_line('error', INTERRUPTED)}\n".encode())
    os._exit(1)


def _on_unraisable(lost: Any) -> None:
    """Raise an interrupt again that came in a finalizer or a callback, which cannot raise."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)
    elif not issubclass(lost.exc_type, MemoryError):  # reported elsewhere
        sys.__unraisablehook__(lost)


# --- standard streams -----------------------------------------------------------------------


def _reserve_standard_descriptors() -> None:
    """Open closed descriptors 0 to 2, or a database file would get one and be printed into.

    stdin is opened for writing and the others for reading, so that using one fails as if closed.
    """
    for descriptor, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)


class _StandardStream(io.FileIO):
    """stdout or stderr. Its first failure is its last: what is written after that is dropped."""

    def __init__(self, descriptor: int, *, is_needed: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.is_lost = False
        self._is_needed = is_needed

    def write(self, data: Any) -> int:
        written = self._write(data)
        _state.on_output(bytes(data)[:written])
        return written

    def _write(self, data: Any) -> int:
        if self.is_lost:
            return memoryview(data).nbytes
        try:
            while (written := super().write(data)) is None:  # a full, non-blocking pipe
                import select

                select.select([], [self.fileno()], [])
        except OSError as error:
            self.is_lost = True
            if self._is_needed:
                raise OutputLostError(error) from None
            return memoryview(data).nbytes
        return written


def _open_stream(before: Any, descriptor: int, *, is_needed: bool) -> io.TextIOWrapper:
    """Open a standard stream again; `before` is None if Python found it closed."""
    if before is None:  # another file may have its descriptor by now
        descriptor = os.open(os.devnull, os.O_RDONLY)
    return io.TextIOWrapper(
        io.BufferedWriter(_StandardStream(descriptor, is_needed=is_needed)),
        encoding=getattr(before, "encoding", "utf-8"),
        errors="backslashreplace",
        # By line on a terminal, and if Python was told not to buffer.
        line_buffering=not is_needed or before is None or before.isatty() or before.write_through,
    )


def watch_output(on_output: Callable[[bytes], object]) -> None:
    """Have this called with all that is written to stdout and stderr, lost or not."""
    _state.on_output = on_output


def discard_output() -> None:
    """Drop what is still to be printed; a reader that has stopped would block the exit."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _StandardStream):
        raw.is_lost = True


# --- messages on stderr ---------------------------------------------------------------------


def use_json(wanted: bool) -> None:
    """Write every message on stderr as JSON from now on, or as text."""
    if wanted:
        import json  # noqa: F401  # not for the first time in a signal handler

    _state.uses_json = wanted


def uses_json() -> bool:
    """Return whether messages on stderr are JSON."""
    return _state.uses_json


def requests_json(args: Sequence[str]) -> bool:
    """Return whether a command line requests JSON; it may be one that cannot be parsed."""
    return "--log-format=json" in args or ("--log-format", "json") in pairwise(args)


def write_message(level: str, message: str, **fields: Any) -> None:
    """Write an error, a warning or a note (level info) to stderr. `fields` are for JSON only."""
    line = _line(level, message, **fields)
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # click may not be loaded yet


def _line(level: str, message: str, **fields: Any) -> str:
    if not _state.uses_json:
        return message if level == "info" else f"{level.capitalize()}: {message}"
    import json

    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"at": at, "level": level, "logger": "inventory", "message": message}
    return json.dumps(line | fields)


# --- the end --------------------------------------------------------------------------------


@contextmanager
def final_output(*, when: bool = True) -> Iterator[None]:
    """Print the result of work that is done: failing to print does not change the exit code."""
    if not when:
        yield
        return
    try:
        yield
        sys.stdout.flush()
        ignore_signals()
    except OutputLostError as lost:
        ignore_signals()
        _report_lost_output(lost, "warning")
    except KeyboardInterrupt:
        ignore_signals()
        discard_output()


def _report_lost_output(lost: OutputLostError, level: str = "error") -> None:
    """Say that the output is incomplete, unless its reader closed the pipe, as `head` does."""
    if not lost.is_broken_pipe:
        write_message(level, str(lost))


def finish(code: int, error: InventoryError | None = None) -> int:
    """Flush stdout, report the error, and return the exit code."""
    ignore_signals()
    try:
        if isinstance(error, OutputLostError):
            raise error
        if error is not None:
            write_message("error", str(error))
            code = error.exit_code
        sys.stdout.flush()
    except OutputLostError as lost:
        _report_lost_output(lost)
        return code if lost.is_broken_pipe else code or lost.exit_code
    return code


def leave(code: int) -> NoReturn:
    """Exit, without waiting for threads that still wait for a response.

    Python would end such threads in the middle of their work, and sometimes crash.
    """
    if threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)
