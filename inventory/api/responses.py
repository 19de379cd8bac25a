"""Decides what a response means: a page, one object, a reason to retry, or an error. Pure.

A response counts if it is 2xx and JSON with the `code` Success; a page must also have a list of
`items`.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from inventory import lenient_json
from inventory.api.headers import RateLimit
from inventory.errors import (
    ApiUnavailableError,
    AuthenticationError,
    ConfigurationError,
    InventoryError,
    UnexpectedResponseError,
)
from inventory.ids import is_usable_id
from inventory.json_codec import UNREADABLE, decode_leniently, replace_invalid_escapes

T = TypeVar("T")
E = TypeVar("E", bound="Envelope | _PageInEnvelope")

# A value can be two bytes of a response and take some hundred bytes of memory.
MAX_VALUES = 4_000_000
_CONNECTOR_LISTS = ("/v1/connectors", "/v1/connections")
_CODE = re.compile("[A-Za-z][A-Za-z_]{0,59}")


class Page(msgspec.Struct):
    items: list[Raw]
    next_cursor: str | None = None
    # The reference page prints this spelling; every live response seen has the other one.
    next_cursor_camel: str | None = msgspec.field(default=None, name="nextCursor")


class Envelope(msgspec.Struct):
    code: str
    data: Raw = Raw(b"null")


class _PageInEnvelope(msgspec.Struct):
    """Decoded at once: one after the other takes twice as long."""

    code: str
    data: Page


class AccountInfo(NamedTuple):
    """The account of a key; its name, if the API gives one."""

    account_id: str
    account_name: str | None = None


class _Account(msgspec.Struct):
    account_id: str
    account_name: Any = None


class Response(NamedTuple):
    """An HTTP response read to its end; `retry_after` in seconds."""

    path: str
    status: int
    body: bytes | bytearray
    retry_after: float | None
    rate_limit: RateLimit | None = None


class RetryableResponseError(Exception):
    """No response, or one that does not count. A retry may help; `error` is raised if none does."""

    def __init__(
        self,
        message: str,
        *,
        wait: float | None = None,
        error: type[InventoryError] = ApiUnavailableError,
    ) -> None:
        super().__init__(message)
        self.wait = wait
        self.error = error


def allow_status(
    *statuses: int, read: Callable[[Response], T]
) -> Callable[[Response], T | Response]:
    """Return a reader that passes responses with these statuses through unread."""
    return lambda response: response if response.status in statuses else read(response)


def parse_success(response: Response) -> Envelope:
    return _success(response, Envelope)


def _success(response: Response, usual: type[E]) -> E | Envelope:
    """Return the envelope of a success, as `usual` if it can be decoded as such."""
    if not 200 <= response.status < 300:
        raise _error_for_status(response)
    if _values_in(response.body) > MAX_VALUES:
        raise UnexpectedResponseError(
            f"GET {response.path} answered with more than {MAX_VALUES:,} values, more than any "
            "page of connectors has. If it is a page, lower --page-size; if it lasts, contact the "
            "vendor's support."
        )
    try:
        envelope = _envelope(replace_invalid_escapes(response.body), usual)
    except msgspec.ValidationError:
        raise RetryableResponseError(
            f"answered {response.status} with JSON that is not an envelope",
            error=UnexpectedResponseError,
        ) from None
    except UNREADABLE:
        raise RetryableResponseError(
            f"answered {response.status} with something that is not JSON"
        ) from None
    if envelope.code != "Success":
        raise RetryableResponseError(describe_response(response))
    return envelope


def _envelope(body: bytes | bytearray, usual: type[E]) -> E | Envelope:
    """Decode an envelope; field by field if anything in it is too deep or not quite JSON."""
    with suppress(*UNREADABLE):
        return msgspec.json.decode(body, type=usual)
    if (envelope := _decoded(body, Envelope)) is not None:
        return envelope
    parts = lenient_json.members(bytes(body))
    return Envelope(_text_or_null(parts.get("code")) or "", Raw(parts.get("data", b"null")))


def _values_in(body: bytes | bytearray) -> int:
    """Return an upper bound of the number of values; 0 for a response too small for many."""
    return 0 if len(body) < MAX_VALUES else sum(map(body.count, (b",", b"[", b"{")))


def parse_page(response: Response) -> Page:
    data = _success(response, _PageInEnvelope).data
    page = data if isinstance(data, Page) else _page(data)
    if page.next_cursor and page.next_cursor_camel and page.next_cursor != page.next_cursor_camel:
        raise RetryableResponseError(
            "answered with two different cursors", error=UnexpectedResponseError
        )
    return page


def _page(data: Raw) -> Page:
    """Decode a page; field by field if anything in it is too deep or not quite JSON."""
    try:
        return _decoded(data, Page) or _page_by_fields(data)
    except UNREADABLE:
        raise RetryableResponseError(
            "answered with something that is not a page of a list", error=UnexpectedResponseError
        ) from None


def _page_by_fields(data: Raw) -> Page:
    parts = lenient_json.members(bytes(data))
    items = lenient_json.elements(parts.get("items", b"null"))
    cursors = [_text_or_null(parts.get(name)) for name in ("next_cursor", "nextCursor")]
    return Page([Raw(item) for item in items], *cursors)


def _decoded(data: bytes | bytearray | Raw, of: type[T]) -> T | None:
    """Decode JSON; return None if anything in it is too deep or not quite JSON.

    Raises msgspec.ValidationError for JSON of another shape.
    """
    try:
        return msgspec.json.decode(data, type=of)
    except msgspec.ValidationError:
        raise
    except UNREADABLE:
        return None


def _text_or_null(raw: bytes | None) -> str | None:
    value = None if raw is None else decode_leniently(raw)[0]
    if value is None or type(value) is str:
        return value
    raise msgspec.ValidationError("not a text")


def _error_for_status(response: Response) -> Exception:
    """Return the error for a status outside 2xx: retry, or say what the user must change."""
    status, what = response.status, f"GET {response.path} {describe_response(response)}"
    if status in (408, 429) or status >= 500:
        return RetryableResponseError(describe_response(response), wait=response.retry_after)
    if status == 401:
        return AuthenticationError(
            f"{what}: the key is wrong, has expired, or was deleted with its user. "
            "Check FIVETRAN_API_KEY and FIVETRAN_API_SECRET."
        )
    if status == 403:
        return AuthenticationError(
            f"{what}: the role of this key has no access. Give its user or system key read "
            "access to the account's connectors."
        )
    if status == 404 and response.path not in _CONNECTOR_LISTS:
        return ConfigurationError(
            f"{what}: the API retired it, or it vanished while it was read. If this lasts, look "
            "for a newer version of this tool."
        )
    if status == 404:
        return ConfigurationError(
            f"{what}: the base URL is wrong or this endpoint is retired. That is not an "
            "empty account. Check FIVETRAN_API_URL, or try --endpoint auto."
        )
    if 300 <= status < 400:
        return ConfigurationError(
            f"{what}, a redirect. It is not followed, because the key would go with it. "
            "Set FIVETRAN_API_URL to the address that serves the API."
        )
    return ConfigurationError(
        f"{what}: the API rejects this request. Check the options, and whether there is a newer "
        "version of this tool."
    )


def account_info_of(envelope: Envelope) -> AccountInfo:
    try:
        account = msgspec.json.decode(envelope.data, type=_Account)
    except UNREADABLE:
        account = _Account("")
    if not is_usable_id(account.account_id):
        raise UnexpectedResponseError(
            "GET /v1/account/info answered without a usable account_id. Name the account with "
            "--account NAME; any name will do, as long as it stays the same."
        )
    name = account.account_name
    return AccountInfo(account.account_id, name if isinstance(name, str) else None)


def next_cursor(page: Page) -> str | None:
    return page.next_cursor or page.next_cursor_camel or None


def code_of(response: Response) -> str | None:
    """Return the `code` of a response; None if the body is not the API's own."""
    try:
        return msgspec.json.decode(response.body, type=Envelope).code
    except UNREADABLE:
        return None


def describe_response(response: Response) -> str:
    """Name status and code, but no free text, which may quote the request."""
    code = code_of(response)
    if code is None:
        return f"answered {response.status}"
    return f"answered {response.status} {code if _CODE.fullmatch(code) else 'with an invalid code'}"
