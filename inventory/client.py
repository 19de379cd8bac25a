"""The API over HTTP: pages of a walk, one connector, the account. The only module that speaks HTTP.

It decides what counts as an answer (2xx, JSON, `code` Success, `items` a list) and asks again,
within bounds, for what does not. What the items mean is none of its business: they stay bytes.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import msgspec
import requests
from msgspec import Raw
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError

from inventory import __version__
from inventory.errors import (
    AccessRefused,
    ApiUnavailable,
    FixSettings,
    InventoryError,
    PayloadUnusable,
)
from inventory.settings import ApiSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds between two attempts, before jitter
_CHUNK = 1 << 20
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Clock(Protocol):
    """What the client needs of time; tests bring one that does not wait."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def time(self) -> float: ...


@dataclass
class Traffic:
    """What a run has asked of the API so far."""

    endpoint: str | None = None
    pages: int = 0
    requests: int = 0
    retries: int = 0


class Verdict(NamedTuple):
    """What the API says of one connector; `item` is there only where it is alive."""

    fate: Literal["alive", "deleted", "not_visible", "unknown"]
    item: Raw | None = None


class _Data(msgspec.Struct):
    items: list[Raw]
    next_cursor: str | None = None
    # The reference page prints this spelling; every live answer seen has the other one.
    camel: str | None = msgspec.field(default=None, name="nextCursor")


class _Envelope(msgspec.Struct):
    code: str
    data: Raw = Raw(b"null")
    message: Any = None


class _Account(msgspec.Struct):
    account_id: Annotated[str, msgspec.Meta(min_length=1)]


class _Answer(NamedTuple):
    """An HTTP answer read to its end; `retry_after` in seconds."""

    path: str
    status: int
    body: bytes
    retry_after: float | None


class _Unusable(Exception):
    """An answer that does not count, or none. Asking again may help; `error` says it did not."""

    def __init__(
        self,
        what: str,
        *,
        wait: float | None = None,
        error: type[InventoryError] = ApiUnavailable,
    ) -> None:
        super().__init__(what)
        self.wait = wait
        self.error = error


class _Session(requests.Session):
    """Never looks where a redirect leads: the question, and maybe the key, would go elsewhere."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Client:
    """One account's API, asked over one session, until the deadline of the run."""

    def __init__(self, settings: ApiSettings, clock: Clock = time) -> None:
        self.traffic = Traffic()
        self._settings = settings
        self._clock = clock
        self._ends_at = clock.monotonic() + settings.deadline
        self._session = _Session()
        # Plain http is for localhost alone: a proxy would get the key unencrypted.
        self._session.trust_env = not settings.url.lower().startswith("http:")
        # As bytes, or requests would encode them as latin-1.
        self._session.auth = HTTPBasicAuth(
            settings.key.reveal().encode(), settings.secret.reveal().encode()
        )
        self._session.headers.update(
            {
                "Accept": "application/json;version=2",
                "Accept-Encoding": "gzip",
                "User-Agent": f"inventory/{__version__}",
            }
        )

    def close(self) -> None:
        self._session.close()

    def account_id(self) -> str:
        """Ask which account the key belongs to.

        Raises AccessRefused where the API will not tell: then the user must name it.
        """
        answer = self._ask("/v1/account/info", {}, _unless(403, 404, read=_success))
        if isinstance(answer, _Answer):
            raise AccessRefused(
                f"GET {answer.path} {_answered(answer)}, so the account of this key is not known. "
                "Name it with --account NAME; any name will do, as long as it stays the same."
            )
        try:
            return msgspec.json.decode(answer.data, type=_Account).account_id
        except msgspec.DecodeError:
            raise PayloadUnusable(
                "GET /v1/account/info answered without an account_id. Name the account with "
                "--account NAME; any name will do, as long as it stays the same."
            ) from None

    def pages(self) -> Iterator[list[Raw]]:
        """Walk the list from its first page to its last; yield the items of each page, undecoded.

        A walk is never resumed: the cursor may be an offset into a list that has moved since.
        Raises ApiUnavailable, AccessRefused, FixSettings or PayloadUnusable; a walk that raised
        has told nothing.
        """
        cursor: str | None = None
        used: set[str] = set()
        while True:
            page = self._page(cursor)
            self.traffic.pages += 1
            yield page.items
            cursor = _next_cursor(page)
            if cursor is None:
                return
            if cursor in used:
                raise PayloadUnusable(
                    f"Page {self.traffic.pages} of the list names a cursor that was used before: "
                    "the walk would never end. Nothing was written. Try again later; if it "
                    "lasts, ask the vendor's support."
                )
            used.add(cursor)

    def connector(self, connector_id: str) -> Verdict:
        """Ask for one connector by its id, at the endpoint that the walk used.

        "unknown" is any answer that is neither the connector nor the API's own word that it is
        gone or hidden: a proxy's 404 page proves nothing.
        Raises ApiUnavailable where there is no answer at all, and what else a page would raise.
        """
        path = f"/v1/{self.traffic.endpoint}/{quote(connector_id, safe='')}"
        answer = self._ask(path, {}, _unless(401, 403, 404, read=_success))
        if isinstance(answer, _Envelope):
            return Verdict("alive", answer.data)
        code = _code(answer)
        # This endpoint has just served the walk, so even a bare NotFound speaks of the connector.
        if answer.status == 404 and code is not None and code.startswith("NotFound"):
            return Verdict("deleted")
        if answer.status == 403 and code is not None:
            return Verdict("not_visible")
        return Verdict("unknown")

    # --- one page ---------------------------------------------------------------------------

    def _page(self, cursor: str | None) -> _Data:
        params = {"limit": str(self._settings.page_size)}
        if cursor is not None:
            params["cursor"] = cursor
        if self.traffic.endpoint is not None:
            return self._ask(f"/v1/{self.traffic.endpoint}", params, _list_page)
        if self._settings.endpoint == "auto":
            return self._first_page(params)
        page = self._ask(f"/v1/{self._settings.endpoint}", params, _list_page)
        self.traffic.endpoint = self._settings.endpoint
        return page

    def _first_page(self, params: dict[str, str]) -> _Data:
        """Find the name the list is served under: it was renamed in 2025."""
        for endpoint in ("connectors", "connections"):
            page = self._ask(f"/v1/{endpoint}", params, _unless(404, read=_list_page))
            if isinstance(page, _Data):
                self.traffic.endpoint = endpoint
                return page
            log.info("GET %s %s", page.path, _answered(page))
        raise FixSettings(
            f"GET {self._settings.url}/v1/connectors and /v1/connections both answered 404: the "
            "base URL is wrong or the list has moved. That is not an empty account, so nothing "
            "was written. Check FIVETRAN_API_URL."
        )

    # --- one answer -------------------------------------------------------------------------

    def _ask(self, path: str, params: dict[str, str], read: Callable[[_Answer], T]) -> T:
        """Ask until `read` takes the answer.

        Bounded by attempts and by the deadline: a wait that would pass the deadline is not begun.
        """
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return read(self._send(path, params))
            except _Unusable as failure:
                self._wait_or_give_up(path, attempt, failure)
        raise AssertionError("the last attempt gives up")

    def _send(self, path: str, params: dict[str, str]) -> _Answer:
        """Send one request and read its answer to the end."""
        remaining = self._ends_at - self._clock.monotonic()
        if remaining <= 0:
            raise ApiUnavailable(
                f"GET {path} was not sent: the run's {self._settings.deadline:g} seconds are over. "
                "Nothing was written. Raise --deadline if the account needs longer."
            )
        timeouts = (
            min(self._settings.connect_timeout, remaining),
            min(self._settings.read_timeout, remaining),
        )
        self.traffic.requests += 1
        try:
            with self._session.get(
                self._settings.url + path,
                params=params,
                timeout=timeouts,
                stream=True,
            ) as response:
                wait = _seconds_to_wait(response.headers.get("Retry-After"), self._clock.time())
                return _Answer(path, response.status_code, self._body(response), wait)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _Unusable(f"failed: {_reason(error)}") from None

    def _body(self, response: requests.Response) -> bytes:
        limit = self._settings.max_response_mb << 20
        body = bytearray()
        # read() would wait for a full chunk, for ever if the bytes only drip.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > limit:
                raise PayloadUnusable(
                    f"The API sent an answer of more than {self._settings.max_response_mb} MB. "
                    "Nothing was written. Lower --page-size, or raise --max-response-mb."
                )
            if self._clock.monotonic() > self._ends_at:
                raise _Unusable("did not end before the run's deadline")
        return bytes(body)

    def _wait_or_give_up(self, path: str, attempt: int, failure: _Unusable) -> None:
        remaining = self._ends_at - self._clock.monotonic()
        backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1))
        # Jitter keeps many hosts that failed together from asking again together.
        wait = max(failure.wait or 0.0, backoff * random.uniform(0.5, 1.0))
        if attempt >= self._settings.attempts:
            raise failure.error(
                f"GET {path} {failure}, at the last of {attempt} attempts. Nothing was written. "
                "The next run starts afresh; if it lasts, look at the vendor's status page and "
                "for a newer version of this tool."
            )
        if wait >= remaining:
            raise ApiUnavailable(
                f"GET {path} {failure}. Asking again has to wait {wait:.0f} s, but only "
                f"{max(0.0, remaining):.0f} s of the run's {self._settings.deadline:g} are left. "
                "Nothing was written. Run it later, or raise --deadline."
            )
        log.warning("GET %s %s; asking again in %.1f s", path, failure, wait)
        self.traffic.retries += 1
        self._clock.sleep(wait)


# --- what an answer is worth ----------------------------------------------------------------


def _unless(*statuses: int, read: Callable[[_Answer], T]) -> Callable[[_Answer], T | _Answer]:
    """Read an answer, but hand one with these statuses on as it came."""
    return lambda answer: answer if answer.status in statuses else read(answer)


def _success(answer: _Answer) -> _Envelope:
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    try:
        envelope = msgspec.json.decode(answer.body, type=_Envelope)
    except msgspec.ValidationError:
        raise _Unusable(
            f"answered {answer.status} with JSON that is no envelope", error=PayloadUnusable
        ) from None
    except _UNREADABLE:
        raise _Unusable(f"answered {answer.status} with what is no JSON") from None
    if envelope.code != "Success":
        raise _Unusable(_answered(answer))
    return envelope


def _list_page(answer: _Answer) -> _Data:
    data = _success(answer).data
    try:
        page = msgspec.json.decode(data, type=_Data)
    except _UNREADABLE:
        raise _Unusable("answered with what is no page of a list", error=PayloadUnusable) from None
    if page.next_cursor and page.camel and page.next_cursor != page.camel:
        raise _Unusable("answered with two different cursors", error=PayloadUnusable)
    return page


def _refusal(answer: _Answer) -> Exception:
    """What a status outside 2xx means for a run: ask again, or tell the user what to change."""
    status, said = answer.status, f"GET {answer.path} {_answered(answer)}"
    if status in (408, 429) or status >= 500:
        return _Unusable(_answered(answer), wait=answer.retry_after)
    if status == 401:
        return AccessRefused(
            f"{said}: the key is wrong, has expired, or went with its user. "
            "Check FIVETRAN_API_KEY and FIVETRAN_API_SECRET."
        )
    if status == 403:
        return AccessRefused(
            f"{said}: the role of this key does not reach it. Give its user or system key read "
            "access to the account's connectors."
        )
    if status == 404:
        return FixSettings(
            f"{said}: the base URL is wrong or this endpoint is retired. That is not an empty "
            "account, so nothing was written. Check FIVETRAN_API_URL, or try --endpoint auto."
        )
    if 300 <= status < 400:
        return FixSettings(
            f"{said}, a redirect, which is not followed with a key in hand. "
            "Set FIVETRAN_API_URL to the address that serves the API."
        )
    return FixSettings(
        f"{said}: the API does not take this request. Check the options, and whether a newer "
        "version of this tool is out."
    )


def _next_cursor(page: _Data) -> str | None:
    return page.next_cursor or page.camel or None


def _code(answer: _Answer) -> str | None:
    """Return the `code` of an answer's body; None where the body is not the API's own."""
    try:
        return msgspec.json.decode(answer.body, type=_Envelope).code
    except _UNREADABLE:
        return None


def _answered(answer: _Answer) -> str:
    """Name status and code. The message is left out: it is free text and may quote the request."""
    code = _code(answer)
    return f"answered {answer.status}" + (f" {code[:60]!r}" if code else "")


def _seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """Read Retry-After, seconds or an HTTP date; None where it is missing or makes no sense."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000", which HTTP does not use, parses as naive UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())


def _reason(error: BaseException) -> str:
    """Name a broken connection without the URL, which libraries like to print in full."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else None
    return f"{type(error).__name__} ({text})" if text else type(error).__name__
