"""The client over real HTTP: what it asks, what it takes for an answer, and when it gives up."""

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
from worlds import KEY, SECRET, Account, Patience, api_settings, item

from inventory import errors
from inventory.client import Client, Traffic
from inventory.errors import AccessRefused, ApiUnavailable, FixSettings, PayloadUnusable
from inventory.settings import Secret
from inventory.standin import Answer, Interceptor, Request, StandIn

NewClient = Callable[..., Client]
Error = type[errors.InventoryError]

BASIC = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
HTML = b"<html><h1>Not the API</h1></html>"
GONE = Answer.error(404, "NotFound")
NOW = Patience().now
PAST = formatdate(NOW - 90, usegmt=True)
LISTS = ["connectors", "connections"]


@pytest.fixture
def clock() -> Patience:
    return Patience()


@pytest.fixture
def new_client(api: StandIn, clock: Patience) -> Iterator[NewClient]:
    """Make clients of `api`, on `clock`, with the default settings but for those that are named."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(
            closing(Client(replace(api_settings(api), **changes), clock))
        )


@pytest.fixture
def client(new_client: NewClient) -> Client:
    return new_client()


def page(*ids: str, **data: Any) -> Answer:
    return Answer.success({"items": [{"id": each} for each in ids]} | data)


def in_turn(*answers: Answer | None) -> Interceptor:
    """Send these, one for each request; None is what the stand-in itself would send."""
    turn = iter(answers)
    return lambda request: next(turn, None)


def always(answer: Answer) -> Interceptor:
    return lambda request: answer


def walk(client: Client) -> list[list[str]]:
    """Walk to the end; return the ids of each page."""
    return [[msgspec.json.decode(raw)["id"] for raw in items] for items in client.pages()]


def paths(api: StandIn) -> list[str]:
    return [request.path for request in api.requests]


def cursors(api: StandIn) -> list[str | None]:
    return [request.query.get("cursor") for request in api.requests]


# --- the walk -------------------------------------------------------------------------------


def test_walk_follows_every_page(api: StandIn, account: Account, new_client: NewClient) -> None:
    account.connectors = [item(each) for each in "abcdefg"]
    client = new_client(page_size=2)
    assert walk(client) == [["a", "b"], ["c", "d"], ["e", "f"], ["g"]]
    assert paths(api) == ["/v1/connectors"] * 4
    assert [request.query["limit"] for request in api.requests] == ["2"] * 4
    assert client.traffic == Traffic("connectors", 1, pages=4, requests=4, retries=0)


def test_cursor_comes_back_exactly_as_it_was_sent(api: StandIn, client: Client) -> None:
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
    api: StandIn, client: Client, named: dict[str, Any], ended: dict[str, Any]
) -> None:
    api.intercept = in_turn(page("a", **named), page("b", **ended))
    assert walk(client) == [["a"], ["b"]]
    assert cursors(api) == [None, "2"]


def test_short_or_empty_page_is_followed_by_its_cursor(api: StandIn, client: Client) -> None:
    api.intercept = in_turn(
        page("a", next_cursor="2"), page(next_cursor="3"), page("b", next_cursor="4"), page()
    )
    assert walk(client) == [["a"], [], ["b"], []]
    assert client.traffic.pages == 4


@pytest.mark.parametrize("loop", [["2", "2"], ["2", "3", "2"], ["2", "3", "4", "3"]], ids=str)
def test_cursor_that_comes_again_is_an_error(api: StandIn, client: Client, loop: list[str]) -> None:
    api.intercept = in_turn(*(page("a", next_cursor=cursor) for cursor in loop))
    with pytest.raises(PayloadUnusable, match=f"Page {len(loop)} .* used before"):
        walk(client)
    assert cursors(api) == [None, *loop[:-1]]


# --- the request ----------------------------------------------------------------------------


def test_request_carries_key_version_encoding_and_limit(api: StandIn, client: Client) -> None:
    assert walk(client) == [[]]
    _, path, query, headers = api.requests[0]
    assert (path, query) == ("/v1/connectors", {"limit": "1000"})
    assert headers["authorization"] == f"Basic {BASIC}"
    assert headers["accept"] == "application/json;version=2"
    assert headers["accept-encoding"] == "gzip"


def test_key_beyond_latin_1_is_sent_as_utf_8(account: Account, new_client: NewClient) -> None:
    with StandIn(account, key="schlüssel", secret="тайна") as other:
        client = new_client(url=other.url, key=Secret("schlüssel"), secret=Secret("тайна"))
        assert walk(client) == [[]]


def test_key_for_localhost_is_not_shown_to_a_proxy(
    api: StandIn, account: Account, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(account) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert walk(client) == [[]]
        assert (len(api.requests), proxy.requests) == (1, [])


def test_gzip_body_is_decoded(api: StandIn, client: Client) -> None:
    ids = [f"connector_{number}" for number in range(1000)]
    body = gzip.compress(page(*ids).body)
    api.intercept = always(Answer(200, body, {"Content-Encoding": "gzip"}))
    assert walk(client) == [ids]


# --- the endpoint ---------------------------------------------------------------------------


def test_auto_walks_connections_where_connectors_is_retired(api: StandIn, client: Client) -> None:
    api.intercept = in_turn(GONE, page("a", next_cursor="2"), page("b", next_cursor="3"), page("c"))
    assert walk(client) == [["a"], ["b"], ["c"]]
    assert paths(api) == ["/v1/connectors"] + ["/v1/connections"] * 3
    assert cursors(api) == [None, None, "2", "3"]
    assert client.traffic == Traffic("connections", 1, pages=3, requests=4, retries=0)


@pytest.mark.parametrize("missed", [0, 1])
def test_404_on_a_later_page_is_never_the_end(api: StandIn, client: Client, missed: int) -> None:
    api.intercept = in_turn(*[GONE] * missed, page("a", next_cursor="2"), GONE)
    with pytest.raises(FixSettings, match="404 NotFound"):
        walk(client)
    assert paths(api) == ["/v1/connectors"] * missed + [f"/v1/{LISTS[missed]}"] * 2


def test_404_of_both_endpoints_is_no_empty_account(api: StandIn, client: Client) -> None:
    api.intercept = always(GONE)
    with pytest.raises(FixSettings, match=r"both answered 404.*FIVETRAN_API_URL"):
        walk(client)
    assert paths(api) == ["/v1/connectors", "/v1/connections"]
    assert client.traffic == Traffic(walks=1, requests=2)


@pytest.mark.parametrize("endpoint", LISTS)
def test_pinned_endpoint_is_asked_alone(api: StandIn, new_client: NewClient, endpoint: str) -> None:
    client = new_client(endpoint=endpoint)
    assert (walk(client), client.traffic.endpoint) == ([[]], endpoint)
    api.intercept = always(GONE)
    with pytest.raises(FixSettings, match=f"/v1/{endpoint} answered 404"):
        walk(new_client(endpoint=endpoint))
    assert paths(api) == [f"/v1/{endpoint}"] * 2


# --- answers that asking again would not change ---------------------------------------------


@pytest.mark.parametrize("body", [Answer.error(400, "SomeCode").body, HTML, b""])
@pytest.mark.parametrize(
    ("status", "error"),
    [(400, FixSettings), (401, AccessRefused), (403, AccessRefused), (406, FixSettings)],
)
def test_refusal_is_not_retried(
    api: StandIn, clock: Patience, client: Client, status: int, error: Error, body: bytes
) -> None:
    api.intercept = always(Answer(status, body))
    with pytest.raises(FixSettings, match=f"GET /v1/connectors answered {status}") as caught:
        walk(client)
    assert (caught.type, caught.value.exit_code) == (error, 2)
    assert (len(api.requests), clock.slept) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused(api: StandIn, account: Account, client: Client, status: int) -> None:
    with StandIn(account, key=KEY, secret=SECRET) as elsewhere:
        api.intercept = always(Answer(status, HTML, {"Location": f"{elsewhere.url}/v1/connectors"}))
        with pytest.raises(FixSettings, match=f"{status}, a redirect.*FIVETRAN_API_URL"):
            walk(client)
        assert (len(api.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("location", ["http://[", "http://\xe9", ""])
def test_redirect_to_nowhere_is_one_too(api: StandIn, client: Client, location: str) -> None:
    api.intercept = always(Answer(302, HTML, {"Location": location}))
    with pytest.raises(FixSettings, match="302, a redirect"):
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
def test_escape_that_is_no_character_is_replaced(
    api: StandIn, client: Client, sent: str, read: str
) -> None:
    body = b'{"code":"Success","data":{"items":[{"id":"a","schema":"%s"}]}}' % sent.encode()
    api.intercept = always(Answer(200, body))
    [[only]] = client.pages()
    assert msgspec.json.decode(only)["schema"] == read


def test_answer_may_not_unpack_to_more_than_the_limit(api: StandIn, new_client: NewClient) -> None:
    room = (1 << 20) - len(page("a", padding="").body)
    api.intercept = in_turn(page("a", padding="x" * room), page("a", padding="x" * (room + 1)))
    client = new_client(max_response_mb=1)
    assert walk(client) == [["a"]]
    with pytest.raises(PayloadUnusable, match=r"more than 1 MB.*--max-response-mb"):
        walk(client)
    assert len(api.requests) == 2


# --- answers that do not count --------------------------------------------------------------

FAULTS: dict[str, tuple[Answer, Error]] = {
    "408": (Answer(408, b""), ApiUnavailable),
    "429": (Answer.error(429, "TooManyRequests"), ApiUnavailable),
    "500 with a page": (Answer(500, page("a").body), ApiUnavailable),
    "502 HTML": (Answer(502, HTML, {"Content-Type": "text/html"}), ApiUnavailable),
    "503 empty": (Answer(503, b""), ApiUnavailable),
    "broken off in the body": (replace(page("a"), cut=20), ApiUnavailable),
    "broken off after the head": (replace(page("a"), cut=0), ApiUnavailable),
    "broken gzip": (replace(page("a"), headers={"Content-Encoding": "gzip"}), ApiUnavailable),
    "200 HTML": (Answer(200, HTML), ApiUnavailable),
    "200 empty": (Answer(200, b""), ApiUnavailable),
    "half the JSON": (Answer(200, page("a").body[:-9]), ApiUnavailable),
    "another code": (Answer(200, page("a").body.replace(b"Success", b"No")), ApiUnavailable),
    "no code": (Answer(200, b'{"data": {"items": []}}'), PayloadUnusable),
    "no data": (Answer(200, b'{"code": "Success"}'), PayloadUnusable),
    "an array": (Answer(200, b"[]"), PayloadUnusable),
    "items missing": (Answer.success({}), PayloadUnusable),
    "items an object": (Answer.success({"items": {}}), PayloadUnusable),
    "cursor a number": (page("a", next_cursor=2), PayloadUnusable),
    "two cursors": (page("a", next_cursor="2", nextCursor="3"), PayloadUnusable),
}
each_fault = pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)


@each_fault
def test_fault_that_lasts_is_the_error_of_the_last_attempt(
    api: StandIn, client: Client, fault: Answer, error: Error
) -> None:
    api.intercept = always(fault)
    with pytest.raises(error, match=r"GET /v1/connectors .*at the last of 6 attempts"):
        walk(client)
    assert client.traffic == Traffic(walks=1, requests=6, retries=5)
    assert paths(api) == ["/v1/connectors"] * 6


@each_fault
def test_fault_that_passes_costs_only_retries(
    api: StandIn, client: Client, fault: Answer, error: Error
) -> None:
    api.intercept = in_turn(page("a", next_cursor="2"), fault, fault, page("b"))
    assert walk(client) == [["a"], ["b"]]
    assert cursors(api) == [None, "2", "2", "2"]
    assert client.traffic == Traffic("connectors", 1, pages=2, requests=4, retries=2)


def test_connection_refused_is_retried(new_client: NewClient) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        client = new_client(url=f"http://127.0.0.1:{nobody.getsockname()[1]}", attempts=3)
        with pytest.raises(ApiUnavailable, match=r"ConnectionRefused.*of 3 attempts"):
            walk(client)
    assert client.traffic == Traffic(walks=1, requests=3, retries=2)


def test_waits_double_with_jitter(api: StandIn, clock: Patience, new_client: NewClient) -> None:
    api.intercept = always(Answer(500, b""))
    for _ in range(2):
        with pytest.raises(ApiUnavailable):
            walk(new_client(attempts=10))
    for number, wait in enumerate(clock.slept):
        longest = min(30.0, 0.5 * 2 ** (number % 9))
        assert longest / 2 <= wait <= longest
    assert len(set(clock.slept)) == 18


# --- Retry-After and the deadline -----------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "least", "most"),
    [("7", 7, 7), ("120", 120, 120), (formatdate(NOW + 90, usegmt=True), 90, 90)]
    + [(odd, 0.25, 0.5) for odd in ("soon", "-5", "1e3", "", "0", PAST, f"{PAST[:-3]}+{'9' * 20}")],
)
def test_retry_after_is_waited_where_it_makes_sense(
    api: StandIn, clock: Patience, client: Client, status: int, told: str, least: int, most: float
) -> None:
    api.intercept = in_turn(Answer.error(status, "Busy", Retry_After=told))
    assert walk(client) == [[]]
    assert least <= sum(clock.slept) <= most


@pytest.mark.parametrize("told", ["3600", formatdate(NOW + 3600, usegmt=True)])
def test_retry_after_beyond_the_deadline_fails_at_once(
    api: StandIn, clock: Patience, client: Client, told: str
) -> None:
    api.intercept = always(Answer.error(429, "TooManyRequests", Retry_After=told))
    with pytest.raises(ApiUnavailable, match=r"429 TooManyRequests.*3600 s.*900.*--deadline"):
        walk(client)
    assert (len(api.requests), clock.slept) == (1, [])


def test_long_wait_is_interrupted_now_and_then(
    api: StandIn, clock: Patience, client: Client
) -> None:
    """So that the lock of a run is touched while the API lets it wait."""
    beats: list[float] = []
    client.while_waiting = lambda: beats.append(clock.now)
    api.intercept = in_turn(Answer.error(429, "TooManyRequests", Retry_After="100"))
    began = clock.now
    walk(client)
    assert [beat - began for beat in beats] == [0, 30, 60, 90]
    assert clock.now - began == 100

    def lose_it() -> None:
        raise LookupError("the lock")

    client.while_waiting = lose_it
    api.intercept = in_turn(Answer.error(429, "TooManyRequests", Retry_After="100"))
    with pytest.raises(LookupError):
        walk(client)


def test_deadline_ends_the_attempts(api: StandIn, clock: Patience, new_client: NewClient) -> None:
    api.intercept = always(Answer(500, b""))
    with pytest.raises(ApiUnavailable, match=r"500.*--deadline"):
        walk(new_client(attempts=1000, deadline=60))
    assert 3 < len(api.requests) < 1000
    assert clock.now < NOW + 60


def test_deadline_bounds_the_walk(
    api: StandIn, account: Account, clock: Patience, new_client: NewClient
) -> None:
    account.connectors = [item(each) for each in "abcdefg"]
    api.intercept = lambda request: clock.sleep(25)  # and then the answer of the stand-in
    client = new_client(deadline=60, page_size=1)
    with pytest.raises(ApiUnavailable, match="deadline"):
        walk(client)
    assert client.traffic == Traffic("connectors", 1, pages=2, requests=3, retries=0)


def test_next_page_is_on_its_way_while_one_is_worked_on(api: StandIn, client: Client) -> None:
    asked = Event()

    def intercept(request: Request) -> Answer:
        if "cursor" not in request.query:
            return page("a", next_cursor="2")
        asked.set()
        return page("b")

    api.intercept = intercept
    pages = client.pages()
    next(pages)
    assert asked.wait(20)
    assert len([*pages]) == 1
    assert client.traffic.requests == 2


def test_nothing_is_asked_after_the_deadline(api: StandIn, clock: Patience, client: Client) -> None:
    api.intercept = in_turn(page("a", next_cursor="2"), page("b", next_cursor="3"))
    pages = client.pages()
    next(pages)  # and the second page is on its way
    clock.sleep(900)
    with pytest.raises(ApiUnavailable, match=r"was not sent.*900 seconds are over.*--deadline"):
        next(pages)
    assert client.traffic.requests == 2
    assert [request.query.get("cursor") for request in api.requests] == [None, "2"]


@pytest.mark.parametrize("limit", ["read_timeout", "deadline"])
def test_server_that_never_answers_is_left(api: StandIn, new_client: NewClient, limit: str) -> None:
    end = Event()
    # A client that waits on is answered in the end, so that the test fails and does not hang.
    api.intercept = lambda request: None if end.wait(20) else page("too late")
    with pytest.raises(ApiUnavailable, match="TimeoutError"):
        walk(new_client(attempts=1, **{limit: 0.2}))
    end.set()
    assert len(api.requests) == 1


# --- the account, one connector -------------------------------------------------------------


def test_account_is_named_by_the_api(api: StandIn, client: Client) -> None:
    api.intercept = in_turn(Answer(502, HTML))
    assert client.account_id() == "account_one"
    assert paths(api) == ["/v1/account/info"] * 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer.error(403, "Forbidden"), AccessRefused),
        (Answer.error(404, "NotFound"), AccessRefused),
        (Answer.success(None), PayloadUnusable),
        (Answer.success({"account_id": None}), PayloadUnusable),
        (Answer.success({"account_id": ""}), PayloadUnusable),
    ],
)
def test_account_that_the_api_does_not_tell_must_be_named(
    api: StandIn, client: Client, answer: Answer, error: Error
) -> None:
    api.intercept = always(answer)
    with pytest.raises(error, match="--account NAME"):
        client.account_id()
    assert paths(api) == ["/v1/account/info"]


@pytest.mark.parametrize("endpoint", LISTS)
def test_connector_is_asked_for_at_the_endpoint_of_the_walk_and_comes_whole(
    api: StandIn, account: Account, new_client: NewClient, endpoint: str
) -> None:
    account.connectors = [item("a"), item("../a?b#c%2F é", config={"host": "h"})]
    client = new_client(endpoint=endpoint)
    walk(client)
    fate, raw = client.connector("../a?b#c%2F é")
    assert (fate, msgspec.json.decode(raw)) == ("alive", account.connectors[1])
    assert paths(api) == [f"/v1/{endpoint}", f"/v1/{endpoint}/..%2Fa%3Fb%23c%252F%20%C3%A9"]


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Answer.error(404, "NotFound_Connector"), "deleted"),
        (Answer.error(404, "NotFound_Connection"), "deleted"),
        (GONE, "not_found"),
        (Answer.error(404, "SomeCode"), "unknown"),
        (Answer(404, HTML), "unknown"),
        (Answer.error(403, "Forbidden"), "not_visible"),
        (Answer(403, HTML), "unknown"),
        (Answer.error(401, "Unauthorized"), "unknown"),
    ],
)
def test_connector_is_gone_only_by_the_word_of_the_api(
    api: StandIn, client: Client, answer: Answer, fate: str
) -> None:
    api.intercept = in_turn(page(), answer)
    walk(client)
    assert client.connector("a") == (fate, None)
    assert paths(api) == ["/v1/connectors", "/v1/connectors/a"]


def test_connector_without_an_answer_is_an_error(api: StandIn, client: Client) -> None:
    api.intercept = in_turn(page(), *[Answer(502, HTML)] * 6)
    walk(client)
    with pytest.raises(ApiUnavailable, match="/v1/connectors/a answered 502"):
        client.connector("a")
    assert client.traffic == Traffic("connectors", 1, pages=1, requests=7, retries=5)


# --- secrets --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
def test_errors_logs_and_reprs_hold_no_credential_even_if_the_api_quotes_it(
    api: StandIn, client: Client, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    quote = {"code": "Quote", "message": f"{KEY} {SECRET} {BASIC}"}
    location = {"Location": f"http://{KEY}:{SECRET}@127.0.0.1:1/"}
    api.intercept = always(Answer(status, json.dumps(quote).encode(), location))
    with pytest.raises(errors.InventoryError, match="answered") as caught:
        walk(client)
    shown = "".join(traceback.format_exception(caught.value))
    shown += f"{caught.value!r} {client!r} {vars(client)} {caplog.text}"
    assert [secret for secret in (KEY, SECRET, BASIC) if secret in shown] == []


@pytest.mark.parametrize("code", ["Basic YWJj", "4711", "", "a" * 61, "\x1b[31m"])
def test_code_that_is_none_is_not_repeated(api: StandIn, client: Client, code: str) -> None:
    """It is free text, and may quote the request in part."""
    api.intercept = always(Answer(401, json.dumps({"code": code}).encode()))
    with pytest.raises(AccessRefused, match="answered 401 with an odd code: the key"):
        walk(client)
