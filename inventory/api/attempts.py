"""Sends a request until its response counts, within the attempts and the time of a run."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from inventory.api.exchange import Clock, Exchange, Exchanges
from inventory.api.headers import RateLimit
from inventory.api.responses import Response, RetryableResponseError
from inventory.errors import ApiUnavailableError
from inventory.settings import ApiSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds between two attempts, before jitter
KEEPALIVE_SECONDS = 30.0  # `on_wait` is called this often during a wait


@dataclass
class RequestStats:
    """Counts of what a run has requested so far."""

    endpoint: str | None = None
    walks: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0


class Attempts:
    """The requests of one run, over one session, until its deadline.

    The deadline is `settings.deadline` seconds from now, or `ends_at` on the clock. `on_wait` is
    called repeatedly during a long wait; an exception that it raises ends the wait. `rate_limit` is
    the lowest quota that a response named: they may come in another order than they were counted.
    `last_rate_limit` is what the last of them named: a new hour may have begun.
    `is_refused` says whether any response was a 429; `necessary` is how many requests of the quota
    `fan_out` must leave; `obstacle` is why it begins no more, in words, if so.
    """

    def __init__(
        self, settings: ApiSettings, clock: Clock = time, *, ends_at: float | None = None
    ) -> None:
        self.stats = RequestStats()
        self.rate_limit: RateLimit | None = None
        self.last_rate_limit: RateLimit | None = None
        self.is_refused = False
        self.necessary = 0
        self.obstacle: str | None = None
        self.on_wait: Callable[[], object] = lambda: None
        self._settings = settings
        self._clock = clock
        self._limit: float | None = None
        if ends_at is None:
            ends_at = clock.monotonic() + settings.deadline
        self._exchanges = Exchanges(settings, clock, ends_at=ends_at)

    def close(self) -> None:
        """Close the session and abandon the requests that are still in progress."""
        self._exchanges.close()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Allow the requests inside only so many seconds, if the deadline is not sooner."""
        deadline = self._exchanges.ends_at
        self._exchanges.ends_at = min(deadline, self._clock.monotonic() + seconds)
        self._limit = seconds
        try:
            yield
        finally:
            self._exchanges.ends_at = deadline
            self._limit = None

    @property
    def seconds_left(self) -> float:
        """How many seconds requests may still take."""
        return max(0.0, self._exchanges.ends_at - self._clock.monotonic())

    def send(self, path: str, params: dict[str, str], **how: Any) -> Exchange:
        """Begin an exchange; see `Exchanges.begin`."""
        exchange = self._exchanges.begin(path, params, **how)
        self.stats.requests += 1
        return exchange

    def response_of(self, exchange: Exchange) -> Response:
        """Wait for the response; raise RetryableResponseError if none comes."""
        response = exchange.response()
        quota = response.rate_limit
        self.last_rate_limit = quota or self.last_rate_limit
        if quota and (self.rate_limit is None or quota.remaining < self.rate_limit.remaining):
            self.rate_limit = quota
        self.is_refused |= response.status == 429
        return response

    def request(
        self,
        path: str,
        params: dict[str, str],
        read: Callable[[Response], T],
        prefetched: Exchange | None = None,
    ) -> T:
        """Send a request until `read` accepts the response; `prefetched` is its first attempt.

        Attempts and the deadline bound it: no wait begins that would outlast the deadline.
        """
        for attempt in range(1, self._settings.attempts + 1):
            try:
                exchange, prefetched = prefetched or self.send(path, params), None
                return read(self.response_of(exchange))
            except RetryableResponseError as failure:
                self._wait_or_give_up(path, attempt, failure)
        raise AssertionError("the last attempt gives up")

    def _wait_or_give_up(self, path: str, attempt: int, failure: RetryableResponseError) -> None:
        remaining = self._exchanges.ends_at - self._clock.monotonic()
        backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1))
        # Jitter: hosts that failed together must not retry together.
        wait = max(failure.wait or 0.0, backoff * random.uniform(0.5, 1.0))
        if attempt >= self._settings.attempts:
            attempts = "1 attempt" if attempt == 1 else f"{attempt} attempts"
            raise failure.error(
                f"GET {path} {failure}, after {attempts}. The next run starts over. If the error "
                "persists, check FIVETRAN_API_URL and the vendor's status page, then look for a "
                "newer release."
            )
        if wait >= remaining:
            left = f"only {remaining:.0f} s of" if remaining > 0 else "all of"
            over = "are left" if remaining > 0 else "are over"
            limit, advice = self._time_limit_in_words()
            raise ApiUnavailableError(
                f"GET {path} {failure}. The next attempt has to wait {wait:.0f} s, but {left} "
                f"{limit} {over}.{advice}"
            )
        log.info("GET %s %s; trying again in %.1f s", path, failure, wait)
        self.stats.retries += 1
        self.sleep(wait)

    def _time_limit_in_words(self) -> tuple[str, str]:
        """Return the limit that is in force, and what to do about it."""
        if self._limit is not None:
            return f"the {self._limit:.0f} s for such requests", ""
        advice = " Run it later, or raise --deadline."
        return f"the run's {self._settings.deadline:g} s", advice

    def sleep(self, seconds: float) -> None:
        """Wait, and call `on_wait` meanwhile."""
        while seconds > 0:
            self.on_wait()
            self._clock.sleep(min(seconds, KEEPALIVE_SECONDS))
            seconds -= KEEPALIVE_SECONDS

    def now(self) -> float:
        """Return the time on the clock of the requests, in seconds."""
        return self._clock.monotonic()
