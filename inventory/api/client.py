"""The API client: pages of the list, one connector, the account, lists of names.

It decides how often a request is sent. `responses` decides what a response means; items stay
undecoded bytes.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import count
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from msgspec import Raw

from inventory.api.attempts import Attempts, RequestStats
from inventory.api.exchange import Clock, Exchange
from inventory.api.fan_out import fan_out
from inventory.api.responses import (
    AccountInfo,
    Envelope,
    Page,
    Response,
    account_info_of,
    allow_status,
    code_of,
    describe_response,
    next_cursor,
    parse_page,
    parse_success,
)
from inventory.errors import (
    AuthenticationError,
    ConfigurationError,
    UnexpectedResponseError,
)
from inventory.settings import ApiSettings

log = logging.getLogger(__name__)

_TESTS_PER_MINUTE = 200  # the vendor allows 250
_MAX_ITEMS = 500_000  # of a list other than that of connectors, which is kept in memory


class LookupResult(NamedTuple):
    """What the API says about one connector; `item` is set only if it exists.

    The API sends "not_found" for a missing connector and for a retired path alike.
    """

    status: Literal["exists", "deleted", "not_visible", "not_found", "unknown"]
    item: Raw | None = None


class Client:
    """Sends the requests of one run, over one session, until the run's deadline.

    The deadline is `settings.deadline` seconds from now, or `ends_at` on the clock.
    """

    def __init__(
        self, settings: ApiSettings, clock: Clock = time, *, ends_at: float | None = None
    ) -> None:
        self._settings = settings
        self._attempts = Attempts(settings, clock, ends_at=ends_at)
        self._first_page_request: Exchange | None = None

    @property
    def stats(self) -> RequestStats:
        return self._attempts.stats

    def run_columns(self) -> dict[str, Any]:
        """Return the columns of inventory_runs that tell of the requests so far."""
        quota = self._attempts.last_rate_limit
        return asdict(self.stats) | {"rate_limit_remaining": quota and quota.remaining}

    def call_while_waiting(self, on_wait: Callable[[], object]) -> None:
        """Have this called repeatedly during a long wait; an exception of it ends the wait."""
        self._attempts.on_wait = on_wait

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Allow the requests inside only so many seconds, if the deadline is not sooner."""
        return self._attempts.time_limit(seconds)

    @property
    def seconds_left(self) -> float:
        """How many seconds requests may still take."""
        return self._attempts.seconds_left

    @property
    def is_refused(self) -> bool:
        """Whether any response so far was a 429."""
        return self._attempts.is_refused

    def close(self) -> None:
        """Close the session and abandon the requests that are still in progress."""
        self._attempts.close()

    def account(self) -> AccountInfo:
        """Return the account that the key belongs to.

        Raises AuthenticationError if the key may not read it: then the user must name it.
        """
        response = self._attempts.request(
            "/v1/account/info", {}, allow_status(403, 404, read=parse_success)
        )
        if isinstance(response, Response):
            raise AuthenticationError(
                f"GET {response.path} {describe_response(response)}, so the account of this key is "
                "unknown. "
                "Name it with --account NAME; any name will do, as long as it stays the same."
            )
        return account_info_of(response)

    def request_first_page(self) -> None:
        """Request the first page of the list now; the next walk waits for it."""
        path = f"/v1/{self._endpoints()[0]}"
        self._first_page_request = self._attempts.send(path, self._paging())

    def pages(self) -> Iterator[list[Raw]]:
        """Walk the list from first page to last; yield the undecoded items of each page.

        The next page is requested while the caller works on one. A walk is never resumed: the
        cursor may be an offset into a list that has changed since. Raises ApiUnavailableError,
        AuthenticationError, ConfigurationError or UnexpectedResponseError; then the walk is
        incomplete, and nothing follows from it.
        """
        self.stats.walks += 1
        first = self._first_page()
        for items in self._walk(f"/v1/{self.stats.endpoint}", first):
            self.stats.pages += 1
            yield items

    def reference_list(self, path: str) -> list[Raw] | None:
        """Read another list to its end; None if it does not exist or this key may not read it.

        Raises as `pages` does.
        """
        first = self._attempts.request(
            path, self._paging(), allow_status(403, 404, read=parse_page)
        )
        if isinstance(first, Response):
            log.info("GET %s %s", path, describe_response(first))
            return None
        items: list[Raw] = []
        for page in self._walk(path, first):
            items += page
            if len(items) > _MAX_ITEMS:
                raise UnexpectedResponseError(f"{path} lists more than {_MAX_ITEMS:,} items.")
        return items

    def connector(self, connector_id: str) -> LookupResult:
        """Look up one connector by its id, at the endpoint of the walk.

        The status is "unknown" unless the API itself sends the connector or says that it is gone
        or hidden: the 404 page of a proxy proves nothing. Raises ApiUnavailableError if no
        response comes, and the same errors as `pages`.
        """
        response = self._attempts.request(
            self._path_of(connector_id), {}, allow_status(401, 403, 404, read=parse_success)
        )
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

    def reserve(self, runs: int) -> None:
        """Leave as much of the quota as so many runs need, if each sends what this one has sent."""
        self._attempts.necessary = runs * self.stats.requests

    @property
    def obstacle(self) -> str | None:
        """Why `details` or `run_setup_tests` ended before they had begun all requests."""
        return self._attempts.obstacle

    def details(
        self, connector_ids: Iterable[str], *, concurrency: int
    ) -> Iterator[tuple[str, Raw | None]]:
        """Read these connectors one by one, with what the list leaves out: see `fan_out`."""
        return fan_out(
            self._attempts,
            connector_ids,
            self._path_of,
            method="GET",
            concurrency=concurrency,
            interval=0.0,
        )

    def run_setup_tests(
        self, connector_ids: Iterable[str], *, concurrency: int
    ) -> Iterator[tuple[str, Raw | None]]:
        """Have the vendor run the setup tests of these connectors: see `fan_out`.

        It sends no flag that would trust a certificate or a fingerprint in somebody's name.
        """
        return fan_out(
            self._attempts,
            connector_ids,
            lambda connector_id: f"{self._path_of(connector_id)}/test",
            method="POST",
            concurrency=concurrency,
            interval=60 / _TESTS_PER_MINUTE,
        )

    def _path_of(self, connector_id: str) -> str:
        return f"/v1/{self.stats.endpoint}/{quote(connector_id, safe='')}"

    # --- pages --------------------------------------------------------------------------------

    def _walk(self, path: str, page: Page) -> Iterator[list[Raw]]:
        """Yield the items of this first page and of all that follow it."""
        used: set[str] = set()
        for number in count(1):
            cursor = next_cursor(page)
            if cursor is None:
                yield page.items
                return
            if cursor in used:
                raise UnexpectedResponseError(
                    f"Page {number} of {path} names a cursor that was used before: "
                    "the walk would never end. Try again later; if it lasts, contact the vendor's "
                    "support."
                )
            used.add(cursor)
            params = self._paging() | {"cursor": cursor}
            prefetched = self._attempts.send(path, params)
            yield page.items
            page = self._attempts.request(path, params, parse_page, prefetched)

    def _paging(self) -> dict[str, str]:
        return {"limit": str(self._settings.page_size)}

    def _endpoints(self) -> tuple[str, ...]:
        """Return where the list may be: the vendor renamed it in 2025."""
        endpoint = self.stats.endpoint or self._settings.endpoint
        return ("connectors", "connections") if endpoint == "auto" else (endpoint,)

    def _first_page(self) -> Page:
        """Read the first page, and find the list's endpoint if it is not known."""
        requested, self._first_page_request = self._first_page_request, None
        endpoints = self._endpoints()
        if len(endpoints) == 1:
            page = self._attempts.request(
                f"/v1/{endpoints[0]}", self._paging(), parse_page, requested
            )
            self.stats.endpoint = endpoints[0]
            return page
        for endpoint in endpoints:
            response = self._attempts.request(
                f"/v1/{endpoint}", self._paging(), allow_status(404, read=parse_page), requested
            )
            if isinstance(response, Page):
                self.stats.endpoint = endpoint
                return response
            requested = None
            log.info("GET %s %s", response.path, describe_response(response))
        raise ConfigurationError(
            f"GET {self._settings.url}/v1/connectors and /v1/connections both answered 404: the "
            "base URL is wrong or the list has moved. That is not an empty account. "
            "Check FIVETRAN_API_URL."
        )
