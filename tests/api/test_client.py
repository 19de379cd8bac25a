"""The client over real HTTP: its requests, what counts as a response, when it gives up."""

import base64
import gzip
import json
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from email.utils import formatdate
from threading import Event
from typing import Any

import msgspec
import pytest
from support.builders import (
    KEY,
    SECRET,
    Account,
    FakeMonotonic,
    api_settings,
    item,
)

from inventory import errors
from inventory.api.client import Client, RequestStats
from inventory.demo.fake_api import (
    FakeApi,
    FakeResponse,
    Interceptor,
    Request,
)
from inventory.errors import (
    ApiUnavailableError,
    AuthenticationError,
    ConfigurationError,
    UnexpectedResponseError,
)
from inventory.settings import Secret

NewClient = Callable[..., Client]
Error = type[errors.InventoryError]

BASIC = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
HTML = b"<html><h1>Not the API</h1></html>"
GONE = FakeResponse.error(404, "NotFound")
NOW = FakeMonotonic().now
PAST = formatdate(NOW - 90, usegmt=True)
LISTS = ["connectors", "connections"]


@pytest.fixture
def clock() -> FakeMonotonic:
    return FakeMonotonic()


@pytest.fixture
def new_client(api: FakeApi, clock: FakeMonotonic) -> Iterator[NewClient]:
    """Make clients of `api`, on `clock`, with the default settings but for those that are named."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(
            closing(Client(replace(api_settings(api), **changes), clock))
        )


@pytest.fixture
def client(new_client: NewClient) -> Client:
    return new_client()


def page(*ids: str, **data: Any) -> FakeResponse:
    return FakeResponse.success({"items": [{"id": each} for each in ids]} | data)


def in_turn(*answers: FakeResponse | None) -> Interceptor:
    """Send these, one for each request; None is what the stand-in itself would send."""
    turn = iter(answers)
    return lambda request: next(turn, None)


def always(answer: FakeResponse) -> Interceptor:
    return lambda request: answer


def walk(client: Client) -> list[list[str]]:
    """Walk to the end; return the ids of each page."""
    return [[msgspec.json.decode(raw)["id"] for raw in items] for items in client.pages()]


def paths(api: FakeApi) -> list[str]:
    return [request.path for request in api.requests]


def cursors(api: FakeApi) -> list[str | None]:
    return [request.query.get("cursor") for request in api.requests]


# --- the walk -------------------------------------------------------------------------------


def test_walk_follows_every_page(api: FakeApi, account: Account, new_client: NewClient) -> None:
    account.connectors = [item(each) for each in "abcdefg"]
    client = new_client(page_size=2)
    assert walk(client) == [["a", "b"], ["c", "d"], ["e", "f"], ["g"]]
    assert paths(api) == ["/v1/connectors"] * 4
    assert [request.query["limit"] for request in api.requests] == ["2"] * 4
    assert client.stats == RequestStats("connectors", 1, pages=4, requests=4, retries=0)


def test_cursor_comes_back_exactly_as_it_was_sent(api: FakeApi, client: Client) -> None:
    first, second = "a+b/c==&limit=1#d", "100% é?;%2B "
    api.intercept = in_turn(page("a", next_cursor=first), page("b", next_cursor=second), page("c"))
    assert walk(client) == [["a"], ["b"], ["c"]]
    assert cursors(api) == [None, first, second]


@pytest.mark.parametrize(
    ("named", "ended"),
    [
        ({"next_cursor": "2"}, {}),
        ({"nextCursor": "2"}, {"nextCursor": None}),
        ({"next_cursor": "2", "nextCursor": "2"}, {"next_cursor": None}),
        ({"next_cursor": "", "nextCursor": "2"}, {"nextCursor": ""}),
        ({"next_cursor": "2", "nextCursor": None}, {"next_cursor": "", "nextCursor": None}),
    ],
)
def test_cursor_is_followed_under_either_name_until_it_is_absent_null_or_empty(
    api: FakeApi, client: Client, named: dict[str, Any], ended: dict[str, Any]
) -> None:
    api.intercept = in_turn(page("a", **named), page("b", **ended))
    assert walk(client) == [["a"], ["b"]]
    assert cursors(api) == [None, "2"]


def test_short_or_empty_page_is_followed_by_its_cursor(api: FakeApi, client: Client) -> None:
    api.intercept = in_turn(
        page("a", next_cursor="2"), page(next_cursor="3"), page("b", next_cursor="4"), page()
    )
    assert walk(client) == [["a"], [], ["b"], []]
    assert client.stats.pages == 4


@pytest.mark.parametrize("loop", [["2", "2"], ["2", "3", "2"], ["2", "3", "4", "3"]], ids=str)
def test_cursor_that_comes_again_is_an_error(api: FakeApi, client: Client, loop: list[str]) -> None:
    api.intercept = in_turn(*(page("a", next_cursor=cursor) for cursor in loop))
    with pytest.raises(UnexpectedResponseError, match=f"Page {len(loop)} .* used before"):
        walk(client)
    assert cursors(api) == [None, *loop[:-1]]


# --- the request ----------------------------------------------------------------------------


def test_request_carries_key_version_encoding_and_limit(api: FakeApi, client: Client) -> None:
    assert walk(client) == [[]]
    _, path, query, headers, *_ = api.requests[0]
    assert (path, query) == ("/v1/connectors", {"limit": "1000"})
    assert headers["authorization"] == f"Basic {BASIC}"
    assert headers["accept"] == "application/json;version=2"
    assert headers["accept-encoding"] == "gzip"


def test_key_beyond_latin_1_is_sent_as_utf_8(account: Account, new_client: NewClient) -> None:
    with FakeApi(account, key="schlüssel", secret="тайна") as other:
        client = new_client(url=other.url, key=Secret("schlüssel"), secret=Secret("тайна"))
        assert walk(client) == [[]]


def test_key_for_localhost_is_not_shown_to_a_proxy(
    api: FakeApi, account: Account, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeApi(account) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert walk(client) == [[]]
        assert (len(api.requests), proxy.requests) == (1, [])


def test_gzip_body_is_decoded(api: FakeApi, client: Client) -> None:
    ids = [f"connector_{number}" for number in range(1000)]
    body = gzip.compress(page(*ids).body)
    api.intercept = always(FakeResponse(200, body, {"Content-Encoding": "gzip"}))
    assert walk(client) == [ids]


# --- the endpoint ---------------------------------------------------------------------------


def test_auto_walks_connections_if_connectors_is_retired(api: FakeApi, client: Client) -> None:
    api.intercept = in_turn(GONE, page("a", next_cursor="2"), page("b", next_cursor="3"), page("c"))
    assert walk(client) == [["a"], ["b"], ["c"]]
    assert paths(api) == ["/v1/connectors"] + ["/v1/connections"] * 3
    assert cursors(api) == [None, None, "2", "3"]
    assert client.stats == RequestStats("connections", 1, pages=3, requests=4, retries=0)


@pytest.mark.parametrize("missed", [0, 1])
def test_404_on_a_later_page_is_never_the_end(api: FakeApi, client: Client, missed: int) -> None:
    api.intercept = in_turn(*[GONE] * missed, page("a", next_cursor="2"), GONE)
    with pytest.raises(ConfigurationError, match="404 NotFound"):
        walk(client)
    assert paths(api) == ["/v1/connectors"] * missed + [f"/v1/{LISTS[missed]}"] * 2


def test_404_on_a_later_page_of_another_list_gives_no_advice_for_the_list_of_connectors(
    api: FakeApi, client: Client
) -> None:
    api.intercept = in_turn(page("a", next_cursor="2"), GONE)
    with pytest.raises(ConfigurationError, match="/v1/users answered 404") as caught:
        client.reference_list("/v1/users")
    assert "--endpoint" not in str(caught.value)
    assert "empty account" not in str(caught.value)


def test_404_of_both_endpoints_is_not_an_empty_account(api: FakeApi, client: Client) -> None:
    api.intercept = always(GONE)
    with pytest.raises(ConfigurationError, match=r"both answered 404.*FIVETRAN_API_URL"):
        walk(client)
    assert paths(api) == ["/v1/connectors", "/v1/connections"]
    assert client.stats == RequestStats(walks=1, requests=2)


@pytest.mark.parametrize("endpoint", LISTS)
def test_pinned_endpoint_is_asked_alone(api: FakeApi, new_client: NewClient, endpoint: str) -> None:
    client = new_client(endpoint=endpoint)
    assert (walk(client), client.stats.endpoint) == ([[]], endpoint)
    api.intercept = always(GONE)
    with pytest.raises(ConfigurationError, match=f"/v1/{endpoint} answered 404"):
        walk(new_client(endpoint=endpoint))
    assert paths(api) == [f"/v1/{endpoint}"] * 2


# --- responses that no retry would change ---------------------------------------------


@pytest.mark.parametrize("body", [FakeResponse.error(400, "SomeCode").body, HTML, b""])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ConfigurationError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (406, ConfigurationError),
    ],
)
def test_refusal_is_not_retried(
    api: FakeApi, clock: FakeMonotonic, client: Client, status: int, error: Error, body: bytes
) -> None:
    api.intercept = always(FakeResponse(status, body))
    with pytest.raises(ConfigurationError, match=f"GET /v1/connectors answered {status}") as caught:
        walk(client)
    assert (caught.type, caught.value.exit_code) == (error, 2)
    assert (len(api.requests), clock.slept) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused(api: FakeApi, account: Account, client: Client, status: int) -> None:
    with FakeApi(account, key=KEY, secret=SECRET) as elsewhere:
        api.intercept = always(
            FakeResponse(status, HTML, {"Location": f"{elsewhere.url}/v1/connectors"})
        )
        with pytest.raises(ConfigurationError, match=f"{status}, a redirect.*FIVETRAN_API_URL"):
            walk(client)
        assert (len(api.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("location", ["http://[", "http://\xe9", ""])
def test_redirect_to_an_invalid_location_is_refused(
    api: FakeApi, client: Client, location: str
) -> None:
    api.intercept = always(FakeResponse(302, HTML, {"Location": location}))
    with pytest.raises(ConfigurationError, match="302, a redirect"):
        walk(client)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (r"a\u0000b", "a\ufffdb"),
        (r"cut \ud83d", "cut \ufffd"),
        (r"\uDE80 cut", "\ufffd cut"),
        (r"\ud83d\ud83d\ude80\ude80", "\ufffd\U0001f680\ufffd"),
        (r"\ud83d\ude80", "\U0001f680"),
        (r"\\u0000 \\ud83d", r"\u0000 \ud83d"),
        (r"\\\u0000", "\\\ufffd"),
    ],
)
def test_invalid_escape_is_replaced(api: FakeApi, client: Client, sent: str, read: str) -> None:
    body = b'{"code":"Success","data":{"items":[{"id":"a","schema":"%s"}]}}' % sent.encode()
    api.intercept = always(FakeResponse(200, body))
    [[only]] = client.pages()
    assert msgspec.json.decode(only)["schema"] == read


def test_response_may_not_unpack_to_more_than_the_limit(
    api: FakeApi, new_client: NewClient
) -> None:
    room = (1 << 20) - len(page("a", padding="").body)
    api.intercept = in_turn(page("a", padding="x" * room), page("a", padding="x" * (room + 1)))
    client = new_client(max_response_mb=1)
    assert walk(client) == [["a"]]
    with pytest.raises(
        UnexpectedResponseError, match=r"more than 1 MB.*--max-response-mb.*--page-size"
    ):
        walk(client)
    assert len(api.requests) == 2


# --- responses that do not count --------------------------------------------------------------

FAULTS: dict[str, tuple[FakeResponse, Error]] = {
    "408": (FakeResponse(408, b""), ApiUnavailableError),
    "429": (FakeResponse.error(429, "TooManyRequests"), ApiUnavailableError),
    "500 with a page": (FakeResponse(500, page("a").body), ApiUnavailableError),
    "502 HTML": (FakeResponse(502, HTML, {"Content-Type": "text/html"}), ApiUnavailableError),
    "503 empty": (FakeResponse(503, b""), ApiUnavailableError),
    "broken off in the body": (replace(page("a"), truncate_at=20), ApiUnavailableError),
    "broken off after the head": (replace(page("a"), truncate_at=0), ApiUnavailableError),
    "broken gzip": (replace(page("a"), headers={"Content-Encoding": "gzip"}), ApiUnavailableError),
    "200 HTML": (FakeResponse(200, HTML), ApiUnavailableError),
    "200 empty": (FakeResponse(200, b""), ApiUnavailableError),
    "half the JSON": (FakeResponse(200, page("a").body[:-9]), ApiUnavailableError),
    "another code": (
        FakeResponse(200, page("a").body.replace(b"Success", b"No")),
        ApiUnavailableError,
    ),
    "no code": (FakeResponse(200, b'{"data": {"items": []}}'), UnexpectedResponseError),
    "no data": (FakeResponse(200, b'{"code": "Success"}'), UnexpectedResponseError),
    "an array": (FakeResponse(200, b"[]"), UnexpectedResponseError),
    "items missing": (FakeResponse.success({}), UnexpectedResponseError),
    "items an object": (FakeResponse.success({"items": {}}), UnexpectedResponseError),
    "cursor a number": (page("a", next_cursor=2), UnexpectedResponseError),
    "two cursors": (page("a", next_cursor="2", nextCursor="3"), UnexpectedResponseError),
}
each_fault = pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)


@each_fault
def test_fault_that_lasts_is_the_error_of_the_last_attempt(
    api: FakeApi, client: Client, fault: FakeResponse, error: Error
) -> None:
    api.intercept = always(fault)
    with pytest.raises(error, match=r"GET /v1/connectors .*after 6 attempts\. "):
        walk(client)
    assert client.stats == RequestStats(walks=1, requests=6, retries=5)
    assert paths(api) == ["/v1/connectors"] * 6


@each_fault
def test_fault_that_passes_costs_only_retries(
    api: FakeApi, client: Client, fault: FakeResponse, error: Error
) -> None:
    api.intercept = in_turn(page("a", next_cursor="2"), fault, fault, page("b"))
    assert walk(client) == [["a"], ["b"]]
    assert cursors(api) == [None, "2", "2", "2"]
    assert client.stats == RequestStats("connectors", 1, pages=2, requests=4, retries=2)


@pytest.mark.parametrize(("attempts", "how_many"), [(1, "1 attempt"), (3, "3 attempts")])
def test_connection_refused_is_retried(new_client: NewClient, attempts: int, how_many: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        client = new_client(url=f"http://127.0.0.1:{nobody.getsockname()[1]}", attempts=attempts)
        with pytest.raises(ApiUnavailableError, match=rf"ConnectionRefused.*after {how_many}\. "):
            walk(client)
    assert client.stats == RequestStats(walks=1, requests=attempts, retries=attempts - 1)


def test_waits_double_with_jitter(
    api: FakeApi, clock: FakeMonotonic, new_client: NewClient
) -> None:
    api.intercept = always(FakeResponse(500, b""))
    for _ in range(2):
        with pytest.raises(ApiUnavailableError):
            walk(new_client(attempts=10))
    for number, wait in enumerate(clock.slept):
        longest = min(30.0, 0.5 * 2 ** (number % 9))
        assert longest / 2 <= wait <= longest
    assert len(set(clock.slept)) == 18


# --- Retry-After and the deadline -----------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("120", 120, 120), (formatdate(NOW + 90, usegmt=True), 90, 90)]
    + [(odd, 0.25, 0.5) for odd in ("soon", "-5", "1e3", "", "0", PAST, f"{PAST[:-3]}+{'9' * 20}")],
)
def test_retry_after_is_obeyed_if_it_is_valid(
    api: FakeApi,
    clock: FakeMonotonic,
    client: Client,
    status: int,
    header: str,
    least: int,
    most: float,
) -> None:
    api.intercept = in_turn(FakeResponse.error(status, "Busy", Retry_After=header))
    assert walk(client) == [[]]
    assert least <= sum(clock.slept) <= most


@pytest.mark.parametrize("header", ["3600", formatdate(NOW + 3600, usegmt=True)])
def test_retry_after_beyond_the_deadline_fails_at_once(
    api: FakeApi, clock: FakeMonotonic, client: Client, header: str
) -> None:
    api.intercept = always(FakeResponse.error(429, "TooManyRequests", Retry_After=header))
    with pytest.raises(ApiUnavailableError, match=r"429 TooManyRequests.*3600 s.*900.*--deadline"):
        walk(client)
    assert (len(api.requests), clock.slept) == (1, [])


def test_on_wait_is_called_during_a_long_wait(
    api: FakeApi, clock: FakeMonotonic, client: Client
) -> None:
    """It checks the lock of the run meanwhile."""
    beats: list[float] = []
    client.call_while_waiting(lambda: beats.append(clock.now))
    api.intercept = in_turn(FakeResponse.error(429, "TooManyRequests", Retry_After="100"))
    began = clock.now
    walk(client)
    assert [beat - began for beat in beats] == [0, 30, 60, 90]
    assert clock.now - began == 100

    def lose_it() -> None:
        raise LookupError("the lock")

    client.call_while_waiting(lose_it)
    api.intercept = in_turn(FakeResponse.error(429, "TooManyRequests", Retry_After="100"))
    with pytest.raises(LookupError):
        walk(client)


def test_deadline_ends_the_attempts(
    api: FakeApi, clock: FakeMonotonic, new_client: NewClient
) -> None:
    api.intercept = always(FakeResponse(500, b""))
    with pytest.raises(ApiUnavailableError, match=r"500.*--deadline"):
        walk(new_client(attempts=1000, deadline=60))
    assert 3 < len(api.requests) < 1000
    assert clock.now < NOW + 60


def test_deadline_bounds_the_walk(
    api: FakeApi, account: Account, clock: FakeMonotonic, new_client: NewClient
) -> None:
    account.connectors = [item(each) for each in "abcdefg"]
    api.intercept = lambda request: clock.sleep(25)  # and then the answer of the stand-in
    client = new_client(deadline=60, page_size=1)
    with pytest.raises(ApiUnavailableError, match="deadline"):
        walk(client)
    assert client.stats == RequestStats("connectors", 1, pages=2, requests=3, retries=0)


def test_next_page_is_prefetched(api: FakeApi, client: Client) -> None:
    requested = Event()

    def intercept(request: Request) -> FakeResponse:
        if "cursor" not in request.query:
            return page("a", next_cursor="2")
        requested.set()
        return page("b")

    api.intercept = intercept
    pages = client.pages()
    next(pages)
    assert requested.wait(20)
    assert len([*pages]) == 1
    assert client.stats.requests == 2


def test_no_request_is_sent_after_the_deadline(
    api: FakeApi, clock: FakeMonotonic, client: Client
) -> None:
    api.intercept = in_turn(page("a", next_cursor="2"), page("b", next_cursor="3"))
    pages = client.pages()
    next(pages)  # and the second page is on its way
    [latest] = client._attempts._exchanges._open
    assert latest.call.wait(20)
    clock.sleep(900)
    with pytest.raises(
        ApiUnavailableError, match=r"was not sent.*900 seconds are over.*--deadline"
    ):
        next(pages)
    assert client.stats.requests == 2
    assert [request.query.get("cursor") for request in api.requests] == [None, "2"]


def test_end_may_be_given_as_a_time(api: FakeApi, clock: FakeMonotonic) -> None:
    client = Client(api_settings(api, deadline=900), clock, ends_at=clock.monotonic() + 10)
    with closing(client):
        clock.sleep(9)
        assert walk(client) == [[]]
        clock.sleep(2)
        with pytest.raises(ApiUnavailableError, match="was not sent"):
            walk(client)


@pytest.mark.parametrize("limit", ["read_timeout", "deadline"])
def test_server_that_never_responds_is_abandoned(
    api: FakeApi, new_client: NewClient, limit: str
) -> None:
    end = Event()
    # A client that waits on is answered in the end, so that the test fails and does not hang.
    api.intercept = lambda request: None if end.wait(20) else page("too late")
    with pytest.raises(ApiUnavailableError, match="TimeoutError"):
        walk(new_client(attempts=1, **{limit: 0.2}))
    end.set()
    assert len(api.requests) == 1


# --- the account, one connector -------------------------------------------------------------


def test_account_is_named_by_the_api(api: FakeApi, client: Client) -> None:
    api.intercept = in_turn(FakeResponse(502, HTML))
    assert client.account() == ("account_one", "Account One")
    assert paths(api) == ["/v1/account/info"] * 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FakeResponse.error(403, "Forbidden"), AuthenticationError),
        (FakeResponse.error(404, "NotFound"), AuthenticationError),
        (FakeResponse.success(None), UnexpectedResponseError),
        (FakeResponse.success({"account_id": None}), UnexpectedResponseError),
        (FakeResponse.success({"account_id": ""}), UnexpectedResponseError),
    ],
)
def test_account_must_be_named_if_the_api_does_not_name_it(
    api: FakeApi, client: Client, answer: FakeResponse, error: Error
) -> None:
    api.intercept = always(answer)
    with pytest.raises(error, match="--account NAME"):
        client.account()
    assert paths(api) == ["/v1/account/info"]


@pytest.mark.parametrize("endpoint", LISTS)
def test_connector_is_looked_up_at_the_endpoint_of_the_walk_and_returned_whole(
    api: FakeApi, account: Account, new_client: NewClient, endpoint: str
) -> None:
    account.connectors = [item("a"), item("../a?b#c%2F é", config={"host": "h"})]
    client = new_client(endpoint=endpoint)
    walk(client)
    status, raw = client.connector("../a?b#c%2F é")
    assert (status, msgspec.json.decode(raw)) == ("exists", account.connectors[1])
    assert paths(api) == [f"/v1/{endpoint}", f"/v1/{endpoint}/..%2Fa%3Fb%23c%252F%20%C3%A9"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (FakeResponse.error(404, "NotFound_Connector"), "deleted"),
        (FakeResponse.error(404, "NotFound_Connection"), "deleted"),
        (GONE, "not_found"),
        (FakeResponse.error(404, "SomeCode"), "unknown"),
        (FakeResponse(404, HTML), "unknown"),
        (FakeResponse.error(403, "Forbidden"), "not_visible"),
        (FakeResponse(403, HTML), "unknown"),
        (FakeResponse.error(401, "Unauthorized"), "unknown"),
    ],
)
def test_connector_is_gone_only_if_the_api_says_so(
    api: FakeApi, client: Client, answer: FakeResponse, status: str
) -> None:
    api.intercept = in_turn(page(), answer)
    walk(client)
    assert client.connector("a") == (status, None)
    assert paths(api) == ["/v1/connectors", "/v1/connectors/a"]


def test_lookup_without_a_response_is_an_error(api: FakeApi, client: Client) -> None:
    api.intercept = in_turn(page(), *[FakeResponse(502, HTML)] * 6)
    walk(client)
    with pytest.raises(ApiUnavailableError, match="/v1/connectors/a answered 502"):
        client.connector("a")
    assert client.stats == RequestStats("connectors", 1, pages=1, requests=7, retries=5)


# --- secrets --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
def test_errors_logs_and_reprs_hold_no_credential_even_if_the_api_quotes_it(
    api: FakeApi, client: Client, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    quote = {"code": "Quote", "message": f"{KEY} {SECRET} {BASIC}"}
    location = {"Location": f"http://{KEY}:{SECRET}@127.0.0.1:1/"}
    api.intercept = always(FakeResponse(status, json.dumps(quote).encode(), location))
    with pytest.raises(errors.InventoryError, match="answered") as caught:
        walk(client)
    shown = "".join(traceback.format_exception(caught.value))
    shown += f"{caught.value!r} {client!r} {vars(client)} {caplog.text}"
    assert [secret for secret in (KEY, SECRET, BASIC) if secret in shown] == []


@pytest.mark.parametrize("code", ["Basic YWJj", "4711", "", "a" * 61, "\x1b[31m"])
def test_invalid_code_is_not_repeated(api: FakeApi, client: Client, code: str) -> None:
    """It is free text, and may quote the request in part."""
    api.intercept = always(FakeResponse(401, json.dumps({"code": code}).encode()))
    with pytest.raises(AuthenticationError, match="answered 401 with an invalid code: the key"):
        walk(client)
