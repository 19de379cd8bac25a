"""The API client: pages of the list, one connector, the account.

It decides how often a request is sent. `responses` decides what a response means; items stay
undecoded bytes.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import quote

from msgspec import Raw

from inventory.api.exchange import Clock, Exchange, Exchanges
from inventory.api.responses import (
    Envelope,
    Page,
    Response,
    RetryableResponseError,
    account_id_of,
    allow_status,
    code_of,
    describe_response,
    next_cursor,
    parse_page,
    parse_success,
)
from inventory.errors import (
    ApiUnavailableError,
    AuthenticationError,
    ConfigurationError,
    UnexpectedResponseError,
)
from inventory.settings import ApiSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds between two attempts, before jitter
_KEEPALIVE_SECONDS = 30.0  # `on_wait` is called this often during a wait


@dataclass
class RequestStats:
    """Counts of what a run has requested so far."""

    endpoint: str | None = None
    walks: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0


class LookupResult(NamedTuple):
    """What the API says about one connector; `item` is set only if it exists.

    The API sends "not_found" for a missing connector and for a retired path alike.
    """

    status: Literal["exists", "deleted", "not_visible", "not_found", "unknown"]
    item: Raw | None = None


class Client:
    """Sends the requests of one run, over one session, until the run's deadline.

    The deadline is `settings.deadline` seconds from now, or `ends_at` on the clock. `on_wait` is
    called repeatedly during a long wait; an exception that it raises ends the wait.
    """

    def __init__(
        self, settings: ApiSettings, clock: Clock = time, *, ends_at: float | None = None
    ) -> None:
        self.stats = RequestStats()
        self.on_wait: Callable[[], object] = lambda: None
        self._settings = settings
        self._clock = clock
        self._ends_at = clock.monotonic() + settings.deadline if ends_at is None else ends_at
        self._exchanges = Exchanges(settings, clock, ends_at=self._ends_at)

    def close(self) -> None:
        """Close the session and abandon a request that is still in progress."""
        self._exchanges.close()

    def account_id(self) -> str:
        """Return the account that the key belongs to.

        Raises AuthenticationError if the key may not read it: then the user must name it.
        """
        response = self._request("/v1/account/info", {}, allow_status(403, 404, read=parse_success))
        if isinstance(response, Response):
            raise AuthenticationError(
                f"GET {response.path} {describe_response(response)}, so the account of this key is "
                "unknown. "
                "Name it with --account NAME; any name will do, as long as it stays the same."
            )
        return account_id_of(response)

    def pages(self) -> Iterator[list[Raw]]:
        """Walk the list from first page to last; yield the undecoded items of each page.

        The next page is requested while the caller works on one. A walk is never resumed: the
        cursor may be an offset into a list that has changed since. Raises ApiUnavailableError,
        AuthenticationError, ConfigurationError or UnexpectedResponseError; then the walk is
        incomplete, and nothing follows from it.
        """
        used: set[str] = set()
        self.stats.walks += 1
        page = self._first_page()
        for number in count(1):
            self.stats.pages += 1
            cursor = next_cursor(page)
            if cursor is None:
                yield page.items
                return
            if cursor in used:
                raise UnexpectedResponseError(
                    f"Page {number} of the list names a cursor that was used before: "
                    "the walk would never end. Try again later; if it lasts, contact the vendor's "
                    "support."
                )
            used.add(cursor)
            path, params = f"/v1/{self.stats.endpoint}", self._paging() | {"cursor": cursor}
            prefetched = self._send(path, params)
            yield page.items
            page = self._request(path, params, parse_page, prefetched)

    def connector(self, connector_id: str) -> LookupResult:
        """Look up one connector by its id, at the endpoint of the walk.

        The status is "unknown" unless the API itself sends the connector or says that it is gone
        or hidden: the 404 page of a proxy proves nothing. Raises ApiUnavailableError if no
        response comes, and the same errors as `pages`.
        """
        path = f"/v1/{self.stats.endpoint}/{quote(connector_id, safe='')}"
        response = self._request(path, {}, allow_status(401, 403, 404, read=parse_success))
        if isinstance(response, Envelope):
            return LookupResult("exists", response.data)
        code = code_of(response)
        if response.status == 404 and code in ("NotFound_Connector", "NotFound_Connection"):
            return LookupResult("deleted")
        if response.status == 404 and code == "NotFound":
            return LookupResult("not_found")
        if response.status == 403 and code is not None:
            return LookupResult("not_visible")
        return LookupResult("unknown")

    # --- the first page -----------------------------------------------------------------------

    def _paging(self) -> dict[str, str]:
        return {"limit": str(self._settings.page_size)}

    def _first_page(self) -> Page:
        """Read the first page and find the list's endpoint: the vendor renamed it in 2025."""
        endpoint = self.stats.endpoint or self._settings.endpoint
        if endpoint != "auto":
            page = self._request(f"/v1/{endpoint}", self._paging(), parse_page)
            self.stats.endpoint = endpoint
            return page
        for endpoint in ("connectors", "connections"):
            response = self._request(
                f"/v1/{endpoint}", self._paging(), allow_status(404, read=parse_page)
            )
            if isinstance(response, Page):
                self.stats.endpoint = endpoint
                return response
            log.info("GET %s %s", response.path, describe_response(response))
        raise ConfigurationError(
            f"GET {self._settings.url}/v1/connectors and /v1/connections both answered 404: the "
            "base URL is wrong or the list has moved. That is not an empty account. "
            "Check FIVETRAN_API_URL."
        )

    # --- attempts -----------------------------------------------------------------------------

    def _send(self, path: str, params: dict[str, str]) -> Exchange:
        exchange = self._exchanges.begin(path, params)
        self.stats.requests += 1
        return exchange

    def _request(
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
                exchange, prefetched = prefetched or self._send(path, params), None
                return read(exchange.response())
            except RetryableResponseError as failure:
                self._wait_or_give_up(path, attempt, failure)
        raise AssertionError("the last attempt gives up")

    def _wait_or_give_up(self, path: str, attempt: int, failure: RetryableResponseError) -> None:
        remaining = self._ends_at - self._clock.monotonic()
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
            raise ApiUnavailableError(
                f"GET {path} {failure}. The next attempt has to wait {wait:.0f} s, but {left} the "
                f"run's {self._settings.deadline:g} s {over}. Run it later, or raise --deadline."
            )
        log.info("GET %s %s; trying again in %.1f s", path, failure, wait)
        self.stats.retries += 1
        self._sleep(wait)

    def _sleep(self, seconds: float) -> None:
        while seconds > 0:
            self.on_wait()
            self._clock.sleep(min(seconds, _KEEPALIVE_SECONDS))
            seconds -= _KEEPALIVE_SECONDS
