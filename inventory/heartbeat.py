"""Tells a monitor of jobs that a run begins, and how it ended: the protocol of healthchecks.io.

https://healthchecks.io/docs/http_api/ describes it: `/start`, then the exit code. Whatever the
monitor does, a ping never fails a run, and holds up its end for 5 seconds at most. Its URL is a
secret: who knows it can report success.
"""

import re
import time
from collections import deque
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit
from uuid import uuid4

from inventory import __version__
from inventory.api.background import BackgroundCall, BackgroundCalls
from inventory.redaction import hide, redacted
from inventory.settings import Secret

MAX_SECONDS = 5.0  # that pings may hold up the end of a run
MAX_BODY = 10_000  # bytes of what the run printed; healthchecks.io keeps as many by default
_SECRET_PART = 12  # characters of a part of the URL that is a secret; a shorter one may be a word
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # what draws progress on a terminal


class Heartbeat:
    """The two pings of one run. Both carry the same id, so that runs at once are told apart."""

    def __init__(self, url: Secret, seconds: float = MAX_SECONDS) -> None:
        self._url, self._seconds = urlsplit(url.reveal()), seconds
        hide(url.reveal(), *_secret_parts(self._url))
        self._run_id = uuid4()
        self._calls = BackgroundCalls()
        self._start: BackgroundCall[None] | None = None

    def start(self) -> None:
        """Send the first ping, without waiting for its response."""
        with suppress(RuntimeError):  # no thread can be started: the last ping will say so
            self._start = self._calls.begin(lambda: self._send("start", ""))

    def finish(self, exit_code: int, printed: str) -> str | None:
        """Send the last ping, with the end of what was printed; return why any ping failed."""
        ends_at = time.monotonic() + self._seconds
        if self._start is not None:  # or the monitor would take the run for one in progress
            _wait(self._start, ends_at - self._seconds / 2)
        body = last_lines(printed)
        try:
            end = self._calls.begin(lambda: self._send(str(exit_code), body))
        except RuntimeError:
            return "this host has no thread left for it"
        _wait(end, ends_at)
        self._calls.dismiss()
        calls = [call for call in (end, self._start) if call is not None]
        return next(filter(None, map(_failure, calls)), None)

    def _send(self, signal: str, body: str) -> None:
        import requests

        hide(*_as_sent(self._address("")))
        with (
            requests.Session() as session,
            session.post(
                self._address(f"/{signal}", f"rid={self._run_id}"),
                data=body.encode(errors="replace"),
                headers={
                    "Content-Type": "text/plain; charset=utf-8",
                    "User-Agent": f"inventory/{__version__}",
                },
                timeout=self._seconds,
                allow_redirects=False,  # the output would go to another server
                stream=True,  # the body is not read, however long it is
            ) as response,
        ):
            if not 200 <= response.status_code < 300:
                raise _RejectedError(f"the server answered {response.status_code}")

    def _address(self, signal: str, *parameters: str) -> str:
        query = "&".join(filter(None, (self._url.query, *parameters)))
        path = f"{self._url.path.rstrip('/')}{signal}"
        return urlunsplit(self._url._replace(path=path, query=query, fragment=""))


class _RejectedError(Exception):
    """The monitor's server did not take a ping. Its text contains no part of the URL."""


def last_lines(printed: str) -> str:
    """Return the last whole lines of a text, at most MAX_BODY bytes, without secrets."""
    lines: deque[str] = deque()
    size = 0
    for line in reversed(redacted(_ESCAPE_SEQUENCE.sub("", printed)).splitlines()):
        size += len(line.encode(errors="replace")) + 1
        if size > MAX_BODY:
            break
        lines.appendleft(line)
    return "".join(f"{line}\n" for line in lines)


def _secret_parts(url: SplitResult) -> list[str | None]:
    """Return the parts of a URL that may be secrets: ids and keys, name and password."""
    words = re.split(r"[/?&=]", f"{url.path}?{url.query}")
    return [url.password, url.username, *(word for word in words if len(word) >= _SECRET_PART)]


def _as_sent(address: str) -> list[str]:
    """Return path and query in the spelling of the HTTP library, which logs them with -vv."""
    from requests import PreparedRequest

    request = PreparedRequest()
    with suppress(ValueError):  # it cannot be sent
        request.prepare_url(address, None)
        return request.path_url.split("?", 1)
    return []


def _wait(call: BackgroundCall[None], ends_at: float) -> None:
    while not call.has_ended and (left := ends_at - time.monotonic()) > 0:
        call.wait(left)


def _failure(call: BackgroundCall[None]) -> str | None:
    """Return why a ping failed, without the URL, which messages of libraries contain."""
    if not call.has_ended:
        return "there was no response in time"
    try:
        call.result(lambda: 0.0)
    except _RejectedError as rejected:
        return str(rejected)
    except Exception as error:
        return _in_words(error)
    return None


def _in_words(error: Exception) -> str:
    from requests import exceptions

    words: tuple[tuple[type[Exception] | tuple[Any, ...], str], ...] = (
        (exceptions.Timeout, "there was no response in time"),
        (exceptions.ProxyError, "the proxy cannot be used"),
        (exceptions.SSLError, "its certificate was not accepted"),
        ((exceptions.InvalidURL, exceptions.InvalidSchema, UnicodeError), "its URL is not valid"),
        (exceptions.RequestException, "its server cannot be reached"),
    )
    found = (text for kind, text in words if isinstance(error, kind))
    return next(found, f"it ended with {type(error).__name__}")
