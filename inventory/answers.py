"""What an answer of the API is worth: a page, one object, a reason to ask again, or an error. Pure.

An answer counts if it is 2xx, JSON and its `code` is Success; a page, if its `items` is a list too.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from inventory.errors import (
    AccessRefused,
    ApiUnavailable,
    FixSettings,
    InventoryError,
    PayloadUnusable,
)
from inventory.fields import mended
from inventory.items import UNREADABLE, is_usable_id

T = TypeVar("T")

# A value takes some hundred bytes of memory, though it may take only two of an answer.
MAX_VALUES = 4_000_000
_CODE = re.compile("[A-Za-z][A-Za-z_]{0,59}")


class Page(msgspec.Struct):
    items: list[Raw]
    next_cursor: str | None = None
    # The reference page prints this spelling; every live answer seen has the other one.
    camel: str | None = msgspec.field(default=None, name="nextCursor")


class Envelope(msgspec.Struct):
    code: str
    data: Raw = Raw(b"null")


class _Account(msgspec.Struct):
    account_id: str


class Answer(NamedTuple):
    """An HTTP answer read to its end; `retry_after` in seconds."""

    path: str
    status: int
    body: bytes | bytearray
    retry_after: float | None


class Unusable(Exception):
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


def unless(*statuses: int, read: Callable[[Answer], T]) -> Callable[[Answer], T | Answer]:
    """Read an answer, but hand one with these statuses on as it came."""
    return lambda answer: answer if answer.status in statuses else read(answer)


def success(answer: Answer) -> Envelope:
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    if _values_in(answer.body) > MAX_VALUES:
        raise PayloadUnusable(
            f"GET {answer.path} answered with more than {MAX_VALUES:,} values, which no page of "
            "connectors holds. Lower --page-size; if it lasts, ask the vendor's support."
        )
    try:
        envelope = msgspec.json.decode(mended(answer.body), type=Envelope)
    except msgspec.ValidationError:
        raise Unusable(
            f"answered {answer.status} with JSON that is no envelope", error=PayloadUnusable
        ) from None
    except UNREADABLE:
        raise Unusable(f"answered {answer.status} with what is no JSON") from None
    if envelope.code != "Success":
        raise Unusable(answered(answer))
    return envelope


def _values_in(body: bytes | bytearray) -> int:
    """Bound the number of values from above; an answer that is too small for many is not read."""
    return 0 if len(body) < MAX_VALUES else sum(map(body.count, (b",", b"[", b"{")))


def list_page(answer: Answer) -> Page:
    data = success(answer).data
    try:
        page = msgspec.json.decode(data, type=Page)
    except UNREADABLE:
        raise Unusable("answered with what is no page of a list", error=PayloadUnusable) from None
    if page.next_cursor and page.camel and page.next_cursor != page.camel:
        raise Unusable("answered with two different cursors", error=PayloadUnusable)
    return page


def _refusal(answer: Answer) -> Exception:
    """What a status outside 2xx means for a run: ask again, or tell the user what to change."""
    status, said = answer.status, f"GET {answer.path} {answered(answer)}"
    if status in (408, 429) or status >= 500:
        return Unusable(answered(answer), wait=answer.retry_after)
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
            "account. Check FIVETRAN_API_URL, or try --endpoint auto."
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


def account_id_of(envelope: Envelope) -> str:
    try:
        account_id = msgspec.json.decode(envelope.data, type=_Account).account_id
    except UNREADABLE:
        account_id = ""
    if not is_usable_id(account_id):
        raise PayloadUnusable(
            "GET /v1/account/info answered without a usable account_id. Name the account with "
            "--account NAME; any name will do, as long as it stays the same."
        )
    return account_id


def next_cursor(page: Page) -> str | None:
    return page.next_cursor or page.camel or None


def code_of(answer: Answer) -> str | None:
    """Return the `code` of an answer's body; None where the body is not the API's own."""
    try:
        return msgspec.json.decode(answer.body, type=Envelope).code
    except UNREADABLE:
        return None


def answered(answer: Answer) -> str:
    """Name status and code. Free text is left out, also as a code: it may quote the request."""
    code = code_of(answer)
    if code is None:
        return f"answered {answer.status}"
    return f"answered {answer.status} {code if _CODE.fullmatch(code) else 'with an odd code'}"


def seconds_to_wait(retry_after: str | None, now: float) -> float | None:
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
