"""The stand-in for the API as a process of its own: a large account, its pages encoded beforehand.

`crowd.py CONNECTORS` prints its address. Then each line on stdin, `changed` or `moved`, lets the
account move on; what is printed is how many connectors did, once it is served. It ends with stdin.
"""

import gzip
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from inventory.demo.account import DemoAccount
from inventory.demo.fake_api import (
    LISTS,
    FakeApi,
    FakeResponse,
    Request,
)
from inventory.demo.script import SETUP_TESTS, Item

PER_PAGE = 1000  # what is asked for, until somebody asks for something else
SHARE = 20  # one in so many changes
SECOND = timedelta(seconds=1)


class Crowd:
    """An account of so many connectors, of 2 KB each. As an interceptor it answers with pages.

    Encoding them takes longer than a run: it is done before they are asked for.
    """

    account_id = "benchmark_account"
    account_name = "Benchmark"

    def __init__(self, size: int) -> None:
        fleet = DemoAccount(
            connectors=size, starts_at=datetime.now(UTC)
        )  # or all would be long overdue
        self._items = [
            msgspec.json.encode(with_all(item, number))
            for number, item in enumerate(fleet.complete_items())
        ]
        self._lists = fleet.reference_lists()
        self._turns = 0
        self._pages = {PER_PAGE: list(self._encoded(PER_PAGE))}

    def items(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(item) for item in self._items]

    def reference_lists(self) -> dict[str, list[dict[str, Any]]]:
        return self._lists

    def details(self, connector_id: str) -> None:
        """The list tells everything."""

    def tested(self, connector_id: str) -> None:
        """No setup tests are run."""

    def __call__(self, request: Request) -> FakeResponse | None:
        if request.path.removeprefix("/v1/") not in LISTS:
            return None
        limit = int(request.query.get("limit", "100"))
        if limit not in self._pages:
            self._pages[limit] = list(self._encoded(limit))
        return self._pages[limit][int(request.query.get("cursor", "0"))]

    def advance(self, what: str) -> int:
        """Change the states of some, or move the last success of all; say of how many."""
        self._turns += 1
        some = range(self._turns % SHARE, len(self._items), SHARE)
        numbers = {"changed": some, "moved": range(len(self._items))}[what]
        for number in numbers:
            item = msgspec.json.decode(self._items[number])
            if what == "changed":
                change(item, self._turns)
            move(item)
            self._items[number] = msgspec.json.encode(item)
        self._pages = {limit: list(self._encoded(limit)) for limit in self._pages}
        return len(numbers)

    def _encoded(self, limit: int) -> Iterator[FakeResponse]:
        """A cursor is the number of a page."""
        for number, start in enumerate(range(0, len(self._items), limit), 1):
            more = start + limit < len(self._items)
            body = b'{"code":"Success","message":"","data":{"items":[%s]%s}}' % (
                b",".join(self._items[start : start + limit]),
                b',"next_cursor":"%d"' % number if more else b"",
            )
            yield FakeResponse(200, gzip.compress(body, 1), {"Content-Encoding": "gzip"})


def with_all(item: Item, number: int) -> Item:
    """Add what a connector of the demo has not, as far as the API would tell it."""
    rng = Random(number)
    item["config"] |= {f"option_{name}": f"{rng.getrandbits(96):024x}" for name in range(8)}
    item["status"]["warnings"] += [alert(rng) for _ in range(number % 3)]
    item["status"]["tasks"] += [alert(rng) for _ in range(number % 2)]
    item["setup_tests"] = SETUP_TESTS
    item["connect_card"] = {"token": f"{rng.getrandbits(1600):0400x}", "uri": "https://a.example"}
    item["connect_card_config"] = {"redirect_uri": "https://b.example", "hide_setup_guide": True}
    return item


def alert(rng: Random) -> Item:
    details = f"table_{rng.getrandbits(64)} of the schema has to be looked at"
    return {"code": "resync_table", "message": "Resync Table", "details": details}


def change(item: Item, turn: int) -> None:
    status = item["status"]
    late = status["update_state"] == "delayed"
    status["update_state"] = "on_schedule" if late else "delayed"
    status["warnings"] = [*status["warnings"][1:], alert(Random(turn))]


def move(item: Item) -> None:
    succeeded_at = datetime.fromisoformat(item["succeeded_at"]) + SECOND
    item["succeeded_at"] = f"{succeeded_at:%Y-%m-%dT%H:%M:%S.%f}Z"


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    crowd = Crowd(int(sys.argv[1]))
    with FakeApi(crowd, intercept=crowd) as api:
        say(api.url)
        for line in sys.stdin:
            say(crowd.advance(line.strip()))
