"""One request and its response, read to the end in another thread within time and size limits.

The only module that sends anything. It neither retries nor looks into a response.
"""

import errno
import time
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import requests
from urllib3.exceptions import HTTPError

from inventory.api import transport
from inventory.api.background import BackgroundCall, BackgroundCalls
from inventory.api.headers import rate_limit_of, seconds_to_wait
from inventory.api.responses import (
    Response,
    RetryableResponseError,
)
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


Method = Literal["GET", "POST"]


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
    """The exchanges of one run, over one session, until `ends_at` on the clock.

    An exchange that has begun keeps the time that it was given.
    """

    def __init__(self, settings: ApiSettings, clock: Clock = time, *, ends_at: float) -> None:
        self._settings = settings
        self._clock = clock
        self.ends_at = ends_at
        self._calls = BackgroundCalls()
        self._open: list[Exchange] = []
        self._session = transport.create_session(settings)
        self._scrub = transport.secret_scrubber(settings)

    def close(self) -> None:
        """Abandon the exchanges in progress, and close the session."""
        for exchange in self._open:
            exchange.watch.end(errno.ECANCELED, "it was abandoned")
        for exchange in self._open[-1:]:
            exchange.call.wait(_CLOSING_SECONDS)
        self._calls.dismiss()
        self._session.close()

    def begin(
        self,
        path: str,
        params: dict[str, str],
        *,
        method: Method = "GET",
        on_end: Callable[[], object] = lambda: None,
    ) -> Exchange:
        """Have another thread send a request and read the response, then call `on_end`.

        POST sends an empty object. Raises ApiUnavailableError if the deadline has passed.
        """
        remaining = self.ends_at - self._clock.monotonic()
        if remaining <= 0:
            raise ApiUnavailableError(
                f"{method} {path} was not sent: the run's {self._settings.deadline:g} seconds are "
                "over. Raise --deadline if the account needs longer."
            )
        timeouts = (
            min(self._settings.connect_timeout, remaining),
            min(self._settings.read_timeout, remaining),
        )
        watch = Watch(remaining, (self._settings.max_response_mb << 20) + _OVERHEAD)

        def work() -> Response:
            try:
                return self._send(method, path, params, timeouts, watch)
            finally:
                on_end()

        exchange = Exchange(self._calls.begin(work), watch)
        self._open = [each for each in self._open if not each.call.has_ended]
        self._open.append(exchange)
        return exchange

    def _send(
        self,
        method: Method,
        path: str,
        params: dict[str, str],
        timeouts: tuple[float, float],
        watch: Watch,
    ) -> Response:
        url = self._settings.url + path
        CURRENT.set(watch)
        try:
            body: dict[str, str] | None = {} if method == "POST" else None
            with self._session.request(
                method, url, params=params, json=body, timeout=timeouts, stream=True
            ) as response:
                wait = seconds_to_wait(response.headers.get("Retry-After"), self._clock.time())
                quota = rate_limit_of(response.headers)
                content = self._read(response, watch)
                return Response(path, response.status_code, content, wait, quota)
        except (requests.RequestException, HTTPError, OSError) as error:
            cause = watch.explained(_cause(error))
            if transport.is_certificate_error(cause):
                raise ConfigurationError(
                    f"{method} {path} was not sent: the certificate of {self._settings.url} is not "
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
                    "Raise --max-response-mb, or for a page of a list, lower --page-size."
                )
            if self._clock.monotonic() > self.ends_at:
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
