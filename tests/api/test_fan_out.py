"""One request for each connector, several at once: how many, how fast, and when it stops."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from support import endless
from support.builders import SECRET, FakeMonotonic, api_settings, item
from support.details import DetailedAccount, fill
from support.effort import Effort, few_of

from inventory.api.client import Client
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import ApiSettings, Secret

LATENCY = 0.2


@pytest.fixture
def account() -> DetailedAccount:
    return DetailedAccount()


@contextmanager
def client_of(api: FakeApi, clock: Any = time, **changes: Any) -> Iterator[Client]:
    with closing(Client(api_settings(api, **changes), clock)) as client:
        client.stats.endpoint = "connectors"  # as after a walk
        yield client


def told(client: Client, ids: list[str], *, concurrency: int = 4) -> dict[str, Any]:
    """Read details; return what each connector's tell, and None for those that failed."""
    found = list(client.details(ids, concurrency=concurrency))
    assert len({connector_id for connector_id, _ in found}) == len(found)
    return {name: None if raw is None else json.loads(bytes(raw)) for name, raw in found}


class Slow:
    """Answers late, and counts how many requests wait at once."""

    def __init__(self, seconds: float = LATENCY) -> None:
        self._seconds = seconds
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, _: Request) -> None:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self._seconds)
        with self._lock:
            self.at_once -= 1


# --- several at once ----------------------------------------------------------------------------


def test_each_connector_is_asked_once_and_gets_its_own_item(
    api: FakeApi, account: DetailedAccount
) -> None:
    fill(account, 30)
    ids = [each["id"] for each in account.connectors]
    with client_of(api) as client:
        assert told(client, ids) == {name: account.details(name) for name in ids}
    assert sorted(each.path for each in api.requests) == sorted(f"/v1/connectors/{n}" for n in ids)
    assert {(each.method, each.body) for each in api.requests} == {("GET", b"")}


def test_slow_details_take_hardly_longer_than_their_share_of_the_time(
    api: FakeApi, account: DetailedAccount, tried: Effort
) -> None:
    """Compared with as many sleeps in four threads on this machine, now."""
    number = tried.number(40, 5000)
    fill(account, number)
    api.intercept = slow = Slow()
    begun = time.monotonic()
    with client_of(api, deadline=3600.0) as client:
        assert None not in told(client, [each["id"] for each in account.connectors]).values()
    taken, baseline = time.monotonic() - begun, sleeping(number // 4)
    assert slow.most == 4
    assert taken <= 1.15 * max(baseline, number * LATENCY / 4)


def sleeping(each: int) -> float:
    """Seconds that four threads take to sleep so many times each."""

    def work() -> None:
        for _ in range(min(each, 20)):
            time.sleep(LATENCY)

    begun = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.monotonic() - begun) * max(1.0, each / 20)


@pytest.mark.parametrize("concurrency", [1, 2, 10])
def test_never_more_are_in_progress_than_wanted(
    api: FakeApi, account: DetailedAccount, concurrency: int
) -> None:
    fill(account, 2 * concurrency + 1)
    api.intercept = slow = Slow()
    with client_of(api) as client:
        told(client, [each["id"] for each in account.connectors], concurrency=concurrency)
    assert slow.most == concurrency


def test_one_that_is_late_holds_nobody_up(api: FakeApi, account: DetailedAccount) -> None:
    fill(account, 20)
    others_done, came = threading.Event(), []

    def hold(request: Request) -> None:
        if request.path.endswith("/c0"):
            assert others_done.wait(30)

    api.intercept = hold
    with client_of(api) as client:
        ids = [each["id"] for each in account.connectors]
        for connector_id, _ in client.details(ids, concurrency=2):
            came.append(connector_id)
            if len(came) == 19:
                others_done.set()
    assert came[-1] == "c0"


# --- what does not count ------------------------------------------------------------------------

SUCCESS = FakeResponse.success(item("c0"))
BAD = {
    "403": FakeResponse.error(403, "Forbidden"),
    "404": FakeResponse.error(404, "NotFound_Connector"),
    "401": FakeResponse.error(401, "Unauthorized"),
    "408": FakeResponse.error(408, "Timeout"),
    "500": FakeResponse.error(500, "Oops"),
    "redirect": FakeResponse(302, b"", {"Location": "http://127.0.0.1:9/"}),
    "HTML": FakeResponse(200, b"<html>"),
    "no content": FakeResponse(204, b""),
    "other code": FakeResponse(200, b'{"code": "Failure", "data": {"id": "c0"}}'),
    "list": FakeResponse(200, b"[]"),
    "not all": FakeResponse(200, SUCCESS.body, truncate_at=20),
    "bad gzip": FakeResponse(200, b"\0" * 2000, {"Content-Encoding": "gzip"}),
    "too large": FakeResponse(
        200, b'{"code": "Success", "data": {"a": "%b"}}' % (b"x" * (2 << 20))
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_response_that_does_not_count_is_that_of_one_connector_and_not_repeated(
    api: FakeApi, account: DetailedAccount, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level("INFO", "inventory.api.fan_out")
    fill(account, 9)
    api.intercept = lambda request: BAD[kind] if request.path.endswith("/c0") else None
    with client_of(api, max_response_mb=1) as client:
        found = told(client, [each["id"] for each in account.connectors])
    assert [name for name, value in found.items() if value is None] == ["c0"]
    assert (len(found), len(api.requests)) == (9, 9)
    [line] = [each.message for each in caplog.records]
    failed = (
        r"failed\. The API sent a response of more" if kind == "too large" else "(failed:|answered)"
    )
    assert re.match(f"The request for connector c0 {failed} ", line)


@pytest.mark.parametrize(
    "form", few_of([*endless.ALL], ["trailers", "silence", "dripping content"])
)
def test_response_without_an_end_is_given_up_at_the_end_of_the_time(form: str) -> None:
    with endless.server(endless.ALL[form], "/v1/connectors/") as server:
        settings = ApiSettings(
            key=Secret("key-0001"),
            secret=Secret(SECRET),
            url=f"http://127.0.0.1:{server.port}",
            max_response_mb=1,
        )
        with closing(Client(settings)) as client:
            client.stats.endpoint = "connectors"
            with client.time_limit(1.0):
                found = dict(client.details([f"c{n}" for n in range(50)], concurrency=2))
    assert {*found.values()} == {None}
    assert found.keys() >= {"c0", "c1"}


# --- when it stops ------------------------------------------------------------------------------


def quota(remaining: object, limit: object = 20_000) -> dict[str, str]:
    return {"X-Rate-Limit": str(limit), "X-Rate-Limit-Remaining": str(remaining)}


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        (quota(4000), 20),
        (quota(3999), 1),
        (quota(99, 500), 1),
        (quota(100, 500), 20),
        (quota(0), 1),
        (quota(3999, "many"), 1),
        ({"X-Rate-Limit-Remaining": "3999"}, 1),
        ({"X-Rate-Limit": "20000"}, 20),
        (quota("few"), 20),
        (quota("-1"), 20),
        ({}, 20),
    ],
)
def test_nothing_more_is_asked_once_a_fifth_of_the_quota_is_left(
    api: FakeApi, account: DetailedAccount, headers: dict[str, str], asked: int
) -> None:
    fill(account, 20)
    body = FakeResponse.success({"id": "c0"}).body
    api.intercept = lambda request: FakeResponse(200, body, headers)
    with client_of(api) as client:
        told(client, [each["id"] for each in account.connectors], concurrency=1)
    assert len(api.requests) == asked


def test_those_in_progress_count_as_used(api: FakeApi, account: DetailedAccount) -> None:
    """Four at once would otherwise go three below what is reserved."""
    fill(account, 60)
    with FakeApi(account, key=api.key, secret=SECRET, rate_limit=50, intercept=Slow(0.05)) as small:
        with client_of(small) as client:
            assert len(list(client.pages())) == 1
            told(client, [each["id"] for each in account.connectors])
        # The last one reads that 9 are left, which is less than a fifth of 50.
        assert len(small.requests) == 42


def test_after_a_429_nothing_more_is_asked_whatever_the_others_say(
    api: FakeApi, account: DetailedAccount
) -> None:
    fill(account, 40)
    refused = threading.Event()

    def intercept(request: Request) -> FakeResponse | None:
        if request.path.endswith("/c0"):
            refused.set()
            return FakeResponse(429, b"", quota(15_000))
        assert refused.wait(30)
        time.sleep(LATENCY)
        return None

    api.intercept = intercept
    with client_of(api) as client:
        found = told(client, [each["id"] for each in account.connectors])
    assert (found["c0"], len(found), len(api.requests)) == (None, 4, 4)


def test_setup_tests_are_at_most_200_a_minute_and_post_nothing(
    api: FakeApi, account: DetailedAccount
) -> None:
    fill(account, 301)
    clock = FakeMonotonic()
    begun = clock.now
    with client_of(api, clock) as client:
        tests = client.run_setup_tests([each["id"] for each in account.connectors], concurrency=4)
        assert len(list(tests)) == 301
    assert clock.now - begun == pytest.approx(300 * 60 / 200)
    assert {(each.method, each.body, *each.query) for each in api.requests} == {("POST", b"{}")}
    assert {each.path for each in api.requests} == {f"/v1/connectors/c{n}/test" for n in range(301)}


def test_end_of_the_time_while_waiting_for_the_next_minute_is_no_error(
    api: FakeApi, account: DetailedAccount
) -> None:
    """Guards against a run that failed because there were more tests than time."""
    fill(account, 20)
    with client_of(api, FakeMonotonic()) as client, client.time_limit(1.0):
        ids = [each["id"] for each in account.connectors]
        assert len(list(client.run_setup_tests(ids, concurrency=4))) == 4
    assert len(api.requests) == 4
