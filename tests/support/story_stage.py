"""The API of a story: acts and faults are put in between its answers, and what it said is kept."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from support.builders import KEY, SECRET, Item, item
from support.story_world import Change, World


def paged(real: FakeResponse, change: Callable[[dict[str, Any]], dict[str, Any]]) -> FakeResponse:
    """Change the page in an answer, if there is one."""
    data = json.loads(real.body).get("data", {})
    return FakeResponse.success(change(data)) if "items" in data else real


def one_more(page: dict[str, Any]) -> dict[str, Any]:
    """Repeat one of an earlier page, or of this one, but otherwise."""
    items, word = page["items"], page.get("next_cursor")
    of_connectors = not items or "status" in items[0]
    more = again(word) if of_connectors else items[0] | {"name": word, "region": word}
    return page | {"items": [*items, more]}


def of_another(real: FakeResponse) -> FakeResponse:
    """Answer with another connector than the one that was asked for."""
    data = json.loads(real.body).get("data", {})
    return FakeResponse.success(data | {"id": "another"}) if "id" in data else real


def again(word: str | None) -> Item:
    """One that is listed elsewhere too, but otherwise."""
    return item("one_c0", schema=word)


START = base64.b64encode(b'{"skip": 0}').decode()
FAULTS: dict[str, Callable[[FakeResponse], FakeResponse]] = {
    "broken off": lambda real: replace(real, truncate_at=20),
    "rate limit": lambda real: FakeResponse.error(429, "TooManyRequests", Retry_After="7"),
    "server error": lambda real: FakeResponse.error(500, "InternalError"),
    "HTML": lambda real: FakeResponse(200, b"<html>Log in</html>"),
    "no envelope": lambda real: FakeResponse(200, b"[]"),
    "unauthorized": lambda real: FakeResponse.error(401, "Unauthorized"),
    "forbidden": lambda real: FakeResponse.error(403, "Forbidden"),
    "proxy forbids": lambda real: FakeResponse(403, b"<html>Forbidden</html>"),
    "proxy finds nothing": lambda real: FakeResponse(404, b"<html>Not here</html>"),
    "retired": lambda real: FakeResponse.error(404, "NotFound"),
    "repeated cursor": lambda real: paged(real, lambda page: page | {"next_cursor": START}),
    "one for another": lambda real: paged(
        real, lambda page: page | {"items": page["items"][1:] + page["items"][-1:]}
    ),
    "one more": lambda real: paged(real, one_more),
    "no more": lambda real: paged(real, lambda page: {"items": []}),
    "of another": of_another,
}
# Those that nobody could tell from a good answer.
MISLEADING = ["repeated cursor", "one for another", "one more", "no more"]

# What happens in the account just before which request is answered.
Act = tuple[int, Change]
# What is meant (see `kind_of`), from which of these requests on, how many, and what is wrong.
Fault = tuple[str, int, int, str]


def kind_of(request: Request) -> str:
    """Whether a request is for connectors, for another list, or for one connector."""
    if "limit" not in request.query:
        return "one"
    return "connectors" if request.path == "/v1/connectors" else "list"


class Stage(FakeApi):
    """The API of one world after another: acts and faults are put in, and what it said is kept."""

    def __init__(self, world: World) -> None:
        super().__init__(world, key=KEY, secret=SECRET, rate_limit=10**8)
        self.perform(world, [], [])

    def perform(self, world: World, acts: list[Act], faults: list[Fault]) -> None:
        self.account = self._world = world
        self._acts, self._faults, self.said = acts, faults, []

    def respond(
        self, path: str, query: dict[str, str], headers: dict[str, str], *how: Any
    ) -> FakeResponse:
        now = len(self.said) + 1
        self._world.change([change for number, change in self._acts if number == now])
        answer = super().respond(path, query, headers, *how)
        if answer.status == 404 and self._world.has(path.rsplit("/", 1)[1]):
            answer = FakeResponse.error(403, "Forbidden")  # it is hidden from this key
        if fault := self._fault(kind_of(self.requests[-1])):
            answer = FAULTS[fault](answer)
        self.said.append((self.requests[-1], answer))
        return answer

    def _fault(self, kind: str) -> str | None:
        number = 1 + sum(kind_of(request) == kind for request, _ in self.said)
        for of_kind, first, count, fault in self._faults:
            if of_kind == kind and first <= number < first + count:
                return fault
        return None
