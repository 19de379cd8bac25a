"""The API over HTTP: pages of a walk, one connector, the account. The only module that speaks HTTP.

It decides what counts as an answer (2xx, JSON, `code` Success, `items` a list) and asks again,
within bounds, for what does not. What the items mean is none of its business: they stay bytes.
"""

import gc
import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import requests
from msgspec import Raw
from urllib3.exceptions import HTTPError

from inventory import transport
from inventory.answers import (
    Answer,
    Envelope,
    Page,
    Unusable,
    account_id_of,
    answered,
    code_of,
    list_page,
    next_cursor,
    seconds_to_wait,
    success,
    unless,
)
from inventory.errors import AccessRefused, ApiUnavailable, FixSettings, PayloadUnusable
from inventory.settings import ApiSettings
from inventory.underway import UnderWay

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds between two attempts, before jitter
_BEAT = 30.0  # seconds of waiting after which `while_waiting` is called again
_CHUNK = 1 << 20


class Clock(Protocol):
    """What the client needs of time; tests bring one that does not wait."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def time(self) -> float: ...


@dataclass
class Traffic:
    """What a run has asked of the API so far."""

    endpoint: str | None = None
    walks: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0


class Verdict(NamedTuple):
    """What the API says of one connector; `item` is there only where it is alive.

    "not_found" is what it says of a connector or of a path that is gone.
    """

    fate: Literal["alive", "deleted", "not_visible", "not_found", "unknown"]
    item: Raw | None = None


class Client:
    """One account's API, asked over one session, until the deadline of the run.

    `while_waiting` is called now and then in a long wait; what it raises ends the wait.
    """

    def __init__(self, settings: ApiSettings, clock: Clock = time) -> None:
        self.traffic = Traffic()
        self.while_waiting: Callable[[], object] = lambda: None
        self._settings = settings
        self._clock = clock
        self._ends_at = clock.monotonic() + settings.deadline
        self._session = transport.session(settings)
        self._purged = transport.purger(settings)

    def close(self) -> None:
        self._session.close()

    def account_id(self) -> str:
        """Ask which account the key belongs to.

        Raises AccessRefused where the API will not tell: then the user must name it.
        """
        answer = self._ask("/v1/account/info", {}, unless(403, 404, read=success))
        if isinstance(answer, Answer):
            raise AccessRefused(
                f"GET {answer.path} {answered(answer)}, so the account of this key is not known. "
                "Name it with --account NAME; any name will do, as long as it stays the same."
            )
        return account_id_of(answer)

    def pages(self) -> Iterator[list[Raw]]:
        """Walk the list from its first page to its last; yield the items of each page, undecoded.

        While the caller works on a page, the next one is on its way.
        A walk is never resumed: the cursor may be an offset into a list that has moved since.
        Raises ApiUnavailable, AccessRefused, FixSettings or PayloadUnusable; a walk that raised
        has told nothing.
        """
        used: set[str] = set()
        self.traffic.walks += 1
        page = self._first_page()
        for number in count(1):
            self.traffic.pages += 1
            cursor = next_cursor(page)
            if cursor is None:
                yield page.items
                return
            if cursor in used:
                raise PayloadUnusable(
                    f"Page {number} of the list names a cursor that was used before: "
                    "the walk would never end. Try again later; if it lasts, ask the vendor's "
                    "support."
                )
            used.add(cursor)
            path, params = f"/v1/{self.traffic.endpoint}", self._paging() | {"cursor": cursor}
            under_way = UnderWay(self._sender(path, params))
            yield page.items
            page = self._ask(path, params, list_page, under_way)

    def connector(self, connector_id: str) -> Verdict:
        """Ask for one connector by its id, at the endpoint that the walk used.

        "unknown" is any answer that is neither the connector nor the API's own word that it is
        gone or hidden: a proxy's 404 page proves nothing.
        Raises ApiUnavailable where there is no answer at all, and what else a page would raise.
        """
        path = f"/v1/{self.traffic.endpoint}/{quote(connector_id, safe='')}"
        answer = self._ask(path, {}, unless(401, 403, 404, read=success))
        if isinstance(answer, Envelope):
            return Verdict("alive", answer.data)
        code = code_of(answer)
        if answer.status == 404 and code in ("NotFound_Connector", "NotFound_Connection"):
            return Verdict("deleted")
        if answer.status == 404 and code == "NotFound":
            return Verdict("not_found")
        if answer.status == 403 and code is not None:
            return Verdict("not_visible")
        return Verdict("unknown")

    # --- one page ---------------------------------------------------------------------------

    def _paging(self) -> dict[str, str]:
        return {"limit": str(self._settings.page_size)}

    def _first_page(self) -> Page:
        """Ask for the first page; find the name the list is served under: it changed in 2025."""
        endpoint = self.traffic.endpoint or self._settings.endpoint
        if endpoint != "auto":
            page = self._ask(f"/v1/{endpoint}", self._paging(), list_page)
            self.traffic.endpoint = endpoint
            return page
        for endpoint in ("connectors", "connections"):
            answer = self._ask(f"/v1/{endpoint}", self._paging(), unless(404, read=list_page))
            if isinstance(answer, Page):
                self.traffic.endpoint = endpoint
                return answer
            log.info("GET %s %s", answer.path, answered(answer))
        raise FixSettings(
            f"GET {self._settings.url}/v1/connectors and /v1/connections both answered 404: the "
            "base URL is wrong or the list has moved. That is not an empty account. "
            "Check FIVETRAN_API_URL."
        )

    # --- one answer -------------------------------------------------------------------------

    def _ask(
        self,
        path: str,
        params: dict[str, str],
        read: Callable[[Answer], T],
        under_way: UnderWay[Answer] | None = None,
    ) -> T:
        """Ask until `read` takes the answer; the first attempt may be `under_way` already.

        Bounded by attempts and by the deadline: a wait that would pass the deadline is not begun.
        """
        for attempt in range(1, self._settings.attempts + 1):
            try:
                if under_way is None or attempt > 1:
                    return read(self._sender(path, params)())
                return read(under_way.result())
            except Unusable as failure:
                self._wait_or_give_up(path, attempt, failure)
        raise AssertionError("the last attempt gives up")

    def _sender(self, path: str, params: dict[str, str]) -> Callable[[], Answer]:
        """Count a request that is about to be sent, maybe by another thread.

        Raises ApiUnavailable where the deadline has passed.
        """
        remaining = self._ends_at - self._clock.monotonic()
        if remaining <= 0:
            raise ApiUnavailable(
                f"GET {path} was not sent: the run's {self._settings.deadline:g} seconds are over. "
                "Raise --deadline if the account needs longer."
            )
        timeouts = (
            min(self._settings.connect_timeout, remaining),
            min(self._settings.read_timeout, remaining),
        )
        self.traffic.requests += 1
        return partial(self._send, path, params, timeouts)

    def _send(self, path: str, params: dict[str, str], timeouts: tuple[float, float]) -> Answer:
        """Send one request and read its answer to the end."""
        url = self._settings.url + path
        try:
            with self._session.get(url, params=params, timeout=timeouts, stream=True) as response:
                wait = seconds_to_wait(response.headers.get("Retry-After"), self._clock.time())
                return Answer(path, response.status_code, self._body(response), wait)
        except (requests.RequestException, HTTPError, OSError) as error:
            cause = _cause(error)
            if transport.distrusts(cause):
                raise FixSettings(
                    f"GET {path} was not sent: the certificate of {self._settings.url} is not "
                    f"trusted ({cause}). Name the authority that signed it in REQUESTS_CA_BUNDLE, "
                    "a file; verification cannot be turned off."
                ) from None
            raise Unusable(f"failed: {_reason(cause)}") from None

    def _body(self, response: requests.Response) -> bytearray:
        limit = self._settings.max_response_mb << 20
        body = bytearray()
        # read() would wait for a full chunk, for ever if the bytes only drip.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > limit:
                raise PayloadUnusable(
                    f"The API sent an answer of more than {self._settings.max_response_mb} MB. "
                    "Lower --page-size, or raise --max-response-mb."
                )
            if self._clock.monotonic() > self._ends_at:
                raise Unusable("did not end before the run's deadline")
        return self._purged(body)

    def _wait_or_give_up(self, path: str, attempt: int, failure: Unusable) -> None:
        remaining = self._ends_at - self._clock.monotonic()
        backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1))
        # Jitter keeps many hosts that failed together from asking again together.
        wait = max(failure.wait or 0.0, backoff * random.uniform(0.5, 1.0))
        if attempt >= self._settings.attempts:
            raise failure.error(
                f"GET {path} {failure}, at the last of {attempt} attempts. "
                "The next run starts afresh; if it lasts, look at the vendor's status page and "
                "for a newer version of this tool."
            )
        if wait >= remaining:
            left = f"only {remaining:.0f} s of" if remaining > 0 else "all of"
            over = "are left" if remaining > 0 else "are over"
            raise ApiUnavailable(
                f"GET {path} {failure}. Asking again has to wait {wait:.0f} s, but {left} the "
                f"run's {self._settings.deadline:g} s {over}. Run it later, or raise --deadline."
            )
        gc.collect()  # a failure holds its traceback, and that the answer so far
        log.info("GET %s %s; asking again in %.1f s", path, failure, wait)
        self.traffic.retries += 1
        self._sleep(wait)

    def _sleep(self, seconds: float) -> None:
        while seconds > 0:
            self.while_waiting()
            self._clock.sleep(min(seconds, _BEAT))
            seconds -= _BEAT


def _cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _reason(error: BaseException) -> str:
    """Name a broken connection without the URL, which libraries like to print in full."""
    text = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} ({text})" if text else type(error).__name__
