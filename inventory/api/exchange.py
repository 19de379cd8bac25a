"""One request and its response, read to the end in another thread within time and size limits.

The only module that sends anything. It neither retries nor looks into a response.
"""

import errno
import time
from functools import partial
from typing import NamedTuple, Protocol

import requests
from urllib3.exceptions import HTTPError

from inventory.api import transport
from inventory.api.background import BackgroundCall, BackgroundCalls
from inventory.api.responses import Response, RetryableResponseError, seconds_to_wait
from inventory.api.watchdog import CURRENT, Watch
from inventory.errors import (
    ApiUnavailableError,
    ConfigurationError,
    UnexpectedResponseError,
)
from inventory.settings import ApiSettings

_CHUNK = 1 << 16  # bytes unpacked between two checks of the time
_OVERHEAD = 8 << 20  # bytes of a response beyond its content: head, framing
_CLOSING_SECONDS = 0.2  # time for an abandoned exchange to end before the process does


class Clock(Protocol):
    """The functions of `time` that the client uses; tests pass a clock that does not wait."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def time(self) -> float: ...


class Exchange(NamedTuple):
    """A request that another thread sends."""

    call: BackgroundCall[Response]
    watch: Watch

    def response(self) -> Response:
        """Wait for the response until the watch ends the exchange.

        Raises RetryableResponseError if the exchange failed.
        """
        try:
            return self.call.result(self.watch.check)
        except OSError as over:
            raise _failed(over) from None


class Exchanges:
    """The exchanges of one run, over one session, until `ends_at` on the clock."""

    def __init__(self, settings: ApiSettings, clock: Clock = time, *, ends_at: float) -> None:
        self._settings = settings
        self._clock = clock
        self._ends_at = ends_at
        self._calls = BackgroundCalls()
        self._latest: Exchange | None = None
        self._session = transport.create_session(settings)
        self._scrub = transport.secret_scrubber(settings)

    def close(self) -> None:
        """Abandon the exchange in progress, if any, and close the session."""
        if self._latest is not None:
            self._latest.watch.end(errno.ECANCELED, "it was abandoned")
            self._latest.call.wait(_CLOSING_SECONDS)
        self._calls.dismiss()
        self._session.close()

    def begin(self, path: str, params: dict[str, str]) -> Exchange:
        """Have another thread send a request and read the response.

        Raises ApiUnavailableError if the deadline has passed.
        """
        remaining = self._ends_at - self._clock.monotonic()
        if remaining <= 0:
            raise ApiUnavailableError(
                f"GET {path} was not sent: the run's {self._settings.deadline:g} seconds are over. "
                "Raise --deadline if the account needs longer."
            )
        timeouts = (
            min(self._settings.connect_timeout, remaining),
            min(self._settings.read_timeout, remaining),
        )
        watch = Watch(remaining, (self._settings.max_response_mb << 20) + _OVERHEAD)
        work = partial(self._send, path, params, timeouts, watch)
        self._latest = Exchange(self._calls.begin(work), watch)
        return self._latest

    def _send(
        self, path: str, params: dict[str, str], timeouts: tuple[float, float], watch: Watch
    ) -> Response:
        url = self._settings.url + path
        CURRENT.set(watch)
        try:
            with self._session.get(url, params=params, timeout=timeouts, stream=True) as response:
                wait = seconds_to_wait(response.headers.get("Retry-After"), self._clock.time())
                return Response(path, response.status_code, self._read(response, watch), wait)
        except (requests.RequestException, HTTPError, OSError) as error:
            cause = watch.explained(_cause(error))
            if transport.is_certificate_error(cause):
                raise ConfigurationError(
                    f"GET {path} was not sent: the certificate of {self._settings.url} is not "
                    f"trusted ({cause}). Set REQUESTS_CA_BUNDLE to a file with the certificate of "
                    "the authority that signed it; verification cannot be turned off."
                ) from None
            raise _failed(cause, transport.unreachable_host(error)) from None
        finally:
            watch.release()

    def _read(self, response: requests.Response, watch: Watch) -> bytearray:
        body = bytearray()
        try:
            self._read_into(body, response, watch)
        except BaseException:
            # The traceback keeps this frame until the next garbage collection: free up to 64 MB.
            body.clear()
            raise
        return self._scrub(body)

    def _read_into(self, body: bytearray, response: requests.Response, watch: Watch) -> None:
        limit = self._settings.max_response_mb << 20
        while True:
            # Bytes that drip, or carry no content, do not count as progress.
            watch.expect(self._settings.read_timeout, "no more content came in time")
            # read() would wait for a full chunk.
            chunk = response.raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                return
            body += chunk
            if len(body) > limit:
                raise UnexpectedResponseError(
                    f"The API sent a response of more than {self._settings.max_response_mb} MB. "
                    "Lower --page-size, or raise --max-response-mb."
                )
            if self._clock.monotonic() > self._ends_at:
                raise RetryableResponseError("did not end before the run's deadline")


def _failed(cause: BaseException, place: str = "") -> RetryableResponseError:
    return RetryableResponseError(f"failed: {_reason(cause)}{place and f', {place}'}")


def _cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _reason(error: BaseException) -> str:
    """Name a broken connection without its URL, which libraries print in full."""
    text = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} ({text})" if text else type(error).__name__
